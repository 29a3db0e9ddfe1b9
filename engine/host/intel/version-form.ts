import { hex } from '../../base/text.ts';
import { type Refusal, refuse } from '../check.ts';
import { VERSIONED_BIND_CHECKS as BIND, VERSIONED_INVALIDATE_CHECKS as FLUSH } from './checks.ts';
import type { IntelDriver } from './driver.ts';
import { type CacheInvalidate, type GuestBind, type VersionForm, vtdFlagsOf } from './payloads.ts';

const FORMAT_INTEL_VTD = 1;
const GPASID_VAL = 1n;
const VTD_FLAGS_KNOWN = 0x3fn;
const CACHES_KNOWN = 0b111;
const GRANULARITY = { domain: 0, pasid: 1, addr: 2 };
/** Known flags of the tags: PASID and ARCHID, for a range also LEAF. */
const FLAGS_KNOWN: Readonly<Record<number, number>> = { [GRANULARITY.pasid]: 0b11, [GRANULARITY.addr]: 0b111 };

/** The head of iommu_gpasid_bind_data in the form without argsz: nobody but the driver looks at it. */
export function checkVersionedBind(driver: IntelDriver, data: GuestBind, form: VersionForm): Refusal | undefined {
  if (!accepts(form))
    return refuse(BIND.bindFormVersion, { path: `${data.at}.version`, found: `${form.version}`, wanted: wanted(form) });
  if (data.format !== FORMAT_INTEL_VTD)
    return refuse(BIND.bindFormFormat, {
      path: `${data.at}.format`,
      found: `${data.format}`,
      wanted: 'IOMMU_PASID_FORMAT_INTEL_VTD (1)',
    });
  if (driver.quirk('padding_unchecked')) return undefined;
  if ((data.flags & ~GPASID_VAL) !== 0n)
    return refuse(BIND.bindFormFlags, {
      path: `${data.at}.flags`,
      found: hex(data.flags),
      wanted: 'IOMMU_SVA_GPASID_VAL only',
    });
  if (form.padded)
    return refuse(BIND.bindFormPadding, { path: `${data.at}.padding`, found: 'a non-zero byte', wanted: '0' });
  if ((data.vtdFlags & ~VTD_FLAGS_KNOWN) !== 0n)
    return refuse(BIND.bindFormFlags, {
      path: vtdFlagsOf(data),
      found: hex(data.vtdFlags),
      wanted: 'bits 0 to 5 only',
    });
  return undefined;
}

/** The head of iommu_cache_invalidate_info in the form without argsz. */
export function checkVersionedInvalidate(
  driver: IntelDriver,
  info: CacheInvalidate,
  form: VersionForm,
): Refusal | undefined {
  if (!accepts(form))
    return refuse(FLUSH.flushFormVersion, {
      path: `${info.at}.version`,
      found: `${form.version}`,
      wanted: wanted(form),
    });
  if (driver.quirk('padding_unchecked')) return undefined;
  if ((info.cache & ~CACHES_KNOWN) !== 0)
    return refuse(FLUSH.flushFormFlags, {
      path: `${info.at}.cache`,
      found: hex(info.cache),
      wanted: 'bits 0 to 2 only',
    });
  if (GRANULARITY.addr < info.granularity)
    return refuse(FLUSH.flushFormGranularity, {
      path: `${info.at}.granularity`,
      found: `${info.granularity}`,
      wanted: 'DOMAIN (0), PASID (1) or ADDR (2)',
    });
  const known = FLAGS_KNOWN[info.granularity];
  if (known !== undefined && (info.flags & ~known) !== 0)
    return refuse(FLUSH.flushFormFlags, {
      path: `${info.at}.${info.granularity === GRANULARITY.addr ? 'addr_info' : 'pasid_info'}.flags`,
      found: hex(info.flags),
      wanted: `bits of ${hex(known)} only`,
    });
  if (form.padded)
    return refuse(FLUSH.flushFormPadding, { path: `${info.at}.padding`, found: 'a non-zero byte', wanted: '0' });
  return undefined;
}

const accepts = ({ version, accepts: [lowest, highest] }: VersionForm): boolean =>
  lowest <= version && version <= highest;

const wanted = ({ accepts: [lowest, highest] }: VersionForm): string =>
  lowest === highest ? `${lowest}, the kernel's own` : `${lowest} to ${highest}`;
