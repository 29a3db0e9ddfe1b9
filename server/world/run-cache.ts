import { isErrno, type ScenarioFile } from '../../engine/index.ts';
import type { Lines } from '../features/lines.ts';
import type { ScenarioReport } from '../features/run-file.ts';
import type { Resolved } from '../language/resolve.ts';
import { namesBoundIn } from '../language/scenario-names.ts';
import type { Declaration, ScenarioDecl } from '../language/syntax.ts';
import { namesUsedIn } from '../language/used-names.ts';
import { type ScenarioRun, scenarioRun } from './outcomes.ts';
import { moved } from './step-places.ts';

/** Files whose last run is remembered. */
const FILES = 10;
/** Results of a scenario that are worth remembering; one with more is run again. */
const MAX_RESULTS = 20_000;

/** What one scenario came to when its head stood on a line; offsets count from its start. */
interface Kept {
  readonly line: number;
  readonly reports: readonly ScenarioReport[];
  readonly run: ScenarioRun;
}

interface KeptFile {
  readonly common: string;
  /** What the engine knows its memory by. */
  readonly memory: Pick<ScenarioFile, 'machine' | 'tables'> | undefined;
  readonly scenarios: ReadonlyMap<string, Kept>;
}

/**
 * Runs are deterministic: a scenario whose text, and the text of all that it uses, is what it was comes to what it came
 * to, perhaps on other lines. So only what an edit concerns has to run again.
 */
export class RunCache {
  readonly #files = new Map<string, KeptFile>();

  /** For one run of a file; what is kept in it is there for the next. */
  of(resolved: Resolved, lines: Lines, budget: number): FileRuns {
    const last = this.#files.get(resolved.file);
    const runs = new FileRuns(resolved, lines, budget, last);
    this.#files.delete(resolved.file);
    this.#files.set(resolved.file, runs.kept);
    if (FILES < this.#files.size) this.#files.delete(this.#files.keys().next().value!);
    return runs;
  }
}

export class FileRuns {
  /**
   * The file to run: with the machine and the tables of the last one where their text is the same, so that the engine
   * knows its memory again. Nothing of a result depends on where they stand in the text.
   */
  readonly file: ScenarioFile | undefined;
  readonly kept: KeptFile & { readonly scenarios: Map<string, Kept> };
  readonly #last: ReadonlyMap<string, Kept>;
  readonly #text: string;
  readonly #lines: Lines;
  readonly #declared = new Map<string, string>();
  readonly #uses = new Map<string, ReadonlySet<string>>();
  readonly #keys = new Map<ScenarioDecl, string>();
  readonly #known: ScenarioFile | undefined;

  constructor({ sources, scenarioFile }: Resolved, lines: Lines, budget: number, last: KeptFile | undefined) {
    this.#text = sources[0]!.text;
    this.#lines = lines;
    const everywhere: string[] = [`${budget}`];
    const roots: Declaration[] = [];
    for (const { text, program } of sources)
      for (const declaration of program.declarations) {
        if (declaration.kind === 'scenario') continue;
        const source = text.slice(declaration.start, declaration.end);
        const name = 'name' in declaration ? declaration.name?.text : undefined;
        if (name !== undefined && !this.#declared.has(name)) {
          this.#declared.set(name, source);
          this.#uses.set(name, namesUsedIn(declaration));
        }
        // Machine and page tables are there whether a scenario names them or not.
        if (declaration.kind === 'payload' || declaration.kind === 'let') continue;
        everywhere.push(source);
        roots.push(declaration);
      }
    this.#known = scenarioFile;
    for (const root of roots) everywhere.push(this.#textsUsedBy(namesUsedIn(root), NOTHING));
    const common = everywhere.join('\0');
    const same = last?.common === common ? last : undefined;
    this.#last = same?.scenarios ?? new Map();
    this.file = scenarioFile && { ...scenarioFile, ...same?.memory };
    const memory = this.file && { machine: this.file.machine, tables: this.file.tables };
    // What was not asked for this time stays known for the next.
    this.kept = { common, memory, scenarios: new Map(this.#last) };
  }

  /** What the scenario comes to, where that is known, at the lines where it stands now. */
  find(scenario: ScenarioDecl, line: number): ScenarioRun | undefined {
    const key = this.#keyOf(scenario);
    const kept = this.#last.get(key);
    if (!kept) return undefined;
    const { start } = scenario;
    if (kept.line === line) return { ...kept.run, start };
    const reports = kept.reports.map((r) => moved(r, 0, line - kept.line));
    const here = reports.map((r) => moved(r, start, 0));
    const run = scenarioRun(scenario, here, this.#lines);
    this.kept.scenarios.set(key, { line, reports, run });
    return run;
  }

  keep(scenario: ScenarioDecl, line: number, reports: readonly ScenarioReport[], run: ScenarioRun): void {
    if (MAX_RESULTS < reports.reduce((n, r) => n + r.steps.length, 0)) return;
    const light = reports.map((r) => moved(r, -scenario.start, 0));
    this.kept.scenarios.set(this.#keyOf(scenario), { line, reports: light, run });
  }

  /** Forgets what no scenario of the file stands for any more. */
  tidy(scenarios: readonly ScenarioDecl[]): void {
    const present = new Set(scenarios.map((s) => this.#keyOf(s)));
    for (const key of this.kept.scenarios.keys()) if (!present.has(key)) this.kept.scenarios.delete(key);
  }

  #keyOf(scenario: ScenarioDecl): string {
    let key = this.#keys.get(scenario);
    if (key === undefined) {
      const used = this.#textsUsedBy(namesUsedIn({ kind: 'scenario', ...scenario }), namesBoundIn(scenario));
      key = `${this.#text.slice(scenario.start, scenario.end)}\0${used}`;
      this.#keys.set(scenario, key);
    }
    return key;
  }

  /**
   * The declarations that names stand for, at first or second hand. Where one stands for nothing, what a run says of it
   * depends on all names of the file: one of them may be meant.
   */
  #textsUsedBy(names: ReadonlySet<string>, bound: ReadonlySet<string>): string {
    const used = new Set([...names].sort());
    const texts: string[] = [];
    let isStrange = false;
    // A set's iteration reaches what is added on the way.
    for (const name of used) {
      const text = this.#declared.get(name);
      if (text !== undefined) {
        texts.push(text);
        for (const more of this.#uses.get(name)!) used.add(more);
      } else isStrange ||= !bound.has(name) && !this.#isKnown(name);
    }
    if (isStrange) texts.push([...this.#declared.keys()].join(' '));
    return texts.join('\0');
  }

  /** Whether a name that is not declared stands for something all the same. */
  #isKnown(name: string): boolean {
    if (!this.#known) return false;
    const { generation, machine } = this.#known;
    return (
      generation.constants.has(name) ||
      generation.ioctls.has(name) ||
      isErrno(name) ||
      name === 'iommu0' ||
      machine.devices.some((device) => device.name === name)
    );
  }
}

const NOTHING: ReadonlySet<string> = new Set();
