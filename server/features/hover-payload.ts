import {
  type Declared,
  encodePayload,
  evaluate,
  isNoStruct,
  isNoValue,
  type Located,
  locate,
  type Struct,
  structOf,
} from '../../engine/index.ts';
import type { FieldInit, Name, Payload } from '../language/syntax.ts';
import { isAt, type KnownPlace, payloadOf, staticNames, textOf } from './hover-context.ts';
import { commandFieldMarkdown, descriptorOf } from './hover-hardware.ts';
import { block, code, paragraphs, prose } from './hover-markdown.ts';
import { type FieldPlace, fieldMarkdown } from './hover-uapi.ts';
import { layoutText, payloadLayout } from './layout-text.ts';

/** Bytes of a payload that a hover dumps; Show Layout has them all. */
const MAX_DUMP = 128;

/** A payload by its name: what it is for, and its bytes field by field. */
export function payloadMarkdown(declared: Declared<Payload>, place: KnownPlace): string | undefined {
  const layout = payloadLayout(declared, place);
  if ('problem' in layout) return undefined;
  const { doc, base } = declared.node;
  const kind = layout.struct && [...place.generation.kinds.values()].find((k) => k.struct === layout.struct!.name);
  const facts = [
    code(layout.title),
    ...(base ? [`from ${code(base.text)}`] : []),
    ...(kind?.ioctl ? [`submitted by ${code(kind.ioctl)}`] : []),
    ...(declared.file === place.resolved.file ? [] : [`in ${code(baseName(declared.file))}`]),
  ];
  return paragraphs(facts.join(' · '), doc && prose(doc), block(layoutText(layout, MAX_DUMP)));
}

export const baseName = (file: string): string => file.split(/[\\/]/).at(-1) ?? file;

/** The field whose name the token is, wherever a field can be named. */
export function fieldHover(place: KnownPlace): string | undefined {
  return initHover(place) ?? pathHover(place) ?? outcomeHover(place);
}

/** Which name of a path the token is, as the path up to it. */
function upTo(place: KnownPlace, path: readonly Name[]): string[] | undefined {
  const at = path.findIndex((name) => isAt(place, name));
  return at < 0 ? undefined : path.slice(0, at + 1).map((name) => name.text);
}

/** `a.b = v` inside a payload or an `invalidate`. */
function initHover(place: KnownPlace): string | undefined {
  const init = place.fields.at(-1);
  const own = init && upTo(place, init.path);
  if (!init || !own) return undefined;
  const path = [...place.fields.slice(0, -1).flatMap((f) => f.path.map((p) => p.text)), ...own];
  const payload = place.payloads.at(-1);
  if (!payload) return commandField(place, path.join('.'), init);
  const struct = structOf(payload, place.generation);
  if (!struct || isNoStruct(struct)) return undefined;
  const whole = own.length === init.path.length;
  return located(struct, path, place, whole ? givenValue(payload, init, place) : undefined);
}

function commandField(place: KnownPlace, name: string, { value }: FieldInit): string | undefined {
  const step = place.steps.at(-1);
  if (step?.kind !== 'invalidate') return undefined;
  const word = value?.kind === 'name' ? descriptorOf(step.command.text)?.granularity?.[value.name] : undefined;
  const here = word ?? (value && evaluate(value, staticNames(place).scope()));
  return commandFieldMarkdown(step.command.text, name, typeof here === 'bigint' ? here : undefined);
}

/** What a payload gives to a field, as it is known before a run. */
function givenValue(payload: Payload, init: FieldInit, place: KnownPlace): FieldPlace['here'] {
  const file = place.resolved.file;
  const image = encodePayload({ node: payload, file }, staticNames(place));
  const entry = image.entries.find((e) => e.init === init);
  if (entry?.value !== undefined) return { value: entry.value };
  if (!init.value || entry?.field.kind !== 'uint') return undefined;
  const value = evaluate(init.value, staticNames(place).scope(BigInt(image.bytes.length)));
  return isNoValue(value) && value.noValue === 'later'
    ? { later: textOf(place.resolved, file, init.value) }
    : undefined;
}

/** `NAME.a.b`, `&NAME.a.b` and `offsetof(struct S, a.b)`. */
function pathHover(place: KnownPlace): string | undefined {
  const expr = place.exprs.at(-1);
  switch (expr?.kind) {
    case 'offsetof':
      return inStruct(place.generation.structs.get(expr.struct.text), expr.path, place);
    case 'member':
      return inStruct(structNamed(expr.object.text, place), expr.path, place);
    case 'address-of':
      return inStruct(structNamed(expr.name.text, place), expr.path ?? [], place);
    default:
      return undefined;
  }
}

function inStruct(struct: Struct | undefined, names: readonly Name[], place: KnownPlace): string | undefined {
  const path = struct && upTo(place, names);
  return path && located(struct, path, place);
}

/** The struct of a payload, or of what a submit left behind in its result. */
function structNamed(name: string, place: KnownPlace): Struct | undefined {
  const declared = place.file.payloads.get(name) ?? submittedAs(name, place);
  const struct = declared && structOf(declared.node, place.generation);
  return struct && !isNoStruct(struct) ? struct : undefined;
}

function submittedAs(name: string, place: KnownPlace): Declared<Payload> | undefined {
  if (place.declaration?.kind !== 'scenario') return undefined;
  const step = place.declaration.steps.findLast(
    (s) => s.kind === 'submit' && s.as?.text === name && s.start < place.token.start,
  );
  return step?.kind === 'submit' ? payloadOf(place, step.payload) : undefined;
}

/** `expect field == V`: a field of the submitted payload, or of a named one. */
function outcomeHover(place: KnownPlace): string | undefined {
  const { outcome, steps } = place;
  const path = outcome?.kind === 'field' ? upTo(place, outcome.path) : undefined;
  if (!path || outcome?.kind !== 'field') return undefined;
  const step = steps.at(-1);
  const submitted = step?.kind === 'submit' ? payloadOf(place, step.payload) : undefined;
  const struct = submitted && structOf(submitted.node, place.generation);
  const own = struct && !isNoStruct(struct) ? located(struct, path, place) : undefined;
  return own ?? inStruct(structNamed(outcome.path[0]!.text, place), outcome.path.slice(1), place);
}

function located(
  struct: Struct,
  path: readonly string[],
  place: KnownPlace,
  here?: FieldPlace['here'],
): string | undefined {
  const found: Located | { missing: number } = locate(struct, path);
  if ('missing' in found) return undefined;
  const { field, offset } = found;
  return fieldMarkdown({ field, path: found.path, offset, struct, here }, place.generation);
}
