import { CHECKS, hexGrouped, sizeText } from '../../../engine/index.ts';
import { REQUESTS, rangeOf, requestIn } from './invalidation.ts';
import { whereRead } from './nesting-operation.ts';
import { atOneOf, found } from './reading.ts';
import { type Finding, rule } from './rule.ts';

export default rule({
  id: 'address-misaligned',
  severity: 'warning',
  structs: REQUESTS,
  summary: 'the range to flush does not begin where the hardware can begin',
  why: 'VT-d flushes one block of a power of two pages that is aligned to its own size. The driver rounds the length up to such a block and takes the one that addr lies in. When addr is not aligned to it the driver writes a line to the kernel log and flushes all the same, and a range that reaches out of the block stays cached beyond it. The rule is a warning then, and information while the block holds the whole range. With the quirk misalignment_only_logged off the request is refused with EINVAL instead.',
  examples: {
    bad: [
      `uapi vfio-2020-07
cache_invalidate_info four_pages {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_ADDR
  granu.addr_info = {
    flags = IOMMU_INV_ADDR_FLAGS_PASID
    pasid = 1
    addr = 0x7f00_0000_2000
        // ^^^^^^^^^^^^^^^^ granu.addr_info.addr is 0x7f00_0000_2000, not a multiple of 16K: VT-d flushes 0x7f00_0000_0000 to 0x7f00_0000_3fff, and 0x7f00_0000_4000 to 0x7f00_0000_5fff stays cached; flush from 0x7f00_0000_0000 on, or in aligned pieces
    granule_size = 4K
    nb_granules = 4
  }
}
cache_invalidate_info three_pages = four_pages { granu.addr_info = { addr = 0x7f00_0000_1000, nb_granules = 3 } }
                                                                         // ^^^^^^^^^^^^^^^^ granu.addr_info.addr is 0x7f00_0000_1000, not a multiple of 16K: VT-d flushes 0x7f00_0000_0000 to 0x7f00_0000_3fff, which holds the range; write addr = 0x7f00_0000_0000
nesting_op flush_four { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = four_pages }
nesting_op flush_three { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = three_pages }
scenario "half of the range, and all of it" {
  submit flush_four
  submit flush_three
}`,
      `uapi vfio-2020-07 { misalignment_only_logged = off }
cache_invalidate_info two_pages {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_ADDR
  granu.addr_info = { flags = IOMMU_INV_ADDR_FLAGS_PASID, pasid = 1, addr = 4K, granule_size = 4K, nb_granules = 2 }
                                                                         // ^^ granu.addr_info.addr is 0x1000, not a multiple of 8K: VT-d refuses it; flush from 0x0 on, or in aligned pieces
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = two_pages }
scenario "a driver that refuses" { submit flush }`,
    ],
    good: [
      `uapi vfio-2020-07
cache_invalidate_info four_pages {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_ADDR
  granu.addr_info = {
    flags = IOMMU_INV_ADDR_FLAGS_PASID
    pasid = 1
    addr = 0x7f00_0000_4000
    granule_size = 4K
    nb_granules = 4
  }
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = four_pages }
scenario "16K at a multiple of 16K" { submit flush }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const request = requestIn(view, context);
    const range = request && rangeOf(view, request);
    if (!request?.types?.length || range?.addr.value === undefined) return;
    const { addr, bytes, block } = range;
    const offset = range.addr.value % block;
    if (offset === 0n) return;
    const from = range.addr.value - offset;
    const [end, flushedEnd] = [range.addr.value + bytes, from + block];
    const isCovered = end <= flushedEnd;
    // Within one page the driver neither logs nor refuses; it flushes that page.
    const isLogged = 0x1000n < block && request.types.includes('IOTLB');
    const isRefused = isLogged && context.file.quirks.get('misalignment_only_logged') === false;
    if (isCovered && !isLogged) return;
    const effect = isRefused
      ? 'VT-d refuses it'
      : `VT-d flushes ${span(from, flushedEnd)}, ${isCovered ? 'which holds the range' : `and ${span(flushedEnd, end)} stays cached`}`;
    const wanted = `a multiple of ${sizeText(block)}`;
    const message = `${found(addr, hexGrouped(range.addr.value))}, not ${wanted}: ${effect}; ${
      isCovered ? `write addr = ${hexGrouped(from)}` : `flush from ${hexGrouped(from)} on, or in aligned pieces`
    }`;
    const finding = atOneOf(view, [addr, range.count, range.granule], message, {
      ...(isRefused ? { predicts: CHECKS.svaMisaligned } : {}),
      ...(isCovered && !isRefused ? { severity: 'information' as const } : {}),
    });
    yield* whereRead(view, addr.path, context, finding);
  },
});

const span = (from: bigint, end: bigint): string => `${hexGrouped(from)} to ${hexGrouped(end - 1n)}`;
