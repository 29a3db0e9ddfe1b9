import { aligned64, type Member, overlay, struct, type Target, u8, u32 } from '../../descriptor.ts';
import { iommufdH } from '../../sources.ts';
import { reserved, reservedBytes, size } from './common.ts';
import type { Payloads } from './hwpt.ts';

const INFO = 'Asks what the IOMMU behind a device can do, in general and in the terms of its kind.';

const target = (types: Payloads): Target => ({ by: 'out_data_type', to: types, length: 'data_len' });
const ALL_TYPES = ['IOMMU_HW_INFO_TYPE_NONE'];

const head = (flags: Member, types: Payloads): readonly Member[] => [
  size,
  flags,
  u32('dev_id', { doc: 'Device to ask about.' }),
  u32('data_len', {
    doc: 'Length of the buffer, written back as the length of what the driver has, even where it did not fit.',
    unit: 'bytes',
    inout: true,
  }),
  aligned64('data_uptr', { doc: 'Buffer for what the driver tells.', space: 'user', target: target(types) }),
];
const noFlags = u32('flags', { doc: 'No flag exists, so it is 0.', role: 'reserved' });
const outType = (types: Payloads): Member =>
  u32('out_data_type', {
    doc: 'What lies in the buffer now.',
    oneOf: [...ALL_TYPES, ...Object.keys(types)],
    out: true,
  });
const capabilities = (flags: readonly string[]): Member =>
  aligned64('out_capabilities', {
    doc: 'What the kernel offers for the device whatever its IOMMU is.',
    flags,
    out: true,
  });
const maxPasid = u8('out_max_pasid_log2', {
  doc: 'Width of the PASIDs that device and IOMMU support, 0 when there are none.',
  unit: 'bits',
  out: true,
});

interface InfoForm {
  readonly release: string;
  readonly types: Payloads;
  readonly capabilities: readonly string[];
}

/** The first merged form. */
export const hwInfoReserved = ({ release, types, capabilities: bits }: InfoForm) =>
  struct('iommu_hw_info', { doc: INFO, source: iommufdH(release) }, [
    ...head(noFlags, types),
    outType(types),
    reserved(),
    capabilities(bits),
  ]);

/** With the width of PASIDs in the reserved word. */
export const hwInfoPasid = ({ release, types, capabilities: bits }: InfoForm) =>
  struct('iommu_hw_info', { doc: INFO, source: iommufdH(release) }, [
    ...head(noFlags, types),
    outType(types),
    maxPasid,
    reservedBytes(3),
    capabilities(bits),
  ]);

/** The caller may ask for one type. */
export const hwInfoTyped = ({ release, types, capabilities: bits }: InfoForm) =>
  struct('iommu_hw_info', { doc: INFO, source: iommufdH(release) }, [
    ...head(
      u32('flags', { doc: 'Whether in_data_type holds something.', flags: ['IOMMU_HW_INFO_FLAG_INPUT_TYPE'] }),
      types,
    ),
    overlay([
      u32('in_data_type', {
        doc: 'Type that is wanted, read only with IOMMU_HW_INFO_FLAG_INPUT_TYPE.',
        when: { field: 'flags', is: 'IOMMU_HW_INFO_FLAG_INPUT_TYPE' },
        oneOf: ['IOMMU_HW_INFO_TYPE_DEFAULT', ...Object.keys(types)],
      }),
      outType(types),
    ]),
    maxPasid,
    reservedBytes(3),
    capabilities(bits),
  ]);
