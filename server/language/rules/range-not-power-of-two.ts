import { hexGrouped, sizeText } from '../../../engine/index.ts';
import { rangeOf, requestOf } from './invalidation.ts';
import { whereRead } from './nesting-operation.ts';
import { atReading, found } from './reading.ts';
import { type Finding, rule } from './rule.ts';

export default rule({
  id: 'range-not-power-of-two',
  severity: 'warning',
  summary: 'the length of the range to flush is not a power of two pages',
  why: 'The driver multiplies granule_size by nb_granules, drops what is left over behind whole 4K pages and rounds up to a power of two, because VT-d flushes blocks of such sizes only. Rounding up flushes more than was asked for and is information. Too little is flushed where a part of a page is dropped, where the product is 0, for which one page is flushed, and where it wraps at 2^64; that is a warning.',
  examples: {
    bad: [
      `uapi vfio-2020-07
cache_invalidate_info three_pages {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_ADDR
  granu.addr_info = { flags = IOMMU_INV_ADDR_FLAGS_PASID, pasid = 1, granule_size = 4K, nb_granules = 3 }
}
cache_invalidate_info no_pages = three_pages { granu.addr_info.nb_granules = 0 }
cache_invalidate_info six_kilobytes = three_pages { granu.addr_info = { granule_size = 1K, nb_granules = 6 } }
cache_invalidate_info everything = three_pages { granu.addr_info = { granule_size = 1 << 52, nb_granules = 4K } }
nesting_op flush_three { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = three_pages }
nesting_op flush_none { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = no_pages }
nesting_op flush_six { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = six_kilobytes }
nesting_op flush_all { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = everything }
scenario "four pages, and three times one page" {
  submit flush_three
  submit flush_none
  submit flush_six
  submit flush_all
}`,
    ],
    good: [
      `uapi vfio-2020-07
cache_invalidate_info two_megabytes {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_ADDR
  granu.addr_info = { flags = IOMMU_INV_ADDR_FLAGS_PASID, pasid = 1, granule_size = 2M, nb_granules = 1 }
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = two_megabytes }
scenario "512 pages" { submit flush }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const request = requestOf(view, context);
    const range = request && rangeOf(view, request);
    if (!range || range.meant === range.block) return;
    const { granule, count, meant, block } = range;
    const isShort = meant === 0n || block < meant;
    const subject =
      meant === 0n
        ? (count.value === 0n ? found(count, '0') : found(granule, '0'))
        : `granule_size * nb_granules is ${meant < 1n << 64n ? sizeText(meant) : hexGrouped(meant)}`;
    const effect = `VT-d ${isShort ? 'flushes' : 'rounds it up to'} ${sizeText(block)}${isShort ? ' only' : ''}`;
    const message = `${subject}, not a power of two of 4K pages: ${effect}; ask for a power of two of 4K granules`;
    const at = meant === 0n && count.value !== 0n ? granule : count;
    const more = isShort ? {} : { severity: 'information' as const };
    yield* whereRead(view, count.path, context, atReading(view, at, message, more));
  },
});
