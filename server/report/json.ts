import { type Detail, hex, type StaleCause, type StepRef } from '../../engine/index.ts';
import { type Lines, lineOf } from '../features/lines.ts';
import type { PlacedDiagnostic, ScenarioReport, StepReport } from '../features/run-file.ts';
import { type FileReport, totalsOf } from './totals.ts';

/** Raised when a reader of version 1 would misread the report; new members alone do not raise it. */
const VERSION = 1;

/**
 * The report as one JSON object, a contract with those who parse it (docs/language.md, "Command line"). Members that do
 * not apply are absent. The same input gives the same bytes: nothing in it depends on time or machine.
 */
export function jsonReport(files: readonly FileReport[]): string {
  const { passed, failed, skipped, errors } = totalsOf(files);
  const report = { version: VERSION, files: files.map(fileJson), totals: { passed, failed, skipped, errors } };
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

function fileJson({ file, uapi, diagnostics, scenarios, sources }: FileReport): object {
  const lines = sources.get(file)!;
  return {
    file,
    uapi: uapi ?? null,
    diagnostics: diagnostics.map((d) => diagnosticJson(d, file)),
    scenarios: scenarios.map((s) => scenarioJson(s, lines)),
  };
}

/** `file` is there only for a finding in an included file, whose lines are meant then. */
function diagnosticJson(d: PlacedDiagnostic, file: string): object {
  return {
    ...(d.file === file ? {} : { file: d.file }),
    line: d.line,
    column: d.column,
    endLine: d.endLine,
    endColumn: d.endColumn,
    severity: d.severity,
    code: d.code,
    message: d.message,
  };
}

function scenarioJson({ name, line, status, message, steps, truncated }: ScenarioReport, lines: Lines): object {
  return {
    name,
    line,
    status,
    ...(message ? { message } : {}),
    steps: steps.map((s) => stepJson(s, lines)),
    ...(truncated ? { truncated } : {}),
  };
}

function stepJson(step: StepReport, lines: Lines): object {
  return {
    line: step.line,
    // A lone `expect` is what the author wrote.
    kind: step.step.kind === 'assert' ? 'expect' : step.step.kind,
    ...(step.repeated ? { run: step.run } : {}),
    status: step.status,
    outcome: step.outcome === 'problem' ? 'error' : step.outcome,
    message: step.message,
    ...(step.afterFailure ? { afterFailure: true } : {}),
    detail: detailJson(step.detail, lines),
  };
}

const hex64 = (value: bigint): string => hex(BigInt.asUintN(64, value));

function detailJson(d: Detail, lines: Lines): object {
  return present({
    hpa: d.hpa === undefined ? undefined : hex64(d.hpa),
    gpa: d.gpa === undefined ? undefined : hex64(d.gpa),
    refs: d.refs,
    config: d.config,
    hit: d.hit === undefined ? undefined : d.hit !== false,
    cache: d.hit || (d.psc ? 'psc' : undefined),
    // An access that was answered is known to be fresh where it is not said to be stale.
    stale: d.stale ?? (d.hit === undefined ? undefined : false),
    staleCause: d.staleCause && staleJson(d.staleCause, lines),
    hidden: d.hidden,
    skipped: d.skip?.found,
    fault: d.fault,
    code: d.code === undefined ? undefined : hex(d.code),
    faultText: d.faultText,
    stag: d.stag,
    commandError: d.commandError,
    commandErrorText: d.commandErrorText,
    reason: d.reason,
    refusal: d.refusal && refusalJson(d.refusal),
    returns: d.returns === undefined ? undefined : hex64(d.returns),
    fields:
      d.fields &&
      Object.fromEntries(Object.entries(d.fields).map(([name, value]): [string, string] => [name, hex64(value)])),
    value: d.value === undefined ? undefined : hex64(d.value),
    event: d.event?.map(hex64),
    issued: d.issued?.map((words) => words.map(hex64)),
    notes: d.notes,
    pieces: d.pieces?.map((piece) => detailJson(piece, lines)),
  });
}

function refusalJson({ check, path, found, wanted, injected }: NonNullable<Detail['refusal']>): object {
  const { errno, at, evidence, source } = check;
  return present({ errno, at, path, found, wanted, injected, evidence, source });
}

function staleJson(cause: StaleCause, lines: Lines): object {
  const ref = (r: StepRef | undefined): object | undefined => r && { line: lineOf(lines, r.step.start), run: r.run };
  return present({
    cache: cause.cache,
    tag: cause.tag,
    filled: ref(cause.filled),
    edited: ref(cause.edited),
    entry: cause.entry,
    now: cause.now,
    missed: cause.missed.map(({ step, what }) => ({ ...ref(step), what })),
    remedy: cause.remedy,
    remedyDeclaration: cause.remedyDeclaration,
    remedyStep: cause.remedyStep,
    remedyText: cause.remedyText,
    owed: cause.owed,
    breach: cause.breach,
  });
}

const present = (members: Record<string, unknown>): object =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
