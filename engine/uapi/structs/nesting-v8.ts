import { nested, padding, type Struct, struct, u16, u32, u64, union } from '../descriptor.ts';
import { V8_IOMMU_H, V8_VFIO_H } from '../sources.ts';

export const iommuNestingInfoVtdV8 = struct(
  'iommu_nesting_info_vtd',
  { doc: 'What VT-d reports about nesting: its capability registers.', source: V8_IOMMU_H },
  [
    u32('flags', { doc: 'Kept for later use, 0 now.', role: 'reserved', out: true }),
    { ...padding('padding', 12, 'Zero bytes in front of the registers.'), out: true },
    u64('cap_reg', { doc: 'VT-d capability register, reduced to what the kernel offers for nesting.', out: true }),
    u64('ecap_reg', {
      doc: 'VT-d extended capability register, reduced to what the kernel offers for nesting.',
      out: true,
    }),
  ],
);

export const iommuNestingInfoV8 = struct(
  'iommu_nesting_info',
  { doc: 'What the IOMMU behind a nesting container supports.', source: V8_IOMMU_H },
  [
    u32('argsz', { doc: 'Size of this struct, vendor member included.', role: 'size', unit: 'bytes', out: true }),
    u32('flags', { doc: 'Kept for later use by all formats, 0 now.', role: 'reserved', out: true }),
    u32('format', {
      doc: 'Format of the tables that can be bound, and the member of vendor that is filled in.',
      oneOf: ['IOMMU_PASID_FORMAT_INTEL_VTD'],
      out: true,
    }),
    u32('features', {
      doc: 'What this IOMMU supports and user space therefore has to do explicitly.',
      flags: ['IOMMU_NESTING_FEAT_BIND_PGTBL', 'IOMMU_NESTING_FEAT_CACHE_INVLD'],
      out: true,
    }),
    u16('addr_width', { doc: 'Width of the addresses that come out of stage 1.', unit: 'bits', out: true }),
    u16('pasid_bits', { doc: 'Width of the largest PASID, 0 when there are none.', unit: 'bits', out: true }),
    { ...padding('padding', 12, 'Zero bytes in front of the vendor member.'), out: true },
    union(
      'vendor',
      { doc: 'What the hardware that format names reports.', out: true },
      { field: 'format', members: { IOMMU_PASID_FORMAT_INTEL_VTD: 'vtd' } },
      [
        nested('vtd', iommuNestingInfoVtdV8, {
          doc: 'The registers when format is IOMMU_PASID_FORMAT_INTEL_VTD.',
          out: true,
        }),
      ],
    ),
  ],
);

export const infoCapNestingV8 = (header: Struct): Struct =>
  struct(
    'vfio_iommu_type1_info_cap_nesting',
    { doc: 'Capability that carries the nesting information of a container.', source: V8_VFIO_H },
    [
      nested('header', header, { doc: 'Header with id VFIO_IOMMU_TYPE1_INFO_CAP_NESTING.', out: true }),
      nested('info', iommuNestingInfoV8, { doc: 'What the IOMMU reports.', out: true }),
    ],
  );
