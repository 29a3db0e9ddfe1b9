import type { Name } from '../base/span.ts';
import type { MachineConfig } from '../host/machine-config.ts';
import { DeviceAccess } from '../models/device.ts';
import { type Format, findFormat, leafSizes, PageTable, rootPages, type TableMemory } from '../pagetable/index.ts';
import { getUint, type Struct } from '../uapi/index.ts';
import { evaluate, integer, isNoValue, type NoValue, type Scope, type Value } from './evaluate.ts';
import type { Expr } from './expr.ts';
import { type Bound, fieldOf, Names, type ScenarioFile } from './file.ts';
import { Machine } from './machine.ts';
import { carrying, type Declared, encodePayload, type Image, isNoStruct, sizeOfPayload, structOf } from './payload.ts';
import type { Mapping, PageTableDecl, Payload, Step } from './program.ts';
import type { StepRef } from './result.ts';
import { Timeline } from './timeline.ts';

const PAGE = 0x1000n;

/** A buffer that a payload occupies in the caller's memory. */
export interface Buffer {
  readonly address: bigint;
  readonly size: number;
  readonly struct: Struct | undefined;
  /** What the payload said when the caller filled the buffer last. */
  given: Uint8Array;
}

/** A page table as the guest keeps it. */
export interface GuestTable {
  readonly table: PageTable;
  readonly format: Format;
  readonly root: bigint;
  readonly decl: PageTableDecl;
  /** One past the last page it has taken. */
  end: bigint;
}

/** The page tables of a file as pages of memory, made by its first run and copied by the others. */
interface LaidTables {
  readonly pages: readonly { readonly hpa: bigint; readonly words: Int32Array }[];
  readonly ends: ReadonlyMap<string, bigint>;
  readonly troubles: ReadonlyMap<string, string>;
}

/**
 * By the tables themselves and not by their file: a file that takes over the tables of its last version says that they, and
 * what they name, are the same, and so is its machine when that is taken over too.
 */
const laidTables = new WeakMap<ScenarioFile['tables'], LaidTables & { readonly machine: MachineConfig }>();

/** A change of what is translated, or an order to forget, in the order of time. */
interface Happening {
  readonly time: number;
  readonly ref: StepRef;
}

/** One run of one scenario: the machine, the names bound so far and what happened when. */
export class Session {
  readonly file: ScenarioFile;
  readonly names: Names;
  readonly tables = new Map<string, GuestTable>();
  /** Memory that has a new owner, as HPA ranges. */
  readonly reused: { readonly from: bigint; readonly to: bigint }[] = [];
  /** Steps whose invalidations have been counted (`thrift.ts`). */
  invalidationsCounted = 0;
  /** The process that runs the scenario has died. */
  hasExited = false;
  /** Invalidation commands as the kernel issued them, for reports of what missed. */
  readonly invalidations: (Happening & { readonly what: string })[] = [];
  /** Why page tables could not be written, by table; told when a scenario uses one of them. */
  readonly #tableTroubles = new Map<string, string>();
  readonly #tablesUsed = new Set<string>();
  readonly #machine: Machine | undefined;
  /** Accesses of devices with ATS, with the page requests they leave behind. */
  readonly #deviceAccess: DeviceAccess | undefined;
  readonly #buffers = new Map<Payload, Buffer>();
  readonly #timeline = new Timeline();
  /** Formats of tables by their names, as this machine has them. */
  readonly #formats = new Map<string, Format>();
  /** Host pages that the file's tables take up, while they are laid for the first time. */
  readonly #tablePages = new Set<bigint>();
  /** Why a register that the machine declares was not taken. */
  readonly #misprogrammed: string | undefined;
  #submitted: Buffer | undefined;
  /** Payloads that are being filled in for one submit: itself and what it points at. */
  #filling: Set<Payload> | undefined;
  #fieldScope: Scope | undefined;

  /** @param mode `values only` brings up no machine: file-level values can be had, nothing can run */
  constructor(file: ScenarioFile, mode: 'run' | 'values only' = 'run') {
    this.file = file;
    this.names = new Names(file, {
      payloadBytes: (declared) => this.#payloadBytes(declared),
      addressOf: (declared) => this.#addressOf(declared),
      register: (object, path) => this.#register(object, path),
      tableUsed: (name) => this.#tablesUsed.add(name),
    });
    if (mode === 'values only') return;
    this.#machine = new Machine(file.machine, file.generation, file.quirks);
    if (this.#machine.hasHardware) this.#deviceAccess = new DeviceAccess(this.#machine.unit);
    this.#layTables();
    // A register may make the unit read what lies in memory, so it comes after the tables.
    this.#misprogrammed = this.#machine.program();
    this.machine.kernel.takeIssued();
  }

  get machine(): Machine {
    if (!this.#machine) throw new Error('a session for values has no machine');
    return this.#machine;
  }

  get deviceAccess(): DeviceAccess {
    if (!this.#deviceAccess) throw new Error('this session has no hardware');
    return this.#deviceAccess;
  }

  get now(): number {
    return this.#timeline.now;
  }

  /** Advances time: what happens from here on belongs to this step, which runs for the `run`-th time. */
  beginStep(step: Step, run: number): void {
    this.#timeline.begin(step, run);
    this.machine.tell(this.#timeline.now);
    this.#submitted = undefined;
  }

  /** The present step was answered by caches alone and changed nothing: it is no cause of anything later. */
  leaveNoMark(): void {
    this.#timeline.leaveNoMark();
  }

  /** The step that ran at a time; undefined for one that left no mark. */
  stepAt(time: number): StepRef | undefined {
    return this.#timeline.at(time);
  }

  /** A page table that the scenario uses, by its name. */
  useTable(name: string): GuestTable | undefined {
    this.#tablesUsed.add(name);
    return this.tables.get(name);
  }

  /** What is wrong with the machine, or with a page table that the scenario has used. */
  trouble(): string | undefined {
    if (this.#misprogrammed !== undefined) return this.#misprogrammed;
    for (const [name, trouble] of this.#tableTroubles)
      if (this.#tablesUsed.has(name)) return `the page table ${name} could not be written: ${trouble}`;
    return undefined;
  }

  /** Whether this step has submitted a request to invalidate, by itself or inside another payload. */
  submitsInvalidation(): boolean {
    const struct = this.#submitted?.struct;
    return [struct, struct?.fields.at(-1)?.struct].some((s) => s !== undefined && /inval/.test(s.name));
  }

  noteInvalidation(words: readonly bigint[]): void {
    const ref = this.stepAt(this.now);
    if (ref) this.invalidations.push({ time: this.now, ref, what: this.machine.describe(words) });
  }

  /** Faults logged so far. */
  faultsLogged(): number {
    return this.machine.hasHardware ? this.machine.unit.faultsReported : 0;
  }

  /** The record that an access has just logged. A kernel's handler frees its place, so that none overflows; bare hardware keeps it. */
  takeFaultRecord(): readonly bigint[] | undefined {
    return this.machine.unit.takeRecord(this.machine.hasKernel);
  }

  bind(name: Name | undefined, bound: Bound): void {
    if (name) this.names.locals.set(name.text, bound);
  }

  integer(expr: Parameters<typeof integer>[0]): bigint | NoValue {
    return integer(expr, this.names.scope());
  }

  /** Evaluates optional numbers by name; the first one that has no value is the problem. */
  numbers<K extends string>(
    exprs: Readonly<Record<K, Expr | undefined>>,
  ): Partial<Record<K, bigint>> | { readonly problem: string } {
    const numbers: Partial<Record<K, bigint>> = {};
    for (const name of Object.keys(exprs) as K[]) {
      const expr = exprs[name];
      if (!expr) continue;
      const value = this.integer(expr);
      if (isNoValue(value)) return { problem: value.message };
      numbers[name] = value;
    }
    return numbers;
  }

  evaluate(expr: Parameters<typeof evaluate>[0]): Value | NoValue {
    return evaluate(expr, this.names.scope());
  }

  /** The fields of the payload that this step submitted, as the call left them. */
  fieldScope(): Scope {
    this.#fieldScope ??= {
      ...this.names.scope(),
      member: (_object, path) => this.#submitted && this.bufferFields(this.#submitted)(path),
    };
    return this.#fieldScope;
  }

  /** Encodes a payload with the names there are now and puts it into user memory; its address is the same each time. */
  place(declared: Declared<Payload>, mapped: number | undefined): Buffer | { readonly problem: string } {
    // What the payload points at is filled in anew too, where its own text now says something else.
    this.#filling = new Set([declared.node]);
    const placed = this.#fill(declared, mapped, 'anew');
    this.#filling = undefined;
    if (!('problem' in placed)) this.#submitted = placed;
    return placed;
  }

  /** The buffer of a payload, which is filled in when this is the first time that anybody asks for it. */
  bufferOf(declared: Declared<Payload>): Buffer | { readonly problem: string } {
    return this.#buffers.get(declared.node) ?? this.#fill(declared, undefined, 'anew');
  }

  /** The buffer of a payload, filled in anew when its fields say something else than the last time. */
  refreshed(declared: Declared<Payload>): Buffer | { readonly problem: string } {
    return this.#fill(declared, undefined, 'if it says something else');
  }

  #fill(
    declared: Declared<Payload>,
    mapped: number | undefined,
    when: 'anew' | 'if it says something else',
  ): Buffer | { readonly problem: string } {
    const image = encodePayload(declared, this.names);
    const problem = image.troubles[0]?.message ?? image.later[0]?.message;
    if (problem !== undefined) return { problem };
    const known = this.#buffers.get(declared.node);
    if (when !== 'anew' && known && sameBytes(known.given, image.bytes)) return known;
    let limit = mapped;
    if (limit === undefined && declared.node.mapped) {
      const own = this.integer(declared.node.mapped);
      if (isNoValue(own)) return { problem: own.message };
      limit = Number(own);
    }
    return this.#store(declared.node, image, limit);
  }

  /** Fields of a buffer as it lies in memory now. */
  bufferFields(buffer: Buffer): (path: readonly Name[]) => Value | NoValue | undefined {
    return (path) =>
      buffer.struct ? fieldOf(buffer.struct, this.machine.user.peek(buffer.address, buffer.size), path) : undefined;
  }

  #store(payload: Payload, image: Image, mapped: number | undefined): Buffer {
    const known = this.#buffers.get(payload);
    if (known && known.size === image.bytes.length) {
      this.machine.user.refill(known.address, image.bytes, mapped);
      known.given = image.bytes;
      return known;
    }
    const buffer = {
      address: this.machine.user.place(image.bytes, mapped),
      size: image.bytes.length,
      struct: payload.elements || !image.struct ? undefined : carrying(image.struct, image.embedded?.struct),
      given: image.bytes,
    };
    this.#buffers.set(payload, buffer);
    return buffer;
  }

  #payloadBytes(declared: Declared<Payload>): Uint8Array | undefined {
    const buffer = this.#buffers.get(declared.node);
    return buffer && this.machine.user.peek(buffer.address, buffer.size);
  }

  #addressOf(declared: Declared<Payload>): bigint | NoValue {
    const known = this.#buffers.get(declared.node);
    if (known && !this.#filling) return known.address;
    if (known && this.#filling!.has(declared.node)) return known.address;
    this.#filling?.add(declared.node);
    if (!known) {
      // The address is there before the bytes, so that a payload may point at itself.
      const size = sizeOfPayload(declared, this.names);
      if (isNoValue(size)) return size;
      const struct = structOf(declared.node, this.file.generation, (name) => this.names.payload(name));
      const bytes = new Uint8Array(Number(size));
      this.#buffers.set(declared.node, {
        address: this.machine.user.place(bytes),
        size: bytes.length,
        struct: declared.node.elements || isNoStruct(struct) ? undefined : struct,
        given: bytes,
      });
    }
    const placed = this.#fill(declared, undefined, known ? 'if it says something else' : 'anew');
    const at = declared.node.name ?? declared.node.word;
    return 'problem' in placed
      ? { noValue: 'mistake', code: 'payload-unusable', message: placed.problem, at }
      : placed.address;
  }

  #register(object: Name, path: readonly Name[]): Value | NoValue | undefined {
    if (object.text === 'iommu0' && path.length === 1)
      return (
        this.machine.register(path[0]!.text) ?? {
          noValue: 'mistake',
          code: 'unknown-field',
          message: `iommu0 has no ${path[0]!.text}`,
          at: path[0]!,
        }
      );
    const device = this.machine.config.devices.find((d) => d.name === object.text);
    if (device && path.length === 1 && path[0]!.text === 'sid') return BigInt(device.sid);
    const known = this.machine.kernel.member(
      object.text,
      path.map((p) => p.text),
    );
    if (known !== undefined) return known;
    const isClosed = this.hasExited && (device !== undefined || object.text === 'ioas');
    if (!device && !isClosed) return undefined;
    const what = `${object.text} has no ${path.map((p) => p.text).join('.')}`;
    const message = isClosed ? `${what} any more: the process has exited, and its file descriptors are closed` : what;
    return { noValue: 'mistake', code: 'unknown-field', message, at: path[0] ?? object };
  }

  /** Writes the file's page tables into memory: mapping by mapping the first time, then as copies of the pages. */
  #layTables(): void {
    const { tables, machine } = this.file;
    const laid = laidTables.get(tables);
    const known = laid?.machine === machine ? laid : undefined;
    for (const [name, declared] of this.file.tables) this.#openTable(name, declared, known?.ends.get(name));
    const { mem } = this.machine;
    if (known) {
      for (const { hpa, words } of known.pages) mem.putPage(hpa, words);
      for (const [name, trouble] of known.troubles) this.#tableTroubles.set(name, trouble);
      return;
    }
    for (const [name, guest] of this.tables) {
      for (const mapping of guest.decl.mappings) {
        const problem = this.map(guest, mapping);
        if (problem) this.#tableTroubles.set(name, problem);
      }
    }
    const ends = new Map([...this.tables].map(([name, guest]) => [name, guest.end]));
    const pages = [...this.#tablePages].map((hpa) => ({ hpa, words: mem.copyPage(hpa) }));
    laidTables.set(tables, { machine, pages, ends, troubles: new Map(this.#tableTroubles) });
    this.#tablePages.clear();
  }

  #openTable(name: string, { node }: Declared<PageTableDecl>, end: bigint | undefined): void {
    const choice = findFormat(node.format.text);
    const root = this.integer(node.root);
    if (!choice || isNoValue(root)) return;
    // The guest writes what it likes; what the hardware makes of it is the walk's business.
    const format =
      this.#formats.get(choice.name) ?? choice.make({ ...this.machine.limits, oneGig: true, twoMeg: true });
    this.#formats.set(choice.name, format);
    const inHost = node.space?.text === 'hpa';
    const { mem, guest: guestMemory } = this.machine;
    const target = inHost ? mem : guestMemory;
    const laying = end === undefined;
    const memory: TableMemory = !laying
      ? target
      : {
          read64: (at) => target.read64(at),
          write64: (at, value) => {
            const hpa = inHost ? at : this.machine.hpaOf(at);
            if (hpa !== undefined) this.#tablePages.add(hpa & ~(PAGE - 1n));
            target.write64(at, value);
          },
        };
    const allocate = (bytes: bigint): bigint | undefined => {
      const at = (guest.end + bytes - 1n) & -bytes;
      for (let page = at; !inHost && page < at + bytes; page += PAGE)
        if (this.machine.hpaOf(page) === undefined) return undefined;
      guest.end = at + bytes;
      return at;
    };
    const guest: GuestTable = {
      table: new PageTable(format, memory, root, allocate),
      format,
      root,
      decl: node,
      end: end ?? root + rootPages(format),
    };
    this.tables.set(name, guest);
  }

  /** Writes one mapping into a table; answers what is wrong with it. */
  map(guest: GuestTable, mapping: Mapping): string | undefined {
    const values = [mapping.from, mapping.to, mapping.page, mapping.size].map((expr) =>
      expr ? this.integer(expr) : undefined,
    );
    for (const value of values) if (value !== undefined && isNoValue(value)) return value.message;
    const [smallest] = leafSizes(guest.format) as [bigint];
    const [ia, oa, page = smallest, size = page] = values as [bigint, bigint, bigint | undefined, bigint | undefined];
    let set = 0n;
    for (const attribute of mapping.attributes) {
      const bits = guest.format.data.attributes[attribute.text];
      if (bits === undefined)
        return `${attribute.text} is not a bit of ${guest.format.name}; it has ${Object.keys(guest.format.data.attributes).join(', ')}`;
      set |= bits;
    }
    const rights = rightsOf(mapping.perms?.text, stageOf(guest.decl.format.text));
    const result = guest.table.map({ ia, oa, size, page, set, ...rights });
    return result.ok ? undefined : result.problem;
  }
}

export const stageOf = (format: string): 1 | 2 => findFormat(format)?.stage ?? 1;

/** What letters grant: default `rw` for users; `p` takes the user bit away. */
export function rightsOf(
  perms = 'rw',
  stage: 1 | 2 = 1,
): {
  read: boolean;
  write: boolean;
  execute: boolean;
  user: boolean;
  global: boolean;
} {
  const has = (letter: string): boolean => perms.includes(letter);
  return {
    // Stage 1 has no page that can be written but not read; stage 2 has.
    read: has('r') || (stage === 1 && (has('w') || has('x'))),
    write: has('w'),
    execute: has('x'),
    user: !has('p'),
    global: has('g'),
  };
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);

export const u64 = (bytes: Uint8Array, size: number): bigint => getUint(bytes, 0, size);
