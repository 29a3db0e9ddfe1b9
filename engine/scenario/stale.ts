import { hexGrouped } from '../base/text.ts';
import { Hit, Kind, Request, type Translation } from '../models/translation.ts';
import type { Culprit } from '../models/unit.ts';
import { remedyFor } from './remedy.ts';
import type { StaleCause, StepRef } from './result.ts';
import type { Session } from './session.ts';

/** Explains a stale access: what kept it, what edited it, which invalidations missed it, and what would have covered it. */
export function staleCause(session: Session, given: Request, t: Translation): StaleCause {
  const { unit } = session.machine;
  // A device TLB holds what a translation request was answered, so what is asked now is another one.
  const { sid, pasid, address, access, privileged } = given;
  const kind = t.hit === Hit.DeviceTlb ? Kind.Translation : given.kind;
  const request = new Request({ sid, pasid, address, access, privileged, kind });
  const page = request.address & ~((1n << BigInt(t.lg2 || 12)) - 1n);
  const { source, filledAt } = t;
  // Keep what was used: the walk below reuses the unit's buffers.
  const { cache, tag } = unit.holder(request, t, (sid) => deviceName(session, sid));
  const landed = t.ok ? t.hpa : undefined;
  const found = unit.culprit(request, t.since || filledAt);
  const commands = unit.candidates(request, t, found);
  // Without a kernel only the scenario itself can flush.
  const candidates = session.machine.hasKernel ? undefined : commands;
  const { outcome } = unit.explain(request);
  const reason = outcome.reason;
  const now = outcome.ok
    ? differs(landed, outcome)
    : `fault ${reason?.name ?? ''}${reason ? ` (${reason.text.replace(/\.$/, '')})` : ''}`;
  const editedAt = found?.editedAt ?? 0;
  const filled = session.stepAt(filledAt);
  const edited = session.stepAt(editedAt);
  const remedy = remedyFor(session, { request, source, page, edited: found?.step, commands });
  return {
    cache,
    tag,
    ...(filled ? { filled } : {}),
    ...(edited ? { edited } : {}),
    ...(found ? { entry: entryText(found) } : {}),
    now,
    missed: missedSince(session, editedAt),
    ...remedy,
    ...(candidates ? { candidates } : {}),
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

function entryText({ step, register }: Culprit): string {
  if (!step) return `the register ${register ?? ''}`;
  const behind = step.stage !== 2 && step.gpa !== undefined;
  const place = behind ? `GPA ${hexGrouped(step.gpa!)}` : `HPA ${hexGrouped(step.address)}`;
  return `the ${step.title} at ${place} (${step.note})`;
}

/** Invalidations from the edit on that the entry survived, each step once. */
function missedSince(session: Session, time: number): { step: StepRef; what: string }[] {
  if (time === 0) return [];
  return session.invalidations
    .filter((i) => time <= i.time)
    .slice(0, 8)
    .map(({ ref, what }) => ({ step: ref, what }));
}
