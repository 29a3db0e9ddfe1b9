import { type Check, IOMMUFD_CHECKS, type Struct } from '../../../engine/index.ts';
import { type DriverData, driverDataOf } from './driver-data.ts';
import { NESTED_ON_VTD } from './example-heads.ts';
import { atOneOf, found } from './reading.ts';
import { atTitle, atValue, type Finding, type PayloadView, type RuleContext, rule } from './rule.ts';
import { predictRead } from './submits.ts';

const { hwpt, userData } = IOMMUFD_CHECKS;

export default rule({
  id: 'data-length-mismatch',
  severity: 'warning',
  checks: [hwpt.data, userData.fault, userData.length],
  summary: 'the address, length and type of a driver payload do not fit together',
  why: 'A driver payload is an address, a length and mostly a type. IOMMU_HWPT_ALLOC wants type and length to be 0 both or neither; then the driver wants all the fields that it knows since its first release, and nothing longer than the kernel has, even where that is zeros. Releases disagree in detail, so write data_len = sizeof(NAME).',
  examples: {
    bad: [
      `uapi iommufd-6.8
struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_vtd_s1 s1 { pgtbl_addr = 0x1000, addr_width = 48 }
struct iommu_hwpt_alloc whole { size = sizeof, dev_id = dev0.id, pt_id = parent.out_hwpt_id, data_type = IOMMU_HWPT_DATA_VTD_S1 }
struct iommu_hwpt_alloc no_length = whole { data_uptr = &s1 }
                                                     // ^^^ data_len is not set, so 0, but data_uptr leads to s1 with 24 bytes; write data_len = sizeof(s1)
struct iommu_hwpt_alloc too_long = whole { data_len = 64, data_uptr = &s1 }
                                                   // ^^ data_len is 64, but s1 has 24 bytes; write data_len = sizeof(s1)
struct iommu_hwpt_alloc nowhere = whole { data_len = 24 }
                                                  // ^^ data_len is 24, but data_uptr is not set; write data_uptr = &NAME
scenario "three ways" {
  submit parent
  submit no_length
  submit too_long
  submit nowhere
}`,
    ],
    good: [
      `uapi iommufd-6.8
${NESTED_ON_VTD}raw room size 64
struct iommu_hw_info info { size = sizeof, dev_id = dev0.id, data_len = 64, data_uptr = &room }
scenario "all of the payload, and a buffer with room to spare" {
  submit parent
  submit nested
  submit info
}`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    for (const data of driverDataOf(view, context)) {
      const finding = judge(view, data, context);
      if (finding) yield* predictRead(view, context, finding);
    }
  },
});

function judge(view: PayloadView, data: DriverData, context: RuleContext): Finding | undefined {
  const { address, given, there, length } = data;
  if (length?.value === undefined) return undefined;
  const isBuffer = view.struct.fields.some((f) => f.name === length.path && f.inout);
  const isNowhere = given === undefined || given.value === 0n;
  if (isNowhere) {
    if (length.value === 0n || !length.from) return undefined;
    const where = given ? `${address.name} is 0` : `${address.name} is not set`;
    const predicts = data.structs.length === 1 && !isBuffer && isDriverCall(view) ? userData.fault : undefined;
    return atValue(length.from, `${found(length, `${length.value}`)}, but ${where}; write ${address.name} = &NAME`, {
      ...(predicts ? { predicts } : { mayRefuse: true }),
    });
  }
  if (!there || isBuffer) return undefined;
  const bytes = there.image.bytes.length;
  if (length.value === BigInt(bytes)) return undefined;
  const name = there.payload.name?.text ?? there.struct.name;
  const predicts = checkOf(view, data, context);
  // A part that is long enough for the kernel: what is missing counts as 0.
  const isCut = !predicts && 0n < length.value && length.value < BigInt(bytes) && isDriverCall(view);
  const message =
    length.value === 0n
      ? `${found(length, '0')}, but ${address.name} leads to ${name} with ${bytes} bytes; write ${length.path} = sizeof(${name})`
      : `${found(length, `${length.value}`)}, but ${name} has ${bytes} bytes${isCut ? ', of which the rest counts as 0' : ''}; write ${length.path} = sizeof(${name})`;
  const severity = isCut ? ({ severity: 'information' } as const) : {};
  const more = predicts ? { predicts } : ({ mayRefuse: true, ...severity } as const);
  return length.from
    ? atOneOf(view, [length], message, more)
    : given
      ? atValue(given, message, more)
      : atTitle(view, message, more);
}

/** Calls whose payload goes to a driver by the rules of `iommu_copy_struct_from_user`. */
const isDriverCall = ({ struct }: PayloadView): boolean =>
  struct.name === 'iommu_hwpt_alloc' || struct.name === 'iommu_viommu_alloc';

function checkOf(view: PayloadView, { length, type, structs }: DriverData, { file }: RuleContext): Check | undefined {
  if (view.struct.name === 'iommu_hwpt_alloc' && length!.value === 0n && type?.value !== undefined)
    return type.value === 0n ? undefined : hwpt.data;
  const known = structs.length === 1 ? structs[0] : undefined;
  if (known === undefined || !isDriverCall(view) || length!.value === 0n) return undefined;
  if (length!.value! < BigInt(leastOf(known)))
    return file.quirks.get('minimum_unchecked') ? undefined : userData.length;
  return BigInt(known.size) < length!.value! && file.quirks.get('oversize_is_einval') ? userData.length : undefined;
}

/** How far a payload must reach: to the last field that the driver has had from the start. */
function leastOf({ name, fields, size }: Struct): number {
  const last = fields.find((f) => f.name === FIRST_FORM[name]);
  return last ? last.offset + last.size : size;
}

/** Payloads that have grown, or that end with what only the kernel writes. */
const FIRST_FORM: Readonly<Record<string, string>> = {
  iommu_hwpt_selftest: 'iotlb',
  iommu_viommu_selftest: 'out_data',
};
