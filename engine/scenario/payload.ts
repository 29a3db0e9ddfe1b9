import type { Name, Span } from '../base/span.ts';
import { nearest, sizeText } from '../base/text.ts';
import { type BitLayout, encode } from '../models/bit-layout.ts';
import { type Field, type Generation, locate, putUint, type Struct, walkFields } from '../uapi/index.ts';
import { bitValues } from './bit-values.ts';
import { evaluate, fits, isNoValue, type NoValue, type Scope, type Value } from './evaluate.ts';
import type { Expr } from './expr.ts';
import type { FieldInit, Payload } from './program.ts';
import { bytesOf } from './records.ts';
import { versionOf } from './struct-version.ts';

/** A payload's declaration with the file it stands in, since spans are offsets of one file. */
export interface Declared<T> {
  readonly node: T;
  readonly file: string;
}

/** A field as it was given, with its place in the bytes and its value, if that is known already. */
export interface Entry {
  readonly path: string;
  readonly field: Field;
  /** From the start of the payload. */
  readonly offset: number;
  readonly init: FieldInit;
  readonly nameSpan: Span;
  readonly expr: Expr;
  /** The integer value; undefined when only a run knows it or the field is not an integer. */
  readonly value: bigint | undefined;
  readonly file: string;
}

export interface Trouble extends Span {
  readonly code: string;
  readonly message: string;
  readonly file: string;
  /** What was probably meant: the text to write in the span's place. */
  readonly fix?: string;
  /** As in `NoValue`. */
  readonly through?: string;
}

/** A payload in bytes, and how each field got its value. */
export interface Image {
  readonly payload: Payload;
  /** Undefined for `raw`; for an `array` the struct of its elements. */
  readonly struct: Struct | undefined;
  readonly bytes: Uint8Array;
  readonly entries: readonly Entry[];
  /** What is wrong with the payload wherever it is used. */
  readonly troubles: readonly Trouble[];
  /** Values that only a run makes; empty when the bytes are complete. */
  readonly later: readonly NoValue[];
  /** The payload in its flexible `data`, when that is one. */
  readonly embedded: Image | undefined;
}

export interface PayloadContext {
  readonly generation: Generation;
  payload(name: string): Declared<Payload> | undefined;
  /** The scope for a payload's expressions. */
  scope(self: bigint | undefined, file: string): Scope;
  /** The record of the machine's hardware that a payload is, if it is one. */
  record?(payload: Payload): BitLayout | undefined;
  /** Where names never change their meaning, the payloads encoded so far. */
  readonly images?: Map<Payload, Image> | undefined;
}

const MAX_DEPTH = 16;
const MAX_BASES = 100;
const MAX_BYTES = 1 << 20;

export interface NoStruct {
  readonly code: string;
  readonly message: string;
  readonly at: Name;
  readonly fix?: string;
}

/** How a payload finds another one by its name. */
export type Lookup = (name: string) => Declared<Payload> | undefined;

/**
 * The struct that a payload's first words name, or what is wrong with them. Where a file evolves it, this is the version
 * that the payload is written in.
 * @param lookup finds its bases and what it holds by name
 */
export function structOf(payload: Payload, generation: Generation, lookup?: Lookup): Struct | undefined | NoStruct {
  const struct = firstStructOf(payload, generation);
  if (!generation.evolved || !struct || isNoStruct(struct)) return struct;
  return versionOf(struct, payload, generation, lookup);
}

function firstStructOf(payload: Payload, generation: Generation): Struct | undefined | NoStruct {
  if (payload.word.text === 'raw') return undefined;
  if (payload.struct) {
    const struct = generation.structs.get(payload.struct.text);
    if (struct) return struct;
    const near = nearest(payload.struct.text, generation.structs.keys());
    return {
      code: 'unknown-struct',
      message: `${generation.id} has no struct ${payload.struct.text}${near ? `; did you mean ${near}?` : ''}`,
      at: payload.struct,
      ...(near === undefined ? {} : { fix: near }),
    };
  }
  const kind = generation.kinds.get(payload.word.text);
  if (kind) return generation.structs.get(kind.struct);
  const near = nearest(payload.word.text, generation.kinds.keys());
  return {
    code: 'unknown-kind',
    message: `${payload.word.text} is not a payload kind of ${generation.id}${near ? `; did you mean ${near}?` : ''}`,
    at: payload.word,
    ...(near === undefined ? {} : { fix: near }),
  };
}

/** A struct whose flexible array holds another one, so that paths lead on: `data.pasid`. */
export function carrying(struct: Struct, carried: Struct | undefined): Struct {
  if (!carried || struct.fields.at(-1)?.kind !== 'flex') return struct;
  let made = carriers.get(struct);
  if (!made) carriers.set(struct, (made = new WeakMap()));
  let whole = made.get(carried);
  if (!whole) {
    whole = { ...struct, fields: [...struct.fields.slice(0, -1), { ...struct.fields.at(-1)!, struct: carried }] };
    made.set(carried, whole);
  }
  return whole;
}
const carriers = new WeakMap<Struct, WeakMap<Struct, Struct>>();

export const isNoStruct = (s: Struct | NoStruct | undefined): s is NoStruct => s !== undefined && 'message' in s;

/** Encodes a payload. Total: what cannot be evaluated is left 0 and reported. */
export function encodePayload(declared: Declared<Payload>, context: PayloadContext, depth = 0): Image {
  const known = context.images?.get(declared.node);
  if (known) return known;
  const image = new Encoder(declared, context, depth).image();
  // Deeper down a payload that contains itself is cut off, which is not how it looks from outside.
  if (depth === 0) context.images?.set(declared.node, image);
  return image;
}

/** Most payloads have neither troubles nor values that wait; they share these, which nobody writes to. */
const NONE: readonly never[] = Object.freeze([]);
const NO_BYTES = new Uint8Array(0);

/**
 * Bytes of a payload, from its shape alone: only its struct and what its flexible `data` embeds matter, so that a payload
 * may ask for its own size by name.
 */
export function sizeOfPayload(declared: Declared<Payload>, context: PayloadContext, depth = 0): bigint | NoValue {
  const { node, file } = declared;
  const at = node.name ?? node.word;
  if (MAX_DEPTH < depth)
    return { noValue: 'mistake', code: 'payload-cycle', message: `${at.text} contains itself`, at };
  const struct = structOf(node, context.generation, (name) => context.payload(name));
  if (node.word.text === 'raw' || struct === undefined || isNoStruct(struct))
    return BigInt(encodePayload(declared, context, depth).bytes.length);
  if (node.elements) return BigInt(struct.size * node.elements.length);
  const flexible = struct.fields.find((f) => f.kind === 'flex');
  if (!flexible) return BigInt(struct.size);
  let init: FieldInit | undefined;
  for (let next: Declared<Payload> | undefined = declared, n = 0; next && !init && n <= MAX_BASES; n++) {
    init = next.node.fields.findLast((f) => names(f, flexible));
    next = next.node.base && context.payload(next.node.base.text);
  }
  const data = init?.value && dataSize(init.value, flexible, file, context, depth);
  if (data !== undefined && typeof data !== 'bigint') return data;
  const size = BigInt(flexible.offset) + (data ?? 0n);
  return size < BigInt(struct.size) ? BigInt(struct.size) : size;
}

function dataSize(
  expr: Expr,
  field: Field,
  file: string,
  context: PayloadContext,
  depth: number,
): bigint | NoValue | undefined {
  if (expr.kind === 'payload') return sizeOfPayload({ node: expr.payload, file }, context, depth + 1);
  const carried = expr.kind === 'name' ? context.payload(expr.name) : undefined;
  if (carried) return sizeOfPayload(carried, context, depth + 1);
  const value = evaluate(expr, context.scope(undefined, file));
  if (isNoValue(value)) return value;
  if (value instanceof Uint8Array) return BigInt(value.length);
  return Array.isArray(value) ? BigInt(value.length * field.element) : undefined;
}

const names = (init: FieldInit, field: Field): boolean => init.path.length === 1 && init.path[0]!.text === field.name;

/** The paths of all values that payloads give, nested ones included. */
function pathsGiven(chain: readonly Declared<Payload>[]): Set<string> {
  const paths = new Set<string>();
  const add = (inits: readonly FieldInit[], prefix: string): void => {
    for (const init of inits) {
      const path = prefix + texts(init.path).join('.');
      if (init.fields) add(init.fields, `${path}.`);
      else paths.add(path);
    }
  };
  for (const { node } of chain) add(node.fields, '');
  return paths;
}

class Encoder {
  readonly #payload: Payload;
  readonly #file: string;
  readonly #context: PayloadContext;
  readonly #depth: number;
  readonly #entries: Entry[] = [];
  #troubles: Trouble[] | undefined;
  #later: NoValue[] | undefined;
  #scope: Scope | undefined;
  #scopeFile = '';
  #bytes = NO_BYTES;
  #embedded: Image | undefined;
  #size = 0n;
  #overridden: ReadonlySet<string> | undefined;
  readonly #lookup: Lookup = (name) => this.#context.payload(name);

  constructor(declared: Declared<Payload>, context: PayloadContext, depth: number) {
    this.#payload = declared.node;
    this.#file = declared.file;
    this.#context = context;
    this.#depth = depth;
  }

  image(): Image {
    const struct = this.#encode();
    return {
      payload: this.#payload,
      struct,
      bytes: this.#bytes,
      entries: this.#entries,
      troubles: this.#troubles ?? NONE,
      later: this.#later ?? NONE,
      embedded: this.#embedded,
    };
  }

  #encode(): Struct | undefined {
    const payload = this.#payload;
    if (MAX_DEPTH < this.#depth) {
      this.#trouble(
        payload.name ?? payload.word,
        'payload-cycle',
        `${payload.name?.text ?? payload.word.text} contains itself`,
      );
      return undefined;
    }
    if (payload.word.text === 'raw') {
      this.#encodeRaw();
      return undefined;
    }
    const record = this.#context.record?.(payload);
    if (record) {
      this.#encodeRecord(record);
      return undefined;
    }
    const struct = structOf(payload, this.#context.generation, this.#lookup);
    if (isNoStruct(struct)) {
      this.#trouble(struct.at, struct.code, struct.message, this.#file, struct.fix);
      return undefined;
    }
    if (!struct) return undefined;
    if (payload.elements) this.#encodeArray(struct, payload.elements);
    else this.#encodeStruct(struct);
    return struct;
  }

  #encodeRaw(): void {
    const { bytes, size } = this.#payload;
    const scope = this.#context.scope(undefined, this.#file);
    if (bytes) {
      const value = evaluate(bytes, scope);
      if (value instanceof Uint8Array) this.#bytes = value.slice();
      else if (isNoValue(value)) this.#noValue(value);
      else this.#trouble(bytes, 'not-bytes', 'bytes "de ad .." are wanted here');
    } else if (size) {
      const value = evaluate(size, scope);
      if (isNoValue(value)) this.#noValue(value);
      else if (typeof value !== 'bigint') this.#trouble(size, 'not-a-number', 'a size is wanted here');
      else if (BigInt(MAX_BYTES) < value)
        this.#trouble(size, 'payload-too-large', `${sizeText(value)} is more than ${sizeText(BigInt(MAX_BYTES))}`);
      else this.#bytes = new Uint8Array(Number(value));
    }
  }

  /** A hardware record: bit fields by the names of the specification. */
  #encodeRecord(record: BitLayout): void {
    const values: Record<string, bigint> = {};
    for (const { node, file } of this.#baseChain()) {
      const scope = this.#context.scope(undefined, file);
      const given = bitValues(record, node.fields, (expr) => evaluate(expr, scope));
      Object.assign(values, given.values);
      for (const trouble of given.troubles) (this.#troubles ??= []).push({ ...trouble, file });
      for (const value of given.later) this.#noValue(value);
    }
    this.#bytes = bytesOf(encode(record, values));
  }

  #encodeArray(struct: Struct, elements: readonly (readonly FieldInit[])[]): void {
    this.#size = BigInt(struct.size * elements.length);
    this.#bytes = new Uint8Array(struct.size * elements.length);
    for (const [i, fields] of elements.entries())
      this.#fill(struct, i * struct.size, fields, this.#file, '', `[${i}].`);
  }

  #encodeStruct(struct: Struct): void {
    const chain = this.#baseChain();
    // `sizeof` counts what the flexible array embeds, so that is encoded first.
    const flexible = struct.fields.find((f) => f.kind === 'flex');
    let tail: Uint8Array | undefined;
    if (flexible) {
      const given = chain.findLast(({ node }) => node.fields.some((init) => names(init, flexible)));
      const init = given?.node.fields.findLast((f) => names(f, flexible));
      if (given && init) tail = this.#flexBytes(init, flexible, given.file);
    }
    const size = Math.max(struct.size, (flexible?.offset ?? 0) + (tail?.length ?? 0));
    this.#size = BigInt(size);
    this.#bytes = new Uint8Array(size);
    if (flexible && tail) this.#bytes.set(tail, flexible.offset);
    for (const [i, { node, file }] of chain.entries()) {
      // What a payload overrides in its base is never looked at: it may name what only other users of the base know.
      this.#overridden = i + 1 < chain.length ? pathsGiven(chain.slice(i + 1)) : undefined;
      this.#fill(struct, 0, node.fields, file, '', '');
    }
  }

  /** The payload and its bases, the outermost base first. */
  #baseChain(): Declared<Payload>[] {
    const chain: Declared<Payload>[] = [];
    let next: Declared<Payload> | undefined = { node: this.#payload, file: this.#file };
    while (next) {
      const { node, file }: Declared<Payload> = next;
      chain.unshift(next);
      if (!node.base) break;
      if (MAX_BASES < chain.length) {
        this.#trouble(node.base, 'base-too-deep', `more than ${MAX_BASES} payloads rest on one another here`, file);
        break;
      }
      const base = this.#context.payload(node.base.text);
      if (!base) {
        this.#trouble(node.base, 'unknown-name', `no payload is called ${node.base.text}`, file);
        break;
      }
      if (chain.some((c) => c.node === base.node)) {
        this.#trouble(node.base, 'payload-cycle', `${node.base.text} is its own base`, file);
        break;
      }
      const own = this.#kindOf(node);
      if (own !== this.#kindOf(base.node)) {
        this.#trouble(
          node.base,
          'base-of-other-struct',
          `${node.base.text} is not a ${own && 'name' in own ? own.name : node.word.text}`,
          file,
        );
        break;
      }
      next = base;
    }
    return chain;
  }

  #kindOf(node: Payload): BitLayout | Struct | NoStruct | undefined {
    return this.#context.record?.(node) ?? firstStructOf(node, this.#context.generation);
  }

  #fill(
    struct: Struct,
    base: number,
    inits: readonly FieldInit[],
    file: string,
    prefix: string,
    element: string,
  ): void {
    for (const init of inits) {
      const found = init.path.length === 1 ? member(struct, init.path[0]!.text) : locate(struct, texts(init.path));
      if ('missing' in found) {
        const name = init.path[found.missing]!;
        const near =
          found.parent &&
          nearest(
            name.text,
            found.parent.fields.map((f) => f.name),
          );
        const meant = near ?? (found.parent ? this.#elsewhere(struct, name.text) : undefined);
        const within = found.parent === struct || !found.parent?.name ? struct.name : found.parent.name;
        const message = found.parent
          ? `${within} has no field ${name.text}${meant ? `; did you mean ${meant}?` : ''}`
          : `${init.path[found.missing - 1]?.text} has no members`;
        this.#trouble(name, 'unknown-field', message, file, found.missing === 0 ? meant : near);
        continue;
      }
      const { field } = found;
      const offset = base + found.offset;
      const path = prefix + found.path;
      if (init.fields) {
        if (field.struct) this.#fill(field.struct, offset, init.fields, file, `${path}.`, element);
        // C's `= { 0 }` and `= {}`: all zero.
        else if (init.fields.length === 0) this.#bytes.fill(0, offset, offset + field.size);
        else this.#trouble(init.path.at(-1)!, 'not-a-struct', `${path} is a ${field.type}, which has no members`, file);
        continue;
      }
      if (init.value) this.#store(field, offset, element + path, init, init.value, file);
    }
  }

  /** The path of a member of that name further down. */
  #elsewhere(struct: Struct, name: string): string | undefined {
    for (const located of walkFields(struct)) if (located.field.name === name) return located.path;
    return undefined;
  }

  #store(field: Field, offset: number, path: string, init: FieldInit, expr: Expr, file: string): void {
    if (this.#overridden?.has(path)) return;
    // The entry stands before those of what it holds.
    const entry: Building = { path, field, offset, init, nameSpan: nameSpan(init), expr, value: undefined, file };
    this.#entries.push(entry);
    if (field.kind === 'flex') return;
    if (field.kind === 'struct' || field.kind === 'union') {
      this.#storeStruct(field, offset, path, expr, file);
      return;
    }
    const value = evaluate(expr, this.#scopeIn(file));
    if (typeof value === 'bigint') {
      if (field.kind === 'uint' || field.size <= 8 || value === 0n) {
        if (MASKS[Math.min(8, field.size)]! < value && !fits(value, field.size * 8))
          this.#trouble(
            expr,
            'value-too-wide',
            `0x${value.toString(16)} does not fit ${path}, which has ${field.size * 8} bits`,
            file,
          );
        this.#putUint(offset, field.size, value);
        entry.value = value & MASKS[Math.min(8, field.size)]!;
      } else {
        this.#entries.pop();
        this.#trouble(expr, 'not-a-list', `${path} is a ${field.type}: a list or bytes are wanted`, file);
      }
      return;
    }
    if (isNoValue(value)) {
      this.#noValue(value, file);
      return;
    }
    if (field.kind === 'uint')
      this.#trouble(expr, 'not-a-number', `${path} is a ${field.type}: a number is wanted`, file);
    else this.#storeArray(field, offset, path, value, expr, file);
  }

  /** The scope of this payload's own expressions; its size is known by now. */
  #scopeIn(file: string): Scope {
    if (this.#scope === undefined || this.#scopeFile !== file) {
      this.#scope = this.#context.scope(this.#size, file);
      this.#scopeFile = file;
    }
    return this.#scope;
  }

  #putUint(offset: number, size: number, value: bigint): void {
    // Small values, which most are, are stored without bigint arithmetic.
    if (value <= 0xffn) {
      this.#bytes[offset] = Number(value);
      this.#bytes.fill(0, offset + 1, offset + size);
    } else putUint(this.#bytes, offset, size, value);
  }

  #storeArray(
    field: Field,
    offset: number,
    path: string,
    value: Exclude<Value, bigint>,
    expr: Expr,
    file: string,
  ): void {
    if (value instanceof Uint8Array) {
      if (field.size < value.length)
        this.#trouble(
          expr,
          'value-too-wide',
          `${value.length} bytes do not fit ${path}, which has ${field.size}`,
          file,
        );
      this.#bytes.set(value.subarray(0, field.size), offset);
    } else if (typeof value === 'string') {
      this.#trouble(expr, 'not-a-list', `${path} is a ${field.type}: a list or bytes are wanted`, file);
    } else {
      const room = field.size / field.element;
      if (room < value.length)
        this.#trouble(expr, 'value-too-wide', `${value.length} elements do not fit ${path}, which has ${room}`, file);
      for (const [i, item] of value.slice(0, room).entries()) {
        if (typeof item !== 'bigint' || !fits(item, field.element * 8))
          this.#trouble(expr, 'value-too-wide', `element ${i} of ${path} does not fit ${field.element * 8} bits`, file);
        else putUint(this.#bytes, offset + i * field.element, field.element, item);
      }
    }
  }

  /** `field = other`: the bytes of a payload of the member's own struct. */
  #storeStruct(field: Field, offset: number, path: string, expr: Expr, file: string): void {
    const image = this.#payloadValue(expr, file);
    if (!image) {
      const value = expr.kind === 'int' && expr.value === 0n ? undefined : 'wrong';
      if (value)
        this.#trouble(
          expr,
          'not-a-struct',
          `${path} is a ${field.type}: write ${path} = { .. } or the name of a payload`,
          file,
        );
      return;
    }
    this.#waitFor(image.later);
    this.#bytes.set(image.bytes.subarray(0, field.size), offset);
  }

  #flexBytes(init: FieldInit, field: Field, file: string): Uint8Array | undefined {
    const expr = init.value;
    if (!expr) {
      this.#trouble(
        init,
        'not-a-payload',
        `${field.name} takes a payload, bytes or a list: write ${field.name} = NAME`,
        file,
      );
      return undefined;
    }
    const image = this.#payloadValue(expr, file);
    if (image) {
      this.#embedded = image;
      // What is wrong inside a named payload is reported where that is declared.
      if (expr.kind === 'payload') this.#adopt(image.troubles);
      this.#waitFor(image.later);
      return image.bytes;
    }
    const value = evaluate(expr, this.#context.scope(undefined, file));
    if (isNoValue(value)) {
      this.#noValue(value, file);
      return undefined;
    }
    if (value instanceof Uint8Array) return value;
    if (typeof value === 'object') {
      const bytes = new Uint8Array(value.length * field.element);
      for (const [i, item] of value.entries()) {
        if (typeof item !== 'bigint' || !fits(item, field.element * 8))
          this.#trouble(
            expr,
            'value-too-wide',
            `element ${i} of ${field.name} does not fit ${field.element * 8} bits`,
            file,
          );
        else putUint(bytes, i * field.element, field.element, item);
      }
      return bytes;
    }
    this.#trouble(expr, 'not-a-payload', `${field.name} takes a payload, bytes or a list`, file);
    return undefined;
  }

  #payloadValue(expr: Expr, file: string): Image | undefined {
    if (expr.kind === 'payload') return encodePayload({ node: expr.payload, file }, this.#context, this.#depth + 1);
    const declared = expr.kind === 'name' ? this.#context.payload(expr.name) : undefined;
    if (!declared) return undefined;
    const image = encodePayload(declared, this.#context, this.#depth + 1);
    this.#adopt(image.troubles.filter((t) => t.code === 'payload-cycle'));
    return image;
  }

  #noValue(value: NoValue, file = this.#file): void {
    if (value.noValue === 'later') this.#waitFor([value]);
    else this.#trouble(value.at, value.code, value.message, file, value.fix, value.through);
  }

  #trouble(at: Span, code: string, message: string, file = this.#file, fix?: string, through?: string): void {
    const more = { ...(fix === undefined ? {} : { fix }), ...(through === undefined ? {} : { through }) };
    this.#adopt([{ start: at.start, end: at.end, code, message, file, ...more }]);
  }

  #adopt(troubles: readonly Trouble[]): void {
    if (troubles.length === 0) return;
    this.#troubles ??= [];
    for (const trouble of troubles) this.#troubles.push(trouble);
  }

  #waitFor(values: readonly NoValue[]): void {
    if (values.length === 0) return;
    this.#later ??= [];
    for (const value of values) this.#later.push(value);
  }
}

const texts = (path: readonly Name[]): string[] => path.map((p) => p.text);

/** `locate` for the usual path of one name. */
function member(struct: Struct, name: string): ReturnType<typeof locate> {
  for (const field of struct.fields)
    if (field.name === name || field.aliases?.includes(name))
      return { field, offset: field.offset, path: field.name, parent: struct };
  return { missing: 0, parent: struct };
}

/** The largest value of so many bytes. */
const MASKS: readonly bigint[] = Array.from({ length: 9 }, (_, bytes) => (1n << BigInt(8 * bytes)) - 1n);

type Building = { -readonly [K in keyof Entry]: Entry[K] };

const nameSpan = ({ path }: FieldInit): Span =>
  path.length === 1 ? path[0]! : { start: path[0]!.start, end: path.at(-1)!.end };
