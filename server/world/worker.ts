import { compatAt } from '../features/compat/index.ts';
import { indexLines, lineOf } from '../features/lines.ts';
import { type CheckReport, runFile, type ScenarioReport } from '../features/run-file.ts';
import { findSkips } from '../features/skips.ts';
import { walkOfLine } from '../features/walk-text.ts';
import { type Resolved, resolve } from '../language/resolve.ts';
import type { ScenarioDecl } from '../language/syntax.ts';
import type { FromWorker, Job, JobEnd, RunJob, Texts, ToWorker } from './jobs.ts';
import { type ScenarioRun, scenarioRun } from './outcomes.ts';
import { RunCache } from './run-cache.ts';
import { baseName, includeUri } from './uri.ts';

/** How long to run before messages are let in, in milliseconds. */
const SLICE = 15;
/** How often to say which scenarios have ended. */
const PART = 150;

/** Works on jobs, one after the other, and listens between slices of time. Answers what takes the messages. */
export function serveJobs(post: (message: FromWorker) => void): (message: ToWorker) => void {
  const cancelled = new Set<number>();
  const cache = new RunCache();
  let last = Promise.resolve();
  const work = async (id: number, job: Job): Promise<void> => {
    let end: JobEnd;
    try {
      const isCancelled = (): boolean => cancelled.has(id);
      end =
        job.kind === 'walk'
          ? { cancelled: false, answer: walkOfLine(resolveTexts(job), job.line) }
          : job.kind === 'compat'
            ? { cancelled: false, answer: compatAt(resolveTexts(job), job.offset, job.summary) }
            : await run(job, cache, (part) => post({ id, part }), isCancelled);
    } catch (error) {
      end = { cancelled: false, problem: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    cancelled.delete(id);
    post({ id, end });
  };
  return (message) => {
    if ('cancel' in message) cancelled.add(message.id);
    else last = last.then(() => work(message.id, message.job));
  };
}

function resolveTexts({ file, text, included }: Texts): Resolved {
  const texts = new Map(included);
  return resolve(file, text, {
    resolve: includeUri,
    read: (name) => texts.get(name) ?? { problem: 'it was not there when the run began' },
  });
}

async function run(
  { file, text, included, errors, budget, scenario: only }: RunJob,
  cache: RunCache,
  post: (part: readonly ScenarioRun[]) => void,
  isCancelled: () => boolean,
): Promise<JobEnd> {
  const resolved = resolveTexts({ file, text, included });
  const lines = indexLines(text);
  const known = cache.of(resolved, lines, budget);
  const check: CheckReport = {
    file,
    uapi: undefined,
    diagnostics: errors.map((e) => ({ ...e, line: 0, column: 0, endLine: 0, endColumn: 0 })),
    sources: new Map(resolved.sources.map((s) => [s.file, s.file === file ? lines : indexLines(s.text)])),
    resolved: { ...resolved, scenarioFile: known.file },
  };
  const scenarios = resolved.sources[0]!.program.declarations.filter((d) => d.kind === 'scenario');
  const lineOfHead = (scenario: ScenarioDecl): number => lineOf(lines, scenario.start);
  let ended: ScenarioRun[] = [];

  let slice = performance.now();
  let posted = slice;
  /** Lets messages in when it is time to, and says whether to go on. */
  const goesOn = async (): Promise<boolean> => {
    const now = performance.now();
    if (now < slice + SLICE) return true;
    if (posted + PART < now) {
      post(ended);
      ended = [];
      posted = now;
    }
    await letMessagesIn();
    slice = performance.now();
    return !isCancelled();
  };

  /** Scenarios whose outcome is known. One of the same title may run and take them along. */
  const found = new Set<ScenarioDecl>();
  /** Titles of what has to run. */
  const titles = new Set<string>();
  const skipReason = findSkips(resolved, check.diagnostics);
  for (const scenario of scenarios) {
    if (only !== undefined && scenario.title !== only) continue;
    const outcome = skipReason(scenario) ? undefined : known.find(scenario, lineOfHead(scenario));
    if (outcome) {
      ended.push(outcome);
      found.add(scenario);
    } else titles.add(scenario.title);
    if (!(await goesOn())) return { cancelled: true, runs: ended };
  }

  // Reports come in the order of the scenarios, those of one scenario together.
  let at = 0;
  let reports: ScenarioReport[] = [];
  const owns = ({ name, line }: ScenarioReport): boolean => {
    const scenario = scenarios[at];
    return scenario !== undefined && isRunOf(name, scenario.title) && lineOfHead(scenario) === line;
  };
  const close = (): void => {
    const scenario = scenarios[at];
    if (scenario && reports.length > 0 && !found.has(scenario)) {
      const outcome = scenarioRun(scenario, reports, lines);
      ended.push(outcome);
      if (reports.every((r) => r.status !== 'skipped')) known.keep(scenario, lineOfHead(scenario), reports, outcome);
    }
    reports = [];
  };
  /** Files by their names: a message has one line. */
  const shortened = (message: string): string =>
    included.reduce((short, [name]) => short.replaceAll(name, baseName(name)), message);
  const include = (name: string): boolean => titles.has(name) || titles.has(name.slice(0, name.lastIndexOf(' [')));
  for (const report of titles.size > 0 ? runFile(check, { budget, include }) : []) {
    if (report) {
      if (!owns(report)) {
        close();
        while (at < scenarios.length && !owns(report)) at++;
      }
      reports.push(report.message === '' ? report : { ...report, message: shortened(report.message) });
    }
    // A scenario that did not come to its end has no outcome.
    if (performance.now() >= slice + SLICE && !(await goesOn())) return { cancelled: true, runs: ended };
  }
  close();
  if (only === undefined) known.tidy(scenarios);
  return { cancelled: false, runs: ended };
}

/** Whether a run with this name is one of a scenario with this title, which its `for` may have made several of. */
const isRunOf = (name: string, title: string): boolean => name === title || name.startsWith(`${title} [`);

const letMessagesIn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
