import {
  type Check,
  type Detail,
  type Generation,
  locate,
  type RunOptions,
  runScenario,
  type ScenarioFile,
  type Step,
  type StepResult,
  variantsOf,
} from '../../../engine/index.ts';
import { type FileHost, resolve } from '../../language/resolve.ts';

/** What a kernel did with a payload. */
export interface Answer {
  /** Why the probe itself could not be run; the rest then says nothing. */
  readonly trouble?: string;
  readonly outcome: string;
  readonly detail: Detail;
  readonly check?: Check;
  /** The field that decided, as the check names it, with what it saw. */
  readonly path?: string;
  readonly found?: string;
  /** 1 for each byte of the subject that the kernel copied while it was asked. */
  readonly read: Uint8Array;
  /** Bytes that the kernel copied although they lie behind the subject. */
  readonly overread: number;
  /** 1 for each byte of the subject, and of what lies behind it, that the kernel changed. */
  readonly written: Uint8Array;
  /** The bytes that the calls passed to the kernel: those of the payload `asked`, else the subject. */
  readonly argument: Uint8Array;
}

type Session = Parameters<NonNullable<RunOptions['beforeStep']>>[2];

const NO_FILES: FileHost = { resolve: (_from, path) => path, read: () => ({ problem: 'a probe has one file' }) };
/** Steps of a probe. */
const BUDGET = 100;
/** Bytes behind the subject in which an answer is looked for. */
const BEHIND = 64;

export interface Question {
  /** A file whose one scenario asks by `expect any`; `subject` is a raw payload in it. */
  readonly text: string;
  /** Field of the payload `asked` that holds the subject. */
  readonly within: string | undefined;
  /** Takes the place of the generation that the text names: the same one, evolved or with other quirks. */
  readonly generation?: Generation;
  readonly quirks?: ReadonlyMap<string, boolean>;
}

/** Answers that are kept: a probe without changes of its own says the same each time. */
const MAX_KEPT = 512;
const kept = new Map<string, Answer>();

/** Asks the real handler: parses, resolves and runs the text as any other file. */
export function ask(question: Question): Answer {
  if (question.generation || question.quirks) return run(question);
  const known = kept.get(question.text);
  if (known) return known;
  if (MAX_KEPT <= kept.size) kept.delete(kept.keys().next().value!);
  const answer = run(question);
  kept.set(question.text, answer);
  return answer;
}

function run({ text, within, generation, quirks }: Question): Answer {
  const resolved = resolve('probe.vsva', text, NO_FILES);
  const none = {
    outcome: 'problem',
    detail: {},
    read: new Uint8Array(0),
    written: new Uint8Array(0),
    overread: 0,
    argument: new Uint8Array(0),
  };
  const error = resolved.diagnostics.find((d) => d.severity === 'error');
  if (!resolved.scenarioFile || error) return { ...none, trouble: error?.message ?? 'the probe names no generation' };
  const file: ScenarioFile = {
    ...resolved.scenarioFile,
    ...(generation ? { generation } : {}),
    ...(quirks ? { quirks } : {}),
  };
  const variants = variantsOf(file, file.scenarios[0]!);
  if ('problem' in variants) return { ...none, trouble: variants.problem };

  const copies: { readonly from: bigint; readonly size: number }[] = [];
  let session: Session | undefined;
  const result = runScenario(file, variants[0]!, {
    budget: BUDGET,
    beforeStep: (step, _run, running) => {
      if (!isAsked(step)) return undefined;
      session = running;
      running.machine.user.onRead = (from, size) => copies.push({ from, size });
      return undefined;
    },
  });
  const failed = result.steps.find((s) => s.status === 'failed');
  if (failed || !session) return { ...none, trouble: failed?.message ?? (result.message || 'nothing was asked') };
  const asked = result.steps.filter((s) => isAsked(s.step));
  // The last step that was refused decides; what follows a refusal would only complain of it.
  const decisive = asked.find(isRefused) ?? asked.at(-1)!;
  if (decisive.outcome === 'problem') return { ...none, trouble: decisive.message || 'the call makes no sense here' };

  const subject = file.payloads.get('subject')!;
  const argument = session.bufferOf(file.payloads.get('asked') ?? subject);
  const holder = session.bufferOf(within === undefined ? subject : file.payloads.get('asked')!);
  if ('problem' in argument) return { ...none, trouble: argument.problem };
  if ('problem' in holder) return { ...none, trouble: holder.problem };
  const located = within === undefined ? undefined : holder.struct && locate(holder.struct, [within]);
  const offset = located && !('missing' in located) ? located.offset : 0;
  const start = holder.address + BigInt(offset);
  const read = new Uint8Array(holder.size - offset);
  for (const { from, size } of copies)
    read.fill(1, ...range(Number(from - start), Number(from - start) + size, read.length));
  const { refusal } = decisive.detail;
  const given = holder.given.subarray(offset);
  const after = session.machine.user.peek(start, given.length + BEHIND);
  const written = after.map((byte, i) => (byte === (given[i] ?? 0) ? 0 : 1));
  return {
    outcome: decisive.outcome,
    detail: decisive.detail,
    ...(refusal ? { check: refusal.check } : {}),
    ...(refusal?.path === undefined ? {} : { path: refusal.path }),
    ...(refusal?.found === undefined ? {} : { found: refusal.found }),
    read,
    written,
    overread: Math.max(0, ...copies.map((copy) => overread(copy, start, holder.size - offset))),
    argument: argument.given,
  };
}

const isAsked = (step: Step): boolean =>
  step.expect?.groups.some((group) => group.some((outcome) => outcome.kind === 'any')) === true;

const isRefused = ({ outcome, detail }: StepResult): boolean =>
  outcome !== 'ok' || detail.hidden !== undefined || detail.skip !== undefined;

/** How far a copy that begins in the subject goes on behind it. */
const overread = (
  { from, size }: { readonly from: bigint; readonly size: number },
  start: bigint,
  length: number,
): number => (start <= from && from < start + BigInt(length) ? Number(from - start) + size - length : 0);

const range = (from: number, to: number, size: number): [number, number] => [
  Math.min(Math.max(0, from), size),
  Math.min(Math.max(0, to), size),
];
