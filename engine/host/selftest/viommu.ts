import { type Refusal, refuse } from '../check.ts';
import {
  type Call,
  type HwQueue,
  type HwQueueRequest,
  type Invalidated,
  isRefusal,
  type NestedDomain,
  type UserData,
  type UserDataArray,
  type Viommu,
  type ViommuHandle,
} from '../iommufd/driver.ts';
import { copyWholeArray } from '../iommufd/user-data.ts';
import { SELFTEST_CHECKS as CHECKS } from './checks.ts';
import { FLAG_ALL, WORDS } from './domains.ts';
import type { SelftestDriver } from './driver.ts';

/** `IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST`, `IOMMU_HW_QUEUE_TYPE_SELFTEST`. */
const INVALIDATE = 0xdeadbeef;
const HW_QUEUE = 0xdeadbeef;
/** `IOMMU_TEST_HW_QUEUE_MAX`. */
const QUEUES = 2;

/** `struct mock_viommu`. */
export class MockViommu implements Viommu {
  readonly handle: ViommuHandle;
  readonly #driver: SelftestDriver;
  readonly #queues: (HwQueue | undefined)[] = [];

  constructor(driver: SelftestDriver, handle: ViommuHandle) {
    this.#driver = driver;
    this.handle = handle;
  }

  allocNested(flags: number, data: UserData, call: Call): NestedDomain | Refusal {
    return this.#driver.makeNested(flags, data, this, call);
  }

  /** The whole array is copied first; then entry by entry flags, word and virtual id are judged and the word cleared. */
  invalidate(array: UserDataArray, call: Call): Invalidated {
    if (array.entryNum === 0 && array.type === INVALIDATE) return { done: 0 };
    if (call.fail.hit()) return { done: 0, refusal: { ...refuse(CHECKS.viommuFlushNoMemory), injected: true } };
    const entries = copyWholeArray(call, array, { type: INVALIDATE, struct: 'iommu_viommu_invalidate_selftest' });
    if (isRefusal(entries)) return { done: 0, refusal: entries };
    for (const [i, entry] of entries.entries()) {
      const [flags, id, virtId] = [entry.u32('flags'), entry.u32('cache_id'), entry.get('vdev_id')];
      if ((flags & ~FLAG_ALL) !== 0)
        return {
          done: i,
          refusal: refuse(CHECKS.viommuFlushFlags, { path: `[${i}].flags`, found: `0x${flags.toString(16)}` }),
        };
      if (WORDS <= id)
        return {
          done: i,
          refusal: refuse(CHECKS.viommuFlushId, { path: `[${i}].cache_id`, found: `${id}`, wanted: '0 to 3' }),
        };
      const device = this.handle.deviceAt(virtId);
      if (!device)
        return {
          done: i,
          refusal: refuse(CHECKS.viommuFlushDevice, { path: `[${i}].vdev_id`, found: `0x${virtId.toString(16)}` }),
        };
      const words = this.#driver.cacheOf(device);
      if ((flags & FLAG_ALL) !== 0) words.fill(0);
      else words[id] = 0;
    }
    return { done: entries.length };
  }

  knowsHwQueue(type: number): boolean {
    return type === HW_QUEUE;
  }

  /** Queues are made in order of their index, and one that another rests on cannot go. */
  initHwQueue({ index }: HwQueueRequest): HwQueue | Refusal {
    if (QUEUES <= index)
      return refuse(CHECKS.queueIndex, { path: 'index', found: `${index}`, wanted: `below ${QUEUES}` });
    if (this.#queues[index]) return refuse(CHECKS.queueExists, { path: 'index', found: `${index}` });
    const before = index === 0 ? undefined : this.#queues[index - 1];
    if (index !== 0 && !before)
      return refuse(CHECKS.queueOrder, { path: 'index', found: `${index}`, wanted: `${index - 1} first` });
    const queue: HwQueue = {
      ...(before === undefined ? {} : { dependsOn: before }),
      destroy: () => {
        this.#queues[index] = undefined;
      },
    };
    this.#queues[index] = queue;
    return queue;
  }
}
