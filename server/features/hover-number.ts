import { encodePayload, type Field, hexGrouped, sizeText } from '../../engine/index.ts';
import type { Expr } from '../language/syntax.ts';
import { rawNumberText } from './hover-commands.ts';
import { isKnown, type KnownPlace, type Place, staticNames } from './hover-context.ts';
import { faultCodeMarkdown, indicesText } from './hover-hardware.ts';
import { code, list, paragraphs } from './hover-markdown.ts';
import { fieldHover } from './hover-payload.ts';
import { bitsOf, constantFor, isRound } from './hover-values.ts';

/** A number in the other bases, and what its bits mean in the field it is given to. */
export function numberHover(place: Place): string | undefined {
  const literal = place.exprs.at(-1);
  // The index in `a[1].b` is part of a path.
  if (literal?.kind !== 'int') return isKnown(place) ? fieldHover(place) : undefined;
  const { value } = literal;
  const { outcome } = place;
  // A code behind `fault` is that fault.
  const known = isKnown(place) ? place : undefined;
  const isFault = outcome?.kind === 'fault' && outcome.code === literal;
  const fault = isFault && known ? faultCodeMarkdown(value, known.file.machine.model) : undefined;
  const field = known && fieldAround(known);
  return paragraphs(
    forms(value),
    fault,
    known && field && fieldText(value, field, known),
    known && rawNumberText(literal, known),
    isInputAddress(place, literal) && `Table indices: ${indicesText(value, formatAround(place))}`,
  );
}

function forms(value: bigint): string {
  const size = isRound(value) ? [`${code(sizeText(value))}`] : [];
  return [code(hexGrouped(value)), code(`${value}`), ...size, ...bitsText(value)].join(' · ');
}

/** Which bits are set, as long as they are few. */
function bitsText(value: bigint): string[] {
  const bits: number[] = [];
  for (let bit = 0; bit < 64; bit++) if ((value >> BigInt(bit)) & 1n) bits.push(bit);
  if (bits.length === 0 || value < 2n) return [];
  // A run of ones is a mask.
  if (bits.length > 2 && bits.at(-1)! - bits[0]! === bits.length - 1) return [`bits ${bits.at(-1)}:${bits[0]}`];
  return bits.length <= 8 ? [`${bits.length === 1 ? 'bit' : 'bits'} ${bits.join(', ')}`] : [];
}

interface Given {
  readonly field: Field;
  readonly path: string;
  /** The whole value of the field, of which the number may be a part. */
  readonly whole: bigint | undefined;
}

/** The field of a payload that the number is part of the value of. */
function fieldAround(place: KnownPlace): Given | undefined {
  const payload = place.payloads.at(-1);
  const init = place.fields.at(-1);
  if (!payload || !init?.value) return undefined;
  const image = encodePayload({ node: payload, file: place.resolved.file }, staticNames(place));
  const entry = image.entries.find((e) => e.init === init);
  return entry && { field: entry.field, path: entry.path, whole: entry.value };
}

function fieldText(value: bigint, { field, path, whole }: Given, { generation }: KnownPlace): string {
  const names = field.flags
    ? bitsOf(value, field.flags, generation).map(
        ({ bit, name }) => `bit ${bit}: ${name ? code(name) : 'no known flag'}`,
      )
    : [constantFor(value, field, generation)].filter((n) => n !== undefined).map((n) => code(n));
  const rest = whole !== undefined && whole !== value ? `, which is ${code(hexGrouped(whole))} in all` : '';
  const space = field.space ? `, an address (${field.space})` : '';
  return paragraphs(
    `In ${code(path)} (${code(field.type)}${field.unit ? `, ${field.unit}` : ''})${space}${rest}.`,
    list(names),
  );
}

/** Whether the number is the whole of an address that a table translates. */
function isInputAddress({ steps, mapping, declaration }: Place, literal: Expr): boolean {
  const step = steps.at(-1);
  if (mapping) return mapping.from === literal && (declaration?.kind === 'pagetable' || step?.kind === 'map');
  switch (step?.kind) {
    case 'dma':
      return step.at === literal;
    case 'unmap':
    case 'protect':
      return step.from === literal;
    case 'assert':
      return step.assertion.kind === 'cached' && step.assertion.at === literal;
    default:
      return false;
  }
}

/** The format of the table that translates the address, where the place names one; else what the model's guests have. */
function formatAround(place: Place): string | undefined {
  const { steps, declaration } = place;
  if (declaration?.kind === 'pagetable') return declaration.format.text;
  if (!isKnown(place)) return undefined;
  const step = steps.at(-1);
  const table = step && 'table' in step ? place.file.tables.get(step.table.text) : undefined;
  return table?.node.format.text ?? (place.file.machine.model === 'smmuv3' ? 'aarch64-4k' : undefined);
}
