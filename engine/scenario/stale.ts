import { hexGrouped, sizeText } from '../base/text.ts';
import { culprit, explain, type WalkStep } from '../models/vtd/explain.ts';
import { type Request, Source, type Translation } from '../models/vtd/translation.ts';
import { remedyFor } from './remedy.ts';
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
  const remedy = remedyFor(session, { request, source, page, edited: found?.step });
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
