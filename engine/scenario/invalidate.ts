import { nearest } from '../base/text.ts';
import { encode } from '../models/bit-layout.ts';
import type { Hardware } from '../models/model.ts';
import type { CommandOutcome } from '../models/unit.ts';
import { bitValues } from './bit-values.ts';
import type { Happened } from './expect.ts';
import type { InvalidateStep } from './program.ts';
import type { Detail } from './result.ts';
import type { Session } from './session.ts';

const problem = (message: string): Happened => ({ outcome: 'problem', detail: {}, problem: message });

/** `invalidate iommu0 NAME { fields }`: one command straight into the queue; outside of `bare` its completion follows by itself. */
export function invalidate(session: Session, step: InvalidateStep): Happened {
  if (step.iommu.text !== 'iommu0') return problem(`the machine has no IOMMU ${step.iommu.text}`);
  const { hardware, config } = session.machine;
  if (!hardware) return problem(`iommu ${config.model} has no hardware that takes commands`);
  const layout = hardware.commands.find((d) => d.name === step.command.text);
  if (!layout) return problem(noCommand(step.command.text, hardware, config.model));
  const { values, troubles, later } = bitValues(layout, step.fields, (expr) => session.evaluate(expr), layout.fixed);
  const wrong = troubles[0] ?? later[0];
  if (wrong) return problem(wrong.message);
  return issue(session, encode(layout, { ...layout.fixed, ...values }));
}

/** What to say of a command that a model does not have. */
export function noCommand(name: string, { commands }: Pick<Hardware, 'commands'>, model: string): string {
  const near = nearest(
    name,
    commands.map((d) => d.name),
  );
  return `iommu ${model} has no command ${name}${near ? `; did you mean ${near}?` : ''}`;
}

/** Sends one command to the unit and says what it did. */
export function issue(session: Session, words: readonly bigint[]): Happened {
  session.noteInvalidation(words);
  const outcome = session.machine.unit.command(words);
  return {
    outcome: 'ok',
    detail: { issued: [words], issuedText: [session.machine.describe(words)], ...commandDetail(outcome) },
  };
}

/** What a command did, as the result of a step. */
export function commandDetail(outcome: CommandOutcome): Detail {
  const detail = outcomeDetail(outcome);
  if (!outcome.ok || outcome.removed.length > 0) return detail;
  return { ...detail, notes: ['removed nothing', ...(detail.notes ?? [])] };
}

/** The same of what is no invalidation by itself, so that removing nothing is no news. */
export function outcomeDetail({ ok, error, why, removed, notes = [] }: CommandOutcome): Detail {
  const text = removed.map(({ cache, count }) => `${count} ${cache}`).join(', ');
  const told = [...(text ? [`removed ${text}`] : []), ...notes];
  if (!ok) return { commandError: error ?? 'error', commandErrorText: why ?? '', notes: told };
  return told.length > 0 ? { notes: told } : {};
}
