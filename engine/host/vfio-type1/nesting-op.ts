import { hex } from '../../base/text.ts';
import { type CallResult, done, type FailPoints, type Refusal, refuse } from '../check.ts';
import { failed, hidden, u32At } from '../vfio-container/bytes.ts';
import { CHECKS } from './checks.ts';
import type { NestingContainer } from './nesting-container.ts';
import { uapiBind, uapiUnbind } from './uapi-bind.ts';
import { uapiCacheInvalidate } from './uapi-cache-invalidate.ts';

const HEADER = 8;
const OP_MASK = 0xffff;
const OP = { bind: 0, unbind: 1, flush: 2 };

/**
 * VFIO_IOMMU_NESTING_OP (vSVA v6, patches 10 to 12). The header is 8 bytes; the operation's payload lies behind it.
 * As posted, no error of the payload reaches the caller: the quirks bind_error_lost, unbind_error_lost and
 * invalidate_error_lost turn that on and off one by one.
 */
export function nestingOp(container: NestingContainer, argument: bigint, fail: FailPoints): CallResult {
  const header = container.user.copyFrom(argument, HEADER);
  if (!header) return failed(refuse(CHECKS.headerFault, { found: `${HEADER} bytes wanted` }));
  const [argsz, flags] = [u32At(header, 0), u32At(header, 4)];
  if (argsz < HEADER)
    return failed(refuse(CHECKS.headerArgsz, { path: 'argsz', found: `${argsz}`, wanted: `at least ${HEADER}` }));
  if ((flags & ~OP_MASK) !== 0)
    return failed(refuse(CHECKS.headerFlags, { path: 'flags', found: hex(flags), wanted: 'the low 16 bits only' }));
  const data = argument + BigInt(HEADER);
  switch (flags & OP_MASK) {
    case OP.bind:
      return handlePgtbl(container, data, fail, true);
    case OP.unbind:
      return handlePgtbl(container, data, fail, false);
    case OP.flush:
      return invalidateCache(container, data, fail);
    default:
      return failed(
        refuse(CHECKS.headerOp, {
          path: 'flags',
          found: `operation ${flags & OP_MASK}`,
          wanted: 'BIND_PGTBL (0), UNBIND_PGTBL (1) or CACHE_INVLD (2)',
        }),
      );
  }
}

function handlePgtbl(container: NestingContainer, data: bigint, fail: FailPoints, isBind: boolean): CallResult {
  const wrongType = { found: container.typeName, wanted: 'VFIO_TYPE1_NESTING_IOMMU with a device attached' };
  if (!container.hasNestingInfo) return failed(refuse(CHECKS.bindNoNesting, wrongType));
  if (!container.hasVmm) return failed(refuse(CHECKS.bindNoVmm, wrongType));
  const devices = container.groupDevices();

  if (isBind) {
    let refusal: Refusal | undefined;
    for (const device of devices) {
      refusal = uapiBind(container, device, data, fail);
      if (refusal) break;
    }
    if (!refusal) return done();
    // The failure path unbinds the same PASID from every device, even one that was bound before this call.
    const lost = devices.filter((device) => uapiUnbind(container, device, data).torndown).map((d) => d.name);
    const notes = lost.length > 0 ? [`the failed bind also unbound the PASID from ${lost.join(', ')}`] : [];
    return container.quirk('bind_error_lost') ? hidden(refusal, notes) : failed(refusal, notes);
  }

  let refusal: Refusal | undefined;
  for (const device of devices) refusal ??= uapiUnbind(container, device, data).refusal;
  if (!refusal) return done();
  return container.quirk('unbind_error_lost') ? hidden(refusal) : failed(refusal);
}

function invalidateCache(container: NestingContainer, data: bigint, fail: FailPoints): CallResult {
  if (!container.hasNestingInfo)
    return failed(
      refuse(CHECKS.flushNoNesting, {
        found: container.typeName,
        wanted: 'VFIO_TYPE1_NESTING_IOMMU with a device attached',
      }),
    );
  const notes: string[] = [];
  let skipped: CallResult['skip'];
  let refusal: Refusal | undefined;
  for (const device of container.groupDevices()) {
    const outcome = uapiCacheInvalidate(container, device, data, fail, notes);
    refusal ??= outcome.refusal;
    skipped ??= outcome.skip;
    // With its error discarded the per-device callback always returns 0, so the loop goes on to the next device.
    if (outcome.refusal && !container.quirk('invalidate_error_lost')) break;
  }
  if (refusal) return container.quirk('invalidate_error_lost') ? hidden(refusal, notes) : failed(refusal, notes);
  if (skipped) return { returned: 0, hidden: 'skipped', skip: skipped, notes };
  return done(0, notes);
}
