import { isErrno, modelById, recordsOf } from '../../engine/index.ts';
import { sysfsProperty } from '../../engine/models/sysfs.ts';
import type { Resolved } from '../language/resolve.ts';
import { scan, T } from '../language/scanner.ts';
import {
  type Declaration,
  type Expr,
  type MachineItem,
  type Name,
  type Outcome,
  type Payload,
  type Span,
  type Step,
  visit,
  visitExpr,
} from '../language/syntax.ts';
import { KEYWORD_DOCS } from './keyword-docs.ts';
import { type NamedKind, occurrencesOf } from './names-at.ts';

export const SEMANTIC_TYPES = [
  'keyword',
  'type',
  'property',
  'enumMember',
  'variable',
  'parameter',
  'function',
  'number',
  'string',
  'comment',
] as const;
export const SEMANTIC_MODIFIERS = ['declaration', 'readonly', 'documentation'] as const;

export type SemanticType = (typeof SEMANTIC_TYPES)[number];
export type SemanticModifier = (typeof SEMANTIC_MODIFIERS)[number];

/** What a stretch of text is. Stretches neither overlap nor span lines. */
export interface SemanticToken extends Span {
  readonly type: SemanticType;
  readonly modifiers: readonly SemanticModifier[];
}

/** The tokens of the file by what they mean, in source order. What nobody knows is left to the grammar. */
export function semanticTokens(resolved: Resolved): readonly SemanticToken[] {
  const { text } = resolved.sources[0]!;
  const { kinds, starts, ends, count, comments } = scan(text);
  const claims = claimsOf(resolved);
  const found: SemanticToken[] = [];
  const plain = (start: number, end: number, type: SemanticType): void => {
    found.push({ start, end, type, modifiers: NONE });
  };
  let claimedTo = 0;
  for (let i = 0; i < count; i++) {
    const [start, end] = [starts[i]!, ends[i]!];
    if (start < claimedTo) continue;
    const claim = claims.get(start);
    if (claim) {
      found.push(claim);
      claimedTo = claim.end;
    } else if (kinds[i] === T.Number) plain(start, end, 'number');
    else if (kinds[i] === T.String || kinds[i] === T.OpenString) plain(start, end, 'string');
    else if (kinds[i] === T.Word && KEYWORD_DOCS.has(text.slice(start, end))) plain(start, end, 'keyword');
  }
  for (const { start, end, kind } of comments)
    for (const line of linesOf(text, start, end))
      found.push({ ...line, type: 'comment', modifiers: kind === 'doc' || kind === 'file' ? DOCUMENTATION : NONE });
  return found.sort((a, b) => a.start - b.start);
}

const NONE: readonly SemanticModifier[] = [];
const DECLARATION: readonly SemanticModifier[] = ['declaration'];
const READONLY: readonly SemanticModifier[] = ['readonly'];
const DOCUMENTATION: readonly SemanticModifier[] = ['documentation'];

const TYPE_OF: Readonly<Record<NamedKind, SemanticType>> = {
  let: 'variable',
  payload: 'variable',
  table: 'variable',
  device: 'variable',
  group: 'variable',
  process: 'variable',
  result: 'parameter',
  variable: 'parameter',
  file: 'string',
};

/** What the syntax tree says of words, by where they begin. */
function claimsOf(resolved: Resolved): ReadonlyMap<number, SemanticToken> {
  const claims = new Map<number, SemanticToken>();
  const claim = (at: Span | undefined, type: SemanticType, modifiers = NONE): void => {
    if (at && at.start < at.end && !claims.has(at.start))
      claims.set(at.start, { start: at.start, end: at.end, type, modifiers });
  };
  const properties = (path: readonly Name[]): void => {
    for (const name of path) if (!/^\d/.test(name.text)) claim(name, 'property');
  };

  for (const { file, start, end, role, named } of occurrencesOf(resolved)) {
    const { kind } = named[0]!;
    if (file !== resolved.file) break;
    const modifiers = [...(role === 'declaration' ? DECLARATION : []), ...(kind === 'let' ? READONLY : [])];
    claim({ start, end }, TYPE_OF[kind], modifiers);
  }

  const { generation, machine } = resolved.scenarioFile ?? {};
  const model = machine && modelById(machine.model);
  const records = machine ? recordsOf(machine) : [];
  const expr = (node: Expr): void => {
    switch (node.kind) {
      case 'name':
        if (generation?.constants.has(node.name) || isErrno(node.name)) claim(node, 'enumMember', READONLY);
        else if (generation?.ioctls.has(node.name) || generation?.calls.has(node.name)) claim(node, 'function');
        break;
      case 'member':
        claim(node.object, 'variable');
        properties(node.path);
        break;
      case 'address-of':
        properties(node.path ?? []);
        break;
      case 'sizeof':
        claim(node.struct, 'type');
        break;
      case 'cast':
        claim(node.type, 'type');
        break;
      case 'offsetof':
        claim(node.struct, 'type');
        properties(node.path);
        break;
    }
  };
  const payload = ({ word, struct }: Payload): void => {
    const isType = generation?.kinds.has(word.text) || records.some((record) => record.name === word.text);
    claim(word, isType ? 'type' : 'keyword');
    claim(struct, 'type');
  };
  const declaration = (node: Declaration): void => {
    if (node.kind === 'uapi') {
      claim(node.id, 'type');
      for (const { name } of node.quirks) claim(name, 'property');
    } else if (node.kind === 'pagetable') claim(node.format, 'type');
    else if (node.kind === 'evolve') {
      claim(node.struct, 'type');
      for (const { type, name } of node.fields) {
        claim(type, 'type');
        claim(name, 'property');
      }
    }
  };
  const machineItem = ({ word, name, settings }: MachineItem): void => {
    claim(word, 'keyword');
    claim(name, word.text === 'iommu' ? 'type' : 'variable');
    for (const { key, value } of settings) {
      claim(key, 'property');
      // Words of a sysfs file, `access+dirty`, are values and no names.
      if (word.text === 'iommu' && sysfsProperty(key.text)?.words)
        visitExpr(value, { expr: (node) => node.kind === 'name' && claim(node, 'enumMember') });
    }
  };
  const step = (node: Step): void => {
    if (node.kind === 'invalidate') {
      claim(node.iommu, 'variable');
      claim(node.command, 'function');
      const layout = model?.hardware?.commands.find((c) => c.name === node.command.text);
      for (const { path, value } of node.fields)
        if (
          value?.kind === 'name' &&
          layout?.fields.find((f) => f.name === path[0]?.text)?.values?.[value.name] !== undefined
        )
          claim(value, 'enumMember');
    } else if (node.kind === 'command') {
      claim(node.iommu, 'variable');
    } else if (node.kind === 'write-reg') {
      claim(node.register.object, 'variable');
      properties(node.register.path);
    } else if ((node.kind === 'protect' || node.kind === 'host') && node.perms) claim(node.perms, 'enumMember');
  };
  const outcome = (node: Outcome): void => {
    const id = (text: string | undefined): void => {
      if (text) claim({ start: node.end - text.length, end: node.end }, 'enumMember');
    };
    if (node.kind === 'errno' || node.kind === 'error' || (node.kind === 'fault' && node.name)) id(node.name);
    else if (node.kind === 'hidden') id(node.errno);
    else if (node.kind === 'reason') id(node.rule);
    else if (node.kind === 'field') properties(node.path);
  };
  visit(resolved.sources[0]!.program, {
    declaration,
    payload,
    machineItem,
    step,
    outcome,
    expr,
    field: ({ path }) => properties(path),
    mapping: ({ perms, attributes }) => {
      claim(perms, 'enumMember');
      for (const attribute of attributes) claim(attribute, 'enumMember');
    },
  });
  return claims;
}

/** The lines of a comment; clients need not take tokens that span several. */
function* linesOf(text: string, start: number, end: number): Iterable<Span> {
  const line = /[^\r\n]+/g;
  line.lastIndex = start;
  for (let match = line.exec(text); match && match.index < end; match = line.exec(text)) {
    const stop = Math.min(end, match.index + match[0].length);
    const indent = match[0].length - match[0].trimStart().length;
    if (match.index + indent < stop) yield { start: match.index + indent, end: stop };
  }
}
