import {
  encodePayload,
  evaluate,
  hexGrouped,
  modelById,
  type NoValue,
  recordOf,
  type Value,
  type WriteStep,
  wordsOf,
  wordsOfCommand,
} from '../../engine/index.ts';
import type { Expr } from '../language/syntax.ts';
import { isAt, type KnownPlace, payloadOf, staticNames, textOf } from './hover-context.ts';
import { code, paragraphs } from './hover-markdown.ts';
import { entryMarkdown, layoutOfRaw, structureMarkdown } from './hover-structures.ts';
import { indexLines, lineOf } from './lines.ts';
import { runUntil } from './run-until.ts';
import { type WrittenEntry, writtenEntry } from './written-entry.ts';

/** What raw words of hardware mean where the place is in them: fields of an STE, a command, an event, a table's entry. */
export function rawMarkdown(place: KnownPlace): string | undefined {
  return fieldRaw(place) ?? commandRaw(place) ?? eventRaw(place) ?? writtenRaw(place);
}

const isAround = ({ token }: KnownPlace, { start, end }: Expr): boolean => start <= token.start && token.end <= end;

/** A payload's field that holds a structure of hardware (`Field.holds`), on its name or its value. */
function fieldRaw(place: KnownPlace): string | undefined {
  const payload = place.payloads.at(-1);
  const init = place.fields.at(-1);
  if (!payload || !init?.value) return undefined;
  if (!isAround(place, init.value) && !init.path.some((name) => isAt(place, name))) return undefined;
  const image = encodePayload({ node: payload, file: place.resolved.file }, staticNames(place));
  const entry = image.entries.find((e) => e.init === init);
  const kind = entry?.field.holds;
  // What only a run knows is not in the bytes yet.
  if (!kind || !staticWords(init.value, place)) return undefined;
  const words = wordsOf(image.bytes.slice(entry.offset, entry.offset + entry.field.size));
  const layout = layoutOfRaw(kind, words);
  return layout && structureMarkdown(layout, words);
}

/** `command iommu0 [..]`. */
function commandRaw(place: KnownPlace): string | undefined {
  const step = place.steps.at(-1);
  if (step?.kind !== 'command' || !isAround(place, step.words)) return undefined;
  const { model } = place.file.machine;
  const hardware = modelById(model)?.hardware;
  const given = wordsHere(step.words, place);
  if (!hardware || !given?.length) return undefined;
  // Missing words are 0.
  const words = Array.from({ length: wordsOfCommand(hardware) }, (_, i) => given[i] ?? 0n);
  const layout = layoutOfRaw({ model, what: 'command' }, words);
  return paragraphs(`Command: ${code(hardware.describe(words))}`, layout && structureMarkdown(layout, words));
}

/** `event == [..]`: the record of the fault, or the one that was injected. */
function eventRaw(place: KnownPlace): string | undefined {
  const { outcome, file } = place;
  const step = place.steps.at(-1);
  if (outcome?.kind !== 'event' || !isAround(place, outcome.words)) return undefined;
  const words = wordsHere(outcome.words, place);
  const injected = step?.kind === 'inject' ? payloadOf(place, step.payload) : undefined;
  const layout =
    step?.kind === 'inject'
      ? injected && recordOf(injected.node, file.machine)
      : layoutOfRaw({ model: file.machine.model, what: 'event' }, words ?? []);
  return words?.length && layout ? structureMarkdown(layout, words) : undefined;
}

const asWords = (value: Value | NoValue): readonly bigint[] | undefined => {
  if (typeof value === 'bigint') return [value];
  return Array.isArray(value) && value.every((word) => typeof word === 'bigint') ? (value as bigint[]) : undefined;
};

const staticWords = (expr: Expr, place: KnownPlace): readonly bigint[] | undefined =>
  asWords(evaluate(expr, staticNames(place).scope()));

/** Words in a step, with the names that the scenario has when the step begins. */
function wordsHere(expr: Expr, place: KnownPlace): readonly bigint[] | undefined {
  const { file, steps, declaration } = place;
  const known = staticWords(expr, place);
  if (known || declaration?.kind !== 'scenario') return known;
  return runUntil(file, declaration, (step, session) => {
    return step === steps.at(-1) ? (asWords(session.evaluate(expr)) ?? []) : undefined;
  });
}

/** `write hpa|gpa A = ..`: what an access behind it reads there. */
function writtenRaw(place: KnownPlace): string | undefined {
  const { steps, declaration, file } = place;
  const step = steps.at(-1);
  if (step?.kind !== 'write' || declaration?.kind !== 'scenario') return undefined;
  if (!isAround(place, step.value)) return undefined;
  const found = writtenEntry(file, declaration, step, wordAt(step, place));
  return found && writtenText(found, place);
}

/** Which 64-bit word the place is in; undefined where it is in none alone. */
function wordAt({ value, width = 8 }: WriteStep, place: KnownPlace): number | undefined {
  if (value.kind !== 'list') return undefined;
  const item = value.items.findIndex((each) => isAround(place, each));
  return item < 0 ? undefined : Math.floor((item * width) / 8);
}

function writtenText({ walk, words, access, sid, pasid }: WrittenEntry, place: KnownPlace): string {
  const { title, layout, address, gpa } = walk;
  const source = textOf(place.resolved, place.resolved.file, access.head).replace(/\s+/g, ' ');
  const read = `Read by ${code(source)}, line ${lineOf(indexLines(place.source.text), access.start)}.`;
  if (!layout) return paragraphs(entryMarkdown(walk, words[0]!), read);
  const device = place.file.machine.devices.find((d) => d.sid === sid);
  const whose = `of ${code(device?.name ?? 'a device')} (${code(hexGrouped(BigInt(sid)))})${pasid < 0 ? '' : `, PASID ${pasid}`}`;
  const where = `at HPA ${code(hexGrouped(address))}${gpa === undefined ? '' : `, GPA ${code(hexGrouped(gpa))}`}`;
  // A walk reads one half of a root entry; the fields of the upper one lie behind those of the lower one.
  const isUpper = words.length * 64 < layout.bits && (address & 8n) !== 0n;
  return paragraphs(
    structureMarkdown(layout, isUpper ? [0n, ...words] : words, `**${title}** ${whose} · ${where} · ${layout.source}`),
    read,
  );
}
