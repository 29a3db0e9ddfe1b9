import {
  CHECKS,
  type Constant,
  ERRNO,
  type Field,
  findFormat,
  type Generation,
  type Kind,
  KNOWN_GENERATION_IDS,
  MODELS,
  modelById,
  SKIPS,
  type Struct,
  WIDEST_LIMITS,
} from '../../engine/index.ts';
import type { Resolved } from '../language/resolve.ts';
import { RULES } from '../language/rules/index.ts';
import { namesBoundIn } from '../language/scenario-names.ts';
import type { ScenarioDecl, Span, Step } from '../language/syntax.ts';
import type { CursorPlace } from './completion-place.ts';
import { type KeywordPlace, keywordDoc } from './keyword-docs.ts';

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
  /** Page tables are likely, or payloads of some struct. */
  readonly prefer?: 'tables' | 'pasids' | 'sizeof';
}

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
      this.add(word, 'keyword', {
        rank: 2,
        detail: known?.form ?? '',
        ...more,
        ...(known ? { doc: `keyword ${place} ${word}` } : {}),
      });
    }
  }

  generations(): void {
    const available = new Set([this.generation.id]);
    for (const [id, title] of KNOWN_GENERATION_IDS)
      this.#id(id, 'generation', {
        detail: available.has(id) ? title : `${title}; not available yet`,
        rank: available.has(id) ? 0 : 8,
        doc: `generation ${id}`,
      });
  }

  formats(names: readonly string[]): void {
    for (const name of names) this.#id(name, 'format', { rank: 1, doc: `format ${name}` });
  }

  faults(): void {
    for (const fault of this.#model.faults) this.#id(fault, 'fault', { rank: 1, doc: `fault ${fault}` });
    this.#id('abort', 'fault', { rank: 2, detail: 'the access was blocked' });
  }

  /** Ids that `reason` can name: checks that refuse, skips, and the rules that predict them. */
  reasons(): void {
    for (const { id, errno, doc } of Object.values(CHECKS))
      this.#id(id, 'rule', { rank: 1, detail: `${errno}: ${doc}`, doc: `rule ${id}` });
    for (const { id, doc } of Object.values(SKIPS)) this.#id(id, 'rule', { rank: 1, detail: doc, doc: `rule ${id}` });
    for (const { id, summary } of RULES) this.#id(id, 'rule', { rank: 4, detail: summary, doc: `rule ${id}` });
  }

  errnos(rank = 2): void {
    for (const [name, { means }] of Object.entries(ERRNO))
      this.add(name, 'errno', { rank, detail: means, doc: `errno ${name}` });
  }

  ioctls(): void {
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

  payloads(fits: (struct: Struct | undefined) => boolean, rank: number): void {
    for (const [name, { node, file }] of this.resolved.scenarioFile?.payloads ?? []) {
      const struct = this.structNamed(node.word.text, node.struct?.text);
      if (name === '' || (file === this.resolved.file && this.#isInside(node)) || !fits(struct)) continue;
      this.add(name, 'payload', {
        rank,
        detail: [node.word.text, node.struct?.text].filter(Boolean).join(' '),
        ...(node.doc ? { doc: `text ${node.doc}` } : {}),
      });
    }
  }

  /** Whether the cursor stands in a declaration, also where that lacks what the cursor is about to add. */
  #isInside({ start, end }: Span): boolean {
    const { offset, tokens, from } = this.place;
    return (start <= offset && offset <= end) || start === tokens.starts[from];
  }

  /** The struct of a payload's first words. */
  structNamed(word: string, struct?: string): Struct | undefined {
    return this.generation.structs.get(struct ?? this.generation.kinds.get(word)?.struct ?? '');
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
  expression({ constants = [], prefer }: Wanted = {}): void {
    const { path } = this.place;
    if (path.length > 0) {
      this.members(path);
      return;
    }
    const { lets } = this.resolved.scenarioFile ?? {};
    const given = this.#wordsOfStatement();
    for (const name of constants) if (!given.has(name)) this.constant(name, 1);
    if (prefer === 'sizeof') this.keywords(['sizeof'], 'expression', { rank: 0 });
    for (const { name, kind } of this.scope())
      this.add(name, 'result', {
        rank: prefer === 'pasids' && kind === 'pasid' ? 1 : 4,
        detail: kind === 'pasid' ? 'PASID of a request' : kind,
      });
    if (prefer === 'tables') this.tables(1, '.root');
    for (const [name, { node, file }] of lets ?? [])
      this.add(name, 'let', {
        rank: 4,
        detail: `= ${this.#source(file, node.value)}`,
        ...(node.doc ? { doc: `text ${node.doc}` } : {}),
      });
    this.tables(5, '.root');
    this.keywords(['sizeof', 'offsetof', 'offsetofend', 'bytes'], 'expression', { rank: 6 });
    // For `NAME.field`; the address of one begins with `&`, behind which they come first.
    this.payloads(() => true, 7);
    this.iommus();
    this.devices(7);
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
  members([object, ...path]: readonly string[]): void {
    const { scenarioFile: file } = this.resolved;
    if (object === undefined || !file) return;
    const rank = 0;
    const payload = file.payloads.get(object);
    const result = this.#resultStruct(object);
    if (result) this.structMembers(result, path);
    if (payload) this.structMembers(this.structNamed(payload.node.word.text, payload.node.struct?.text), path);
    if (0 < path.length) return;
    if (file.tables.has(object)) this.add('root', 'field', { rank, doc: 'keyword expression root' });
    if (file.machine.devices.some((d) => d.name === object)) this.add('sid', 'field', { rank, detail: 'source id' });
    if (object === 'iommu0') {
      for (const register of ['CAP', 'ECAP', 'RTADDR']) this.add(register, 'field', { rank, detail: 'register' });
      this.capabilities(() => true);
    }
    if (this.#isDmaResult(object))
      for (const name of ['hpa', 'gpa', 'value', 'refs', 'config', 'code']) this.add(name, 'field', { rank });
  }

  /** The fields of a struct below a path, by their last name. */
  structMembers(struct: Struct | undefined, path: readonly string[]): void {
    const inner = innerOf(struct, path);
    for (const field of inner?.fields ?? [])
      this.add(field.name, 'field', {
        rank: 0,
        detail: field.type,
        doc: `field ${this.generation.id} ${struct!.name} ${[...path, field.name].join('.')}`,
      });
  }

  /** Capability fields that a machine may set. */
  capabilities(isFree: (name: string) => boolean, insert: (name: string) => string = (name) => name): void {
    for (const [register, layout] of Object.entries(this.#model.capabilities))
      for (const { name, width } of layout.fields)
        if (isFree(name))
          this.add(name, 'setting', {
            rank: 3,
            detail: `${register}, ${width} bit${width === 1 ? '' : 's'}`,
            insert: insert(name),
            doc: `capability ${name}`,
          });
  }

  get #model() {
    return modelById(this.generation.model) ?? MODELS[0]!;
  }

  commands(): void {
    for (const name of this.#model.commands) this.add(name, 'command', { rank: 1, doc: `command ${name}` });
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

  #resultStruct(name: string): Struct | undefined {
    const step = this.#binding(name);
    return step && this.#submitted(step);
  }

  #isDmaResult(name: string): boolean {
    return this.#binding(name)?.kind === 'dma';
  }

  #binding(name: string): Step | undefined {
    const find = (steps: readonly Step[]): Step | undefined => {
      for (const step of steps) {
        if ('as' in step && step.as?.text === name) return step;
        const inner = step.kind === 'for' ? find(step.steps) : undefined;
        if (inner) return inner;
      }
      return undefined;
    };
    return this.scenario && find(this.scenario.steps);
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

/** The struct of the member at a path. */
export function innerOf(struct: Struct | undefined, path: readonly string[]): Struct | undefined {
  return path.reduce<Struct | undefined>(
    (inner, name) => inner?.fields.find((f) => f.name === name.replace(/\[\d+\]$/, ''))?.struct,
    struct,
  );
}

/** What a field is nearly always given, if there is such a thing. */
export function givenValue({ role, oneOf }: Field): string | undefined {
  if (role === 'size') return 'sizeof';
  return oneOf?.length === 1 ? oneOf[0] : undefined;
}
