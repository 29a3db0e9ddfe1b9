import { findGeneration, type Generation, type Struct } from '../../../engine/index.ts';
import { carrierFor } from './carriers.ts';
import { probeFor } from './probes.ts';
import { type Asked, entryAt, filled, noted, type Row, rowOf, unasked } from './row.ts';
import { isSameLayout, meaningsOf, sizeOf, type Written, writeMeanings } from './translate.ts';

/** A payload in the struct of another generation, or as it is where that is the same. */
interface Carried {
  readonly struct: Struct;
  readonly bytes: Uint8Array;
  readonly form: 'as it is' | 'translated';
  readonly lost: readonly string[];
  /** Something that matters has no place. */
  readonly incomplete: boolean;
}

/** What a generation makes of a payload whose meaning is known. */
export function generationRow(asked: Asked, generation: Generation): Row {
  const { written, carrier, role, entries, isArray } = asked;
  const there = carrierFor(role, generation);
  const probe = probeFor(role, generation, asked.model);
  if (!there || !probe) return { ...unasked(generation, 'translated'), verdict: 'no such call' };
  const isOwn = generation.id === written.generation.id;
  const carried = entries.map((entry): Carried => {
    if (isOwn || isSameLayout(there.struct, entry.struct)) {
      const bytes = filled(entry, carrier, asked.pasid);
      return { struct: isOwn ? entry.struct : there.struct, bytes, form: 'as it is', lost: [], incomplete: false };
    }
    const target = { generation, struct: there.struct };
    const written = writeMeanings(withModel(asked, entry), entry, sizeOf(carrier, entry), there.carrier, target);
    const translated: Written = { ...target, bytes: written.bytes, open: new Set(written.open) };
    const bytes = filled(translated, there.carrier, asked.pasid);
    return { ...written, struct: there.struct, bytes, form: 'translated' };
  });
  const kernel = isOwn ? { own: true, kernel: written.generation } : {};
  const one = ({ struct, bytes, form, lost, incomplete }: Carried, count = 1): Row =>
    incomplete
      ? { ...unasked(generation, form), struct: struct.name, lost }
      : rowOf({ asked, generation, probe, struct, bytes, entries: count, form, lost, ...kernel });
  const [first] = carried;
  if (!isArray) return one(first!);
  const missing = carried.findIndex(({ incomplete }) => incomplete);
  if (0 <= missing) return noted(one(carried[missing]!), `entry ${missing + 1} of ${entries.length}`);
  if (probe.array) {
    const row = one({ ...first!, bytes: joined(carried), lost: allLost(carried) }, entries.length);
    return row.offending ? noted(row, entryAt(row.offending.offset, first!.struct, entries.length)) : row;
  }
  // One request each: the first that fares otherwise than the others is what the caller meets.
  const rows = carried.map((entry) => one(entry));
  const odd = rows.findIndex(({ verdict }) => verdict !== 'accepted');
  return noted(
    rows[Math.max(odd, 0)]!,
    odd < 0 ? `each of ${rows.length} calls` : `entry ${odd + 1} of ${rows.length}`,
  );
}

/** Where a struct leaves it to the machine what it means, the machine says it. */
function withModel({ carrier, model }: Asked, entry: Written): ReturnType<typeof meaningsOf> {
  const meanings = meaningsOf(carrier, entry);
  for (const meaning of carrier.unsaid ?? [])
    if (!meanings.has(meaning)) meanings.set(meaning, { value: model, from: `the format of ${model}` });
  return meanings;
}

const allLost = (carried: readonly Carried[]): string[] => [...new Set(carried.flatMap(({ lost }) => lost))];

function joined(carried: readonly Carried[]): Uint8Array {
  const bytes = new Uint8Array(carried.reduce((sum, each) => sum + each.bytes.length, 0));
  let at = 0;
  for (const each of carried) {
    bytes.set(each.bytes, at);
    at += each.bytes.length;
  }
  return bytes;
}

/** What holds for all rows: values that the probes put in the place of the payload's own. */
export function notesOf(
  { entries, isArray, written, role, model, head, carried }: Asked,
  rows: readonly Row[],
): string[] {
  const open = [...new Set(entries.flatMap((entry) => [...entry.open]))];
  const ids = new Set(rows.map(({ generation }) => findGeneration(generation)!));
  const substitutes = new Set([...ids].flatMap((generation) => probeFor(role, generation, model)?.substitutes ?? []));
  const own = probeFor(role, written.generation, model);
  const around =
    carried !== undefined || head
      ? "Of the call around it, sizes, types and reserved fields are the file's; ids, addresses and counts are those of objects that the probe makes."
      : "The call around it is the probe's, with the ids of objects that it makes.";
  const isInside = carried !== undefined || head !== undefined || own?.declarations.includes(' asked {');
  return [
    ...(open.length === 0 ? [] : [`Substituted, as only a run knows them: ${open.join(', ')}.`]),
    ...(isInside ? [around] : []),
    ...substitutes,
    ...(isArray
      ? [
          `All ${entries.length} entries are asked: in one call of ${written.struct.name} where a call takes an array, else one by one.`,
        ]
      : []),
  ];
}
