import {
  type Constant,
  checksOf,
  type Declared,
  ERRNO,
  type Field,
  findFormat,
  findGeneration,
  type Generation,
  type Kind,
  KNOWN_GENERATION_IDS,
  MODELS,
  modelById,
  recordOf,
  recordsOf,
  SCENARIO_GENERATION_IDS,
  type Struct,
  skipsOf,
  WIDEST_LIMITS,
} from '../../engine/index.ts';
import type { Model } from '../../engine/models/index.ts';
import type { Resolved } from '../language/resolve.ts';
import type { ObjectKind } from '../language/rules/objects.ts';
import { isPlanned, namesBoundIn } from '../language/scenario-names.ts';
import type { Payload, ScenarioDecl, Span, Step } from '../language/syntax.ts';
import { offerIds } from './completion-ids.ts';
import { offerMembers } from './completion-members.ts';
import type { CursorPlace } from './completion-place.ts';
import { staticNames } from './hover-context.ts';
import { type KeywordPlace, keywordDoc } from './keyword-docs.ts';
import { FD_NAMES, fdMembers, layoutOf } from './members.ts';

export type CompletionKind =
  | 'keyword'
  | 'struct'
  | 'field'
  | 'constant'
  | 'ioctl'
  | 'errno'
  | 'let'
  | 'payload'
  | 'table'
  | 'device'
  | 'result'
  | 'setting'
  | 'format'
  | 'generation'
  | 'fault'
  | 'rule'
  | 'command'
  | 'value';

export interface CompletionItem {
  readonly label: string;
  readonly kind: CompletionKind;
  /** One line beside the label. */
  readonly detail: string;
  readonly insertText: string;
  /** `insertText` is a snippet: `$0`, `${1:name}`. */
  readonly isSnippet: boolean;
  /** Legal values come before what is merely possible. */
  readonly sortText: string;
  readonly replace: Span;
  /** What `completionDoc` needs to tell more. */
  readonly docKey?: string;
}

interface More {
  readonly detail?: string;
  /** 0 is due here and nothing else is, 9 is merely possible. */
  readonly rank?: number;
  readonly snippet?: string;
  readonly insert?: string;
  readonly doc?: string;
}

/** What a place in an expression wants. */
export interface Wanted {
  /** Constants that are legal here. */
  readonly constants?: readonly string[];
  /** Whether all other constants of the generation are left out: here they would be another field's. */
  readonly isField?: boolean;
  /** Page tables are likely, or payloads of some struct. */
  readonly prefer?: 'tables' | 'pasids' | 'sizeof';
  /** Ids of these objects are likely. */
  readonly ids?: readonly ObjectKind[];
  /** The address of a payload is wanted, best of one of these structs. */
  readonly targets?: readonly string[];
}

/** Steps and assertions that need a model whose accesses are followed. */
const HARDWARE_STEPS: ReadonlySet<string> = new Set(['dma', 'invalidate', 'command']);
const HARDWARE_ASSERTIONS: ReadonlySet<string> = new Set(['cached', 'uncached', 'faults']);
/** Assertions that look into the kernel's mock. */
const MOCK_ONLY: ReadonlySet<string> = new Set(['iotlb', 'devcache']);

/** Collects what may stand at a cursor; each method offers one sort of thing. */
export class Offers {
  readonly resolved: Resolved;
  readonly generation: Generation;
  readonly place: CursorPlace;
  /** Only single-word ids such as `SFS.2` count: the word around the cursor has dots and dashes. */
  readonly idsOnly: boolean;
  readonly #items = new Map<string, CompletionItem>();

  constructor(resolved: Resolved, generation: Generation, place: CursorPlace, idsOnly: boolean) {
    this.resolved = resolved;
    this.generation = generation;
    this.place = place;
    this.idsOnly = idsOnly;
  }

  get items(): readonly CompletionItem[] {
    return [...this.#items.values()];
  }

  add(label: string, kind: CompletionKind, { detail = '', rank = 5, snippet, insert, doc }: More = {}): void {
    if (this.idsOnly || this.#items.has(label) || label === '') return;
    this.#put(label, kind, {
      detail,
      rank,
      ...(snippet ? { snippet } : {}),
      ...(insert ? { insert } : {}),
      ...(doc ? { doc } : {}),
    });
  }

  #id(label: string, kind: CompletionKind, more: More): void {
    if (!this.#items.has(label)) this.#put(label, kind, more);
  }

  #put(label: string, kind: CompletionKind, { detail = '', rank = 5, snippet, insert, doc }: More): void {
    this.#items.set(label, {
      label,
      kind,
      detail,
      insertText: snippet ?? insert ?? label,
      isSnippet: snippet !== undefined,
      sortText: `${rank}${String(this.#items.size).padStart(4, '0')}`,
      replace: this.place.replace,
      ...(doc === undefined ? {} : { docKey: doc }),
    });
  }

  /** Words of the language; those that a later version brings are left out. */
  keywords(words: Iterable<string>, place: KeywordPlace, more: More = {}): void {
    for (const word of words) {
      const known = keywordDoc(word, place);
      if (known && /not available yet/.test(known.doc)) continue;
      if (place === 'assertion' && !this.#canAssert(word)) continue;
      if (place === 'step' && !this.#canStep(word)) continue;
      this.add(word, 'keyword', {
        rank: 2,
        detail: known?.form ?? '',
        ...more,
        ...(known ? { doc: `keyword ${place} ${word}` } : {}),
      });
    }
  }

  /** Whether the generation has a step, and its model what the step is about. */
  #canStep(word: string): boolean {
    if (isPlanned(word as Step['kind'], this)) return false;
    return !HARDWARE_STEPS.has(word) || this.hasHardware;
  }

  #canAssert(word: string): boolean {
    if (MOCK_ONLY.has(word)) return this.model.id === 'selftest';
    return !HARDWARE_ASSERTIONS.has(word) || this.hasHardware;
  }

  /** Whether accesses through the model can be followed, so that there is something to fault and to command. */
  get hasHardware(): boolean {
    return this.model.hardware !== undefined;
  }

  generations(): void {
    for (const [id, title] of KNOWN_GENERATION_IDS) {
      const runs = SCENARIO_GENERATION_IDS.includes(id);
      const known = findGeneration(id);
      const limit = known?.header ? 'layouts only' : known ? 'checked, but not run yet' : 'not available yet';
      this.#id(id, 'generation', {
        detail: runs ? title : `${title}; ${limit}`,
        rank: runs ? 0 : known ? 4 : 8,
        doc: `generation ${id}`,
      });
    }
  }

  formats(names: readonly string[]): void {
    for (const name of names) this.#id(name, 'format', { rank: 1, doc: `format ${name}` });
  }

  faults(): void {
    for (const fault of this.model.faults) this.#id(fault, 'fault', { rank: 1, doc: `fault ${fault}` });
    this.#id('abort', 'fault', { rank: 2, detail: 'the access was blocked' });
  }

  /** Ids that `reason` can name here: checks that refuse, and skips. */
  reasons(): void {
    const { id: generation } = this.generation;
    const model = this.resolved.scenarioFile?.machine.model;
    const put = (id: string, rank: number, detail: string): void =>
      this.#id(id, 'rule', { rank, detail, doc: `rule ${id} ${generation}` });
    for (const { id, errno, doc } of checksOf(generation, model)) put(id, 1, `${errno}: ${doc}`);
    for (const { id, doc } of skipsOf(generation, model)) put(id, 1, doc);
  }

  errnos(rank = 2): void {
    for (const [name, { means }] of Object.entries(ERRNO))
      this.add(name, 'errno', { rank, detail: means, doc: `errno ${name}` });
  }

  ioctls(): void {
    for (const { name, struct } of this.generation.calls.values())
      this.add(name, 'ioctl', { rank: 1, detail: `struct ${struct} *`, doc: `call ${this.generation.id} ${name}` });
    for (const { name, number } of this.generation.ioctls.values())
      this.add(name, 'ioctl', {
        rank: 1,
        detail: `0x${number.toString(16)}`,
        doc: `ioctl ${this.generation.id} ${name}`,
      });
  }

  structs(): void {
    for (const { name, size } of this.generation.structs.values())
      this.add(name, 'struct', { rank: 1, detail: `${size} bytes`, doc: `struct ${this.generation.id} ${name}` });
  }

  /** Inline payloads, or with `named` the beginning of a declaration. */
  kinds(kinds: Iterable<Kind>, { named, rank }: { readonly named: boolean; readonly rank: number }): void {
    for (const { kind, struct } of kinds) {
      const name = named ? ` \${1:name}` : '';
      this.add(kind, 'struct', {
        rank,
        detail: `struct ${struct}`,
        snippet: `${kind}${name} {\n  ${this.#opening(struct)}$0\n}`,
        doc: `struct ${this.generation.id} ${struct}`,
      });
    }
  }

  /** The fields that every payload of a struct begins with. */
  #opening(name: string): string {
    const struct = this.generation.structs.get(name);
    const lines = (struct?.fields ?? []).flatMap((field) => {
      const value = field.out ? undefined : givenValue(field);
      return value === undefined ? [] : [`${field.name} = ${value}\n  `];
    });
    return lines.join('');
  }

  /** @param sign what stands in front of the name: `&` where the address is meant */
  payloads(fits: (struct: Struct | undefined, node: Payload) => boolean, rank: number, sign = ''): void {
    for (const [name, { node, file }] of this.resolved.scenarioFile?.payloads ?? []) {
      const struct = this.structNamed(node.word.text, node.struct?.text);
      if (name === '' || (file === this.resolved.file && this.isInside(node)) || !fits(struct, node)) continue;
      this.add(sign + name, 'payload', {
        rank,
        detail: [node.word.text, node.struct?.text].filter(Boolean).join(' '),
        ...(node.doc ? { doc: `text ${node.doc}` } : {}),
      });
    }
  }

  /** Whether the cursor stands in a declaration, also where that lacks what the cursor is about to add. */
  isInside({ start, end }: Span): boolean {
    const { offset, tokens, from } = this.place;
    return (start <= offset && offset <= end) || start === tokens.starts[from];
  }

  /** The struct of a payload's first words. */
  structNamed(word: string, struct?: string): Struct | undefined {
    return this.generation.structs.get(struct ?? this.generation.kinds.get(word)?.struct ?? '');
  }

  /** Where an address is wanted: the payloads of the structs that it should lead to, then the others. */
  addresses(targets: readonly string[], sign = ''): void {
    this.payloads((struct) => struct !== undefined && targets.includes(struct.name), sign === '' ? 0 : 1, sign);
    this.payloads(() => true, sign === '' ? 2 : 3, sign);
  }

  /** The struct of a payload in its version, with what it carries. */
  layoutOf(declared: Declared<Payload>): Struct | undefined {
    const { resolved } = this;
    const { scenarioFile: file } = resolved;
    return file && layoutOf(declared, staticNames({ resolved, file }));
  }

  tables(rank: number, suffix = ''): void {
    for (const [name, { node }] of this.resolved.scenarioFile?.tables ?? [])
      this.add(name + suffix, 'table', {
        rank,
        detail: `${suffix ? 'root of the ' : ''}page table ${node.format.text}`,
        ...(node.doc ? { doc: `text ${node.doc}` } : {}),
      });
  }

  devices(rank = 1): void {
    for (const { name, bdf } of this.resolved.scenarioFile?.machine.devices ?? [])
      this.add(name, 'device', { rank, detail: `device ${bdf}` });
  }

  iommus(): void {
    this.add('iommu0', 'device', { rank: 1, detail: 'the IOMMU', doc: 'keyword expression iommu0' });
  }

  /** Anything that has a value, what is wanted first. */
  expression({ constants = [], prefer, ids, targets, isField = false }: Wanted = {}): void {
    const { path } = this.place;
    if (path.length > 0) {
      this.members(path);
      return;
    }
    const { scenarioFile: file } = this.resolved;
    const given = this.#wordsOfStatement();
    for (const name of constants) if (!given.has(name)) this.constant(name, 1);
    if (ids) offerIds(this, ids, 1);
    if (targets) this.addresses(targets, '&');
    if (prefer === 'sizeof') this.keywords(['sizeof'], 'expression', { rank: 0 });
    for (const { name, kind } of this.scope())
      this.add(name, 'result', {
        rank: prefer === 'pasids' && kind === 'pasid' ? 1 : 4,
        detail: kind === 'pasid' ? 'PASID of a request' : kind,
      });
    if (prefer === 'tables') this.tables(1, '.root');
    for (const [name, { node, file: where }] of file?.lets ?? [])
      this.add(name, 'let', {
        rank: 4,
        detail: `= ${this.#source(where, node.value)}`,
        ...(node.doc ? { doc: `text ${node.doc}` } : {}),
      });
    this.tables(5, '.root');
    this.keywords(['sizeof', 'offsetof', 'offsetofend', 'ARRAY_SIZE', 'bytes'], 'expression', { rank: 6 });
    // For `NAME.field`; the address of one begins with `&`, behind which they come first.
    this.payloads(() => true, 7);
    this.iommus();
    this.devices(7);
    for (const name of FD_NAMES)
      for (const member of file ? fdMembers(name, file) : [])
        this.add(name, 'device', {
          rank: 7,
          detail: member.doc,
          doc: `text \`${name}.${member.name}\`: ${member.doc}.`,
        });
    if (isField) return;
    const first = new Set(constants);
    for (const { name } of this.generation.constants.values()) if (!first.has(name)) this.constant(name, 8);
  }

  constant(name: string, rank: number): void {
    const constant: Constant | undefined = this.generation.constants.get(name);
    if (constant)
      this.add(name, 'constant', {
        rank,
        detail: `= ${constant.value}`,
        doc: `constant ${this.generation.id} ${name}`,
      });
  }

  /** What can stand behind `NAME.`. */
  members(path: readonly string[]): void {
    offerMembers(this, path);
  }

  /** Capability fields that a machine may set. */
  capabilities(
    isFree: (name: string) => boolean,
    insert: (name: string) => string = (name) => name,
    model: Model = this.model,
  ): void {
    for (const [register, layout] of Object.entries(model.capabilities))
      for (const { name, width } of layout.fields)
        if (isFree(name))
          this.add(name, 'setting', {
            rank: 3,
            detail: `${register}, ${width} bit${width === 1 ? '' : 's'}`,
            insert: insert(name),
            doc: `capability ${model.id} ${name}`,
          });
  }

  /** The model of the file's machine. */
  get model(): Model {
    return modelById(this.resolved.scenarioFile?.machine.model ?? this.generation.model) ?? MODELS[0]!;
  }

  commands(): void {
    const { id, hardware } = this.model;
    for (const { name } of hardware?.commands ?? [])
      this.add(name, 'command', { rank: 1, doc: `command ${id} ${name}` });
  }

  /** Names of errors that a command can meet. */
  commandErrors(): void {
    for (const name of this.model.hardware?.commandErrors ?? []) this.#id(name, 'fault', { rank: 1 });
  }

  /** Records that a device sends where no kernel stands in between, inline or with `named` the beginning of a declaration. */
  records({ named, rank }: { readonly named: boolean; readonly rank: number }): void {
    const machine = this.resolved.scenarioFile?.machine;
    for (const { name, bits } of machine ? recordsOf(machine) : [])
      this.add(name, 'struct', {
        rank,
        detail: `record of ${bits / 8} bytes`,
        snippet: named ? `${name} \${1:name} { $0 }` : `${name} { $0 }`,
        doc: `record ${this.model.id} ${name}`,
      });
  }

  /** Payloads that are such records. */
  recordPayloads(rank: number): void {
    const { scenarioFile: file } = this.resolved;
    for (const [name, { node }] of file?.payloads ?? [])
      if (recordOf(node, file!.machine)) this.add(name, 'payload', { rank, detail: node.word.text });
  }

  /** Registers of the model. @param writable only those that software writes */
  registers(writable: boolean, insert: (name: string) => string = (name) => name): void {
    const { id, hardware } = this.model;
    for (const { name, access, width, doc } of hardware?.registers ?? [])
      if (!writable || access !== 'ro')
        this.add(name, 'setting', {
          rank: access === 'rw' || !writable ? 0 : 1,
          detail: `${width} bits, ${access}: ${doc}`,
          insert: insert(name),
          doc: `register ${id} ${name}`,
        });
    // What is read may be a field as well.
    if (writable) return;
    for (const { name: owner, layout } of hardware?.registers ?? [])
      for (const field of layout?.fields ?? [])
        this.add(field.name, 'setting', {
          rank: 2,
          detail: `${owner}, ${field.width} bit${field.width === 1 ? '' : 's'}`,
          doc: `text ${field.doc}`,
        });
  }

  /** Words behind the address of a mapping. */
  attributes(format: string): void {
    const names = Object.keys(findFormat(format)?.make(WIDEST_LIMITS).data.attributes ?? {});
    for (const name of names)
      if (!this.#wordsOfStatement().has(name))
        this.add(name, 'value', { rank: 3, detail: 'entry bit', doc: `bit ${format} ${name}` });
  }

  permissions(): void {
    for (const [perms, detail] of PERMISSIONS) this.add(perms, 'value', { rank: 1, detail });
  }

  /** Names that the scenario around the cursor has bound by there, or that any scenario binds for a payload. */
  scope(): readonly { readonly name: string; readonly kind: 'pasid' | 'result' | 'variable' }[] {
    const scenarios = this.#scenarios();
    const around = this.scenario;
    const found = new Map<string, 'pasid' | 'result' | 'variable'>();
    const put = (name: string, kind: 'pasid' | 'result' | 'variable'): void => {
      if (name !== '' && found.get(name) !== 'pasid') found.set(name, kind);
    };
    for (const scenario of around ? [around] : scenarios) {
      if (scenario.loop) put(scenario.loop.name.text, 'variable');
      const before = around ? this.place.offset : Number.POSITIVE_INFINITY;
      this.#bound(scenario.steps, before, put);
    }
    return [...found].map(([name, kind]) => ({ name, kind }));
  }

  #bound(
    steps: readonly Step[],
    before: number,
    put: (name: string, kind: 'pasid' | 'result' | 'variable') => void,
  ): void {
    for (const step of steps) {
      if (before <= step.start) return;
      if (step.kind === 'for') {
        // A loop without its `}` goes on to the cursor.
        if (before <= step.end || this.place.text[step.end - 1] !== '}') put(step.name.text, 'variable');
        this.#bound(step.steps, before, put);
      } else if (step.kind === 'parallel') for (const lane of step.lanes) this.#bound(lane, before, put);
      else if (step.kind === 'let') put(step.name.text, 'variable');
      else if ('as' in step && step.as && step.as.end < before) put(step.as.text, this.#resultKind(step));
    }
  }

  #resultKind(step: Step): 'pasid' | 'result' {
    return step.kind === 'submit' && this.#submitted(step)?.name === PASID_REQUEST ? 'pasid' : 'result';
  }

  #submitted(step: Step): Struct | undefined {
    if (step.kind !== 'submit') return undefined;
    const { payload } = step;
    const node =
      payload.kind === 'payload'
        ? payload.payload
        : payload.kind === 'name'
          ? this.resolved.scenarioFile?.payloads.get(payload.name)?.node
          : undefined;
    return node && this.structNamed(node.word.text, node.struct?.text);
  }

  /** The scenario around the cursor, also where its last line or its end is still missing. */
  get scenario(): ScenarioDecl | undefined {
    if (!this.place.blocks.some(({ kind }) => kind === 'steps')) return undefined;
    return this.resolved.sources[0]!.program.declarations.findLast(
      (d) => d.kind === 'scenario' && d.start < this.place.offset,
    ) as ScenarioDecl | undefined;
  }

  #scenarios(): readonly ScenarioDecl[] {
    return this.resolved.sources.flatMap(({ program }) =>
      program.declarations.filter((d) => d.kind === 'scenario' && namesBoundIn(d).size > 0),
    ) as ScenarioDecl[];
  }

  #wordsOfStatement(): ReadonlySet<string> {
    const { text, tokens, from, to, rest, replace } = this.place;
    // The word that is replaced is no reason to leave itself out.
    const words = new Set(replace.start < replace.end ? rest.slice(1) : rest);
    for (let i = from; i < to; i++) words.add(text.slice(tokens.starts[i]!, tokens.ends[i]!));
    return words;
  }

  #source(file: string, { start, end }: Span): string {
    const text = this.resolved.sources.find((s) => s.file === file)?.text.slice(start, end) ?? '';
    return text.length <= 40 ? text.replace(/\s+/g, ' ') : `${text.slice(0, 39).replace(/\s+/g, ' ')}…`;
  }
}

export const PASID_REQUEST = 'vfio_iommu_type1_pasid_request';

const PERMISSIONS = [
  ['rw', 'read and write'],
  ['r', 'read only'],
  ['rx', 'read and execute'],
  ['rwx', 'read, write and execute'],
  ['rwp', 'read and write, privileged'],
  ['rwg', 'read and write, global'],
] as const;

/** A field by its name or an older one. */
export const memberOf = ({ fields }: Struct, name: string): Field | undefined =>
  fields.find((f) => f.name === name || f.aliases?.includes(name));

/** The struct of the member at a path. */
export function innerOf(struct: Struct | undefined, path: readonly string[]): Struct | undefined {
  return path.reduce<Struct | undefined>(
    (inner, name) => inner && memberOf(inner, name.replace(/\[\d+\]$/, ''))?.struct,
    struct,
  );
}

/** What a field is nearly always given, if there is such a thing. */
export function givenValue({ role, oneOf }: Field): string | undefined {
  if (role === 'size') return 'sizeof';
  return oneOf?.length === 1 ? oneOf[0] : undefined;
}
