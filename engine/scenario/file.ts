import { ERRNO } from '../base/errno.ts';
import type { Name, Span } from '../base/span.ts';
import { nearest } from '../base/text.ts';
import type { MachineConfig } from '../host/machine-config.ts';
import { type BitLayout, decode } from '../models/bit-layout.ts';
import { type Generation, getUint, locate, type Struct } from '../uapi/index.ts';
import { elementAt } from './element.ts';
import { evaluate, isNoValue, later, type NoValue, type Scope, type Value } from './evaluate.ts';
import {
  carrying,
  type Declared,
  encodePayload,
  type Image,
  isNoStruct,
  type PayloadContext,
  sizeOfPayload,
  structOf,
} from './payload.ts';
import type { LetDecl, PageTableDecl, Payload, ScenarioDecl } from './program.ts';
import { recordOf, wordsOf } from './records.ts';

/** A file and what it includes, with every name resolved to its declaration: what checks read and the runner runs. */
export interface ScenarioFile {
  readonly file: string;
  /** The text of this file, for names that repeat what the author wrote. */
  readonly text: string;
  readonly generation: Generation;
  readonly quirks: ReadonlyMap<string, boolean>;
  readonly lets: ReadonlyMap<string, Declared<LetDecl>>;
  readonly payloads: ReadonlyMap<string, Declared<Payload>>;
  readonly tables: ReadonlyMap<string, Declared<PageTableDecl>>;
  readonly machine: MachineConfig;
  readonly scenarios: readonly ScenarioDecl[];
  /** Files that only bring declarations; their payloads are judged where they are used. */
  readonly included: ReadonlySet<string>;
}

/** A value that a step made, with the members it can be asked for. */
export interface Bound {
  readonly value: Value;
  /** The same as a number, where that is at hand and below 2^53. */
  readonly exact?: number;
  member?(path: readonly Name[]): Value | NoValue | undefined;
}

/** What an iommufd knows by name besides the devices: `ioas.id`, `iommufd.fd`. */
const FD_NAMES: ReadonlySet<string> = new Set(['ioas', 'iommufd']);

/** Constants that may rest on one another before it is called a slip. */
const MAX_LET_CHAIN = 200;

/**
 * Names for which a file is searched for what they might be misspellings of. So many different unknown names are no
 * slips any more, but a missing include, and the search is slow.
 */
const MAX_SUGGESTIONS = 30;
const suggestions = new WeakMap<ScenarioFile, Map<string, string | undefined>>();

/** What the machine adds to names while a scenario runs. */
export interface LiveNames {
  /** `NAME.field` of a payload as it lies in user memory now; undefined when it was never given an address. */
  payloadBytes(declared: Declared<Payload>): Uint8Array | undefined;
  addressOf(declared: Declared<Payload>): bigint | NoValue;
  register(object: Name, path: readonly Name[]): Value | NoValue | undefined;
  /** A page table's root was asked for. */
  tableUsed(name: string): void;
}

/**
 * The names of a file and, on top of them, those that a scenario has bound. Without `live` the scope is static: names
 * that some scenario binds answer "known only when it runs".
 */
export class Names implements PayloadContext {
  readonly file: ScenarioFile;
  readonly locals = new Map<string, Bound>();
  /** Payloads encoded so far, in a scope whose names never change their meaning. */
  readonly images: Map<Payload, Image> | undefined;
  readonly #live: LiveNames | undefined;
  readonly #runtime: ReadonlySet<string>;
  readonly #letting = new Set<string>();
  /** Payloads that are being filled in because one of their fields was asked for. */
  readonly #encoding = new Set<Payload>();
  #plain: Scope | undefined;
  /** Scopes by the size of the payload; few sizes exist. */
  readonly #sized = new Map<bigint, Scope>();
  readonly #lets = new Map<string, Value | NoValue>();

  /** @param runtime names that scenarios bind, for a static scope; it may grow while a check follows a scenario */
  constructor(
    file: ScenarioFile,
    live?: LiveNames,
    runtime: ReadonlySet<string> = new Set(),
    images?: Map<Payload, Image>,
  ) {
    this.file = file;
    this.#live = live;
    this.#runtime = runtime;
    this.images = images;
  }

  /** A static scope that encodes each payload once. Neither locals nor `runtime` may change in it. */
  static lasting(file: ScenarioFile, runtime: ReadonlySet<string>): Names {
    return new Names(file, undefined, runtime, new Map());
  }

  get generation(): Generation {
    return this.file.generation;
  }

  payload(name: string): Declared<Payload> | undefined {
    return this.file.payloads.get(name);
  }

  record(payload: Payload): BitLayout | undefined {
    return recordOf(payload, this.file.machine);
  }

  /** The scope of a step, or of a payload's expressions when `self` is its size. */
  scope(self?: bigint): Scope {
    if (self === undefined) {
      this.#plain ??= this.#makeScope();
      return this.#plain;
    }
    let sized = this.#sized.get(self);
    if (!sized) {
      sized = { ...this.scope(), self };
      this.#sized.set(self, sized);
    }
    return sized;
  }

  #makeScope(): Scope {
    return {
      generation: this.generation,
      name: (name, at) => this.#name(name, at),
      member: (object, path) => this.#member(object, path),
      addressOf: (name, path) => this.#addressOf(name, path),
      sizeOf: (name) => this.#sizeOf(name),
      partOf: (name, of) => this.#partOf(name, of),
      suggest: (name) => this.suggest(name),
    };
  }

  /** The known name nearest to a misspelt one. */
  suggest(name: string): string | undefined {
    const known = suggestions.get(this.file) ?? new Map<string, string | undefined>();
    suggestions.set(this.file, known);
    if (!known.has(name)) {
      if (MAX_SUGGESTIONS <= known.size) return undefined;
      known.set(name, nearest(name, this.#declared()));
    }
    const declared = known.get(name);
    return nearest(name, [...this.locals.keys(), ...this.#runtime, ...(declared === undefined ? [] : [declared])]);
  }

  #declared(): string[] {
    const { lets, payloads, tables } = this.file;
    return [
      ...lets.keys(),
      ...payloads.keys(),
      ...tables.keys(),
      ...this.generation.constants.keys(),
      ...this.generation.ioctls.keys(),
      ...Object.keys(ERRNO),
    ];
  }

  #name(name: string, at: Span): Value | NoValue | undefined {
    const local = this.locals.get(name);
    if (local) return local.value;
    const declared = this.file.lets.get(name);
    if (declared) return this.#let(name, declared, at);
    if (this.#runtime.has(name)) return later(at, `${name} is known only when a scenario runs`);
    if (this.file.payloads.has(name))
      return {
        noValue: 'mistake',
        code: 'payload-not-here',
        message: `${name} is a payload; write &${name} for its address or ${name}.field`,
        at,
      };
    if (this.file.tables.has(name))
      return {
        noValue: 'mistake',
        code: 'table-not-here',
        message: `${name} is a page table; write ${name}.root for its address`,
        at,
      };
    return undefined;
  }

  #let(name: string, declared: Declared<LetDecl>, at: Span): Value | NoValue {
    const known = this.#lets.get(name);
    if (known !== undefined) return isNoValue(known) ? { ...known, at } : known;
    if (MAX_LET_CHAIN < this.#letting.size)
      return {
        noValue: 'mistake',
        code: 'let-too-deep',
        message: `${name} rests on a chain of more than ${MAX_LET_CHAIN} constants`,
        at,
      };
    if (this.#letting.has(name))
      return { noValue: 'mistake', code: 'let-cycle', message: `${name} is defined by itself`, at };
    this.#letting.add(name);
    const value = evaluate(declared.node.value, this.scope());
    this.#letting.delete(name);
    // A value that names what a scenario binds is not fixed for the file.
    if (!isNoValue(value) && !this.#dependsOnLocals()) this.#lets.set(name, value);
    return isNoValue(value) ? metThrough(name, value, at) : value;
  }

  /** The value of a `let` of the file that rests on nothing which a scenario could still bind. */
  fixedLet(name: string): Value | undefined {
    const value = this.#lets.get(name);
    return isNoValue(value) ? undefined : value;
  }

  /** Whether the `let` or page table of that name is wrong by itself, so that the mistake is told where it stands. */
  isWrong(name: string): boolean {
    const expr = this.file.lets.get(name)?.node.value ?? this.file.tables.get(name)?.node.root;
    const value = expr && evaluate(expr, this.scope());
    return value !== undefined && isNoValue(value) && value.noValue === 'mistake';
  }

  #dependsOnLocals(): boolean {
    return this.locals.size > 0;
  }

  #member(object: Name, path: readonly Name[]): Value | NoValue | undefined {
    const local = this.locals.get(object.text);
    if (local)
      return (
        local.member?.(path) ?? {
          noValue: 'mistake',
          code: 'unknown-field',
          message: `${object.text} has no ${path.map((p) => p.text).join('.')}`,
          at: path[0] ?? object,
        }
      );
    const payload = this.file.payloads.get(object.text);
    if (payload) return this.#payloadField(payload, path);
    const table = this.file.tables.get(object.text);
    if (table) {
      if (path.length === 1 && path[0]!.text === 'root') {
        this.#live?.tableUsed(object.text);
        const root = evaluate(table.node.root, this.scope());
        return isNoValue(root) ? metThrough(object.text, root, object) : root;
      }
      return {
        noValue: 'mistake',
        code: 'unknown-field',
        message: `a page table has only .root`,
        at: path[0] ?? object,
      };
    }
    if (this.#live) return this.#live.register(object, path);
    if (
      this.#runtime.has(object.text) ||
      /^iommu\d+$/.test(object.text) ||
      (FD_NAMES.has(object.text) && this.generation.ioctls.has('IOMMU_IOAS_ALLOC')) ||
      this.file.machine.devices.some((d) => d.name === object.text)
    )
      return later(object, `${object.text} is known only when a scenario runs`);
    return undefined;
  }

  #payloadField(declared: Declared<Payload>, path: readonly Name[]): Value | NoValue {
    const record = this.record(declared.node);
    if (record) return this.#recordField(declared, record, path);
    const struct = structOf(declared.node, this.generation, (name) => this.payload(name));
    if (!struct || isNoStruct(struct))
      return {
        noValue: 'mistake',
        code: 'unknown-field',
        message: `${declared.node.name?.text} has no fields`,
        at: path[0]!,
      };
    const element = elementAt(declared.node, struct, path);
    if ('noValue' in element) return element;
    const bytes = this.#live?.payloadBytes(declared) ?? this.#encode(declared);
    if (isNoValue(bytes as Value | NoValue)) return bytes as NoValue;
    return fieldOf(
      this.#layoutFor(declared, struct, element.path),
      (bytes as Uint8Array).subarray(element.offset),
      element.path,
    );
  }

  #recordField(declared: Declared<Payload>, record: BitLayout, path: readonly Name[]): Value | NoValue {
    const bytes = this.#live?.payloadBytes(declared) ?? this.#encode(declared);
    if (isNoValue(bytes)) return bytes;
    const name = path.map((p) => p.text).join('.');
    const value = decode(record, wordsOf(bytes))[name];
    if (value !== undefined) return value;
    return { noValue: 'mistake', code: 'unknown-field', message: `${record.name} has no field ${name}`, at: path[0]! };
  }

  /** The struct of a payload, with what it carries where the path leads into that. */
  #layoutFor(declared: Declared<Payload>, struct: Struct, path: readonly Name[]): Struct {
    const last = struct.fields.at(-1);
    if (path.length < 2 || last?.kind !== 'flex' || last.name !== path[0]!.text) return struct;
    return carrying(struct, encodePayload(declared, this).embedded?.struct);
  }

  #encode(declared: Declared<Payload>): Uint8Array | NoValue {
    const at = declared.node.name ?? declared.node.word;
    if (this.#encoding.has(declared.node))
      return { noValue: 'mistake', code: 'payload-cycle', message: `a field of ${at.text} depends on itself`, at };
    this.#encoding.add(declared.node);
    const image: Image = encodePayload(declared, this);
    this.#encoding.delete(declared.node);
    const cycle = image.troubles.find((trouble) => trouble.code === 'payload-cycle');
    if (cycle) return { noValue: 'mistake', code: cycle.code, message: cycle.message, at };
    return image.later[0] ?? image.bytes;
  }

  #addressOf(name: Name, path: readonly Name[]): Value | NoValue | undefined {
    const declared = this.file.payloads.get(name.text);
    if (!declared) return undefined;
    const base: bigint | NoValue =
      this.#live?.addressOf(declared) ?? later(name, `the address of ${name.text} is known only when a scenario runs`);
    if (path.length === 0) return base;
    const struct = structOf(declared.node, this.generation, (name) => this.payload(name));
    const element = struct && !isNoStruct(struct) ? elementAt(declared.node, struct, path) : undefined;
    if (element && 'noValue' in element) return element;
    const offset = BigInt(element?.offset ?? 0);
    if (element?.path.length === 0) return isNoValue(base) ? base : base + offset;
    const found =
      struct && !isNoStruct(struct) && element
        ? locate(
            this.#layoutFor(declared, struct, element.path),
            element.path.map((p) => p.text),
          )
        : undefined;
    if (!found || 'missing' in found)
      return {
        noValue: 'mistake',
        code: 'unknown-field',
        message: `${name.text} has no field ${path.map((p) => p.text).join('.')}`,
        at: (element?.path ?? path)[found?.missing ?? 0]!,
      };
    return isNoValue(base) ? base : base + offset + BigInt(found.offset);
  }

  #sizeOf(name: string): bigint | NoValue | undefined {
    const declared = this.file.payloads.get(name);
    return declared && sizeOfPayload(declared, this);
  }

  #partOf(name: Name, of: 'element' | 'count'): bigint | NoValue | undefined {
    const node = this.file.payloads.get(name.text)?.node;
    if (!node) return undefined;
    const struct = structOf(node, this.generation, (other) => this.payload(other));
    if (node.elements && of === 'count') return BigInt(node.elements.length);
    if (node.elements && struct && !isNoStruct(struct)) return BigInt(struct.size);
    if (node.elements) return later(name, `the struct of ${name.text} is not known`);
    const message = `${name.text} is no array; ${of === 'count' ? 'ARRAY_SIZE counts the elements of one' : `write sizeof(${name.text})`}`;
    return { noValue: 'mistake', code: 'not-an-array', message, at: name };
  }
}

/** A mistake of a declaration, at a use of its name. What goes round in circles stands in no single declaration. */
function metThrough(name: string, value: NoValue, at: Span): NoValue {
  if (value.noValue === 'later' || value.code === 'let-cycle' || value.code === 'let-too-deep') return { ...value, at };
  const { code, message } = value;
  return { noValue: 'mistake', code, message, at, through: name };
}

/** The value of `a.b` in a struct's bytes: an integer, or bytes for an array or a struct. */
export function fieldOf(
  struct: Parameters<typeof locate>[0],
  bytes: Uint8Array,
  path: readonly Name[],
): Value | NoValue {
  if (path.length === 0) return bytes.slice(0, struct.size);
  const found = locate(
    struct,
    path.map((p) => p.text),
  );
  if ('missing' in found) {
    const name = path[found.missing]!;
    return {
      noValue: 'mistake',
      code: 'unknown-field',
      message: `${found.parent?.name || struct.name} has no field ${name.text}`,
      at: name,
    };
  }
  if (found.field.kind === 'uint') return getUint(bytes, found.offset, found.field.size);
  return bytes.slice(found.offset, found.offset + (found.field.size || bytes.length));
}
