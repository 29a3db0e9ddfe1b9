import { indexLines, lineOf } from '../features/lines.ts';
import { type CheckReport, runFile, type ScenarioReport } from '../features/run-file.ts';
import { walkOfLine } from '../features/walk-text.ts';
import { type Resolved, resolve } from '../language/resolve.ts';
import type { FromWorker, Job, JobEnd, RunJob, Texts, ToWorker } from './jobs.ts';
import { type ScenarioRun, scenarioRun } from './outcomes.ts';
import { includeUri } from './uri.ts';

/** How long to run before messages are let in, in milliseconds. */
const SLICE = 15;
/** How often to say which scenarios have ended. */
const PART = 150;

/** Works on jobs, one after the other, and listens between slices of time. Answers what takes the messages. */
export function serveJobs(post: (message: FromWorker) => void): (message: ToWorker) => void {
  const cancelled = new Set<number>();
  let last = Promise.resolve();
  const work = async (id: number, job: Job): Promise<void> => {
    let end: JobEnd;
    try {
      const isCancelled = (): boolean => cancelled.has(id);
      end =
        job.kind === 'walk'
          ? { cancelled: false, answer: walkOfLine(resolveTexts(job), job.line) }
          : await run(job, (part) => post({ id, part }), isCancelled);
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
  post: (part: readonly ScenarioRun[]) => void,
  isCancelled: () => boolean,
): Promise<JobEnd> {
  const resolved = resolveTexts({ file, text, included });
  const lines = indexLines(text);
  const check: CheckReport = {
    file,
    uapi: undefined,
    diagnostics: errors.map((e) => ({ ...e, line: 0, column: 0, endLine: 0, endColumn: 0 })),
    sources: new Map(resolved.sources.map((s) => [s.file, s.file === file ? lines : indexLines(s.text)])),
    resolved,
  };
  const isRunOf = (name: string, title: string): boolean => name === title || name.startsWith(`${title} [`);

  // Reports come in the order of the scenarios, those of one scenario together.
  const scenarios = resolved.sources[0]!.program.declarations.filter((d) => d.kind === 'scenario');
  let at = 0;
  let reports: ScenarioReport[] = [];
  let ended: ScenarioRun[] = [];
  const owns = ({ name, line }: ScenarioReport): boolean => {
    const scenario = scenarios[at];
    return scenario !== undefined && isRunOf(name, scenario.title) && lineOf(lines, scenario.start) === line;
  };
  const close = (): void => {
    const scenario = scenarios[at];
    if (scenario && reports.length > 0) ended.push(scenarioRun(scenario, reports, lines));
    reports = [];
  };
  let slice = performance.now();
  let posted = slice;
  for (const report of runFile(check, { budget, include: (name) => only === undefined || isRunOf(name, only) })) {
    if (report) {
      if (!owns(report)) {
        close();
        while (at < scenarios.length && !owns(report)) at++;
      }
      reports.push(report);
    }
    const now = performance.now();
    if (now < slice + SLICE) continue;
    if (posted + PART < now) {
      post(ended);
      ended = [];
      posted = now;
    }
    await letMessagesIn();
    if (isCancelled()) {
      // A scenario that did not come to its end has no outcome.
      return { cancelled: true, runs: ended };
    }
    slice = performance.now();
  }
  close();
  return { cancelled: false, runs: ended };
}

const letMessagesIn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
