import {
  type Generation,
  getUint,
  type Located,
  locate,
  putUint,
  type Struct,
  walkFields,
} from '../../../engine/index.ts';
import { INCIDENTAL } from './carriers.ts';
import type { Carrier, Spec } from './meaning.ts';

/** A payload as bytes, with the paths whose values only a run knows. */
export interface Written {
  readonly generation: Generation;
  readonly struct: Struct;
  readonly bytes: Uint8Array;
  readonly open: ReadonlySet<string>;
}

/** A meaning that a payload has: a number, the word of a choice, or a value that a run makes. */
export interface Meaning {
  readonly value: bigint | string;
  /** The field or constant that says it. */
  readonly from: string;
}

export interface Translated {
  readonly bytes: Uint8Array;
  /** Paths that the probe's own values belong to. */
  readonly open: readonly string[];
  /** What the other struct has no place for, as the fields and constants of the original say it. */
  readonly lost: readonly string[];
  /** Whether something is lost that changes what happens. */
  readonly incomplete: boolean;
}

const PAGE = 4096n;
const RUN = 'run';
const ALL_PAGES = 0xffff_ffff_ffff_ffffn;

/** The value of a field, before a run makes its part of them. */
export const valueAt = ({ bytes }: { readonly bytes: Uint8Array }, { field, offset }: Located): bigint =>
  getUint(bytes, offset, field.size);

/** Every meaning that a payload has. Fields without one, such as padding, are listed where they are not zero. */
export function meaningsOf(carrier: Carrier, written: Written): Map<string, Meaning> {
  const { struct, generation, open } = written;
  const meanings = new Map<string, Meaning>();
  const constant = (name: string): bigint => generation.constants.get(name)!.value;
  const put = (meaning: string, value: bigint | string, from: string): void => {
    meanings.set(meaning, { value, from });
  };
  for (const [meaning, value] of Object.entries(carrier.gives ?? {})) put(meaning, value, struct.name);
  if (meansEverything(carrier, written)) put('granularity', 'pasid', struct.name);
  // Choices come first: they say which other fields count.
  const entries = Object.entries(carrier.fields).sort((a, b) => rank(a[1]) - rank(b[1]));
  for (const [path, spec] of entries) {
    const located = locate(struct, path.split('.'));
    if ('missing' in located || !counts(spec, meanings)) continue;
    const value = valueAt(written, located);
    switch (spec.as) {
      case 'size':
        break;
      case 'version':
        if (!isUsualVersion(located, value, generation)) put('version', value, `${path} = ${value}`);
        break;
      case 'number':
        if (open.has(path)) put(spec.meaning, RUN, path);
        else put(spec.meaning, value, `${path} = ${shown(value)}`);
        break;
      case 'pages':
        put('granule', PAGE, path);
        put('granules', value, `${path} = ${shown(value)}`);
        break;
      case 'order':
        put('granule', PAGE << (value & 63n), `${path} = ${value}`);
        if (spec.whole) put('granules', 1n, path);
        break;
      case 'choice': {
        const name = Object.keys(spec.words).find((c) => constant(c) === value);
        put(spec.meaning, name === undefined ? value : spec.words[name]!, `${path} = ${name ?? shown(value)}`);
        break;
      }
      case 'one bit': {
        const name = Object.keys(spec.bits).find((c) => constant(c) === value);
        if (name === undefined) put(`kind of ${path}`, value, `${path} = ${shown(value)}`);
        else put(spec.bits[name]!, 1n, name);
        break;
      }
      case 'bits': {
        let rest = value;
        for (const [name, meaning] of Object.entries(spec.bits)) {
          if ((value & constant(name)) === 0n) continue;
          put(meaning, 1n, name);
          rest &= ~constant(name);
        }
        if (rest !== 0n) put(unknownBits(spec.bits), rest, `${path} bits ${shown(rest)}`);
        break;
      }
    }
  }
  const covered = coveredBytes(carrier, struct);
  for (const located of plainFields(struct)) {
    const { path, field, offset } = located;
    if (isZero(written, located)) continue;
    if (field.role === 'padding' || field.role === 'reserved') put(`bytes of ${path}`, RUN, `${path} is not zero`);
    // A field that no meaning is known for, as one of a version that a file imagines.
    else if (covered.subarray(offset, offset + field.size).every((bit) => bit === 0))
      put(`field ${path}`, RUN, field.kind === 'uint' ? `${path} = ${shown(valueAt(written, located))}` : path);
  }
  return meanings;
}

/** 1 for each byte that some field of the carrier holds. */
function coveredBytes({ fields }: Carrier, struct: Struct): Uint8Array {
  const covered = new Uint8Array(struct.size);
  for (const path of Object.keys(fields)) {
    const located = locate(struct, path.split('.'));
    if (!('missing' in located)) covered.fill(1, located.offset, located.offset + located.field.size);
  }
  // Room that is kept beside a member of a union has no meaning of its own.
  for (const { offset, field } of walkFields(struct))
    if (covered[offset] && field.kind === 'array') covered.fill(1, offset, offset + field.size);
  return covered;
}

/** Writes meanings in the struct of another carrier; `original` gives the bytes of padding where both have some. */
export function writeMeanings(
  meanings: ReadonlyMap<string, Meaning>,
  original: Written,
  size: { readonly whole: boolean; readonly value: bigint },
  carrier: Carrier,
  target: { readonly generation: Generation; readonly struct: Struct },
): Translated {
  const { struct, generation } = target;
  const bytes = new Uint8Array(struct.size);
  const open: string[] = [];
  const used = new Set(carrier.covers ?? []);
  const constant = (name: string): bigint => generation.constants.get(name)!.value;
  const numberOf = (meaning: string): bigint | undefined => {
    const found = meanings.get(meaning)?.value;
    return typeof found === 'bigint' ? found : undefined;
  };
  const everything = carrier.everything && ['pasid', 'domain'].includes(String(meanings.get('granularity')?.value));
  for (const [path, spec] of Object.entries(carrier.fields)) {
    const located = locate(struct, path.split('.'));
    if ('missing' in located || !counts(spec, meanings)) continue;
    const store = (value: bigint): void => putUint(bytes, located.offset, located.field.size, value);
    switch (spec.as) {
      case 'size':
        store(size.whole ? BigInt(struct.size) : size.value);
        break;
      case 'version': {
        used.add('version');
        const usual = located.field.oneOf?.[0];
        store(numberOf('version') ?? (usual === undefined ? 1n : constant(usual)));
        break;
      }
      case 'number': {
        const meaning = meanings.get(spec.meaning);
        used.add(spec.meaning);
        if (meaning?.value === RUN) open.push(path);
        else if (meaning) store(meaning.value as bigint);
        break;
      }
      case 'pages':
        for (const part of ['granule', 'granules']) used.add(part);
        store(BigInt.asUintN(64, (length(meanings) + PAGE - 1n) / PAGE));
        break;
      case 'order':
        used.add('granule');
        if (spec.whole) used.add('granules');
        store(orderOf(spec.whole ? length(meanings) : (numberOf('granule') ?? PAGE)));
        break;
      case 'choice': {
        used.add(spec.meaning);
        const word = meanings.get(spec.meaning)?.value;
        const name = Object.keys(spec.words).find((c) => spec.words[c] === word);
        if (name !== undefined) store(constant(name));
        else if (typeof word === 'bigint') store(word);
        else if (word !== undefined) used.delete(spec.meaning);
        break;
      }
      case 'one bit': {
        const name = Object.keys(spec.bits).find((c) => numberOf(spec.bits[c]!) === 1n);
        if (name === undefined) break;
        used.add(spec.bits[name]!);
        store(constant(name));
        break;
      }
      case 'bits': {
        let value = numberOf(unknownBits(spec.bits)) ?? 0n;
        used.add(unknownBits(spec.bits));
        for (const [name, meaning] of Object.entries(spec.bits)) {
          used.add(meaning);
          if (numberOf(meaning) === 1n) value |= constant(name);
        }
        store(value);
        break;
      }
    }
  }
  if (everything)
    for (const [path, value] of Object.entries(carrier.everything ?? {})) {
      const located = locate(struct, path.split('.'));
      if (!('missing' in located)) putUint(bytes, located.offset, located.field.size, value);
    }
  for (const located of plainFields(struct)) {
    const from = locate(original.struct, located.path.split('.'));
    if (!meanings.has(`bytes of ${located.path}`) || 'missing' in from) continue;
    used.add(`bytes of ${located.path}`);
    const size = Math.min(located.field.size, from.field.size);
    bytes.set(original.bytes.subarray(from.offset, from.offset + size), located.offset);
  }
  const isGiven = (meaning: string, value: bigint | string): boolean => carrier.gives?.[meaning] === value;
  const lost = [...meanings].filter(
    ([meaning, { value }]) => !used.has(meaning) && value !== 0n && !isGiven(meaning, value),
  );
  return {
    bytes,
    open,
    lost: lost.map(([, { from }]) => from),
    incomplete: lost.some(([meaning]) => !INCIDENTAL.includes(meaning) && !carrier.unsaid?.includes(meaning)),
  };
}

/** Whether two structs are the same bytes with the same names, so that nothing has to be translated. */
export const isSameLayout = (a: Struct, b: Struct): boolean =>
  a === b || (a.name === b.name && a.size === b.size && signature(a).join() === signature(b).join());

/** Whether the shorter of two structs is how the longer one begins, by whatever names. */
export function isPrefix(a: Struct, b: Struct): boolean {
  const [short, long] = a.size <= b.size ? [a, b] : [b, a];
  const places = ({ offset, field }: Located): string => `${offset} ${field.size}`;
  const known = new Set(walkFields(long).map(places));
  return walkFields(short).every((located) => known.has(places(located)));
}

const signature = (struct: Struct): string[] =>
  walkFields(struct).map(({ path, offset, field }) => `${path} ${offset} ${field.size}`);

/** The size field of a payload, and whether it says the size of all its bytes. */
export function sizeOf(
  carrier: Carrier,
  { struct, bytes }: Written,
): { readonly whole: boolean; readonly value: bigint } {
  const path = Object.keys(carrier.fields).find((p) => carrier.fields[p]!.as === 'size');
  const located = path === undefined ? undefined : locate(struct, path.split('.'));
  if (!located || 'missing' in located) return { whole: true, value: BigInt(struct.size) };
  const value = getUint(bytes, located.offset, located.field.size);
  return { whole: value === BigInt(bytes.length), value };
}

/** What `counts` and `order` of reading rest on: choices before everything else. */
const rank = (spec: Spec): number => (spec.as === 'choice' ? 0 : 1);

function counts({ only }: Spec, meanings: ReadonlyMap<string, Meaning>): boolean {
  if (!only) return true;
  const word = meanings.get(only.choice)?.value;
  return word === only.word || word === undefined;
}

function meansEverything({ everything }: Carrier, written: Written): boolean {
  if (!everything) return false;
  return Object.entries(everything).every(([path, value]) => {
    const located = locate(written.struct, path.split('.'));
    return !('missing' in located) && !written.open.has(path) && valueAt(written, located) === value;
  });
}

function isUsualVersion({ field }: Located, value: bigint, { constants }: Generation): boolean {
  const usual = field.oneOf?.[0];
  return value === (usual === undefined ? 1n : constants.get(usual)?.value);
}

/** Bytes of a range. */
function length(meanings: ReadonlyMap<string, Meaning>): bigint {
  const [granule, granules] = [meanings.get('granule')?.value, meanings.get('granules')?.value];
  if (typeof granule !== 'bigint' || typeof granules !== 'bigint') return 0n;
  return granules === ALL_PAGES ? ALL_PAGES : granule * granules;
}

function orderOf(bytes: bigint): bigint {
  let order = 0n;
  while (PAGE << order < bytes && order < 63n) order++;
  return order;
}

const unknownBits = (bits: Readonly<Record<string, string>>): string => `bits besides ${Object.values(bits).join()}`;

/** Fields that hold no others. */
const plainFields = (struct: Struct): Located[] => walkFields(struct).filter(({ field }) => !field.struct);

const isZero = ({ bytes }: Written, { field, offset }: Located): boolean =>
  bytes.subarray(offset, offset + field.size).every((byte) => byte === 0);

const shown = (value: bigint): string => (value < 10n ? `${value}` : `0x${value.toString(16)}`);
