import { type Refusal, refuse } from '../check.ts';
import {
  type Call,
  type Invalidated,
  isRefusal,
  type NestedDomain,
  type PagingDomain,
  type Rights,
  type UserDataArray,
} from '../iommufd/driver.ts';
import { copyEntry } from '../iommufd/user-data.ts';
import { SELFTEST_CHECKS as CHECKS } from './checks.ts';

/** `IOMMU_HWPT_INVALIDATE_DATA_SELFTEST`. */
const INVALIDATE = 0xdeadbeef;
/** `IOMMU_TEST_INVALIDATE_FLAG_ALL`. */
export const FLAG_ALL = 1;
/** `MOCK_NESTED_DOMAIN_IOTLB_NUM`, `MOCK_DEV_CACHE_NUM`. */
export const WORDS = 4;

/** What a page table of the mock can do; by default the one that its tests are about. */
export interface MockTable {
  readonly tracksDirty: boolean;
  /** First and last address; the mock's own aperture unless a table of its full size was asked for. */
  readonly aperture?: readonly [first: bigint, last: bigint];
  /** Bit n: pages of 2^n bytes. */
  readonly pageSizes?: bigint;
  /** Dirty pages can be asked for while tracking is on only (before 6.19). */
  readonly asksTracking: boolean;
}

/** `struct mock_iommu_domain`: remembers what is mapped, page by page of half the CPU's size, and translates nothing. */
export class MockPaging implements PagingDomain {
  readonly kind = 'paging';
  readonly apertureStart: bigint;
  readonly apertureLast: bigint;
  readonly pageSizes: bigint;
  readonly tracksDirty: boolean;
  readonly #asksTracking: boolean;
  #tracking = false;

  constructor({ tracksDirty, aperture = [0x100_0000n, 0x7fff_ffffn], pageSizes = 2048n, asksTracking }: MockTable) {
    this.tracksDirty = tracksDirty;
    [this.apertureStart, this.apertureLast] = aperture;
    this.pageSizes = pageSizes;
    this.#asksTracking = asksTracking;
  }

  map(_iova: bigint, _phys: bigint, _size: bigint, _rights: Rights, call: Call): Refusal | undefined {
    return call.fail.hit() ? { ...refuse(CHECKS.map), injected: true } : undefined;
  }

  unmap(): void {}

  setDirtyTracking(enable: boolean): undefined {
    this.#tracking = enable;
    return undefined;
  }

  /** Nothing makes DMA through the mock, so no page is ever dirty. */
  readDirty(): Refusal | undefined {
    return this.#tracking || !this.#asksTracking
      ? undefined
      : refuse(CHECKS.dirtyOff, { path: 'hwpt_id', found: 'a page table whose tracking is off' });
  }

  free(): void {}
}

/** `struct mock_iommu_domain_nested`: four words in the place of an IOTLB. */
export class MockNested implements NestedDomain {
  readonly kind = 'nested';
  /** The vIOMMU that it was allocated on, by which a device needs a vDEVICE. */
  readonly viommu: object | undefined;
  readonly #iotlb: number[];
  /** Only kernels whose table has the entry's struct take invalidations. */
  readonly invalidate?: (array: UserDataArray, call: Call) => Invalidated;

  constructor(word: number, viommu: object | undefined, takesInvalidations: boolean) {
    this.#iotlb = Array.from({ length: WORDS }, () => word);
    this.viommu = viommu;
    if (takesInvalidations) this.invalidate = (array, call) => this.#invalidate(array, call);
  }

  words(): readonly number[] {
    return this.#iotlb;
  }

  free(): void {}

  /** Entries are fetched, checked and applied one by one. */
  #invalidate(array: UserDataArray, call: Call): Invalidated {
    if (array.type !== INVALIDATE)
      return {
        done: 0,
        refusal: refuse(CHECKS.flushType, { path: 'data_type', found: `0x${array.type.toString(16)}` }),
      };
    const wanted = { type: INVALIDATE, struct: 'iommu_hwpt_invalidate_selftest', last: 'iotlb_id' };
    for (let i = 0; i < array.entryNum; i++) {
      const entry = copyEntry(call, array, wanted, i);
      if (isRefusal(entry)) return { done: i, refusal: entry };
      const [flags, id] = [entry.u32('flags'), entry.u32('iotlb_id')];
      if ((flags & ~FLAG_ALL) !== 0)
        return {
          done: i,
          refusal: refuse(CHECKS.flushFlags, { path: `[${i}].flags`, found: `0x${flags.toString(16)}` }),
        };
      if (WORDS <= id)
        return {
          done: i,
          refusal: refuse(CHECKS.flushId, { path: `[${i}].iotlb_id`, found: `${id}`, wanted: '0 to 3' }),
        };
      if ((flags & FLAG_ALL) !== 0) this.#iotlb.fill(0);
      else this.#iotlb[id] = 0;
    }
    return { done: array.entryNum };
  }
}
