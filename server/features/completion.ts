import { FORMATS, findGeneration, NEW_FIELD_TYPES, openFields, RUNNABLE_GENERATION_IDS } from '../../engine/index.ts';
import type { Resolved } from '../language/resolve.ts';
import { scan, T } from '../language/scanner.ts';
import { RESERVED } from '../language/words.ts';
import { offerField } from './completion-fields.ts';
import { offerMachineItem, offerSetting } from './completion-machine.ts';
import { type CompletionItem, Offers } from './completion-offers.ts';
import { type Block, cursorPlace, isIdLike } from './completion-place.ts';
import { Reader } from './completion-reader.ts';
import { binding, mapping, offerLoop, offerStep } from './completion-steps.ts';

export { completionDoc } from './completion-docs.ts';
export type { CompletionItem, CompletionKind } from './completion-offers.ts';

/** What may stand at an offset, legal things first. Works on the tokens in front of it, so the text may be broken. */
export function complete(resolved: Resolved, offset: number): readonly CompletionItem[] {
  const generation = resolved.scenarioFile?.generation ?? findGeneration(RUNNABLE_GENERATION_IDS.at(-1)!)!;
  const { text } = resolved.sources[0]!;
  const tokens = scan(text);
  // A run such as `SFS.2` or `vfio-2020-07` is one word where an id is due, and several everywhere else.
  for (const ids of isIdLike(text, offset) ? [true, false] : [false]) {
    const place = cursorPlace(text, tokens, offset, generation, { ids });
    if (!place) continue;
    const offers = new Offers(resolved, generation, place, ids);
    offerIn(offers, place.blocks.at(-1));
    if (offers.items.length > 0) return offers.items;
  }
  return [];
}

function offerIn(offers: Offers, block: Block | undefined): void {
  const r = new Reader(offers);
  switch (block?.kind) {
    case undefined:
      offerDeclaration(r);
      break;
    case 'quirks':
      offerQuirk(r);
      break;
    case 'machine':
      offerMachineItem(r);
      break;
    case 'settings':
      offerSetting(r, block);
      break;
    case 'evolve':
      offerNewField(r);
      break;
    case 'mappings':
      mapping(r, block.format, { isStep: false });
      break;
    case 'fields':
      offerField(offers, block);
      break;
    case 'steps':
      offerStep(r);
      break;
    case 'lanes':
      if (r.end) offers.keywords(['lane'], 'option');
      break;
    case 'bits':
      offerBitField(r, block.owner);
      break;
    case 'values':
      r.expression();
      break;
  }
}

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: snippet placeholders
const DECLARATIONS: Readonly<Record<string, string>> = {
  uapi: 'uapi ',
  include: 'include "$0"',
  let: 'let ${1:NAME} = $0',
  machine: 'machine {\n  $0\n}',
  pagetable: 'pagetable ${1:gpt} ${2:x86-64} at ${3:0x1000_0000} {\n  $0\n}',
  struct: 'struct ',
  array: 'array ${1:name} of ${2:struct} {\n  { $0 }\n}',
  raw: 'raw ${1:name} size ${2:64}',
  evolve: 'evolve struct ',
  scenario: 'scenario "${1:title}" {\n  $0\n}',
};
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: snippet placeholders

function offerDeclaration(r: Reader): void {
  const { offers } = r;
  const { generation, resolved } = offers;
  if (r.end) {
    const isFirst = resolved.sources[0]!.program.declarations.every(
      (d) => d.kind !== 'uapi' || offers.place.offset <= d.end,
    );
    for (const word of RESERVED) {
      const snippet = DECLARATIONS[word];
      if (word === 'uapi' && !isFirst) continue;
      const how = snippet === undefined ? {} : snippet.includes('$') ? { snippet } : { insert: snippet };
      offers.keywords([word], 'declaration', { ...how, rank: word === 'uapi' ? 0 : 2 });
    }
    offers.kinds(generation.kinds.values(), { named: true, rank: 1 });
    offers.records({ named: true, rank: 1 });
    return;
  }
  const { word } = r;
  r.next();
  switch (word) {
    case 'uapi':
      if (r.end) offers.generations();
      return;
    case 'let':
      binding(r);
      return;
    case 'pagetable':
      offerPageTable(r);
      return;
    case 'scenario':
      if (r.take(T.String)) {
        if (r.end) offers.keywords(['for'], 'option');
        else if (r.takeWord('for')) offerLoop(r);
      }
      return;
    case 'struct':
      if (r.end) offers.structs();
      else {
        const struct = r.word;
        r.next();
        offerHead(r, (s) => s === struct);
      }
      return;
    case 'array':
      if (r.end) return;
      r.next();
      if (r.end) offers.keywords(['of'], 'declaration', { rank: 0 });
      else if (r.takeWord('of')) {
        r.takeWord('struct');
        if (r.end) offers.structs();
      }
      return;
    case 'evolve':
      offerEvolve(r);
      return;
    case 'raw':
      if (r.end) return;
      r.next();
      if (r.end) {
        offers.keywords(['bytes'], 'expression', { rank: 1 });
        offers.keywords(['size', 'mapped'], 'option', { rank: 1 });
      } else if (r.takeWord('size') || r.takeWord('mapped')) r.expression();
      return;
    default: {
      const kind = generation.kinds.get(word);
      if (kind) offerHead(r, (s) => s === kind.struct);
    }
  }
}

/** `NAME [= BASE] [mapped N]`, behind the kind or struct of a payload. */
function offerHead(r: Reader, fits: (struct: string) => boolean): void {
  if (r.end) return;
  r.next();
  while (!r.end) {
    if (r.take(T.Assign)) {
      if (r.end) r.offers.payloads((struct) => struct !== undefined && fits(struct.name), 0);
      r.next();
    } else if (!r.takeWord('mapped') || r.expression({ prefer: 'sizeof' })) return;
    if (r.end) return;
  }
  r.offers.keywords(['mapped'], 'option');
}

/** `struct S version N`, behind `evolve`. */
function offerEvolve(r: Reader): void {
  const { offers } = r;
  if (r.end) {
    offers.keywords(['struct'], 'declaration', { rank: 0 });
    return;
  }
  if (!r.takeWord('struct')) return;
  if (r.end) {
    offers.structs();
    return;
  }
  r.next();
  if (r.end) offers.keywords(['version'], 'declaration', { rank: 0 });
  else if (r.takeWord('version')) r.expression();
}

/** The type of a field that a later version adds; its name is new. */
function offerNewField(r: Reader): void {
  const { offers } = r;
  const isStruct = r.takeWord('struct');
  if (!r.end) return;
  if (!isStruct) for (const type of NEW_FIELD_TYPES) offers.add(type, 'value', { rank: 1, detail: 'integer' });
  offers.structs();
}

function offerPageTable(r: Reader): void {
  const { offers } = r;
  if (r.end) return;
  r.next();
  if (r.end) {
    offers.formats(FORMATS.map(({ name }) => name));
    return;
  }
  r.id();
  while (!r.end) {
    if (r.takeWord('at')) {
      if (r.expression()) return;
    } else if (r.takeWord('space')) {
      if (r.end) {
        offers.keywords(['gpa', 'hpa'], 'option', { rank: 0 });
        return;
      }
      r.next();
    } else return;
  }
  offers.keywords(['at'], 'option', { rank: 1 });
  offers.keywords(['space'], 'declaration');
}

function offerQuirk(r: Reader): void {
  const { offers } = r;
  if (r.end) {
    const uapi = offers.resolved.sources[0]!.program.declarations.find((d) => d.kind === 'uapi');
    const given = new Set(
      uapi?.quirks.map((q) =>
        q.name.end < offers.place.offset || offers.place.offset < q.name.start ? q.name.text : '',
      ),
    );
    for (const { name, on, doc } of offers.generation.quirks.values())
      if (!given.has(name))
        offers.add(name, 'setting', {
          rank: 1,
          detail: doc,
          insert: offers.place.isFollowed ? name : `${name} = ${on ? 'off' : 'on'}`,
          doc: `quirk ${offers.generation.id} ${name}`,
        });
    return;
  }
  r.next();
  if (r.take(T.Assign) && r.end) offers.keywords(['on', 'off'], 'declaration', { rank: 0 });
}

/** A field of a command or of a record, whose fields are bits. */
function offerBitField(r: Reader, owner: string): void {
  const { offers } = r;
  const { id, hardware } = offers.model;
  const command = hardware?.commands.find(({ name }) => name === owner);
  const layout = command ?? hardware?.records.find(({ name }) => name === owner);
  if (!layout) return;
  r.take(T.Dot);
  if (r.end) {
    for (const field of openFields(layout, command?.fixed))
      offers.add(field.name, 'field', {
        rank: 1,
        detail: field.values
          ? Object.keys(field.values).join(' or ')
          : `${field.width} bit${field.width === 1 ? '' : 's'}`,
        insert: offers.place.isFollowed ? field.name : `${field.name} = `,
        doc: `bits ${id} ${owner} ${field.name}`,
      });
    return;
  }
  const field = layout.fields.find(({ name }) => name === r.word);
  r.next();
  if (!r.take(T.Assign)) return;
  if (field?.values && r.end) for (const word of Object.keys(field.values)) offers.add(word, 'value', { rank: 1 });
  else r.expression({ ...(PASIDS.has(field?.name ?? '') ? { prefer: 'pasids' } : {}) });
}

/** Fields that hold a PASID. */
const PASIDS: ReadonlySet<string> = new Set(['PASID', 'SubstreamID', 'SSID']);
