import { type Declared, type Generation, Names, type ScenarioFile } from '../../engine/index.ts';
import type { Resolved, Source } from '../language/resolve.ts';
import { scan, T, type Tokens } from '../language/scanner.ts';
import { namesBoundInAll, stepsOf } from '../language/scenario-names.ts';
import {
  type Assertion,
  type Declaration,
  type Expr,
  type FieldInit,
  type MachineItem,
  type Mapping,
  type Name,
  type Outcome,
  type Payload,
  type ScenarioDecl,
  type Span,
  type Step,
  visitDeclaration,
} from '../language/syntax.ts';

export interface Token extends Span {
  readonly kind: 'word' | 'number' | 'string' | 'other';
  readonly text: string;
}

/** What stands at an offset: the token, and every node of the syntax tree around it, outermost first. */
export interface Place {
  readonly resolved: Resolved;
  readonly source: Source;
  readonly token: Token;
  readonly declaration: Declaration | undefined;
  readonly payloads: readonly Payload[];
  /** Fields around the token inside the innermost payload, or inside an `invalidate` step. */
  readonly fields: readonly FieldInit[];
  readonly steps: readonly Step[];
  readonly item: MachineItem | undefined;
  readonly mapping: Mapping | undefined;
  readonly outcome: Outcome | undefined;
  readonly assertion: Assertion | undefined;
  readonly exprs: readonly Expr[];
}

/** A place in a file whose generation is known. */
export interface KnownPlace extends Place {
  readonly file: ScenarioFile;
  readonly generation: Generation;
}

export const isKnown = (place: Place): place is KnownPlace => 'file' in place;

const tokens = new WeakMap<Source, Tokens>();

function tokensOf(source: Source): Tokens {
  const known = tokens.get(source);
  if (known) return known;
  const found = scan(source.text);
  tokens.set(source, found);
  return found;
}

/** The token that covers an offset, or the word or number that ends there; undefined in comments and white space. */
export function tokenAt(source: Source, offset: number): Token | undefined {
  const { kinds, starts, ends, count } = tokensOf(source);
  let [low, high] = [0, count - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  const named = (i: number): boolean => kinds[i] === T.Word || kinds[i] === T.Number;
  let at = low;
  const behind = at > 0 && ends[at - 1] === offset && named(at - 1);
  if (behind && !(named(at) && starts[at] === offset)) at--;
  if (offset < starts[at]! || ends[at]! < offset || (ends[at] === offset && !named(at))) return undefined;
  const kind = kinds[at];
  return {
    kind: kind === T.Word ? 'word' : kind === T.Number ? 'number' : kind === T.String ? 'string' : 'other',
    text: source.text.slice(starts[at]!, ends[at]!),
    start: starts[at]!,
    end: ends[at]!,
  };
}

/** What stands at an offset of the file itself; null where nothing does. */
export function placeAt(resolved: Resolved, offset: number): Place | KnownPlace | null {
  const source = resolved.sources[0];
  const token = source && tokenAt(source, offset);
  if (!token) return null;
  const { declarations } = source.program;
  let [low, high] = [0, declarations.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (declarations[middle]!.start <= token.start) low = middle + 1;
    else high = middle;
  }
  const before = declarations[low - 1];
  const declaration = before && token.start < before.end ? before : undefined;
  const file = resolved.scenarioFile;
  return {
    resolved,
    source,
    token,
    declaration,
    ...nodesAround(declaration, token.start),
    ...(file ? { file, generation: file.generation } : {}),
  };
}

type Nodes = Pick<Place, 'payloads' | 'fields' | 'steps' | 'item' | 'mapping' | 'outcome' | 'assertion' | 'exprs'>;

function nodesAround(declaration: Declaration | undefined, at: number): Nodes {
  const around = ({ start, end }: Span): boolean => start <= at && at < end;
  const payloads: Payload[] = [];
  let fields: FieldInit[] = [];
  const steps: Step[] = [];
  const exprs: Expr[] = [];
  let item: MachineItem | undefined;
  let mapping: Mapping | undefined;
  let outcome: Outcome | undefined;
  if (declaration)
    visitDeclaration(declaration, {
      payload: (node) => {
        if (!around(node)) return;
        payloads.push(node);
        fields = [];
      },
      field: (node) => around(node) && fields.push(node),
      step: (node) => around(node) && steps.push(node),
      machineItem: (node) => {
        if (around(node)) item = node;
      },
      mapping: (node) => {
        if (around(node)) mapping = node;
      },
      outcome: (node) => {
        if (around(node)) outcome = node;
      },
      expr: (node) => around(node) && exprs.push(node),
    });
  const step = steps.at(-1);
  const assertion = step?.kind === 'assert' ? step.assertion : undefined;
  return { payloads, fields, steps, item, mapping, outcome, assertion, exprs };
}

/** Whether the token is this name. */
export const isAt = ({ token }: Place, name: Span | undefined): boolean =>
  name !== undefined && name.start <= token.start && token.end <= name.end && name.start < name.end;

const names = new WeakMap<ScenarioFile, Names>();

/** The names of a file as they are before anything runs; each payload is encoded once. */
export function staticNames({ resolved, file }: { readonly resolved: Resolved; readonly file: ScenarioFile }): Names {
  const known = names.get(file);
  if (known) return known;
  const scenarios = resolved.sources.flatMap(({ program }) =>
    program.declarations.filter((d): d is Declaration & { kind: 'scenario' } => d.kind === 'scenario'),
  );
  const made = Names.lasting(file, namesBoundInAll(scenarios));
  names.set(file, made);
  return made;
}

/** The text of a span of the file that holds it. */
export function textOf(resolved: Resolved, file: string, { start, end }: Span): string {
  return resolved.sources.find((s) => s.file === file)?.text.slice(start, end) ?? '';
}

/** The payload that an expression names or is, with its file. */
export function payloadOf({ file, resolved }: KnownPlace, expr: Expr): Declared<Payload> | undefined {
  if (expr.kind === 'payload') return { node: expr.payload, file: resolved.file };
  return expr.kind === 'name' ? file.payloads.get(expr.name) : undefined;
}

/** A step that binds a name, nearest above the place, else the first of its scenario. */
export function bindingOf(
  name: string,
  { declaration, token }: Place,
): { readonly step: Step; readonly at: Name } | undefined {
  if (declaration?.kind !== 'scenario') return undefined;
  return bindingIn(declaration, name, token.start);
}

/** The step of a scenario that binds a name: the last one before an offset, else the first. */
export function bindingIn(scenario: ScenarioDecl, name: string, before = 0): { step: Step; at: Name } | undefined {
  let found: { step: Step; at: Name } | undefined;
  for (const step of stepsOf(scenario.steps)) {
    const at = step.kind === 'let' || step.kind === 'for' ? step.name : 'as' in step ? step.as : undefined;
    if (at?.text !== name) continue;
    if (found && before < at.start) break;
    found = { step, at };
  }
  return found;
}
