import { hexGrouped, sizeText } from '../../../engine/index.ts';
import { REQUESTS, rangeOf, requestIn } from './invalidation.ts';
import { whereRead } from './nesting-operation.ts';
import { atOneOf, found } from './reading.ts';
import { type Finding, rule } from './rule.ts';

export default rule({
  id: 'range-not-power-of-two',
  severity: 'warning',
  structs: REQUESTS,
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
                                                                                                   // ^ granule_size * nb_granules is 12K: VT-d rounds it up to 16K; ask for a power of two of 4K pages
}
cache_invalidate_info no_pages = three_pages { granu.addr_info.nb_granules = 0 }
                                                                          // ^ granu.addr_info.nb_granules is 0: VT-d flushes one 4K page; say how many there are
cache_invalidate_info six_kilobytes = three_pages { granu.addr_info = { granule_size = 1K, nb_granules = 6 } }
                                                                                                      // ^ granule_size * nb_granules is 6K: VT-d drops the part of a page and flushes 4K only; ask for a power of two of 4K pages
cache_invalidate_info everything = three_pages { granu.addr_info = { granule_size = 1 << 52, nb_granules = 4K } }
                                                                                                        // ^^ granule_size * nb_granules is 0x1_0000_0000_0000_0000, which wraps at 64 bits: VT-d flushes 4K only; flush the PASID instead
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
      `uapi vfio-2020-03
struct vfio_iommu_type1_cache_invalidate flush {
  argsz = sizeof
  cache_info {
    version = IOMMU_UAPI_VERSION, cache = IOMMU_CACHE_INV_TYPE_IOTLB, granularity = IOMMU_INV_GRANU_ADDR
    addr_info = { flags = IOMMU_INV_ADDR_FLAGS_PASID, pasid = 1, granule_size = 4K, nb_granules = 3 }
                                                                                               // ^ granule_size * nb_granules is 12K: VT-d rounds it up to 16K; ask for a power of two of 4K pages
  }
}
scenario "written in place" { submit flush }`,
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
    const request = requestIn(view, context);
    const range = request && rangeOf(view, request);
    if (!range || range.meant === range.block) return;
    const { granule, count, bytes, meant, block } = range;
    const product = 'granule_size * nb_granules';
    const isShort = meant === 0n || block < meant;
    const message =
      meant === 0n
        ? `${found(count.value === 0n ? count : granule, '0')}: VT-d flushes one 4K page; say how many there are`
        : meant !== bytes
          ? `${product} is ${hexGrouped(meant)}, which wraps at 64 bits: VT-d flushes ${sizeText(block)} only; flush the PASID instead`
          : isShort
            ? `${product} is ${sizeText(meant)}: VT-d drops the part of a page and flushes ${sizeText(block)} only; ask for a power of two of 4K pages`
            : `${product} is ${sizeText(meant)}: VT-d rounds it up to ${sizeText(block)}; ask for a power of two of 4K pages`;
    const at = meant === 0n && count.value !== 0n ? [granule, count] : [count, granule];
    const more = isShort ? {} : { severity: 'information' as const };
    yield* whereRead(view, count.path, context, atOneOf(view, at, message, more));
  },
});
