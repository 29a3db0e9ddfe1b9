import { hex } from '../../base/text.ts';
import { type CallResult, done, type FailPoints, refuse } from '../check.ts';
import type { CacheInvalidate } from '../intel/payloads.ts';
import { isProblem, type Problem } from '../kernel.ts';
import { failed, hidden, u32At, u64At } from '../vfio-container/bytes.ts';
import { CHECKS } from './checks.ts';
import type { Container202003 } from './container.ts';
import { type Copied, copyPayload } from './copy-payload.ts';
import { forEachDevice } from './for-each-device.ts';

const HEADER = 8;

/**
 * VFIO_IOMMU_CACHE_INVALIDATE (vSVA v1): flushes device by device. When one refuses, nothing tells the caller which of
 * the others were flushed: quirk partial_invalidate_left.
 */
export function cacheInvalidate(container: Container202003, argument: bigint, fail: FailPoints): CallResult | Problem {
  const header = container.user.copyFrom(argument, HEADER);
  if (!header) return failed(refuse(CHECKS.flushHeaderFault, { found: `${HEADER} bytes wanted` }));
  const [argsz, flags] = [u32At(header, 0), u32At(header, 4)];
  if (argsz < HEADER)
    return failed(refuse(CHECKS.flushArgsz, { path: 'argsz', found: `${argsz}`, wanted: `at least ${HEADER}` }));
  if (flags !== 0) return failed(refuse(CHECKS.flushFlags, { path: 'flags', found: hex(flags), wanted: '0' }));
  const payload = copyPayload(
    container,
    {
      argument,
      argsz,
      struct: 'iommu_cache_invalidate_info',
      at: 'cache_info',
      checks: {
        versionFault: CHECKS.flushVersionFault,
        noSize: CHECKS.flushNoSize,
        versionRefused: CHECKS.flushVersionRefused,
        size: CHECKS.flushSize,
        noMemory: CHECKS.flushNoMemory,
        fault: CHECKS.flushFault,
      },
    },
    fail,
  );
  if (isProblem(payload)) return payload;
  if ('check' in payload) return failed(payload);
  if (!container.quirk('nesting_type_unchecked') && !container.isNesting)
    return failed(refuse(CHECKS.flushNotNesting, { found: container.typeName, wanted: 'VFIO_TYPE1_NESTING_IOMMU' }));
  const left = container.quirk('partial_invalidate_left');
  const devices = container.domains().flat();
  if (!left && 1 < devices.length)
    return failed(
      refuse(CHECKS.flushSeveral, { found: devices.map((d) => d.name).join(', '), wanted: 'a single device' }),
    );

  const info = cacheInfo(container, payload);
  const notes: string[] = [];
  const flushed: string[] = [];
  const { last, lost, skip } = forEachDevice(container.domains(), left, (device) => {
    const answer = container.driver.svaInvalidate(device, info, fail, notes);
    if (!answer.refusal && !answer.skip) flushed.push(device.name);
    return answer;
  });
  const refusal = last.refusal ?? lost;
  if (refusal) {
    const rest = devices.filter((device) => !flushed.includes(device.name)).map((device) => device.name);
    notes.push(`flushed on ${flushed.join(', ') || 'no device'}, not on ${rest.join(', ')}`);
    return last.refusal ? failed(refusal, notes) : hidden(refusal, notes);
  }
  if (skip) return { returned: 0, hidden: 'skipped', skip, notes };
  return done(0, notes);
}

/** iommu_cache_invalidate_info in the form without argsz; bytes that were not copied read 0. */
function cacheInfo(container: Container202003, { version, bytes }: Copied): CacheInvalidate {
  return {
    at: 'cache_info',
    versioned: {
      version,
      accepts: container.accepted(),
      padded: bytes.subarray(6, 8).some((byte) => byte !== 0),
    },
    cache: bytes[4]!,
    granularity: bytes[5]!,
    flags: u32At(bytes, 8),
    pasid: u64At(bytes, 16),
    addr: u64At(bytes, 24),
    granuleSize: u64At(bytes, 32),
    nbGranules: u64At(bytes, 40),
  };
}
