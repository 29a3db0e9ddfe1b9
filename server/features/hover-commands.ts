import {
  decodedFields,
  evaluate,
  hexGrouped,
  modelById,
  recordNamed,
  recordOf,
  registerAtStart,
  registerInfo,
  type ScenarioFile,
} from '../../engine/index.ts';
import type { BitField, BitLayout } from '../../engine/models/bit-layout.ts';
import type { CommandLayout, RegisterInfo } from '../../engine/models/index.ts';
import type { Expr } from '../language/syntax.ts';
import { isAt, type KnownPlace, staticNames } from './hover-context.ts';
import { code, list, paragraphs } from './hover-markdown.ts';

/** `bits 15:8`, `bit 3`, for a field that may lie in two parts. */
export const bitsText = ({ lo, width, rest }: BitField): string =>
  [{ lo, width }, ...(rest ? [rest] : [])]
    .map((part) => (part.width === 1 ? `bit ${part.lo}` : `bits ${part.lo + part.width - 1}:${part.lo}`))
    .join(' and ');

const words = ({ values }: BitField): string =>
  values
    ? ` ${Object.entries(values)
        .map(([word, value]) => `${code(word)} = ${value}`)
        .join(', ')}.`
    : '';

const fieldRows = (fields: readonly BitField[]): string =>
  list(fields.map((f) => `${code(f.name)} (${bitsText(f)}): ${f.doc}${words(f)}`));

export const commandOf = (name: string, { machine }: ScenarioFile): CommandLayout | undefined =>
  modelById(machine.model)?.hardware?.commands.find((c) => c.name === name);

/** A command by its name, or a record that a device sends. */
export const commandMarkdown = (layout: CommandLayout): string => {
  const { name, doc, source, fields, fixed } = layout;
  const needs = 'needs' in layout && typeof layout.needs === 'string' ? ` · needs ${code(layout.needs)}` : '';
  return paragraphs(
    `**${name}** · hardware command · ${source}${needs}`,
    doc,
    fieldRows(fields.filter((f) => !(f.name in fixed))),
  );
};

export function recordMarkdown(name: string, { machine }: ScenarioFile): string | undefined {
  const record = recordNamed({ text: name }, machine);
  return (
    record &&
    paragraphs(
      `**${name}** · record that a device sends · ${record.bits / 8} bytes · ${record.source}`,
      record.doc,
      fieldRows(record.fields),
    )
  );
}

/** The command or record around a place whose fields are bits of it. */
export function bitsAround(place: KnownPlace): BitLayout | undefined {
  const payload = place.payloads.at(-1);
  if (payload) return recordOf(payload, place.file.machine);
  const step = place.steps.at(-1);
  return step?.kind === 'invalidate' ? commandOf(step.command.text, place.file) : undefined;
}

/** A field of a command or record where it is given a value. */
export function bitFieldMarkdown(layout: BitLayout, name: string, value: Expr | undefined, place: KnownPlace): string {
  const field = layout.fields.find((f) => f.name === name);
  if (!field) return '';
  const word = value?.kind === 'name' ? field.values?.[value.name] : undefined;
  const here = word ?? (value && evaluate(value, staticNames(place).scope()));
  const named = Object.entries(field.values ?? {}).find(([, each]) => each === here)?.[0];
  return paragraphs(
    `**${name}** · ${bitsText(field)} of ${code(layout.name)}`,
    `${field.doc}${words(field)}`,
    field.addressLg2 !== undefined && `A full address, aligned to ${code(hexGrouped(1n << BigInt(field.addressLg2)))}.`,
    typeof here === 'bigint' && `Here: ${code(hexGrouped(here))}${named ? `, ${code(named)}` : ''}`,
  );
}

/** A word that a field of a command has for a value: `page`. */
export function bitWordMarkdown(place: KnownPlace): string | undefined {
  const init = place.fields.at(-1);
  if (!init?.value || !isAt(place, init.value)) return undefined;
  const layout = bitsAround(place);
  const field = layout?.fields.find((f) => f.name === init.path[0]?.text);
  const value = field?.values?.[place.token.text];
  return value === undefined
    ? undefined
    : `**${place.token.text}** = ${code(`${value}`)} · ${field!.name === 'G' ? 'granularity' : code(field!.name)} of ${code(layout!.name)}`;
}

const ACCESS: Readonly<Record<RegisterInfo['access'], string>> = {
  rw: 'read and write',
  ro: 'read-only',
  wo: 'write-only',
  rw1c: 'ones written clear bits',
};

/** A register by its name, or the one that a field belongs to. */
export function registerMarkdown(name: string, { machine }: ScenarioFile): string | undefined {
  const info = registerInfo(name, machine);
  if (!info) return registerFieldMarkdown(name, machine);
  const { offset, width, access, doc, layout } = info;
  const given = machine.registers[name];
  const start = given ?? registerAtStart(name, machine);
  const facts = [
    `register, ${width} bits at ${code(`0x${offset.toString(16)}`)}`,
    ACCESS[access],
    ...(layout ? [layout.source] : []),
    ...(start === undefined ? [] : [`${code(hexGrouped(start))} when a scenario begins`]),
  ];
  return paragraphs(`**${name}** · ${facts.join(' · ')}`, doc, layout && fieldRows(layout.fields));
}

function registerFieldMarkdown(name: string, machine: ScenarioFile['machine']): string | undefined {
  const registers = modelById(machine.model)?.hardware?.registers ?? [];
  const owner = registers.find((r) => r.layout?.fields.some((f) => f.name === name));
  const field = owner?.layout?.fields.find((f) => f.name === name);
  return field && paragraphs(`**${name}** · ${bitsText(field)} of ${code(owner!.name)}`, `${field.doc}${words(field)}`);
}

/** What a number says that is written to a register. */
export function rawNumberText(literal: Expr, place: KnownPlace): string | undefined {
  const { file, steps, item, token } = place;
  const step = steps.at(-1);
  const around = ({ start, end }: Expr): boolean => start <= literal.start && literal.end <= end;
  if (step?.kind === 'write-reg' && around(step.value))
    return registerValueText(step.register.path.at(-1)?.text ?? '', step.value, place);
  const setting = item?.word.text === 'iommu' ? item.settings.find((s) => around(s.value)) : undefined;
  if (!setting || token.start < setting.value.start) return undefined;
  const capability = modelById(file.machine.model)?.capabilities[setting.key.text];
  return registerValueText(setting.key.text, setting.value, place, capability);
}

function registerValueText(
  name: string,
  expr: Expr,
  place: KnownPlace,
  layout: BitLayout | undefined = registerInfo(name, place.file.machine)?.layout,
): string | undefined {
  const value = evaluate(expr, staticNames(place).scope());
  if (!layout || typeof value !== 'bigint') return undefined;
  const rows = decodedFields(layout, [value]).map(({ field, value: here, word }) => {
    const shown = field.addressLg2 === undefined && here < 10n ? `${here}` : hexGrouped(here);
    return `${code(field.name)} = ${code(word ?? shown)} (${bitsText(field)}): ${field.doc}`;
  });
  return paragraphs(`As ${code(name)}:`, rows.length > 0 ? list(rows) : 'All fields are 0.');
}
