import {
  describeEntry,
  evaluate,
  type Format,
  type Happened,
  hexGrouped,
  integer,
  isNoValue,
  judge,
  type ScenarioFile,
  sizeText,
  type Value,
  type Variant,
  variantsOf,
} from '../../engine/index.ts';
import {
  Access,
  type BitLayout,
  CONTEXT_ENTRY,
  decode,
  explain,
  Kind,
  PASID_DIRECTORY_ENTRY,
  PASID_ENTRY,
  Request,
  ROOT_ENTRY,
  type VtdUnit,
  type WalkStep,
} from '../../engine/models/vtd/index.ts';
import { Session } from '../../engine/scenario/session.ts';
import { runStep } from '../../engine/scenario/steps.ts';
import type { DmaStep, LoopValues, ScenarioDecl, Step } from '../language/syntax.ts';

/** Steps that may run before the one that is asked for; beyond it a replay would keep the editor waiting. */
const MAX_STEPS = 20_000;
/** Runs of a scenario with `for` that are searched for a failure. */
const MAX_VARIANTS = 50;
/** Pieces of an access that crosses pages. */
const MAX_PIECES = 4;
const PAGE = 0x1000n;

/** A field of an entry as it is shown: `AW=2 (48-bit)`. */
export interface EntryText {
  readonly kind: WalkStep['what'];
  /** The specification's name of the entry. */
  readonly name: string;
  /** HPA of the entry. */
  readonly address: bigint;
  readonly value: bigint;
  /** First stage: GPA of the entry under nesting. Second stage: the GPA that is translated. */
  readonly gpa: bigint | undefined;
  /** What it does: `names a table`, `maps a page`, `not present`. */
  readonly role: 'table' | 'page' | 'absent' | 'config';
  /** Flags that are set, or the fields of a configuration entry that are not 0. */
  readonly flags: readonly string[];
  /** Reserved bits that are set, which stop a walk. */
  readonly reserved: bigint;
}

/** What a cache held of an access before it happened. */
export interface CacheText {
  readonly cache: string;
  /** Empty where the cache had nothing. */
  readonly lines: readonly { readonly text: string; readonly filled: Step | undefined }[];
}

/** One piece of an access: what was asked, what the caches held, and the walk through memory as it was then. */
export interface PieceWalk {
  readonly request: { readonly sid: number; readonly pasid: number; readonly address: bigint };
  readonly caches: readonly CacheText[];
  readonly entries: readonly EntryText[];
  readonly verdict: string;
  readonly stages: 'none' | 'first' | 'second' | 'nested' | 'pass-through';
}

export interface AccessWalk {
  readonly scenario: string;
  readonly step: Step;
  /** Which time the step ran, from 1. */
  readonly run: number;
  readonly access: 'read' | 'write' | 'exec';
  readonly device: string;
  readonly privileged: boolean;
  readonly ats: boolean;
  readonly pieces: readonly PieceWalk[];
  /** Pieces that are left out. */
  readonly morePieces: number;
  /** What the step then did; absent for an assertion, which does nothing. */
  readonly happened: Happened | undefined;
}

export interface WalkChoice {
  /** Title of a scenario, or the name of one of its runs. */
  readonly scenario?: string;
  /** Which time the step ran, from 1. Without it the first time that it failed, or the first. */
  readonly run?: number;
}

/** Steps whose access can be walked. */
export const hasAccess = (step: Step): boolean =>
  step.kind === 'dma' || (step.kind === 'assert' && step.assertion.kind === 'cached');

/**
 * Runs a scenario up to a step and walks the step's access right before it happens, so that what is shown is what the
 * access met: its own accessed and dirty bits are not set yet and its own fills are not made.
 */
export function replayAccess(
  file: ScenarioFile,
  scenario: ScenarioDecl,
  step: Step,
  choice: WalkChoice = {},
): AccessWalk | { readonly problem: string } {
  const variants = variantsOf(file, scenario);
  if ('problem' in variants) return variants;
  const chosen = variants.filter(
    (v) => choice.scenario === undefined || choice.scenario === v.name || choice.scenario === scenario.title,
  );
  if (chosen.length === 0)
    return { problem: `"${scenario.title}" has no run called ${choice.scenario ?? ''}`.trimEnd() };
  let [variant, run] = [chosen[0]!, choice.run ?? 1];
  const repeats = chosen.length > 1 || !scenario.steps.includes(step);
  if (choice.run === undefined && repeats) {
    for (const candidate of chosen.slice(0, MAX_VARIANTS)) {
      const failed = new Replay(file, candidate, step).firstFailure();
      if (failed === undefined) continue;
      [variant, run] = [candidate, failed];
      break;
    }
  }
  return new Replay(file, variant, step).walk(run);
}

type Visit = (step: Step, run: number) => boolean;

/** Runs the steps of a scenario on a machine of its own until it is told to stop. */
class Replay {
  readonly #session: Session;
  readonly #variant: Variant;
  readonly #target: Step;
  readonly #runs = new Map<Step, number>();
  #ran = 0;

  constructor(file: ScenarioFile, variant: Variant, target: Step) {
    this.#session = new Session(file);
    this.#variant = variant;
    this.#target = target;
    const { scenario, value } = variant;
    if (scenario.loop && value !== undefined) this.#session.names.locals.set(scenario.loop.name.text, { value });
  }

  /** The run of the step that first failed, as far as the budget reaches. */
  firstFailure(): number | undefined {
    let found: number | undefined;
    this.#all((step, run) => {
      const happened = runStep(this.#session, step);
      if (step !== this.#target) return true;
      const { names } = this.#session;
      if (judge(step.expect, happened, names.scope(), this.#session.fieldScope()).passed) return true;
      found = run;
      return false;
    });
    return found;
  }

  walk(wanted: number): AccessWalk | { readonly problem: string } {
    let found: AccessWalk | { readonly problem: string } | undefined;
    const end = this.#all((step, run) => {
      if (step === this.#target && run === wanted) {
        found = this.#capture(step, run);
        return false;
      }
      runStep(this.#session, step);
      return true;
    });
    if (found) return found;
    return { problem: end ?? `the step does not run${wanted > 1 ? ` ${wanted} times` : ' in this scenario'}` };
  }

  #all(visit: Visit): string | undefined {
    const { machine } = this.#session;
    const end = this.#steps(this.#variant.scenario.steps, visit);
    machine.scrap();
    return end === true ? undefined : end;
  }

  /** Why no further step runs: true when the visitor has seen enough, else a reason; undefined to go on. */
  #steps(steps: readonly Step[], visit: Visit): true | string | undefined {
    for (const step of steps) {
      if (MAX_STEPS <= this.#ran) return `more than ${MAX_STEPS} steps run before this one`;
      const end = step.kind === 'for' ? this.#loop(step, visit) : this.#step(step, visit);
      if (end !== undefined) return end;
    }
    return undefined;
  }

  #step(step: Step, visit: Visit): true | undefined {
    this.#ran++;
    const run = (this.#runs.get(step) ?? 0) + 1;
    this.#runs.set(step, run);
    this.#session.beginStep({ step, run });
    return visit(step, run) ? undefined : true;
  }

  #loop(step: Extract<Step, { kind: 'for' }>, visit: Visit): true | string | undefined {
    const { locals } = this.#session.names;
    const outer = locals.get(step.name.text);
    for (const value of this.#values(step.values)) {
      if (MAX_STEPS <= this.#ran++) return `more than ${MAX_STEPS} steps run before this one`;
      locals.set(step.name.text, { value });
      const end = this.#steps(step.steps, visit);
      if (end !== undefined) return end;
    }
    if (outer) locals.set(step.name.text, outer);
    else locals.delete(step.name.text);
    return undefined;
  }

  *#values(values: LoopValues): Generator<Value> {
    const scope = this.#session.names.scope();
    if ('list' in values) {
      const list = evaluate(values.list, scope);
      if (Array.isArray(list)) yield* list as readonly Value[];
      return;
    }
    const [from, to] = [integer(values.from, scope), integer(values.to, scope)];
    if (isNoValue(from) || isNoValue(to)) return;
    for (let value = from; value < to; value++) yield value;
  }

  #capture(step: Step, run: number): AccessWalk | { readonly problem: string } {
    const asked = accessOf(step);
    if (!asked) return { problem: 'the step makes no access of a device' };
    const { machine } = this.#session;
    const device = machine.config.devices.find((d) => d.name === asked.device.text);
    if (!device) return { problem: `the machine has no device ${asked.device.text}` };
    const numbers = this.#session.numbers({ pasid: asked.pasid, at: asked.at, size: asked.size });
    if ('problem' in numbers) return numbers;
    const { pasid, at = 0n, size = 4n } = numbers;
    if (pasid !== undefined && 0xf_ffffn < pasid) return { problem: 'the PASID has more than 20 bits' };
    const starts = pieceStarts(at, size);
    const pieces = starts.slice(0, MAX_PIECES).map((address) => {
      const request = new Request({
        sid: device.sid,
        pasid: pasid === undefined ? -1 : Number(pasid),
        address,
        access: ACCESS[asked.access],
        privileged: asked.privileged,
        kind: asked.ats ? Kind.Translation : Kind.Untranslated,
      });
      return this.#piece(request, device.ats);
    });
    return {
      scenario: this.#variant.name,
      step,
      run,
      access: asked.access,
      device: device.name,
      privileged: asked.privileged,
      ats: asked.ats,
      pieces,
      morePieces: Math.max(0, starts.length - MAX_PIECES),
      happened: step.kind === 'dma' ? runStep(this.#session, step) : undefined,
    };
  }

  #piece(request: Request, ats: boolean): PieceWalk {
    const { unit } = this.#session.machine;
    const caches = this.#caches(request, ats);
    const { steps, outcome, verdict } = explain(unit, request);
    const stages = (['none', 'first', 'second', 'nested', 'pass-through'] as const)[outcome.pgtt] ?? 'none';
    const { format1, format2 } = unit.present.tables.walker;
    const entries = steps.map((s) => entryText(s, s.what === 'fs' ? format1 : format2));
    const { sid, pasid, address } = request;
    return { request: { sid, pasid, address }, caches, entries, verdict, stages };
  }

  #caches(request: Request, ats: boolean): CacheText[] {
    const { unit } = this.#session.machine;
    const filled = (time: number): Step | undefined => this.#session.stepAt(time)?.step;
    const { sid, address } = request;
    const pasid = usedPasid(unit, request);
    const covers = (line: { page: bigint; size: bigint }): boolean =>
      line.page <= address && address < line.page + line.size;
    const rights = (bits: number): string => ['r', 'w', 'x'].filter((_, i) => bits & (1 << i)).join('') || 'nothing';
    const translations = unit.iotlb
      .list()
      .filter((line) => covers(line) && (line.pasid < 0 || line.pasid === pasid))
      .map((line) => ({
        text: `DID ${line.did}${line.pasid < 0 ? '' : `, PASID ${line.pasid}`}, ${pageText(line)}, ${rights(line.rights)}${line.dirty ? ', dirty' : ', clean'}`,
        filled: filled(line.filledAt),
      }));
    const own = unit.deviceTlb
      .list()
      .filter((line) => line.sid === sid && line.pasid === request.pasid && covers(line))
      .map((line) => ({ text: `${pageText(line)}, ${rights(line.rights)}`, filled: filled(line.filledAt) }));
    const contexts = unit.contextCache
      .list()
      .filter((line) => line.sid === sid)
      .map((line) => ({ text: 'entry of the device', filled: filled(line.filledAt) }));
    const pasids = unit.pasidCache
      .list()
      .filter((line) => line.sid === sid && line.pasid === pasid)
      .map((line) => ({ text: `PASID ${line.pasid}, DID ${line.did}`, filled: filled(line.filledAt) }));
    return [
      ...(ats ? [{ cache: 'device TLB', lines: own }] : []),
      { cache: 'context cache', lines: contexts },
      { cache: 'PASID cache', lines: pasids },
      { cache: 'IOTLB', lines: translations },
    ];
  }
}

const ACCESS = { read: Access.Read, write: Access.Write, exec: Access.Exec } as const;

type Asked = Pick<DmaStep, 'device' | 'pasid' | 'at' | 'size' | 'access' | 'privileged' | 'ats'>;

function accessOf(step: Step): Asked | undefined {
  if (step.kind === 'dma') return step;
  if (step.kind !== 'assert' || step.assertion.kind !== 'cached') return undefined;
  const { device, pasid, at, devtlb } = step.assertion;
  return { device, ...(pasid ? { pasid } : {}), at, access: 'read', privileged: false, ats: devtlb };
}

/** Where an access begins in each page that it touches. */
function pieceStarts(at: bigint, size: bigint): bigint[] {
  const starts: bigint[] = [];
  for (let done = 0n; done < size && starts.length < 0x200; ) {
    const address = BigInt.asUintN(64, at + done);
    starts.push(address);
    done += PAGE - (address & (PAGE - 1n));
  }
  return starts.length > 0 ? starts : [at];
}

/** The PASID that a request is translated under: its own, or that of its context entry as it is now. */
function usedPasid(unit: VtdUnit, request: Request): number {
  return request.pasid >= 0 ? request.pasid : explain(unit, request).outcome.pasid;
}

const pageText = ({ page, size, hpa }: { page: bigint; size: bigint; hpa: bigint }): string =>
  `${hexGrouped(page)} (${sizeText(size)}) to ${hexGrouped(hpa & ~(size - 1n))}`;

const LAYOUTS: Readonly<Record<string, BitLayout>> = {
  root: ROOT_ENTRY,
  context: CONTEXT_ENTRY,
  pde: PASID_DIRECTORY_ENTRY,
  pasid: PASID_ENTRY,
};
const CONFIG_NAMES: Readonly<Record<string, string>> = {
  root: 'root entry',
  context: 'context entry',
  pde: 'PASID directory entry',
  pasid: 'PASID entry',
};

function entryText(step: WalkStep, format: Format | null): EntryText {
  const { what, level, address, value, gpa } = step;
  const layout = LAYOUTS[what];
  if (layout) {
    const flags = configFields(layout, step);
    return { kind: what, name: CONFIG_NAMES[what]!, address, value, gpa, role: 'config', flags, reserved: 0n };
  }
  const entry = format ? describeEntry(format, level, value) : undefined;
  return {
    kind: what,
    name: entry?.name ?? `level ${level}`,
    address,
    value,
    gpa,
    role: !entry?.present ? 'absent' : entry.leaf ? 'page' : 'table',
    flags: entry?.flags ?? [],
    reserved: entry?.reserved ?? 0n,
  };
}

/** The fields that are not 0; of an entry that is not present just that. */
function configFields(layout: BitLayout, { what, qwords, address }: WalkStep): string[] {
  // A walk reads one half of a root entry: the upper one has the fields of the same place with other names.
  const upper = what === 'root' && (address & 8n) !== 0n;
  const values = decode(layout, upper ? [0n, ...qwords] : qwords);
  const shown = layout.fields.filter(({ name }) => values[name] !== 0n);
  if (!shown.some(({ name }) => name === 'P' || name === 'LP' || name === 'UP')) return ['not present'];
  return shown.map(({ name, addressLg2, values: named }) => {
    const value = values[name]!;
    const word = Object.entries(named ?? {}).find(([, v]) => v === value)?.[0];
    return `${name}=${addressLg2 ? hexGrouped(value) : value}${word ? ` (${word})` : ''}`;
  });
}
