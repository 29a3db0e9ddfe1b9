import { check } from '../check.ts';

const SRC = 'Linux 6.8 and 7.2';
const place = 'iopt_alloc_area_pages';
const auto = 'iopt_alloc_iova';
const fixed = 'iopt_check_iova';
const insert = 'iopt_insert_area';
const unmap = 'iopt_unmap_iova_range';

/** Checks of the address space itself, which several calls and every attachment meet. */
export const IOPT_CHECKS = Object.freeze({
  noMemoryArea: check('area-no-memory', 'ENOMEM', place, 'No memory for a mapping.', 'source', SRC),
  length: check(
    'area-length',
    'EINVAL',
    place,
    'The length is 0 or no multiple of the smallest page of the domains that are there.',
    'source',
    SRC,
  ),
  allocateOverflow: check(
    'area-too-long',
    'EOVERFLOW',
    auto,
    'The length is half of all addresses or more.',
    'source',
    SRC,
  ),
  allocateAlignment: check(
    'area-memory-alignment',
    'EINVAL',
    auto,
    'The memory is less aligned than the smallest page of the domains.',
    'source',
    SRC,
  ),
  allocateSpace: check('area-no-space', 'ENOSPC', auto, 'No usable range is long enough.', 'source', SRC),
  iova: check(
    'area-iova-alignment',
    'EINVAL',
    fixed,
    'The address is no multiple of the smallest page.',
    'source',
    SRC,
  ),
  overflow: check('area-overflow', 'EOVERFLOW', fixed, 'The range passes the last address.', 'source', SRC),
  reserved: check(
    'area-reserved',
    'EINVAL',
    fixed,
    'The range meets addresses that a device or the aperture of a domain keeps from use.',
    'source',
    SRC,
  ),
  exists: check('area-exists', 'EEXIST', fixed, 'Part of the range is mapped already.', 'source', SRC),
  readOnlyPages: check(
    'area-read-only',
    'EPERM',
    insert,
    'A copy wants to write what was mapped for reading only.',
    'source',
    SRC,
  ),
  pageOffset: check(
    'area-page-offset',
    'EINVAL',
    insert,
    'The offset of the memory within its page is no multiple of the smallest page of the domains.',
    'source',
    SRC,
  ),
  locked: check('area-locked', 'EBUSY', unmap, 'A hardware queue has the memory pinned.', 'source', SRC),
  split: check('area-split', 'ENOENT', unmap, 'A mapping would have to be split.', 'source', SRC),
  allowedReserved: check(
    'allowed-is-reserved',
    'EADDRINUSE',
    'iopt_set_allow_iova',
    'A range that is to be allowed meets a reserved one.',
    'source',
    SRC,
  ),
  inUse: check(
    'reserved-is-in-use',
    'EADDRINUSE',
    'iopt_reserve_iova',
    'A range that the device or domain reserves is mapped or allowed.',
    'source',
    SRC,
  ),
  noMemoryReserved: check(
    'reserved-no-memory',
    'ENOMEM',
    'iopt_reserve_iova',
    'No memory for a reserved range.',
    'source',
    SRC,
  ),
  domainPage: check(
    'domain-page-size',
    'EINVAL',
    'iopt_table_add_domain',
    'The smallest page of the domain is larger than 4 KiB.',
    'source',
    SRC,
  ),
  alignmentChange: check(
    'areas-unaligned',
    'EADDRINUSE',
    'iopt_check_iova_alignment',
    'What is mapped is less aligned than the new smallest page.',
    'source',
    SRC,
  ),
  largePages: check(
    'large-pages-in-use',
    'EINVAL',
    'iopt_disable_large_pages',
    'Large pages cannot be turned off once a domain has mappings.',
    'source',
    SRC,
  ),
  pin: check(
    'area-pin',
    'EFAULT',
    'pfn_reader_user_pin',
    'A page of the memory is not mapped in the caller.',
    'source',
    SRC,
  ),
  noMemoryPin: check('area-pin-no-memory', 'ENOMEM', 'pfn_reader_init', 'No memory to pin pages with.', 'source', SRC),
});
