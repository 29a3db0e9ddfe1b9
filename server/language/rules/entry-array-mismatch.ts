import { type Check, IOMMUFD_CHECKS, type Struct } from '../../../engine/index.ts';
import { type DriverData, driverDataOf, kindAt } from './driver-data.ts';
import { atReading, found } from './reading.ts';
import { atValue, type Finding, type PayloadView, type RuleContext, rule } from './rule.ts';
import { predictRead } from './submits.ts';

const { invalidate, userData } = IOMMUFD_CHECKS;
const MOST = { entry_len: 4096n, entry_num: 1n << 19n };

export default rule({
  id: 'entry-array-mismatch',
  severity: 'warning',
  structs: ['iommu_hwpt_invalidate'],
  checks: [invalidate.array, invalidate.limits, userData.entryLength],
  summary: 'address, length and number of the entries of an array do not fit together',
  why: 'IOMMU_HWPT_INVALIDATE takes an array: where it is, how long an entry is, and how many there are. entry_len is the distance from one entry to the next as well, so a wrong one makes the kernel read the second entry from the middle of the first; what lies behind the array is read as entries too. With entry_num = 0 only the type is judged. On return entry_num is the number that was done.',
  examples: {
    bad: [
      `uapi iommufd-6.8
machine { iommu selftest { } }
struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_selftest data { iotlb = 1 }
struct iommu_hwpt_alloc nested {
  size = sizeof, dev_id = dev0.id, pt_id = parent.out_hwpt_id
  data_type = IOMMU_HWPT_DATA_SELFTEST, data_len = sizeof(data), data_uptr = &data
}
array words of iommu_hwpt_invalidate_selftest { { iotlb_id = 0 }, { iotlb_id = 1 } }
struct iommu_hwpt_invalidate flush { size = sizeof, hwpt_id = nested.out_hwpt_id, data_type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST, data_uptr = &words }
struct iommu_hwpt_invalidate no_length = flush { entry_num = 2 }
                           //^^^^^^^^^ entry_len is not set, so 0, but an entry has 8 bytes; write entry_len = sizeof(struct iommu_hwpt_invalidate_selftest)
struct iommu_hwpt_invalidate half = flush { entry_len = 4, entry_num = 2 }
                                                     // ^ entry_len is 4, but an entry has 8 bytes; write entry_len = sizeof(struct iommu_hwpt_invalidate_selftest)
struct iommu_hwpt_invalidate more = flush { entry_len = 8, entry_num = 3 }
                                                                    // ^ entry_num is 3, but words has 2 entries: the kernel reads on behind them
scenario "three ways" {
  submit parent
  submit nested
  submit no_length
  submit half
  submit more
}`,
      `uapi iommufd-6.12 { entry_limits_unchecked = off }
struct iommu_hwpt_invalidate flush {
  size = sizeof, hwpt_id = 1, data_type = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1, data_uptr = 0x1000
  entry_len = 24, entry_num = 1 << 20
                           // ^^^^^^^ entry_num is 1048576, but this kernel takes at most 524288
}
scenario "limits of later kernels" { submit flush }`,
    ],
    good: [
      `uapi iommufd-6.8
machine { iommu selftest { } }
struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_selftest data { iotlb = 1 }
struct iommu_hwpt_alloc nested {
  size = sizeof, dev_id = dev0.id, pt_id = parent.out_hwpt_id
  data_type = IOMMU_HWPT_DATA_SELFTEST, data_len = sizeof(data), data_uptr = &data
}
array words of iommu_hwpt_invalidate_selftest { { iotlb_id = 0 }, { iotlb_id = 1 } }
struct iommu_hwpt_invalidate flush {
  size = sizeof, hwpt_id = nested.out_hwpt_id, data_type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST
  data_uptr = &words, entry_len = sizeof(struct iommu_hwpt_invalidate_selftest), entry_num = 2
}
struct iommu_hwpt_invalidate probe = flush { data_uptr = 0, entry_len = 0, entry_num = 0 }
scenario "all entries, and none to ask for the type" {
  submit parent
  submit nested
  submit flush
  submit probe
}`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    for (const data of driverDataOf(view, context))
      for (const finding of judge(view, data, context)) yield* predictRead(view, context, finding);
  },
});

function* judge(view: PayloadView, data: DriverData, context: RuleContext): Iterable<Finding> {
  const { address, given, there, structs, count, element } = data;
  if (count?.value === undefined || element?.value === undefined || count.value === 0n) return;
  if (given === undefined || given.value === 0n) {
    const message = `${found(count, `${count.value}`)}, but ${address.name} is ${given ? '0' : 'not set'}; write ${address.name} = &NAME`;
    yield atReading(view, count, message, { predicts: invalidate.array });
    return;
  }
  for (const [reading, most] of [
    [element, MOST.entry_len],
    [count, MOST.entry_num],
  ] as const) {
    if (reading.value! <= most || context.file.quirks.get('entry_limits_unchecked')) continue;
    const message = `${found(reading, `${reading.value}`)}, but this kernel takes at most ${most}`;
    yield atReading(view, reading, message, { predicts: invalidate.limits });
  }
  const entry =
    structs.find(({ name }) => name === there?.struct.name) ?? (structs.length === 1 ? structs[0] : undefined);
  if (entry && element.value !== BigInt(entry.size) && element.value <= MOST.entry_len) {
    const predicts = lengthCheck(view, entry, element.value, context);
    const message = `${found(element, `${element.value}`)}, but an entry has ${entry.size} bytes; write ${element.path} = sizeof(struct ${entry.name})`;
    yield atReading(view, element, message, predicts ? { predicts } : { mayRefuse: true });
  }
  const entries = there?.payload.elements?.length ?? (there ? 1 : undefined);
  if (
    entry &&
    there?.struct.name === entry.name &&
    entries !== undefined &&
    BigInt(entries) < count.value &&
    count.from
  ) {
    const name = there.payload.name?.text ?? 'the array';
    const all = `${entries} ${entries === 1 ? 'entry' : 'entries'}`;
    yield atValue(
      count.from,
      `${found(count, `${count.value}`)}, but ${name} has ${all}: the kernel reads on behind them`,
      { mayRefuse: true },
    );
  }
}

/** Entries of a page table are judged one by one; those of a vIOMMU are filled up with zeros where they are short. */
function lengthCheck(view: PayloadView, entry: Struct, length: bigint, context: RuleContext): Check | undefined {
  if (length === 0n) return invalidate.array;
  if (kindAt(view, 'hwpt_id', context) === 'vIOMMU') return undefined;
  if (length < BigInt(entry.size)) return userData.entryLength;
  return context.file.quirks.get('oversize_is_einval') ? userData.entryLength : undefined;
}
