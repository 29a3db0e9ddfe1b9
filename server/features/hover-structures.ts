import { decodedFields, describeEntry, FORMATS, hexGrouped, modelById } from '../../engine/index.ts';
import { type BitField, type BitLayout, decode } from '../../engine/models/bit-layout.ts';
import type { WalkStep } from '../../engine/models/unit.ts';
import { maskText } from './hover-hardware.ts';
import { code, list, paragraphs } from './hover-markdown.ts';

const WORD = 64;
const MASK = 0xffff_ffff_ffff_ffffn;

/** Which structure of an IOMMU raw words are: `what` is its name, `command` or `event`. */
export interface RawKind {
  readonly model: string;
  readonly what: string;
}

/** How to read raw words of hardware; undefined for a command that there is not. */
export function layoutOfRaw({ model, what }: RawKind, words: readonly bigint[]): BitLayout | undefined {
  const hardware = modelById(model)?.hardware;
  if (what === 'event') return hardware?.faultRecord;
  if (what !== 'command') return hardware?.structures.find(({ name }) => name === what);
  return hardware?.commands.find((command) => {
    const values = decode(command, words);
    return Object.entries(command.fixed).every(([name, value]) => values[name] === BigInt(value));
  });
}

/**
 * A structure of hardware as its words say it: every field that is not 0, with its place in the words and what it is
 * for, and bits that no field has.
 * @param words 64 bits each, the first ones of the structure
 */
export function structureMarkdown(
  layout: BitLayout,
  words: readonly bigint[],
  head = `**${layout.name}** · ${layout.source}`,
): string {
  const shown = words.slice(0, layout.bits / WORD);
  const rows = decodedFields(layout, shown)
    .filter(({ field }) => field.lo < shown.length * WORD)
    .map(({ field, value, word }) => {
      const number = field.addressLg2 === undefined && value < 10n ? `${value}` : hexGrouped(value);
      return `${code(`${field.name} = ${number}`)}${word ? `, ${code(word)}` : ''} (${placeText(field, layout)}): ${field.doc}`;
    });
  const odd = strayBits(layout, shown).flatMap((bits, i) =>
    bits === 0n ? [] : [`${code(hexGrouped(bits))}${shown.length > 1 ? ` in word ${i}` : ''}`],
  );
  return paragraphs(
    head,
    layout.doc,
    rows.length > 0 ? list(rows) : 'All fields are 0.',
    odd.length > 0 && `Bits that no field has: ${odd.join(', ')}.`,
  );
}

/** `word 1, bits 29:28`, as specifications count them. */
function placeText({ lo, width, rest }: BitField, { bits }: BitLayout): string {
  const parts = [{ lo, width }, ...(rest ? [rest] : [])].map((part) => {
    const first = part.lo % WORD;
    const place = part.width === 1 ? `bit ${first}` : `bits ${first + part.width - 1}:${first}`;
    return bits > WORD ? `word ${Math.floor(part.lo / WORD)}, ${place}` : place;
  });
  return parts.join(' and ');
}

/** What is set outside of all fields, word by word. */
function strayBits({ fields }: BitLayout, words: readonly bigint[]): bigint[] {
  let known = 0n;
  for (const { lo, width, rest } of fields)
    for (const part of [{ lo, width }, ...(rest ? [rest] : [])])
      known |= ((1n << BigInt(part.width)) - 1n) << BigInt(part.lo);
  return words.map((word, i) => word & ~((known >> BigInt(WORD * i)) & MASK) & MASK);
}

/** An entry of a page table, with the sentence of each bit that is set. */
export function entryMarkdown({ format, level, title, gpa }: WalkStep, value: bigint): string {
  if (!format) return '';
  const { name, present, leaf, address, reserved } = describeEntry(format, level, value);
  const { source, flags } = format.data;
  const set = flags.filter((flag) => (value & flag.mask) !== 0n && isHere(flag.where, leaf, level));
  const family = FORMATS.find((f) => f.name === format.data.name)?.name ?? format.data.name;
  const does = present ? `${leaf ? 'Maps' : 'Names the table at'} ${code(hexGrouped(address))}.` : 'Not present.';
  return paragraphs(
    `**${name}** · ${title}${gpa === undefined ? '' : ` for GPA ${code(hexGrouped(gpa))}`} · ${family}, ${source}`,
    does,
    present &&
      list(
        set.map((flag) => {
          const single = (flag.mask & (flag.mask - 1n)) === 0n;
          const number = single ? '' : ` = ${(value & flag.mask) / (flag.mask & -flag.mask)}`;
          return `${code(`${flag.name}${number}`)} (${maskText(flag)}): ${flag.doc}`;
        }),
      ),
    present && reserved !== 0n && `Reserved bits that are set: ${code(hexGrouped(reserved))}.`,
  );
}

function isHere(where: string, leaf: boolean, level: number): boolean {
  if (where === 'any') return true;
  if (where === 'table') return !leaf;
  return leaf && (where === 'leaf' || (where === 'page') === (level === 0));
}
