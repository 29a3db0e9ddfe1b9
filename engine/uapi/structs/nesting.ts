import { flex, inlineStruct, nested, type Struct, struct, u16, u32, u64 } from '../descriptor.ts';
import { V6_IOMMU_H, V6_VFIO_H } from '../sources.ts';

export const iommuNestingInfoVtd = struct(
  'iommu_nesting_info_vtd',
  { doc: 'What VT-d reports about nesting: its capability registers.', source: V6_IOMMU_H },
  [
    u32('flags', { doc: 'Kept for later use, 0 now.', role: 'reserved', out: true }),
    u32('padding', { doc: 'Zero bytes in front of the registers.', role: 'padding', out: true }),
    u64('cap_reg', { doc: 'VT-d capability register, reduced to what the kernel offers for nesting.', out: true }),
    u64('ecap_reg', {
      doc: 'VT-d extended capability register, reduced to what the kernel offers for nesting.',
      out: true,
    }),
  ],
);

export const iommuNestingInfo = struct(
  'iommu_nesting_info',
  { doc: 'What the IOMMU behind a nesting container supports.', source: V6_IOMMU_H },
  [
    u32('argsz', { doc: 'Size of this struct with data.', role: 'size', unit: 'bytes', out: true }),
    u32('flags', { doc: 'Kept for later use by all formats, 0 now.', role: 'reserved', out: true }),
    u32('format', {
      doc: 'Format of the tables that can be bound, and the struct that data holds.',
      oneOf: ['IOMMU_PASID_FORMAT_INTEL_VTD'],
      out: true,
    }),
    u32('features', {
      doc: 'What this IOMMU supports and user space therefore has to do explicitly.',
      flags: ['IOMMU_NESTING_FEAT_SYSWIDE_PASID', 'IOMMU_NESTING_FEAT_BIND_PGTBL', 'IOMMU_NESTING_FEAT_CACHE_INVLD'],
      out: true,
    }),
    u16('addr_width', { doc: 'Width of the addresses that come out of stage 1.', unit: 'bits', out: true }),
    u16('pasid_bits', { doc: 'Width of the largest PASID, 0 when there are none.', unit: 'bits', out: true }),
    u32('padding', { doc: 'Zero bytes in front of data.', role: 'padding', out: true }),
    flex('data', '__u8', 1, 1, {
      doc: 'The struct of the format, iommu_nesting_info_vtd for IOMMU_PASID_FORMAT_INTEL_VTD.',
      carries: { by: 'format', to: { IOMMU_PASID_FORMAT_INTEL_VTD: 'iommu_nesting_info_vtd' } },
      out: true,
    }),
  ],
);

export const vfioIommuType1InfoCapNesting = (header: Struct): Struct =>
  struct(
    'vfio_iommu_type1_info_cap_nesting',
    {
      doc: 'Capability that carries the nesting information of a container; it occupies 8 + info.argsz bytes.',
      source: V6_VFIO_H,
    },
    [
      nested('header', header, { doc: 'Header with id VFIO_IOMMU_TYPE1_INFO_CAP_NESTING.', out: true }),
      nested('info', iommuNestingInfo, { doc: 'What the IOMMU reports, with its data behind it.', out: true }),
    ],
  );

export const vfioIommuType1PasidRequest = struct(
  'vfio_iommu_type1_pasid_request',
  {
    doc: 'Allocates a host PASID, which the ioctl returns as its result, or frees a range of them.',
    source: V6_VFIO_H,
  },
  [
    u32('argsz', { doc: 'Bytes the caller filled in, at least 16.', role: 'size', unit: 'bytes' }),
    u32('flags', {
      doc: 'The request: exactly one of allocate and free.',
      oneOf: ['VFIO_IOMMU_FLAG_ALLOC_PASID', 'VFIO_IOMMU_FLAG_FREE_PASID'],
    }),
    inlineStruct('range', { doc: 'PASIDs to allocate one from, or to free all of.' }, [
      u32('min', { doc: 'First PASID of the range; one above max is refused with EINVAL.' }),
      u32('max', { doc: 'Last PASID of the range, which belongs to it.' }),
    ]),
  ],
);

export const vfioIommuType1NestingOp = struct(
  'vfio_iommu_type1_nesting_op',
  { doc: 'One operation on the nesting IOMMU of a container, with the payload in line.', source: V6_VFIO_H },
  [
    u32('argsz', {
      doc: 'Bytes the caller filled in with data, at least 8; whether they hold the payload is not checked here.',
      role: 'size',
      unit: 'bytes',
    }),
    u32('flags', {
      doc: 'Operation number in the low 16 bits; a bit above them is refused with EINVAL.',
      oneOf: [
        'VFIO_IOMMU_NESTING_OP_BIND_PGTBL',
        'VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL',
        'VFIO_IOMMU_NESTING_OP_CACHE_INVLD',
      ],
    }),
    flex('data', '__u8', 1, 1, {
      doc: 'Payload: iommu_gpasid_bind_data to bind and unbind, iommu_cache_invalidate_info to invalidate.',
      carries: {
        by: 'flags',
        to: {
          VFIO_IOMMU_NESTING_OP_BIND_PGTBL: 'iommu_gpasid_bind_data',
          VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL: 'iommu_gpasid_bind_data',
          VFIO_IOMMU_NESTING_OP_CACHE_INVLD: 'iommu_cache_invalidate_info',
        },
      },
    }),
  ],
);
