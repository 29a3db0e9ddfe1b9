import { hexGrouped, sizeText } from '../base/text.ts';
import { culprit, explain, type WalkStep } from '../models/vtd/explain.ts';
import { type Request, Source, type Translation } from '../models/vtd/translation.ts';
import type { StaleCause, StepRef } from './result.ts';
import type { Session } from './session.ts';

const CACHES: Readonly<Record<number, string>> = {
  [Source.Context]: 'context cache',
  [Source.Pasid]: 'PASID cache',
  [Source.Iotlb]: 'IOTLB',
  [Source.DeviceTlb]: 'device TLB',
};

/** Explains a stale access: what kept it, what edited it, which invalidations missed it, and what would have covered it. */
export function staleCause(session: Session, request: Request, t: Translation): StaleCause {
  const { unit } = session.machine;
  const page = request.address & ~((1n << BigInt(t.lg2 || 12)) - 1n);
  const { source, filledAt, pasid, did } = t;
  // Keep what was used: the walk below reuses the unit's buffers.
  const size = 1n << BigInt(t.lg2 || 12);
  const landed = t.ok ? t.hpa : undefined;
  const found = culprit(unit, request, filledAt);
  const { outcome } = explain(unit, request);
  const reason = outcome.reason;
  const now = outcome.ok
    ? differs(landed, outcome)
    : `fault ${reason?.name ?? ''}${reason ? ` (${reason.text.replace(/\.$/, '')})` : ''}`;
  const editedAt = found?.editedAt ?? 0;
  const filled = session.stepAt(filledAt);
  const edited = session.stepAt(editedAt);
  const tag =
    source === Source.Context
      ? `device ${deviceName(session, request.sid)}`
      : source === Source.Pasid
        ? `device ${deviceName(session, request.sid)}, PASID ${pasid}`
        : source === Source.DeviceTlb
          ? `${deviceName(session, request.sid)}, ${request.pasid < 0 ? 'no PASID' : `PASID ${request.pasid}`}, page ${hexGrouped(page)} (${sizeText(size)})`
          : `DID ${did}${request.pasid < 0 ? '' : `, PASID ${pasid}`}, page ${hexGrouped(page)} (${sizeText(size)})`;
  const remedy = remedyFor(session, request, source, page, found?.step);
  return {
    cache: CACHES[source] ?? 'cached',
    tag,
    ...(filled ? { filled } : {}),
    ...(edited ? { edited } : {}),
    ...(found ? { entry: entryText(found.step) } : {}),
    now,
    missed: missedSince(session, editedAt),
    ...remedy,
    breach: landed !== undefined && session.reused.some((r) => r.from <= landed && landed < r.to),
  };
}

const deviceName = (session: Session, sid: number): string =>
  session.machine.config.devices.find((d) => d.sid === sid)?.name ?? `SID ${sid}`;

function differs(landed: bigint | undefined, present: Translation): string {
  if (landed !== undefined && landed !== present.hpa)
    return `HPA ${hexGrouped(present.hpa)} instead of ${hexGrouped(landed)}`;
  return landed === undefined
    ? `HPA ${hexGrouped(present.hpa)} instead of a fault`
    : `the same address with fewer rights`;
}

function entryText(step: WalkStep | undefined): string {
  if (!step) return 'the root table register';
  const kind = {
    root: 'root entry',
    context: 'context entry',
    pde: 'PASID directory entry',
    pasid: 'PASID table entry',
    fs: 'first-stage entry',
    ss: 'second-stage entry',
  }[step.what];
  const place =
    step.what === 'fs' && step.gpa !== undefined ? `GPA ${hexGrouped(step.gpa)}` : `HPA ${hexGrouped(step.address)}`;
  return `the ${kind} at ${place} (${step.note})`;
}

/** Invalidations from the edit on that the entry survived, each step once. */
function missedSince(session: Session, time: number): { step: StepRef; what: string }[] {
  if (time === 0) return [];
  return session.invalidations
    .filter((i) => time <= i.time)
    .slice(0, 8)
    .map(({ ref, what }) => ({ step: ref, what }));
}

/**
 * The smallest UAPI call that removes the entry: this generation lets the guest invalidate first-stage translations by
 * address and PASID. Nothing the guest can send reaches context or PASID caches; the kernel owes those itself.
 */
function remedyFor(
  session: Session,
  request: Request,
  source: number,
  page: bigint,
  edited: WalkStep | undefined,
): Pick<StaleCause, 'remedy' | 'remedyStep' | 'remedyText'> | undefined {
  if (source !== Source.Iotlb && source !== Source.DeviceTlb) return undefined;
  if (request.pasid < 0 || (edited && edited.what !== 'fs' && source !== Source.DeviceTlb)) return undefined;
  // With ATS the IOTLB's flush reaches the device too; the device's alone would let it refill from a stale IOTLB.
  const deviceOnly = source === Source.DeviceTlb && edited?.what !== 'fs';
  const cache = deviceOnly ? 'IOMMU_CACHE_INV_TYPE_DEV_IOTLB' : 'IOMMU_CACHE_INV_TYPE_IOTLB';
  const kind = session.file.generation.kinds.has('cache_invalidate_info') ? 'cache_invalidate_info' : undefined;
  if (!kind) return undefined;
  const remedy = [
    `${kind} {`,
    '  argsz = sizeof',
    '  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1',
    `  cache = ${cache}`,
    '  granularity = IOMMU_INV_GRANU_ADDR',
    `  granu.addr_info = { flags = IOMMU_INV_ADDR_FLAGS_PASID, pasid = ${request.pasid}, addr = ${hexGrouped(page)}, granule_size = 4K, nb_granules = 1 }`,
    '}',
  ].join('\n');
  const indented = remedy.replaceAll('\n', '\n  ');
  const remedyStep = `submit nesting_op {\n  argsz = sizeof\n  flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD\n  data = ${indented}\n}`;
  const name = deviceOnly ? 'DEV_IOTLB' : 'IOTLB';
  return { remedy, remedyStep, remedyText: `${name} by ADDR, PASID ${request.pasid}, ${hexGrouped(page)} size 4K` };
}
