import { isErrno, type ScenarioFile } from '../../engine/index.ts';
import type { Resolved } from './resolve.ts';
import { namesBoundIn } from './scenario-names.ts';
import type { Declaration, Problem, Span } from './syntax.ts';
import { namesUsedIn, rememberNames } from './used-names.ts';

/** What is known of a declaration's text wherever it stands. */
interface Known {
  /** The same for the same text in the same file. */
  readonly id: number;
  readonly names: ReadonlySet<string>;
  /** Names that it binds, when it is a scenario. */
  readonly binds: readonly string[];
}

/** A declaration, where it stands now, and what it refers to. */
export interface Part extends Span {
  readonly file: string;
  readonly declaration: Declaration;
  /** Its text, and which of its names a run binds: parts with the same mark differ at most in what their names stand for. */
  readonly mark: string;
  /** Declarations that it names. */
  readonly named: Part[];
  /** Payloads and scenarios that name it. */
  readonly users: Part[];
}

/** The declarations of a file and of what it includes. */
export interface Parts {
  readonly of: ReadonlyMap<Declaration, Part>;
  /** Names that any scenario binds. */
  readonly bound: ReadonlySet<string>;
  /** How many names stand for nothing that is known. */
  readonly strange: number;
}

/** A declaration whose findings hang on more others than this is checked at every change: to say so is no cheaper. */
const MOST_PARTS = 200;

/** The texts of declarations, told apart by numbers. Only those of the last version of a document are kept. */
export class KnownTexts {
  /** By file, then by text. */
  #known: ReadonlyMap<string, ReadonlyMap<string, Known>> = new Map();
  #last = 0;

  /** The declarations of these sources that can be named, that run, or that hold for the whole file. */
  partsOf({ sources }: Resolved, file: ScenarioFile): Parts {
    const known = new Map<string, Map<string, Known>>();
    const found: Found[] = [];
    for (const { file: where, text, program, problems } of sources) {
      const troubled = problemsByPlace(problems);
      const before = this.#known.get(where);
      const now = new Map<string, Known>();
      known.set(where, now);
      for (const declaration of program.declarations) {
        // What stands behind a syntax problem may be read differently for what comes later in the text.
        const key = text.slice(declaration.start, declaration.end) + troubled(declaration);
        const entry = now.get(key) ?? before?.get(key) ?? this.#learn(declaration);
        // With the key of this version: the one before holds its whole text in memory.
        now.set(key, entry);
        rememberNames(declaration, entry.names);
        found.push({ declaration, file: where, known: entry });
      }
    }
    this.#known = known;
    return link(found, file);
  }

  #learn(declaration: Declaration): Known {
    const binds = declaration.kind === 'scenario' ? [...namesBoundIn(declaration)].map(copied) : [];
    return { id: ++this.#last, names: new Set([...namesUsedIn(declaration)].map(copied)), binds };
  }
}

/** The parts that findings about a declaration may hang on, itself first; undefined where these are too many. */
export function footprintOf(part: Part, everywhere: readonly Part[]): readonly Part[] | undefined {
  const parts = new Set([part]);
  // How a payload is judged hangs on who carries it, takes its fields and submits it. A set grows while it is walked.
  if (part.declaration.kind === 'payload')
    for (const { declaration, users } of parts) {
      if (declaration.kind === 'payload') for (const user of users) parts.add(user);
      if (MOST_PARTS < parts.size) return undefined;
    }
  for (const { named } of parts) {
    for (const other of named) parts.add(other);
    if (MOST_PARTS < parts.size) return undefined;
  }
  for (const other of everywhere) parts.add(other);
  return [...parts];
}

interface Found {
  readonly declaration: Declaration;
  readonly file: string;
  readonly known: Known;
}

function link(found: readonly Found[], file: ScenarioFile): Parts {
  const bound = new Set<string>();
  const usedByDeclarations = new Set<string>();
  for (const { declaration, known } of found) {
    for (const name of known.binds) bound.add(name);
    if (declaration.kind !== 'scenario') for (const name of known.names) usedByDeclarations.add(name);
  }
  const of = new Map<Declaration, Part>();
  for (const { declaration, file: where, known } of found) {
    const { start, end } = declaration;
    let mark = `${known.id}`;
    for (const name of known.names) if (bound.has(name)) mark += ` ${name}`;
    for (const name of known.binds) if (usedByDeclarations.has(name)) mark += `>${name}`;
    of.set(declaration, { start, end, file: where, declaration, mark, named: [], users: [] });
  }
  const others = new Set<string>();
  for (const { declaration, known } of found) {
    const part = of.get(declaration)!;
    // Of two payloads with one name only the first is there, and the scenarios of included files do not run.
    const counts =
      declaration.kind === 'scenario'
        ? part.file === file.file
        : declaration.kind === 'payload' && file.payloads.get(declaration.name?.text ?? '')?.node === declaration;
    for (const name of known.names) {
      const declared = file.payloads.get(name) ?? file.lets.get(name) ?? file.tables.get(name);
      const other = declared && of.get(declared.node as Declaration);
      if (!other) {
        if (!bound.has(name)) others.add(name);
        continue;
      }
      part.named.push(other);
      if (counts) other.users.push(part);
    }
  }
  const { constants, ioctls } = file.generation;
  const strange = [...others].filter((name) => !constants.has(name) && !ioctls.has(name) && !isErrno(name)).length;
  return { of, bound, strange };
}

/** For a declaration of these sources the syntax problems in it, with their places counted from its start. */
function problemsByPlace(problems: readonly Problem[]): (declaration: Span) => string {
  if (problems.length === 0) return () => '';
  let at = 0;
  return ({ start, end }) => {
    while (at < problems.length && problems[at]!.start < start) at++;
    let text = '';
    // A problem cannot be mistaken for text: it begins with what no declaration ends with.
    for (let i = at; i < problems.length && problems[i]!.start <= end; i++)
      text += `\0${problems[i]!.code} ${problems[i]!.start - start}`;
    return text;
  };
}

/** A name that does not keep the text alive that it was cut out of. */
const copied = (name: string): string => JSON.parse(JSON.stringify(name)) as string;
