import {
  checksOf,
  type EntryFlag,
  FORMATS,
  hex,
  levelSpan,
  type ScenarioFile,
  WIDEST_LIMITS,
} from '../../engine/index.ts';
import { EVENT_LIST, eventByCode } from '../../engine/models/smmuv3/index.ts';
import type { FaultReason } from '../../engine/models/translation.ts';
import {
  capField,
  DEFAULT_CAP_FIELDS,
  decodeCaps,
  FAULTS,
  faultByCode,
  faultByName,
  type VtdFault,
} from '../../engine/models/vtd/index.ts';
import { bitsText } from './hover-commands.ts';
import { code, list, paragraphs } from './hover-markdown.ts';

const ATS: Readonly<Record<VtdFault['ats'], string>> = {
  error: 'an error',
  null: 'success without permissions, which becomes a page request with PRI',
  none: 'a translation request cannot meet it',
};

export const faultMarkdown = (name: string): string | undefined => {
  const fault = faultByName(name) ?? FAULTS.find((f) => f.name.toLowerCase() === name.toLowerCase());
  if (fault) return faultText(fault);
  if (name === 'abort') return '**fault abort** · the access was ended, and nothing was reported';
  const event = EVENT_LIST.find((e) => e.name === name.toUpperCase());
  return event && eventText(event);
};

/** A fault or event of the machine's model by its code. */
export const faultCodeMarkdown = (value: bigint, model: string): string | undefined => {
  if (0xffn < value) return undefined;
  const code = Number(value);
  const event = model === 'smmuv3' ? eventByCode(code) : undefined;
  const fault = model === 'smmuv3' ? undefined : faultByCode(code);
  return event ? eventText(event) : fault && faultText(fault);
};

const eventText = ({ name, code: number, text }: FaultReason): string =>
  paragraphs(`**${name}** · event ${code(hex(number))} · IHI 0070, 7.3`, text);

const faultText = ({ name, code: number, text, qualified, ats, unused }: VtdFault): string =>
  paragraphs(
    `**${name}** · fault ${code(hex(number))} · VT-d 7.1.3`,
    unused ? `${text} It is never reported here: ${unused}.` : text,
    list([
      qualified ? 'Logged unless FPD is set in an entry on the way' : 'Always logged',
      `Answer to a translation request (ATS): ${ATS[ats]}`,
    ]),
  );

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

export function formatMarkdown(name: string): string | undefined {
  const format = FORMATS.find((f) => f.name === name);
  if (!format) return undefined;
  const { data } = format.make(WIDEST_LIMITS);
  const root = data.topBits === data.bitsPerLevel ? '' : `, ${2 ** data.topBits} in the root`;
  const what = format.stage === 1 ? "first stage: the guest's own tables" : "second stage: the VMM's tables";
  return paragraphs(
    `**${name}** · page-table format · ${what} · ${data.source}`,
    `${data.levels} levels of ${2 ** data.bitsPerLevel} entries${root} (${[...data.levelNames].reverse().join(', ')}), ${data.inputBits} bits of input address${data.signExtended ? ', canonical' : ''}.`,
    list(data.flags.map((f) => `${code(f.name)} (${maskText(f)})${attributesText(f)}: ${f.doc}`)),
  );
}

/** The words a mapping may use for a flag or for values of a field. */
const wordsOf = ({ attribute, values = {} }: EntryFlag): string[] => [
  ...(attribute === undefined ? [] : [attribute]),
  ...Object.keys(values),
];

function attributesText(flag: EntryFlag): string {
  const words = wordsOf(flag);
  return words.length === 0 ? '' : `, ${words.length === 1 ? 'attribute' : 'attributes'} ${words.map(code).join(' ')}`;
}

export function maskText({ mask, where }: EntryFlag): string {
  const low = (mask & -mask).toString(2).length - 1;
  const high = mask.toString(2).length - 1;
  const place = { any: '', leaf: ', leaves', page: ', smallest leaves', large: ', large leaves', table: ', tables' }[
    where
  ];
  return `${low === high ? `bit ${low}` : `bits ${high}:${low}`}${place}`;
}

/** An attribute of a mapping: the entry bit that it sets. */
export function attributeMarkdown(format: string, attribute: string): string | undefined {
  const data = FORMATS.find((f) => f.name === format)?.make(WIDEST_LIMITS).data;
  const flags = data?.flags.filter((f) => wordsOf(f).includes(attribute)) ?? [];
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

/** Which entry of each level of a table an address goes through; x86-64 where no format is known. */
export function indicesText(address: bigint, name = 'x86-64'): string {
  const known = FORMATS.find((f) => f.name === name) ?? FORMATS.find((f) => f.name === 'x86-64')!;
  const isWide = known.name === 'x86-64' && address >> 48n !== 0n && address >> 47n !== 0x1_ffffn;
  const format = (isWide ? FORMATS.find((f) => f.name === 'x86-64-la57')! : known).make(WIDEST_LIMITS);
  const { levels, bitsPerLevel, topBits, levelNames } = format.data;
  const indices = Array.from({ length: levels }, (_, i) => {
    const level = levels - 1 - i;
    const index = (address / levelSpan(format, level)) & ((1n << BigInt(i === 0 ? topBits : bitsPerLevel)) - 1n);
    return `${levelNames[level]} ${index}`;
  });
  return `${indices.join(', ')}, offset ${hex(address & (levelSpan(format, 0) - 1n))}`;
}
