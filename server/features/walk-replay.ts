import {
  type Happened,
  hexGrouped,
  runScenario,
  type ScenarioFile,
  sizeText,
  type Variant,
  variantsOf,
  whyNotRunnable,
} from '../../engine/index.ts';
import { Access, explain, Kind, Request, type VtdUnit } from '../../engine/models/vtd/index.ts';
import type { Session } from '../../engine/scenario/session.ts';
import { runStep } from '../../engine/scenario/steps.ts';
import type { DmaStep, ScenarioDecl, Step } from '../language/syntax.ts';
import { type EntryText, entryText } from './walk-entries.ts';

/** Steps that may run before the one that is asked for; beyond it a replay would keep the editor waiting. */
const MAX_STEPS = 20_000;
/** Runs of a scenario with `for` that are searched for a failure. */
const MAX_VARIANTS = 50;
/** Pieces of an access that crosses pages. */
const MAX_PIECES = 4;
const PAGE = 0x1000n;

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

/** Why there is no walk. */
interface Trouble {
  readonly problem: string;
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
): AccessWalk | Trouble {
  const unavailable = whyNotRunnable(file.generation.id, file.machine.model);
  if (unavailable !== undefined) return { problem: unavailable };
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
      const failed = firstFailure(file, candidate, step);
      if (failed === undefined) continue;
      [variant, run] = [candidate, failed];
      break;
    }
  }
  return walkBefore(file, variant, step, run);
}

/** The run of a step that first failed, as far as the budget reaches. */
function firstFailure(file: ScenarioFile, variant: Variant, step: Step): number | undefined {
  const { steps } = runScenario(file, variant, { budget: MAX_STEPS, keep: MAX_STEPS });
  return steps.find((s) => s.step === step && s.status === 'failed')?.run;
}

/** Runs a scenario until the step begins for the wanted time, and walks its access then. */
function walkBefore(file: ScenarioFile, variant: Variant, target: Step, wanted: number): AccessWalk | Trouble {
  let found: AccessWalk | Trouble | undefined;
  const { stepsRun } = runScenario(file, variant, {
    budget: MAX_STEPS,
    keep: 0,
    beforeStep: (step, run, session) => {
      if (step !== target || run !== wanted) return undefined;
      found = new Capture(session, variant.name).access(step, run);
      return 'stop';
    },
  });
  if (found) return found;
  if (MAX_STEPS <= stepsRun) return { problem: `more than ${MAX_STEPS} steps run before this one` };
  return { problem: `the step does not run${wanted > 1 ? ` ${wanted} times` : ' in this scenario'}` };
}

/** What an access is about to meet, taken from a running scenario. */
class Capture {
  readonly #session: Session;
  readonly #scenario: string;

  constructor(session: Session, scenario: string) {
    this.#session = session;
    this.#scenario = scenario;
  }

  access(step: Step, run: number): AccessWalk | Trouble {
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
      scenario: this.#scenario,
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
