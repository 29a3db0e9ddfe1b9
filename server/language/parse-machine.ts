import type { Expr } from '../../engine/scenario/expr.ts';
import type {
  EvolveDecl,
  MachineDecl,
  MachineItem,
  Mapping,
  PageTableDecl,
  Setting,
  UapiDecl,
} from '../../engine/scenario/program.ts';
import type { Cursor } from './cursor.ts';
import type { BlockShape } from './parse-block.ts';
import { parseBlock } from './parse-block.ts';
import { parseExpr, parseHeadExpr } from './parse-expr.ts';
import type { Draft } from './parse-payload.ts';
import { T } from './scanner.ts';
import type { Name } from './syntax.ts';
import { missingExpr } from './syntax.ts';

/** `uapi ID [{ quirk = on|off }]`, behind the word. */
export function parseUapi(p: Cursor, start: number): Draft<UapiDecl> {
  const id = p.id('the id of a generation');
  const quirks: UapiDecl['quirks'][number][] = [];
  if (p.sees(T.LBrace)) parseBlock(p, QUIRK, quirks);
  return { id, quirks, start, end: p.prevEnd };
}

const QUIRK: BlockShape<UapiDecl['quirks'][number]> = {
  item(p) {
    const name = p.name('the name of a quirk');
    p.expect(T.Assign, '`=`');
    return { name, value: p.anyWord('`on` or `off`') };
  },
  noun: 'quirk',
  endsAtStep: false,
};

/** `machine { items }`, behind the word. */
export function parseMachine(p: Cursor, start: number): Draft<MachineDecl> {
  const items: MachineItem[] = [];
  p.inMachine = true;
  parseBlock(p, MACHINE_ITEM, items);
  p.inMachine = false;
  return { items, start, end: p.prevEnd };
}

const MACHINE_ITEM: BlockShape<MachineItem> = { item: parseMachineItem, noun: 'machine item', endsAtStep: false };

/** `word [name] [{ settings }]`, `ram GPA size N -> HPA [page S]`, or a lone `key = value` of the machine itself. */
function parseMachineItem(p: Cursor): MachineItem | undefined {
  const start = p.start;
  const word = p.anyWord('a part of the machine');
  if (word.text === '') return undefined;
  if (word.text === 'ram') return parseRam(p, word);
  const settings: Setting[] = [];
  if (p.take(T.Assign)) {
    const value = parseExpr(p);
    settings.push({ key: word, value, start, end: p.prevEnd });
    return { word, settings, start, end: p.prevEnd };
  }
  const name = p.sees(T.Word) ? p.id('a name') : undefined;
  if (p.is(T.LBrace)) parseBlock(p, SETTING, settings);
  const end = p.prevEnd;
  return name ? { word, name, settings, start, end } : { word, settings, start, end };
}

function parseRam(p: Cursor, word: Name): MachineItem {
  const gpa = parseExpr(p);
  const size = p.expectWord('size') ? parseExpr(p) : missingExpr(p.gap);
  const hpa = p.expect(T.Arrow, '`->`') ? parseExpr(p) : missingExpr(p.gap);
  const ram: { gpa: Expr; size: Expr; hpa: Expr; page?: Expr } = { gpa, size, hpa };
  if (p.takeWord('page')) ram.page = parseExpr(p);
  return { word, settings: [], ram, start: word.start, end: p.prevEnd };
}

const SETTING: BlockShape<Setting> = {
  item(p) {
    const start = p.start;
    if (p.is(T.Dot)) p.advance();
    const key = p.id('the name of a setting');
    const value = p.expect(T.Assign, '`=`') ? parseExpr(p) : missingExpr(p.gap);
    return { key, value, start, end: p.prevEnd };
  },
  noun: 'setting',
  endsAtStep: false,
};

/** `pagetable NAME FORMAT at ADDR [space hpa] { mappings }`, behind the word. */
export function parsePageTable(p: Cursor, start: number): Draft<PageTableDecl> {
  const name = p.name('the name of the table');
  const format = p.id('a table format');
  const mappings: Mapping[] = [];
  const table: Draft<PageTableDecl> = { name, format, root: missingExpr(p.gap), mappings, start, end: 0 };
  let space = takeSpace(p);
  if (p.expectWord('at')) table.root = parseHeadExpr(p);
  else table.root = missingExpr(p.gap);
  space ??= takeSpace(p);
  if (space) table.space = space;
  parseBlock(p, MAPPING, mappings);
  table.end = p.prevEnd;
  return table;
}

const takeSpace = (p: Cursor): Name | undefined => (p.takeWord('space') ? p.anyWord('`gpa` or `hpa`') : undefined);

const MAPPING: BlockShape<Mapping> = { item: parseMapping, noun: 'mapping', endsAtStep: false };

/** `IOVA [size N] -> GPA [perms] [page S] [attributes]`. */
export function parseMapping(p: Cursor): Mapping {
  const start = p.start;
  const from = parseExpr(p);
  const attributes: Name[] = [];
  const mapping: Draft<Mapping> = { from, to: from, attributes, start, end: 0 };
  if (p.takeWord('size')) mapping.size = parseExpr(p);
  mapping.to = p.expect(T.Arrow, '`->`') ? parseExpr(p) : missingExpr(p.gap);
  while (p.sees(T.Word) && !p.isWord(p.pos, 'expect')) {
    const perms = readPerms(p);
    if (perms) mapping.perms = mapping.perms ? joined(mapping.perms, perms) : perms;
    else if (p.takeWord('page')) mapping.page = parseExpr(p);
    else if (!mapping.size && p.takeWord('size')) mapping.size = parseExpr(p);
    else attributes.push(p.anyWord('an attribute'));
  }
  mapping.end = p.prevEnd;
  return mapping;
}

/** A word made of `r w x u g p`, if one stands here. `rw u` is two of them and means `rwu`. */
export function readPerms(p: Cursor): Name | undefined {
  if (!p.sees(T.Word)) return undefined;
  for (let i = p.start; i < p.ends[p.pos]!; i++) if (!'rwxugp'.includes(p.text[i]!)) return undefined;
  return p.anyWord('permissions');
}

export const joined = (a: Name, b: Name): Name => ({ text: a.text + b.text, start: a.start, end: b.end });

/** `evolve struct S version N { fields }`, behind the word; a field is `TYPE NAME` or `TYPE NAME[N]`. */
export function parseEvolve(p: Cursor, start: number): Draft<EvolveDecl> {
  p.expectWord('struct');
  const struct = p.name('the name of a struct');
  const version = p.expectWord('version') ? parseHeadExpr(p) : missingExpr(p.gap);
  const fields: EvolveDecl['fields'][number][] = [];
  parseBlock(p, NEW_FIELD, fields);
  return { struct, version, fields, start, end: p.prevEnd };
}

const NEW_FIELD: BlockShape<EvolveDecl['fields'][number]> = {
  item(p) {
    p.takeWord('struct');
    const type = p.name('the type of a field');
    const name = p.anyWord('the name of a field');
    if (!p.take(T.LBracket)) return { type, name };
    const count = parseExpr(p);
    p.expect(T.RBracket, '`]`');
    return { type, name, count };
  },
  noun: 'field',
  endsAtStep: false,
};
