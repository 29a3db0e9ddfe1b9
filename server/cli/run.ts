import { checkFile, runFile, type ScenarioReport } from '../features/run-file.ts';
import { jsonReport } from '../report/json.ts';
import type { TimedFile } from '../report/junit.ts';
import { prettyDiagnostic, prettyScenario, prettyTotals, type Style } from '../report/pretty.ts';
import { totalsOf } from '../report/totals.ts';
import { EXIT, UsageError } from './exit.ts';
import { diskHost, findInputs, readText } from './files.ts';
import { complain, print, wantsColour } from './output.ts';

export interface RunCommand {
  readonly inputs: readonly string[];
  readonly reporter: 'pretty' | 'json' | 'junit';
  readonly filter: RegExp | undefined;
  readonly bail: boolean;
  readonly maxSteps: number | undefined;
  readonly strict: boolean;
  readonly verbose: boolean;
}

/** How long to run before signals are let in, in milliseconds. */
const SLICE = 20;

/** `vsva run`: runs all scenarios of all files. Answers the exit code. */
export async function run(command: RunCommand): Promise<number> {
  const { reporter, filter, bail, maxSteps, strict, verbose } = command;
  const style: Style = { colour: wantsColour(), verbose };
  const began = performance.now();
  const { files, problems } = await findInputs(command.inputs);
  for (const problem of problems) complain(problem);
  let unreadable = problems.length > 0;

  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
  };
  process.once('SIGINT', interrupt);
  let failed = false;
  const stop = (): string | undefined => {
    if (interrupted) return 'not run to its end: interrupted';
    return bail && failed ? 'not run: a scenario failed and --bail is on' : undefined;
  };

  const reports: TimedFile[] = [];
  for (const file of files) {
    if (interrupted) break;
    const text = readText(file);
    if (typeof text !== 'string') {
      complain(`${file} cannot be read: ${text.problem}`);
      unreadable = true;
      continue;
    }
    const check = checkFile(file, text, diskHost);
    const scenarios: ScenarioReport[] = [];
    const times: number[] = [];
    reports.push({ ...check, scenarios, times });
    if (reporter === 'pretty')
      for (const d of check.diagnostics)
        if (verbose || d.severity === 'error' || d.severity === 'warning')
          print(prettyDiagnostic(d, check.sources, style));

    let started = performance.now();
    let slice = started;
    const steps = runFile(check, {
      stop,
      ...(filter ? { include: (name: string) => filter.test(name) } : {}),
      ...(maxSteps === undefined ? {} : { budget: maxSteps }),
    });
    for (const scenario of steps) {
      const now = performance.now();
      if (scenario) {
        scenarios.push(scenario);
        times.push(now - started);
        if (scenario.status === 'failed') failed = true;
        if (reporter === 'pretty') print(prettyScenario(check, scenario, now - started, style));
        started = now;
      }
      if (slice + SLICE < now) {
        await letSignalsIn();
        slice = performance.now();
      }
    }
  }
  process.off('SIGINT', interrupt);

  const totals = totalsOf(reports);
  if (reporter === 'json') print(jsonReport(reports));
  else if (reporter === 'junit') print((await import('../report/junit.ts')).junitReport(reports));
  else print(prettyTotals(totals, performance.now() - began, style));

  if (interrupted) return EXIT.interrupted;
  const ran = totals.passed + totals.failed + totals.skipped;
  if (filter && ran === 0 && !unreadable) throw new UsageError(`no scenario's name matches ${filter}`);
  if (unreadable) return EXIT.usage;
  return totals.failed + totals.errors > 0 || (strict && totals.warnings > 0) ? EXIT.findings : EXIT.ok;
}

const letSignalsIn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
