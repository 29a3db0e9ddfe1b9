/**
 * Golden traces: what a file's scenarios did, one line per step, from the result data alone. Sentences are left out, so
 * that a golden changes when behaviour does and not when wording does.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  type Detail,
  hexGrouped,
  runScenario,
  type ScenarioResult,
  type StepResult,
  variantsOf,
} from '../engine/index.ts';
import { analyse } from '../server/language/analyse.ts';
import { type FileHost, type Resolved, resolve } from '../server/language/resolve.ts';

/** Files on disk, for `include`. */
export const diskHost: FileHost = {
  resolve: (from, to) => path.resolve(path.dirname(from), to),
  read(file) {
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      return { problem: String(error) };
    }
  },
};

/** A file as the tool sees it: its findings as `line: severity code: message`, and the results of its scenarios. */
export interface FileRun {
  readonly resolved: Resolved;
  readonly text: string;
  readonly findings: readonly string[];
  readonly results: readonly ScenarioResult[];
}

/** Errors and warnings; what is only worth a hint may stand in a file that means it. */
export const complaints = ({ findings }: FileRun): string[] =>
  findings.filter((finding) => / (error|warning) /.test(finding));

/** Why scenarios did not pass, one line per failed step, or per scenario that failed outside of any. */
export const failures = ({ text, results }: FileRun): string[] =>
  results.flatMap(({ name, status, message, steps }) => {
    const failed = steps.filter((result) => result.status !== 'passed');
    const lines = failed.map((result) => `${name}:${lineAt(text, result.step.start)}: ${result.message}`);
    return status === 'passed' || lines.length > 0 ? lines : [`${name}: ${status} ${message}`];
  });

export const runFile = (file: string): FileRun => runText(file, readFileSync(file, 'utf8'));

export function runText(file: string, text: string): FileRun {
  const resolved = resolve(file, text, diskHost);
  const findings = analyse(resolved).map(({ file: where, start, severity, code, message }) => {
    const source = resolved.sources.find((s) => s.file === where)?.text ?? text;
    return `${path.basename(where)}:${lineAt(source, start)}: ${severity} ${code}: ${message}`;
  });
  const { scenarioFile } = resolved;
  const results = (scenarioFile?.scenarios ?? []).flatMap((scenario) => {
    const variants = variantsOf(scenarioFile!, scenario);
    if ('problem' in variants) throw new Error(variants.problem);
    return variants.map((variant) => runScenario(scenarioFile!, variant));
  });
  return { resolved, text, findings, results };
}

export const lineAt = (text: string, offset: number): number => text.slice(0, offset).split('\n').length;

/** The trace of a file. Steps that only bind or note something are left out. */
export function traceOf({ text, results }: FileRun): string {
  return results.map((result) => `${[heading(result), ...stepLines(text, result)].join('\n')}\n`).join('\n');
}

const heading = ({ name, status, message }: ScenarioResult): string =>
  `${name}: ${status}${message === '' ? '' : ` (${message})`}`;

function stepLines(text: string, { steps }: ScenarioResult): string[] {
  return steps
    .filter(({ step }) => step.kind !== 'let' && step.kind !== 'note')
    .map((result) => {
      const { step, status } = result;
      const line = String(lineAt(text, step.start)).padStart(4);
      const failed = status === 'failed' ? ' FAILED' : '';
      return `${line} ${step.kind.padEnd(10)} ${[outcome(result), ...commands(result.detail)].join(' | ')}${failed}`;
    });
}

/** `hpa 0x1_4000_0010 miss refs 24 config 4`, `fault SFS.2 refs 16`, `EINVAL argsz-too-small`, `ok hidden EINVAL ..`. */
function outcome({ outcome, detail }: StepResult): string {
  const { hpa, refs, config, hit, fault, stale, staleCause, hidden, reason, returns } = detail;
  const access = refs !== undefined;
  return [
    outcome,
    outcome === 'hpa' && hpa !== undefined ? hexGrouped(hpa) : '',
    outcome === 'fault' ? fault : '',
    access && (hit ? `hit ${hit}` : 'miss'),
    access && `refs ${refs}`,
    access && config ? `config ${config}` : '',
    !access && returns ? returned(returns) : '',
    hidden && `hidden ${hidden}`,
    !access && reason,
    stale && `STALE in ${staleCause?.cache ?? 'a cache'}`,
    staleCause?.breach && 'BREACH',
  ]
    .filter(Boolean)
    .join(' ');
}

const returned = (value: bigint): string => (value < 0n ? '' : `returned ${value}`);

const commands = ({ issuedText = [] }: Detail): readonly string[] => issuedText;
