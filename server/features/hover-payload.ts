import {
  type Declared,
  encodePayload,
  evaluate,
  isNoStruct,
  isNoValue,
  type Located,
  locate,
  recordOf,
  type Struct,
  structOf,
} from '../../engine/index.ts';
import type { FieldInit, Name, Payload } from '../language/syntax.ts';
import { bitFieldMarkdown, bitsAround } from './hover-commands.ts';
import { bindingIn, isAt, type KnownPlace, payloadOf, staticNames, textOf } from './hover-context.ts';
import { block, code, paragraphs, prose } from './hover-markdown.ts';
import { type FieldPlace, fieldMarkdown } from './hover-uapi.ts';
import { layoutText, payloadLayout } from './layout-text.ts';
import { addressed, inElement, layoutOf, targetsOf } from './members.ts';

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
  const bits = bitsAround(place);
  if (bits) return bitFieldMarkdown(bits, path.join('.'), init.value, place);
  const payload = place.payloads.at(-1);
  if (!payload) return undefined;
  const names = staticNames(place);
  const struct = structOf(payload, place.generation, (name) => names.payload(name));
  if (!struct || isNoStruct(struct)) return undefined;
  const whole = own.length === init.path.length;
  const text = located(struct, path, place, whole ? givenValue(payload, init, place) : undefined);
  return text && paragraphs(text, whole && addressText(payload, init, place));
}

/** What lies at the address that a payload gives, and the struct that the kernel will read there. */
function addressText(payload: Payload, init: FieldInit, place: KnownPlace): string {
  const names = staticNames(place);
  const there = addressed(init.value, names);
  const image = encodePayload({ node: payload, file: place.resolved.file }, names);
  const entry = image.entries.find((e) => e.init === init);
  if (!there || !entry?.field.target) return '';
  const { word, name, struct } = there.node;
  const laid = layoutOf(there, names);
  const what = laid ? `${word.text === 'array' ? 'an array of ' : ''}${code(`struct ${laid.name}`)}` : code(word.text);
  const wanted = targetsOf(entry.field.target, entry.path, image, place.generation);
  const chosen = wanted.chosen && `${code(wanted.by!)} is ${code(wanted.chosen)}`;
  const expected = wanted.structs.map((s) => code(`struct ${s}`)).join(' or ');
  return `Points at ${code(name?.text ?? struct?.text ?? word.text)}, ${what}.${
    chosen ? ` ${chosen}: the kernel reads ${expected}.` : ''
  }`;
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
      return recordField(expr.object.text, place) ?? inNamed(expr.object.text, expr.path, place);
    case 'address-of':
      return inNamed(expr.name.text, expr.path ?? [], place);
    default:
      return undefined;
  }
}

/** `NAME.FIELD` of a hardware record. */
function recordField(name: string, place: KnownPlace): string | undefined {
  const declared = place.file.payloads.get(name);
  const record = declared && recordOf(declared.node, place.file.machine);
  if (!record || place.token.text === name) return undefined;
  const init = declared.node.fields.findLast((f) => f.path[0]?.text === place.token.text);
  return bitFieldMarkdown(record, place.token.text, init?.value, place) || undefined;
}

function inStruct(struct: Struct | undefined, names: readonly Name[], place: KnownPlace): string | undefined {
  const path = struct && upTo(place, names);
  return path && located(struct, path, place);
}

/** A path in a payload, or in what a step left behind in its result. */
function inNamed(name: string, path: readonly Name[], place: KnownPlace): string | undefined {
  for (const declared of namedPayloads(name, place)) {
    const struct = layoutOf(declared, staticNames(place));
    if (!struct) continue;
    const rest = inElement(declared.node, path, ({ text }) => text);
    if (rest.length < path.length && isAt(place, path[0])) return elementMarkdown(name, Number(path[0]!.text), struct);
    const found = inStruct(struct, rest, place);
    if (found !== undefined) return found;
  }
  return undefined;
}

const elementMarkdown = (array: string, index: number, { name, size }: Struct): string =>
  `**${array}[${index}]** · element of ${code(array)} · ${code(`struct ${name}`)} · bytes ${index * size} to ${(index + 1) * size - 1}`;

/** What a name may stand for: a step's result, which outside of scenarios any of them may bind, else a payload. */
function namedPayloads(name: string, place: KnownPlace): readonly Declared<Payload>[] {
  const { declaration, file } = place;
  const scenarios = declaration?.kind === 'scenario' ? [declaration] : file.scenarios;
  const before = declaration?.kind === 'scenario' ? place.token.start : Number.POSITIVE_INFINITY;
  const bound = scenarios.flatMap((scenario) => {
    const step = bindingIn(scenario, name, before)?.step;
    const declared = step?.kind === 'submit' ? payloadOf(place, step.payload) : undefined;
    return declared ? [declared] : [];
  });
  const payload = file.payloads.get(name);
  return payload ? [...bound, payload] : bound;
}

/** `expect field == V`: a field of the submitted payload, or of a named one. */
function outcomeHover(place: KnownPlace): string | undefined {
  const { outcome, steps } = place;
  if (outcome?.kind !== 'field' || !upTo(place, outcome.path)) return undefined;
  const step = steps.at(-1);
  const submitted = step?.kind === 'submit' ? payloadOf(place, step.payload) : undefined;
  const struct = submitted && layoutOf(submitted, staticNames(place));
  return inStruct(struct, outcome.path, place) ?? inNamed(outcome.path[0]!.text, outcome.path.slice(1), place);
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
