import { type Check, check, type Skip } from '../check.ts';

const SRC = 'Linux 5.10.223';
const bind = 'intel_svm_bind_gpasid';
const unbind = 'intel_svm_unbind_gpasid';
const nested = 'intel_pasid_setup_nested';
const svaFlush = 'intel_iommu_sva_invalidate';

/** intel_svm_bind_gpasid and what it calls, in the driver's order. */
export const BIND_CHECKS = Object.freeze({
  bindVendorFormat: check(
    'format-unsupported',
    'EINVAL',
    bind,
    'The VT-d driver takes IOMMU_PASID_FORMAT_INTEL_VTD only.',
    'source',
    SRC,
  ),
  bindVendorArgsz: check(
    'argsz-too-small',
    'EINVAL',
    bind,
    'argsz must reach the end of vendor.vtd at byte 72; added in September 2020.',
    'source',
    SRC,
  ),
  bindVendorFlags: check(
    'unknown-flag-bits',
    'EINVAL',
    bind,
    'vendor.vtd.flags must stay within bits 0 to 5; added in September 2020.',
    'source',
    SRC,
  ),
  bindDevicePasids: check(
    'device-pasid-bits',
    'EINVAL',
    bind,
    'The device must offer the full 20 bits of PASID.',
    'source',
    SRC,
  ),
  bindPasidRange: check('pasid-out-of-range', 'EINVAL', bind, 'hpasid must lie between 1 and 0xfffff.', 'source', SRC),
  bindNoDomain: check('device-not-attached', 'EINVAL', bind, 'The device has no domain information.', 'source', SRC),
  bindNoPasid: check(
    'pasid-not-allocated',
    'ENOENT',
    bind,
    'hpasid must have been allocated with VFIO_IOMMU_PASID_REQUEST and not freed since.',
    'source',
    SRC,
  ),
  bindTwice: check(
    'double-bind',
    'EBUSY',
    bind,
    'This device has a page table bound to hpasid already.',
    'source',
    SRC,
  ),
  bindNoMemorySvm: check(
    'out-of-memory',
    'ENOMEM',
    bind,
    'The record of the PASID could not be allocated.',
    'source',
    SRC,
  ),
  bindNoMemoryDevice: check(
    'out-of-memory',
    'ENOMEM',
    bind,
    'The record of the device could not be allocated.',
    'source',
    SRC,
  ),
  nestedNoCap: check(
    'no-nesting-capability',
    'EINVAL',
    nested,
    'The IOMMU must support nested translation (ecap.NEST).',
    'source',
    SRC,
  ),
  nestedNoMode: check('not-nesting-container', 'EINVAL', nested, 'The domain must be in nesting mode.', 'source', SRC),
  nestedNoEntry: check(
    'pasid-table-entry-missing',
    'EINVAL',
    nested,
    'The page of the PASID table that holds the entry could not be had.',
    'source',
    SRC,
  ),
  nestedPresent: check('double-bind', 'EBUSY', nested, 'The PASID table entry is present already.', 'source', SRC),
  nestedWidth5: check(
    'addr-width-unsupported',
    'EINVAL',
    nested,
    'addr_width 57 needs 5-level first-stage paging (cap.FS5LP).',
    'source',
    SRC,
  ),
  nestedWidth: check('addr-width-unsupported', 'EINVAL', nested, 'addr_width must be 48 or 57.', 'source', SRC),
  nestedRoot: check(
    'gpgd-out-of-range',
    'EINVAL',
    nested,
    'gpgd must not lie above the highest address mapped in the second stage.',
    'source',
    SRC,
  ),
  nestedSre: check('sre-unsupported', 'EINVAL', nested, 'SRE needs supervisor requests (ecap.SRS).', 'source', SRC),
  nestedEafe: check(
    'eafe-unsupported',
    'EINVAL',
    nested,
    'EAFE needs extended accessed flags (ecap.EAFS).',
    'source',
    SRC,
  ),
  nestedMts: check(
    'memory-type-refused',
    'EINVAL',
    nested,
    'PCD, PWT, EMTE and CD are refused whatever the hardware offers.',
    'source',
    SRC,
  ),
}) satisfies Readonly<Record<string, Check>>;

/** intel_svm_unbind_gpasid. */
export const UNBIND_CHECKS = Object.freeze({
  unbindPasidRange: check('pasid-out-of-range', 'EINVAL', unbind, 'hpasid must lie below 0x100000.', 'source', SRC),
  unbindNoPasid: check('pasid-not-allocated', 'ENOENT', unbind, 'hpasid is not allocated.', 'source', SRC),
}) satisfies Readonly<Record<string, Check>>;

/** intel_iommu_sva_invalidate. */
export const INVALIDATE_CHECKS = Object.freeze({
  svaNoDevice: check(
    'device-not-attached',
    'ENODEV',
    svaFlush,
    'The device must sit behind a VT-d unit.',
    'source',
    SRC,
  ),
  svaNoMode: check('not-nesting-container', 'EINVAL', svaFlush, 'The domain must be in nesting mode.', 'source', SRC),
  svaNoDomain: check('device-not-attached', 'EINVAL', svaFlush, 'The device has no domain information.', 'source', SRC),
  svaMisaligned: check(
    'address-misaligned',
    'EINVAL',
    svaFlush,
    'With misalignment_only_logged off, addr must be aligned to the range rounded up to a power of two.',
    'derived',
    SRC,
  ),
  svaInjected: check(
    'driver-callback-failed',
    'ENOMEM',
    svaFlush,
    'The injected failure of the callback for this device.',
    'derived',
    SRC,
  ),
  svaUnsupported: check(
    'cache-granularity-skipped',
    'EINVAL',
    svaFlush,
    'With unsupported_granularity_skipped off, a type and granularity that VT-d lacks is refused.',
    'derived',
    SRC,
  ),
}) satisfies Readonly<Record<string, Check>>;

const FORM = 'Linux 5.8, as patched in vSVA v1';

/** What intel_svm_bind_gpasid asks of the form without argsz in front of its other checks. */
export const VERSIONED_BIND_CHECKS = Object.freeze({
  bindFormVersion: check(
    'version-wrong',
    'EINVAL',
    bind,
    'version must be that of the kernel: the driver takes no older one.',
    'posted patch',
    FORM,
  ),
  bindFormFormat: check(
    'format-unsupported',
    'EINVAL',
    bind,
    'The VT-d driver takes IOMMU_PASID_FORMAT_INTEL_VTD only.',
    'posted patch',
    FORM,
  ),
  bindFormFlags: check(
    'unknown-flag-bits',
    'EINVAL',
    bind,
    'With padding_unchecked off, only IOMMU_SVA_GPASID_VAL is known in flags and bits 0 to 5 in vtd.flags.',
    'derived',
    FORM,
  ),
  bindFormPadding: check(
    'padding-not-zero',
    'EINVAL',
    bind,
    'With padding_unchecked off, every padding byte must be 0.',
    'derived',
    FORM,
  ),
}) satisfies Readonly<Record<string, Check>>;

/** What intel_iommu_sva_invalidate asks of the form without argsz in front of its other checks. */
export const VERSIONED_INVALIDATE_CHECKS = Object.freeze({
  flushFormVersion: check(
    'version-wrong',
    'EINVAL',
    svaFlush,
    'version must be that of the kernel: the driver takes no older one.',
    'posted patch',
    FORM,
  ),
  flushFormFlags: check(
    'unknown-flag-bits',
    'EINVAL',
    svaFlush,
    'With padding_unchecked off, cache and the flags of the tags must stay within the bits that are known.',
    'derived',
    FORM,
  ),
  flushFormGranularity: check(
    'granularity-unknown',
    'EINVAL',
    svaFlush,
    'With padding_unchecked off, granularity must be DOMAIN, PASID or ADDR.',
    'derived',
    FORM,
  ),
  flushFormPadding: check(
    'padding-not-zero',
    'EINVAL',
    svaFlush,
    'With padding_unchecked off, every padding byte must be 0.',
    'derived',
    FORM,
  ),
}) satisfies Readonly<Record<string, Check>>;

/** What the driver leaves undone while it returns 0. */
export const SKIPS = Object.freeze({
  granularity: {
    id: 'cache-granularity-skipped',
    doc: 'VT-d has no invalidation of this cache at this granularity: the driver logs it, stops the loop over the cache types and returns 0.',
    evidence: 'source',
    source: SRC,
  } satisfies Skip,
});

/** The same, where no core stands in front of the driver: the form without argsz. */
export const VERSIONED_SKIPS = Object.freeze({
  unknownCache: {
    id: 'cache-type-skipped',
    doc: 'The driver goes over the cache types that it knows and returns 0; a form without checks in the core lets others through to it.',
    evidence: 'derived',
    source: FORM,
  } satisfies Skip,
});
