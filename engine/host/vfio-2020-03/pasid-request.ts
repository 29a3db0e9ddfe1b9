import { hex } from '../../base/text.ts';
import { putUint } from '../../uapi/index.ts';
import { type CallResult, done, type FailPoints, refuse } from '../check.ts';
import { failed, hidden, u32At } from '../vfio-container/bytes.ts';
import { CHECKS } from './checks.ts';
import type { Container202003 } from './container.ts';

const HEADER = 8;
const SIZE = 20;
const RESULT = 16n;
const ALLOC = 1;
const FREE = 2;
/** PASIDs one process may hold (module parameter pasid_quota of the series). */
const QUOTA = 1000;

/** VFIO_IOMMU_PASID_REQUEST (vSVA v1): the PASID is written back at byte 16, not returned. */
export function pasidRequest(container: Container202003, argument: bigint, fail: FailPoints): CallResult {
  const header = container.user.copyFrom(argument, HEADER);
  if (!header) return failed(refuse(CHECKS.requestHeaderFault, { found: `${HEADER} bytes wanted` }));
  const [argsz, flags] = [u32At(header, 0), u32At(header, 4)];
  if (argsz < HEADER)
    return failed(refuse(CHECKS.requestArgsz, { path: 'argsz', found: `${argsz}`, wanted: `at least ${HEADER}` }));
  if ((flags & ~(ALLOC | FREE)) !== 0 || flags === (ALLOC | FREE))
    return failed(
      refuse(CHECKS.requestFlags, { path: 'flags', found: hex(flags), wanted: 'bit 0 or bit 1, and no other' }),
    );
  if (!container.quirk('request_size_unchecked') && argsz < SIZE)
    return failed(refuse(CHECKS.requestSize, { path: 'argsz', found: `${argsz}`, wanted: `at least ${SIZE}` }));
  const rest = container.user.copyFrom(argument + BigInt(HEADER), SIZE - HEADER);
  if (!rest) return failed(refuse(CHECKS.requestFault, { found: `${SIZE} bytes wanted` }));
  if (flags === ALLOC) return allocate(container, argument, u32At(rest, 0), u32At(rest, 4), fail);
  if (flags === FREE) return free(container, u32At(rest, 0));
  return failed(refuse(CHECKS.requestOp, { path: 'flags', found: '0', wanted: 'ALLOC (1) or FREE (2)' }));
}

function allocate(
  container: Container202003,
  argument: bigint,
  min: number,
  max: number,
  fail: FailPoints,
): CallResult {
  const lost = container.quirk('alloc_error_lost');
  if (!container.hasDomain)
    return failed(refuse(CHECKS.allocNoDomain, { found: 'no group attached', wanted: 'an attached group' }));
  if (!container.hasMm) return failed(refuse(lost ? CHECKS.allocLost : CHECKS.allocNoMm));
  const injected = fail.hit();
  const full = QUOTA <= container.ioasids.count;
  const pasid = full || injected ? undefined : container.ioasids.allocate(min, max);
  if (pasid === undefined) {
    const found = full ? `${QUOTA} PASIDs held` : `no PASID from ${min} to ${max} is free`;
    const seen = injected ? { injected } : { path: 'alloc_pasid', found, wanted: 'a free PASID' };
    return failed(refuse(lost ? CHECKS.allocLost : CHECKS.allocNoSpace, seen));
  }
  // The result is an int, of which only what is above 0 counts as a PASID.
  if (lost && (pasid | 0) <= 0)
    return failed(refuse(CHECKS.allocLost, { path: 'alloc_pasid', found: hex(pasid), wanted: 'a PASID above 0' }), [
      `PASID ${pasid} stays allocated`,
    ]);
  const result = new Uint8Array(4);
  putUint(result, 0, 4, BigInt(pasid));
  if (container.user.copyTo(argument + RESULT, result)) return done();
  // What copy_to_user returns, bytes left to copy, is returned as it is.
  return { ...hidden(refuse(CHECKS.resultLost, { found: `PASID ${pasid}` })), returned: result.length };
}

function free(container: Container202003, pasid: number): CallResult {
  if (!container.hasDomain)
    return failed(refuse(CHECKS.freeNoDomain, { found: 'no group attached', wanted: 'an attached group' }));
  if (!container.hasMm) return failed(refuse(CHECKS.freeNoMm));
  if (!container.ioasids.has(pasid))
    return failed(
      refuse(CHECKS.freeUnknown, { path: 'free_pasid', found: `PASID ${pasid}`, wanted: 'an allocated PASID' }),
    );
  container.driver.unbindEverywhere(pasid);
  container.ioasids.free(pasid);
  return done();
}
