/**
 * The parser of `.vsva` files: text in, the engine's program and the problems out. It is total and parses whole files;
 * at 10,000 lines that is a few milliseconds, so nothing here is incremental. Every loop consumes a token or stops.
 */
import type { Declaration, IncludeDecl, Program, ScenarioDecl, Step } from '../../engine/scenario/program.ts';
import { Cursor, reserved, stepWords } from './cursor.ts';
import { readString } from './literals.ts';
import { parseExpr } from './parse-expr.ts';
import { parseEvolve, parseMachine, parsePageTable, parseUapi } from './parse-machine.ts';
import type { Draft } from './parse-payload.ts';
import { parseNamedPayload } from './parse-payload.ts';
import { parseLoop, parseSteps } from './parse-steps.ts';
import { recover } from './recovery.ts';
import type { Tokens } from './scanner.ts';
import { scan, T } from './scanner.ts';
import type { Problem } from './syntax.ts';

export interface Parsed {
  readonly program: Program;
  /** In source order. */
  readonly problems: readonly Problem[];
  readonly tokens: Tokens;
}

export function parse(text: string): Parsed {
  const tokens = scan(text);
  const p = new Cursor(text, tokens);
  const docs = readDocs(text, tokens);
  const declarations: Declaration[] = [];
  while (!p.is(T.End)) {
    if (p.is(T.Semicolon) || p.is(T.Comma)) {
      p.advance();
      continue;
    }
    if (p.is(T.RBrace)) {
      p.note('unexpected-brace', 'this `}` closes nothing');
      p.advance();
      continue;
    }
    const from = p.pos;
    p.first = from;
    const declaration = parseDeclaration(p);
    if (declaration) {
      const doc = docs.before.get(from);
      if (doc !== undefined && declaration.kind !== 'include') declaration.doc = doc;
      declarations.push(declaration);
    }
    if (!p.broken && !p.atEnd && p.kinds[p.pos - 1] !== T.RBrace) p.expected('the end of the declaration');
    if (p.broken || p.pos === from) recover(p, from, false);
  }
  if (tokens.openComment !== undefined) {
    const start = tokens.openComment;
    p.note('unterminated-comment', 'this comment is never closed', start, start + 2);
  }
  const program = docs.file === undefined ? { declarations } : { declarations, doc: docs.file };
  return { program, problems: p.problems.sort((a, b) => a.start - b.start), tokens };
}

function parseDeclaration(p: Cursor): Draft<Declaration> | undefined {
  const start = p.start;
  if (!p.is(T.Word)) {
    p.expected('a declaration');
    return undefined;
  }
  const word = p.word();
  switch (reserved.has(word) ? word : meant(p, word)) {
    case 'uapi':
      p.advance();
      return { kind: 'uapi', ...parseUapi(p, start) };
    case 'include':
      p.advance();
      return { kind: 'include', ...parseInclude(p, start) };
    case 'let': {
      p.advance();
      const name = p.name('a name');
      p.expect(T.Assign, '`=`');
      const value = parseExpr(p);
      return { kind: 'let', name, value, start, end: p.prevEnd };
    }
    case 'machine':
      p.advance();
      return { kind: 'machine', ...parseMachine(p, start) };
    case 'pagetable':
      p.advance();
      return { kind: 'pagetable', ...parsePageTable(p, start) };
    case 'evolve':
      p.advance();
      return { kind: 'evolve', ...parseEvolve(p, start) };
    case 'scenario':
      p.advance();
      return { kind: 'scenario', ...parseScenario(p, start) };
    case 'struct':
    case 'array':
    case 'raw':
    case 'payload':
      return { kind: 'payload', ...parseNamedPayload(p) };
  }
  return undefined;
}

/** What a line with an unreserved first word declares: a payload by its shape, or a misspelt keyword, or nothing. */
function meant(p: Cursor, word: string): string | undefined {
  if (p.nextIs(T.Word)) {
    const third = p.kinds[p.pos + 2]!;
    if (third === T.LBrace || third === T.Assign || p.isWord(p.pos + 2, 'mapped')) return 'payload';
  }
  const near = p.guess(word, reserved);
  if (near !== undefined) {
    p.note(
      'unknown-statement',
      `\`${word}\` declares nothing; did you mean \`${near}\`?`,
      p.start,
      p.ends[p.pos],
      near,
    );
    return near;
  }
  // Two words and nothing more are a payload whose body is still to be typed.
  if (p.nextIs(T.Word) && p.fresh[p.pos + 2] === 1 && !stepWords.has(word)) return 'payload';
  const why = stepWords.has(word) ? 'is a step and belongs in a scenario' : 'declares nothing';
  p.fail('unknown-statement', `\`${word}\` ${why}`);
  return undefined;
}

function parseInclude(p: Cursor, start: number): Draft<IncludeDecl> {
  const { value: path, span: pathSpan } = readTitle(p, 'the path of a file in quotes');
  return { path, pathSpan, start, end: p.prevEnd };
}

/** `scenario "name" [for X in ..] { steps }`, behind the word. */
function parseScenario(p: Cursor, start: number): Draft<ScenarioDecl> {
  const { value: title, span: titleSpan } = readTitle(p, 'the name of the scenario in quotes');
  const loop = p.takeWord('for') ? { loop: parseLoop(p) } : undefined;
  const steps: Step[] = [];
  const body = parseSteps(p, steps);
  return { title, titleSpan, ...loop, steps, body, start, end: p.prevEnd };
}

function readTitle(p: Cursor, what: string): { value: string; span: { start: number; end: number } } {
  if (!p.sees(T.String)) {
    p.expected(what);
    return { value: '', span: { start: p.prevEnd, end: p.prevEnd } };
  }
  const span = { start: p.start, end: p.ends[p.pos]! };
  const value = readString(p);
  p.advance();
  return { value, span };
}

/** `///` lines by the token they stand before, and the `//!` lines. */
function readDocs(text: string, tokens: Tokens): { before: Map<number, string>; file?: string } {
  const before = new Map<number, string>();
  let file: string | undefined;
  for (const { kind, leading, start, end, token } of tokens.comments) {
    if (!leading || (kind !== 'doc' && kind !== 'file')) continue;
    const line = text
      .slice(start + 3, end)
      .replace(/^ /, '')
      .trimEnd();
    if (kind === 'file') file = file === undefined ? line : `${file}\n${line}`;
    else before.set(token, before.has(token) ? `${before.get(token)}\n${line}` : line);
  }
  return file === undefined ? { before } : { before, file };
}
