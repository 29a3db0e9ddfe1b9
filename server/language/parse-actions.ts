/** The steps that do something: each function stands behind its word and stops before `expect`. */
import type { Expr } from '../../engine/scenario/expr.ts';
import type {
  DmaStep,
  FdStep,
  FieldInit,
  HostStep,
  InjectStep,
  InvalidateStep,
  LifecycleStep,
  Mapping,
  ReadStep,
  RespondStep,
  Step,
  SubmitStep,
} from '../../engine/scenario/program.ts';
import type { Cursor } from './cursor.ts';
import { parseExpr } from './parse-expr.ts';
import { joined, parseMapping, readPerms } from './parse-machine.ts';
import { parsePath } from './parse-names.ts';
import type { Draft } from './parse-payload.ts';
import { parseFields } from './parse-payload.ts';
import { T } from './scanner.ts';
import type { Name, Span } from './syntax.ts';
import { missingExpr } from './syntax.ts';
import type { StepWord } from './words.ts';
import { FD_OPTIONS, STEP_OPTIONS } from './words.ts';

/** Stands in for a span that is set when the step is complete. */
export const NOWHERE: Span = { start: 0, end: 0 };

type ActionWord = Exclude<StepWord, 'for' | 'let' | 'note' | 'parallel' | 'expect'>;
type Action = (p: Cursor, start: number) => Draft<Step>;

export const ACTIONS: Readonly<Record<ActionWord, Action>> = {
  submit: parseSubmit,
  dma: parseDma,
  map(p, start) {
    const table = p.name('the name of a table');
    return { kind: 'map', table, mapping: parseMapping(p) as Mapping, head: NOWHERE, start, end: 0 };
  },
  unmap(p, start) {
    const table = p.name('the name of a table');
    return { kind: 'unmap', table, ...parseRange(p), head: NOWHERE, start, end: 0 };
  },
  protect(p, start) {
    const table = p.name('the name of a table');
    const range = parseRange(p);
    const perms = takePerms(p) ?? p.missingName('permissions made of r w x u g p');
    return { kind: 'protect', table, ...range, perms, head: NOWHERE, start, end: 0 };
  },
  host: parseHost,
  reuse(p, start) {
    const space = takeOne(p, ['gpa', 'hpa']) ?? 'gpa';
    const { from, ...size } = parseRange(p);
    return { kind: 'reuse', space, at: from, ...size, head: NOWHERE, start, end: 0 };
  },
  write: parseWrite,
  read: parseRead,
  invalidate(p, start) {
    const iommu = p.name('the name of an IOMMU');
    const command = p.name('the name of an invalidation command');
    const fields: FieldInit[] = [];
    const step: Draft<InvalidateStep> = { kind: 'invalidate', iommu, command, fields, head: NOWHERE, start, end: 0 };
    if (p.sees(T.LBrace)) step.body = parseFields(p, fields);
    return step;
  },
  command(p, start) {
    const iommu = p.name('the name of an IOMMU');
    return { kind: 'command', iommu, words: parseExpr(p), head: NOWHERE, start, end: 0 };
  },
  respond(p, start) {
    const step: Draft<RespondStep> = { kind: 'respond', payload: parseExpr(p), head: NOWHERE, start, end: 0 };
    readOptions(p, step, STEP_OPTIONS.respond);
    return step;
  },
  inject(p, start) {
    const device = p.name('the name of a device');
    const step: Draft<InjectStep> = { kind: 'inject', device, payload: parseExpr(p), head: NOWHERE, start, end: 0 };
    readOptions(p, step, STEP_OPTIONS.inject);
    return step;
  },
  attach: lifecycle('attach'),
  replace: lifecycle('replace'),
  detach: lifecycle('detach'),
  unbind: lifecycle('unbind'),
  reset: lifecycle('reset'),
  exit(p, start) {
    const named = p.sees(T.Word) && p.word() !== 'expect';
    const process = named ? { process: p.name('the name of a process') } : {};
    return { kind: 'exit', ...process, head: NOWHERE, start, end: 0 };
  },
};

/** What each option reads, and the property of its step that keeps it. */
const OPTIONS: Readonly<Record<string, readonly [key: string, read: (p: Cursor) => Expr | Name | true]>> = {
  to: ['to', parseExpr],
  on: ['on', (p) => p.name('the name of a device')],
  mapped: ['mapped', parseExpr],
  fail_nth: ['failNth', parseExpr],
  as: ['as', (p) => p.name('a name for the result')],
  pasid: ['pasid', parseExpr],
  at: ['at', parseExpr],
  size: ['size', parseExpr],
  priv: ['privileged', () => true],
  ats: ['ats', () => true],
};

/** Reads options in any order until a word that is none, and keeps them in the step. */
function readOptions(p: Cursor, step: Draft<Step>, words: readonly string[]): void {
  const kept = step as unknown as Record<string, unknown>;
  while (!p.broken && p.sees(T.Word)) {
    const word = p.word();
    if (!words.includes(word)) return;
    const [key, read] = OPTIONS[word]!;
    if (kept[key]) p.note('duplicate-option', `\`${word}\` is given twice`);
    p.advance();
    kept[key] = read(p);
  }
}

function parseSubmit(p: Cursor, start: number): Draft<Step> {
  const step: Draft<SubmitStep> = { kind: 'submit', payload: parseExpr(p), head: NOWHERE, start, end: 0 };
  readOptions(p, step, STEP_OPTIONS.submit);
  return step;
}

/** Marks the one option that a `dma` must have. */
const UNSET: Expr = missingExpr(0);

function parseDma(p: Cursor, start: number): Draft<Step> {
  const access = takeOne(p, ['read', 'write', 'exec']) ?? 'read';
  const device = p.name('the name of a device');
  const step: Draft<DmaStep> = {
    kind: 'dma',
    access,
    device,
    at: UNSET,
    privileged: false,
    ats: false,
    head: NOWHERE,
    start,
    end: 0,
  };
  const unset = step as unknown as { at: Expr | undefined };
  unset.at = undefined;
  readOptions(p, step, STEP_OPTIONS.dma);
  if (p.take(T.Assign)) {
    step.value = parseExpr(p);
    readOptions(p, step, STEP_OPTIONS.dma);
  }
  if (unset.at === undefined) {
    p.expected('`at` and an address', STEP_OPTIONS.dma);
    step.at = missingExpr(p.gap);
  }
  return step;
}

/** `A [size N]`. */
function parseRange(p: Cursor): { from: Expr; size?: Expr } {
  const from = parseExpr(p);
  return p.takeWord('size') ? { from, size: parseExpr(p) } : { from };
}

function takePerms(p: Cursor): Name | undefined {
  let perms = readPerms(p);
  for (let more = perms && readPerms(p); perms && more; more = readPerms(p)) perms = joined(perms, more);
  return perms;
}

/** One of a few words, kept in the step as itself. */
function takeOne<Word extends string>(p: Cursor, words: readonly Word[]): Word | undefined {
  for (const word of words) if (p.takeWord(word)) return word;
  p.expected(words.map((word) => `\`${word}\``).join(' or '), words);
  return undefined;
}

function parseHost(p: Cursor, start: number): Draft<Step> {
  const op = takeOne(p, ['map', 'unmap', 'protect']) ?? 'unmap';
  p.expectWord('gpa');
  const { from, ...size } = parseRange(p);
  const step: Draft<HostStep> = { kind: 'host', op, gpa: from, ...size, head: NOWHERE, start, end: 0 };
  if (op === 'map') step.to = p.expect(T.Arrow, '`->`') ? parseExpr(p) : missingExpr(p.gap);
  const perms = op === 'unmap' ? undefined : takePerms(p);
  if (perms) step.perms = perms;
  return step;
}

const WIDTHS: Readonly<Record<string, number>> = { u8: 1, u16: 2, u32: 4, u64: 8 };

function takeWidth(p: Cursor): { width: number } | undefined {
  const width = p.sees(T.Word) ? WIDTHS[p.word()] : undefined;
  if (width === undefined) return undefined;
  p.advance();
  return { width };
}

/** `write gpa|hpa|user A [width] = V`, `write reg iommu0.NAME = V`, `write fd E from NAME [size N] [as NAME]`. */
function parseWrite(p: Cursor, start: number): Draft<Step> {
  const what = takeOne(p, ['gpa', 'hpa', 'user', 'reg', 'fd']) ?? 'hpa';
  if (what === 'fd') return parseFd(p, 'write', start);
  if (what === 'reg') {
    const at = p.start;
    const object = p.name('the name of an IOMMU');
    const path = p.sees(T.Dot) ? parsePath(p) : [p.missingName('`.` and the name of a register')];
    const register = { object, path, start: at, end: p.prevEnd };
    return { kind: 'write-reg', register, value: parseValue(p), head: NOWHERE, start, end: 0 };
  }
  const at = parseExpr(p);
  const width = takeWidth(p);
  return { kind: 'write', space: what, at, ...width, value: parseValue(p), head: NOWHERE, start, end: 0 };
}

const parseValue = (p: Cursor): Expr => (p.expect(T.Assign, '`=`') ? parseExpr(p) : missingExpr(p.gap));

/** `read gpa|hpa|user A [width] [as NAME]`, `read fd E into NAME [size N] [as NAME]`. */
function parseRead(p: Cursor, start: number): Draft<Step> {
  const what = takeOne(p, ['gpa', 'hpa', 'user', 'fd']) ?? 'hpa';
  if (what === 'fd') return parseFd(p, 'read', start);
  const at = parseExpr(p);
  const step: Draft<ReadStep> = { kind: 'read', space: what, at, ...takeWidth(p), head: NOWHERE, start, end: 0 };
  readOptions(p, step, STEP_OPTIONS.read);
  return step;
}

function parseFd(p: Cursor, op: 'read' | 'write', start: number): Draft<Step> {
  const fd = parseExpr(p);
  p.expectWord(op === 'read' ? 'into' : 'from');
  const buffer = p.name('the name of a buffer');
  const step: Draft<FdStep> = { kind: 'fd', op, fd, buffer, head: NOWHERE, start, end: 0 };
  readOptions(p, step, FD_OPTIONS);
  return step;
}

function lifecycle(kind: 'attach' | 'replace' | 'detach' | 'unbind' | 'reset'): Action {
  return (p, start) => {
    const device = p.name('the name of a device');
    const step: Draft<LifecycleStep> = { kind, device, head: NOWHERE, start, end: 0 };
    readOptions(p, step, STEP_OPTIONS[kind]);
    if (kind === 'replace' && !step.to) p.expected('`to` and a target', STEP_OPTIONS.replace);
    return step;
  };
}
