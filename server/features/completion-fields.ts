import { encodePayload, type Field, type Image, Names, type Struct } from '../../engine/index.ts';
import { T } from '../language/scanner.ts';
import { namesBoundInAll } from '../language/scenario-names.ts';
import { type FieldInit, type Payload, visitDeclaration } from '../language/syntax.ts';
import { idsOf } from './completion-ids.ts';
import { fieldKey } from './completion-members.ts';
import { givenValue, innerOf, memberOf, type Offers, PASID_REQUEST, type Wanted } from './completion-offers.ts';
import type { FieldsBlock } from './completion-place.ts';
import { Reader } from './completion-reader.ts';
import { targetsOf } from './members.ts';

/** What may stand at the cursor among the fields of a payload. */
export function offerField(offers: Offers, block: FieldsBlock): void {
  const { place } = offers;
  const r = new Reader(offers);
  r.take(T.Dot);
  if (r.end) {
    offerNames(offers, block);
    return;
  }
  const path = [...block.path];
  for (; !r.end && r.word !== ''; r.take(T.Dot)) {
    path.push(r.word);
    r.next();
  }
  if (!r.take(T.Assign)) return;
  const { whole } = block;
  const holder = innerOf(whole, path.slice(0, -1));
  const field = holder && memberOf(holder, path.at(-1) ?? '');
  const wanted = field?.target ? { targets: structsThere(offers, field.target, block, path) } : {};
  r.expression(wanted, () =>
    place.path.length === 0 && field ? offerValue(offers, field, block, path) : offers.expression(),
  );
}

/** Fields that are not set yet: the payload's own, in the struct's order, and those of the union member that is read. */
function offerNames(offers: Offers, block: FieldsBlock): void {
  const { place } = offers;
  const struct = block.whole;
  if (!struct) return;
  const prefix = [...block.path, ...place.path];
  const level = innerOf(struct, prefix);
  const payload = payloadAt(offers, block);
  // What stands around the cursor, `granu.addr_info = {`, is not what may be missing in it.
  const here = `${prefix.join('.')}.`;
  const given = new Set(payload ? [...pathsOf(payload, offers)].filter((path) => !here.startsWith(`${path}.`)) : []);
  const image = payload && imageOf(offers, payload);
  const add = (field: Field, path: readonly string[], rank: number): void => {
    const name = path.slice(prefix.length).join('.');
    const full = path.join('.');
    if (given.has(full) || [...given].some((other) => full.startsWith(`${other}.`))) return;
    const aliases = (field.aliases ?? []).map((alias) => [...path.slice(0, -1), alias].join('.'));
    if (aliases.some((alias) => given.has(alias))) return;
    const isAggregate = field.struct !== undefined;
    const isTouched = isAggregate && [...given].some((other) => other.startsWith(`${full}.`));
    const later = field.role === 'padding' || field.role === 'reserved' || field.out ? 7 : rank;
    if (!isTouched && (!isAggregate || field.kind !== 'union')) {
      const doc = fieldKey(offers, struct, path, field.doc);
      offers.add(name, 'field', { rank: later, detail: field.type, doc, ...insertion(offers, field, name) });
      for (const alias of aliases.map((each) => each.split('.').slice(prefix.length).join('.')))
        offers.add(alias, 'field', { rank: 6, detail: `= ${field.name}`, doc, ...insertion(offers, field, alias) });
    }
    const inner = field.kind === 'union' ? rank : rank + 2;
    for (const member of field.struct?.fields ?? []) {
      const wrong = field.selector && !isChosen(field, member.name, struct, path, image, offers);
      add(member, [...path, member.name], Math.min(6, wrong ? inner + 3 : inner));
    }
  };
  // Among the members of a union the one that is read comes first.
  const union = innerOf(struct, prefix.slice(0, -1))?.fields.find((f) => f.name === prefix.at(-1) && f.selector);
  for (const field of level?.fields ?? [])
    add(field, [...prefix, field.name], union && !isChosen(union, field.name, struct, prefix, image, offers) ? 4 : 1);
}

/** What a choice writes: `argsz = sizeof`, `range = { .. }`, or the name alone where the rest stands there already. */
function insertion({ place }: Offers, field: Field, name: string): { insert?: string; snippet?: string } {
  if (place.isFollowed) return { insert: name };
  if (field.struct) return { snippet: `${name} = {\n  $0\n}` };
  if (field.kind === 'array') return { snippet: `${name} = [$0]` };
  const value = givenValue(field);
  return value === undefined ? { insert: `${name} = ` } : { insert: `${name} = ${value}` };
}

/** Whether the union's selector, a field beside it, chooses this member; without a selector every one counts. */
function isChosen(
  union: Field,
  member: string,
  struct: Struct,
  path: readonly string[],
  image: Image | undefined,
  { generation }: Offers,
): boolean {
  const { field, members } = union.selector!;
  const selector = [...path.slice(0, -1), field].join('.');
  const value = image?.entries.findLast((entry) => entry.path === selector)?.value;
  const oneOf = innerOf(struct, path.slice(0, -1))?.fields.find((f) => f.name === field)?.oneOf ?? [];
  const constant = oneOf.find((name) => generation.constants.get(name)?.value === value);
  return value === undefined ? true : constant !== undefined && members[constant] === member;
}

/** The payload in the tree whose braces the block is. */
function payloadAt({ resolved, place }: Offers, { root }: FieldsBlock): { node: Payload; file: string } | undefined {
  const open = place.tokens.starts[root]!;
  let found: Payload | undefined;
  for (const declaration of resolved.sources[0]!.program.declarations)
    if (declaration.start <= open && open < declaration.end)
      visitDeclaration(declaration, {
        payload: (node) => {
          if (node.body.start === open) found = node;
        },
      });
  return found && { node: found, file: resolved.file };
}

function imageOf({ resolved }: Offers, payload: { node: Payload; file: string }): Image | undefined {
  const { scenarioFile: file } = resolved;
  return file && encodePayload(payload, new Names(file, undefined, namesBoundInAll(file.scenarios)));
}

/** Paths that the payload gives itself, without the one that is being typed. */
function* pathsOf({ node }: { readonly node: Payload }, { place }: Offers): Iterable<string> {
  yield* pathsIn(node.fields, '', place.offset);
}

function* pathsIn(fields: readonly FieldInit[], prefix: string, offset: number): Iterable<string> {
  for (const { path, fields: inner, start } of fields) {
    const name = prefix + path.map((p) => p.text).join('.');
    const isTyped = start <= offset && offset <= (path.at(-1)?.end ?? start);
    if (isTyped) continue;
    if (inner && inner.length > 0) yield* pathsIn(inner, `${name}.`, offset);
    else yield name;
  }
}

/** The structs that a pointer or a flexible array of the payload around the cursor may lead to. */
function structsThere(
  offers: Offers,
  leads: Parameters<typeof targetsOf>[0],
  block: FieldsBlock,
  path: readonly string[],
): readonly string[] {
  const payload = payloadAt(offers, block);
  const image = payload && imageOf(offers, payload);
  return targetsOf(leads, path.join('.'), image, offers.generation).structs;
}

function offerValue(offers: Offers, field: Field, block: FieldsBlock, path: readonly string[]): void {
  const { generation } = offers;
  const struct = block.whole;
  if (field.kind === 'flex') {
    const there = field.carries ? structsThere(offers, field.carries, block, path) : [];
    const wanted = there.length === 1 ? there[0] : undefined;
    const embedded = [...generation.kinds.values()].filter((k) => !k.ioctl);
    const structs = new Set(embedded.map((k) => k.struct));
    offers.payloads((s) => s !== undefined && s.name === wanted, 0);
    offers.payloads((s) => s !== undefined && structs.has(s.name), wanted ? 2 : 1);
    offers.kinds(
      embedded.filter((k) => k.struct === wanted),
      { named: false, rank: 1 },
    );
    offers.kinds(embedded, { named: false, rank: 3 });
    offers.payloads(() => true, 6);
    offers.keywords(['bytes'], 'expression', { rank: 7 });
    return;
  }
  if (field.kind === 'struct') {
    offers.payloads((s) => s === field.struct, 1);
    return;
  }
  // Of a struct with later versions those of the released one are legal too.
  const released = generation.structs.get(struct?.name ?? '');
  const first = released && released !== struct ? innerOf(released, path.slice(0, -1)) : undefined;
  const known = [first && memberOf(first, path.at(-1) ?? ''), field];
  const constants = [...new Set(known.flatMap((f) => f?.flags ?? f?.oneOf ?? []))];
  const ids = idsOf(field.name, offers);
  const targets = field.target && structsThere(offers, field.target, block, path);
  const isPasid = field.name.endsWith('pasid') || (struct?.name === PASID_REQUEST && path[0] === 'range');
  const prefer: Wanted['prefer'] =
    field.role === 'size'
      ? 'sizeof'
      : isPasid
        ? 'pasids'
        : field.space === 'GPA' && field.aligned
          ? 'tables'
          : undefined;
  offers.expression({
    isField: true,
    constants,
    ...(prefer ? { prefer } : {}),
    ...(ids ? { ids } : {}),
    ...(targets ? { targets } : {}),
  });
}
