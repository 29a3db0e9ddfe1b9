import { array, type Member, nested, overlay, padding, type Struct, struct, u32, u64, union } from '../descriptor.ts';
import { IOMMU_H, IOMMU_H_5_8 } from '../sources.ts';

export const iommuGpasidBindDataVtd = struct(
  'iommu_gpasid_bind_data_vtd',
  { doc: 'Attributes that VT-d takes over into the PASID entry of the guest table.', source: IOMMU_H_5_8 },
  [
    u64('flags', {
      doc: 'Attributes of the PASID entry, of which SRE and EAFE need the extended capability and the rest is refused.',
      flags: [
        'IOMMU_SVA_VTD_GPASID_SRE',
        'IOMMU_SVA_VTD_GPASID_EAFE',
        'IOMMU_SVA_VTD_GPASID_PCD',
        'IOMMU_SVA_VTD_GPASID_PWT',
        'IOMMU_SVA_VTD_GPASID_EMTE',
        'IOMMU_SVA_VTD_GPASID_CD',
      ],
    }),
    u32('pat', { doc: 'Page attribute table that the guest runs with, for the memory types of its entries.' }),
    u32('emt', { doc: 'Extended memory type, meant for use with IOMMU_SVA_VTD_GPASID_EMTE.' }),
  ],
);

const DOC = 'Binds a guest PASID and the stage-1 table behind it to the host PASID of a device.';

const version = (constant: string): Member =>
  u32('version', { doc: 'Layout version.', role: 'version', oneOf: [constant] });

const addrWidth = u32('addr_width', {
  doc: 'Width of a guest virtual address: 48 for four levels, 57 for five where the host supports them.',
  unit: 'bits',
});

const table: readonly Member[] = [
  u64('flags', { doc: 'Whether gpasid holds something.', flags: ['IOMMU_SVA_GPASID_VAL'] }),
  u64('gpgd', {
    doc: 'Root of the guest stage-1 page table; the kernel checks its width but not its alignment.',
    space: 'GPA',
    aligned: 4096n,
  }),
  u64('hpasid', {
    doc: 'PASID that the device sends, allocated from the host before: 1 to 0xfffff.',
  }),
  u64('gpasid', {
    doc: 'PASID as the guest numbers it, read only with IOMMU_SVA_GPASID_VAL and not checked for range.',
  }),
];

const vtd = nested('vtd', iommuGpasidBindDataVtd, {
  doc: 'Attributes when format is IOMMU_PASID_FORMAT_INTEL_VTD.',
  when: { field: 'format', is: 'IOMMU_PASID_FORMAT_INTEL_VTD' },
});

/**
 * The form without argsz, whose union has no name: 72 bytes as merged.
 * @param constant the constant that names version 1
 * @param room members of the union beside vtd
 */
export const gpasidBindByVersion = (constant: string, source: string, room: readonly Member[] = []): Struct =>
  struct('iommu_gpasid_bind_data', { doc: DOC, source }, [
    version(constant),
    u32('format', {
      doc: 'Table format and so the vendor member that is filled in; VT-d refuses every other one.',
      oneOf: ['IOMMU_PASID_FORMAT_INTEL_VTD'],
    }),
    ...table,
    addrWidth,
    padding('padding', 12, 'Zero bytes in front of the vendor member, which the driver of this form does not check.'),
    overlay([...room, vtd]),
  ]);

/** 128 bytes kept for other vendors, so that sizeof is 184; no padding role, since vtd lies in them. */
export const vendorRoom = array('dummy', 1, 128, {
  doc: 'Room for vendor members to come, of which the kernel copies the 16 bytes that vtd has.',
});

export const iommuGpasidBindData = struct('iommu_gpasid_bind_data', { doc: DOC, source: IOMMU_H }, [
  u32('argsz', {
    doc: 'Bytes the caller filled in: at least 56, and 72 to hand over vendor.vtd; bytes past 72 are not looked at.',
    role: 'size',
    unit: 'bytes',
  }),
  version('IOMMU_GPASID_BIND_VERSION_1'),
  u32('format', {
    doc: 'Table format and the member of vendor that is filled in; VT-d refuses every other one.',
    oneOf: ['IOMMU_PASID_FORMAT_INTEL_VTD'],
  }),
  addrWidth,
  ...table,
  padding('padding', 8, 'Must be zero, or the bind is refused with EINVAL.'),
  union(
    'vendor',
    { doc: 'Attributes of the table in the terms of the hardware that format names.' },
    { field: 'format', members: { IOMMU_PASID_FORMAT_INTEL_VTD: 'vtd' } },
    [vtd],
  ),
]);
