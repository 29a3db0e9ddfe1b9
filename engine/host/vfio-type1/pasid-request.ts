import { ERRNO } from '../../base/errno.ts';
import { type CallResult, done, type FailPoints, refuse } from '../check.ts';
import { failed, u32At } from '../vfio-container/bytes.ts';
import { CHECKS } from './checks.ts';
import type { Container } from './container.ts';

const SIZE = 16;
const ALLOC = 1;
const FREE = 2;
/** PASIDs one process may hold (module parameter pasid_quota of the series). */
const QUOTA = 1000;

/**
 * VFIO_IOMMU_PASID_REQUEST (vSVA v6, patch 8). ALLOC answers with the PASID as the return value; FREE always succeeds
 * and tears down what is still bound to the PASIDs it frees.
 */
export function pasidRequest(container: Container, argument: bigint, fail: FailPoints): CallResult {
  const bytes = container.user.copyFrom(argument, SIZE);
  if (!bytes) return failed(refuse(CHECKS.requestFault, { found: `${SIZE} bytes wanted` }));
  const [argsz, flags, min, max] = [u32At(bytes, 0), u32At(bytes, 4), u32At(bytes, 8), u32At(bytes, 12)];
  if (argsz < SIZE)
    return failed(refuse(CHECKS.requestArgsz, { path: 'argsz', found: `${argsz}`, wanted: `at least ${SIZE}` }));
  if ((flags & ~(ALLOC | FREE)) !== 0)
    return failed(
      refuse(CHECKS.requestFlags, { path: 'flags', found: `0x${flags.toString(16)}`, wanted: 'bits 0 and 1 only' }),
    );
  if (max < min)
    return failed(refuse(CHECKS.requestRange, { path: 'range', found: `${min} to ${max}`, wanted: 'min <= max' }));
  if (!container.hasVmm)
    return failed(refuse(CHECKS.requestNoVmm, { found: container.typeName, wanted: 'VFIO_TYPE1_NESTING_IOMMU' }));

  if (flags === ALLOC) return allocate(container, min, max, fail);
  if (flags === FREE) {
    for (const pasid of container.ioasids.within(min, max)) {
      container.driver.unbindEverywhere(pasid);
      container.ioasids.free(pasid);
    }
    return done();
  }
  return failed(refuse(CHECKS.requestOp, { path: 'flags', found: `0x${flags.toString(16)}`, wanted: 'ALLOC or FREE' }));
}

function allocate(container: Container, min: number, max: number, fail: FailPoints): CallResult {
  if (fail.hit()) return failed({ ...refuse(CHECKS.requestNoMemory), injected: true });
  const full = QUOTA <= container.ioasids.count;
  const pasid = full ? undefined : container.ioasids.allocate(min, max);
  if (pasid === undefined) {
    const found = full ? `${QUOTA} PASIDs held` : `${min} to ${max} all taken`;
    return {
      ...failed(refuse(CHECKS.requestNoSpace, { path: 'range', found, wanted: 'a free PASID' })),
      returned: -ERRNO.ENOSPC.code,
    };
  }
  // The ioctl returns a signed int, so a PASID above 0x7fffffff would read as an errno.
  return done(pasid | 0);
}
