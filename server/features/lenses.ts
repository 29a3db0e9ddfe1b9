import type { Resolved } from '../language/resolve.ts';
import type { Span } from '../language/syntax.ts';
import { indexLines, lineOf } from './lines.ts';
import type { ScenarioReport } from './run-file.ts';

export interface Lens {
  /** Where the lens stands: the head of a scenario, or the start of the file. */
  readonly span: Span;
  readonly title: string;
  readonly command: 'vsva.runScenario' | 'vsva.runAll';
  /** What the command is called with: the file, and for one scenario its title. */
  readonly args: readonly string[];
}

/**
 * **Run scenario** above each scenario and **Run all** at the top. How many there are, and where, follows from the heads of
 * the scenarios alone, so nothing moves while steps are typed; what came of the last run is part of the title.
 */
export function lenses({ file, sources }: Resolved, results: readonly ScenarioReport[] = []): readonly Lens[] {
  const { text, program } = sources[0]!;
  const scenarios = program.declarations.filter((d) => d.kind === 'scenario');
  if (scenarios.length === 0) return [];
  const lines = indexLines(text);
  const titles = new Map<string, number>();
  for (const { title } of scenarios) titles.set(title, (titles.get(title) ?? 0) + 1);
  return [
    {
      span: { start: 0, end: 0 },
      title: titleOf('$(run-all) Run all', results),
      command: 'vsva.runAll',
      args: [file],
    },
    ...scenarios.map((scenario): Lens => {
      const { title, start, titleSpan } = scenario;
      const own = results.filter(
        (report) =>
          isRunOf(report, title) && (titles.get(title) === 1 || report.line === lineOf(lines, scenario.start)),
      );
      return {
        span: { start, end: titleSpan.end },
        title: titleOf('$(play) Run scenario', own),
        command: 'vsva.runScenario',
        args: [file, title],
      };
    }),
  ];
}

/** A scenario with `for` runs once per value, as `title [X=1]`. */
const isRunOf = ({ name }: ScenarioReport, title: string): boolean =>
  name === title || (name.startsWith(`${title} [`) && name.endsWith(']'));

function titleOf(what: string, reports: readonly ScenarioReport[]): string {
  if (reports.length === 0) return what;
  const count = (status: ScenarioReport['status']): number => reports.filter((r) => r.status === status).length;
  const [failed, skipped, all] = [count('failed'), count('skipped'), reports.length];
  const of = (n: number): string => (all === 1 ? '' : `${n} of ${all} `);
  if (0 < failed) return `${what} · $(error) ${of(failed)}failed`;
  if (0 < skipped) return `${what} · $(circle-slash) ${of(skipped)}skipped`;
  return `${what} · $(pass) ${all === 1 ? '' : `${all} `}passed`;
}
