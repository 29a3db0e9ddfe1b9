import {
  checksOf,
  type EntryFlag,
  FORMATS,
  hex,
  hexGrouped,
  KNOWN_FORMAT_NAMES,
  type ScenarioFile,
  WIDEST_LIMITS,
} from '../../engine/index.ts';
import {
  type BitField,
  capField,
  DEFAULT_CAP_FIELDS,
  DESCRIPTORS,
  type Descriptor,
  decodeCaps,
  FAULTS,
  type FaultReason,
  faultByCode,
  faultByName,
} from '../../engine/models/vtd/index.ts';
import { code, list, paragraphs } from './hover-markdown.ts';

const ATS: Readonly<Record<FaultReason['ats'], string>> = {
  error: 'an error',
  null: 'success without permissions, which becomes a page request with PRI',
  none: 'a translation request cannot meet it',
};

export const faultMarkdown = (name: string): string | undefined => {
  const fault = faultByName(name) ?? FAULTS.find((f) => f.name.toLowerCase() === name.toLowerCase());
  return fault && faultText(fault);
};

export const faultCodeMarkdown = (value: bigint): string | undefined => {
  const fault = value <= 0xffn ? faultByCode(Number(value)) : undefined;
  return fault && faultText(fault);
};

const faultText = ({ name, code: number, text, qualified, ats }: FaultReason): string =>
  paragraphs(
    `**${name}** · fault ${code(hex(number))} · VT-d 7.1.3`,
    text,
    list([
      qualified ? 'Logged unless FPD is set in an entry on the way' : 'Always logged',
      `Answer to a translation request (ATS): ${ATS[ats]}`,
    ]),
  );

/** `bits 15:8`, `bit 3`, for a field that may lie in two parts. */
export const bitsText = ({ lo, width, rest }: BitField): string =>
  [{ lo, width }, ...(rest ? [rest] : [])]
    .map((part) => (part.width === 1 ? `bit ${part.lo}` : `bits ${part.lo + part.width - 1}:${part.lo}`))
    .join(' and ');

/** A capability field by its name or an older one, as this machine has it. */
export function capabilityMarkdown(name: string, { generation, machine }: ScenarioFile): string | undefined {
  const { cap, ecap, haw } = machine;
  const field = capField(name);
  if (!field) return undefined;
  const { register, doc, aliases } = field;
  const here = decodeCaps(cap, ecap, haw)[field.name];
  const checks = checksOf(generation.id, machine.model).filter((c) => new RegExp(`\\b${field.name}\\b`).test(c.doc));
  return paragraphs(
    `**${field.name}** · ${register.toUpperCase()} ${bitsText(field)} · default ${code(`${DEFAULT_CAP_FIELDS[field.name] ?? 0}`)}, here ${code(`${here}`)}`,
    doc,
    list([
      ...(aliases.length > 0 ? [`Older names: ${aliases.map(code).join(', ')}`] : []),
      ...checks.map((c) => `Asked for by ${code(c.id)} (${c.errno}, ${code(c.at)}): ${c.doc}`),
    ]),
  );
}

export const descriptorOf = (name: string): Descriptor | undefined => DESCRIPTORS.find((d) => d.name === name);

export function commandMarkdown(name: string): string | undefined {
  const descriptor = descriptorOf(name);
  if (!descriptor) return undefined;
  const { doc, source, needs, fields } = descriptor;
  return paragraphs(
    `**${name}** · hardware command · ${source}${needs ? ` · needs ${code(needs)}` : ''}`,
    doc,
    list(fields.filter((f) => f.name !== 'TYPE').map((f) => `${code(f.name)} (${bitsText(f)}): ${f.doc}${values(f)}`)),
  );
}

const values = ({ values: named }: BitField): string =>
  named
    ? ` ${Object.entries(named)
        .map(([word, value]) => `${code(word)} = ${value}`)
        .join(', ')}.`
    : '';

export function commandFieldMarkdown(command: string, name: string, here: bigint | undefined): string | undefined {
  const field = descriptorOf(command)?.fields.find((f) => f.name === name);
  if (!field) return undefined;
  const word = Object.entries(field.values ?? {}).find(([, value]) => value === here)?.[0];
  return paragraphs(
    `**${name}** · ${bitsText(field)} of ${code(command)}`,
    `${field.doc}${values(field)}`,
    field.addressLg2 !== undefined && `A full address, aligned to ${code(hexGrouped(1n << BigInt(field.addressLg2)))}.`,
    here !== undefined && `Here: ${code(hexGrouped(here))}${word ? `, ${code(word)}` : ''}`,
  );
}

/** A granularity word inside `invalidate`. */
export function granularityMarkdown(command: string, word: string): string | undefined {
  const value = descriptorOf(command)?.granularity?.[word];
  return value === undefined ? undefined : `**${word}** = ${code(`${value}`)} · granularity of ${code(command)}`;
}

export function formatMarkdown(name: string): string | undefined {
  const format = FORMATS.find((f) => f.name === name);
  if (!format)
    return KNOWN_FORMAT_NAMES.includes(name)
      ? paragraphs(`**${name}** · page-table format`, 'Not available yet.')
      : undefined;
  const { data } = format.make(WIDEST_LIMITS);
  const what = format.stage === 1 ? "first stage: the guest's own tables" : "second stage: the VMM's tables";
  return paragraphs(
    `**${name}** · page-table format · ${what} · ${data.source}`,
    `${data.levels} levels of 512 entries (${[...data.levelNames].reverse().join(', ')}), ${data.inputBits} bits of input address${data.signExtended ? ', canonical' : ''}.`,
    list(
      data.flags.map(
        (f) => `${code(f.name)} (${maskText(f)})${f.attribute ? `, attribute ${code(f.attribute)}` : ''}: ${f.doc}`,
      ),
    ),
  );
}

function maskText({ mask, where }: EntryFlag): string {
  const low = (mask & -mask).toString(2).length - 1;
  const high = mask.toString(2).length - 1;
  const place = { any: '', leaf: ', leaves', page: ', 4K leaves', large: ', large leaves' }[where];
  return `${low === high ? `bit ${low}` : `bits ${high}:${low}`}${place}`;
}

/** An attribute of a mapping: the entry bit that it sets. */
export function attributeMarkdown(format: string, attribute: string): string | undefined {
  const data = FORMATS.find((f) => f.name === format)?.make(WIDEST_LIMITS).data;
  const flags = data?.flags.filter((f) => f.attribute === attribute) ?? [];
  if (!data || flags.length === 0) return undefined;
  return paragraphs(
    `**${attribute}** · ${flags.map((f) => `${code(f.name)}, ${maskText(f)}`).join('; ')} · ${data.name}, ${data.source}`,
    flags[0]!.doc,
  );
}

const LETTERS: Readonly<Record<string, string>> = {
  r: 'may be read',
  w: 'may be written (and read)',
  x: 'may be executed (and read)',
  u: 'open to requests without privilege, as by default',
  g: 'global',
  p: 'for privileged requests only',
};

export const permissionsMarkdown = (letters: string): string =>
  paragraphs(
    `**${letters}** · permissions of the mapping`,
    list([...new Set(letters)].filter((l) => LETTERS[l]).map((l) => `${code(l)}: ${LETTERS[l]}`)),
  );

const LEVELS: readonly (readonly [name: string, shift: bigint])[] = [
  ['PML5', 48n],
  ['PML4', 39n],
  ['PDP', 30n],
  ['PD', 21n],
  ['PT', 12n],
];

/** Which entry of each level of a radix table of 4K pages an address goes through. */
export function indicesText(address: bigint): string {
  const shown = LEVELS.filter(([name]) => name !== 'PML5' || (address >> 48n !== 0n && address >> 47n !== 0x1_ffffn));
  const indices = shown.map(([name, shift]) => `${name} ${(address >> shift) & 511n}`);
  return `${indices.join(', ')}, offset ${hex(address & 0xfffn)}`;
}
