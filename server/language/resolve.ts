import {
  type Declared,
  findGeneration,
  type Generation,
  KNOWN_GENERATION_IDS,
  type MachineConfig,
  machineOf,
  Names,
  nearest,
  SCENARIO_GENERATION_IDS,
  type ScenarioFile,
} from '../../engine/index.ts';
import type { Diagnostic, Related, Severity } from './diagnostic.ts';
import { evolveGeneration } from './evolve.ts';
import { likelyGenerations } from './likely-generation.ts';
import { resolveMachine } from './machine.ts';
import { parse } from './parser.ts';
import type {
  Declaration,
  EvolveDecl,
  IncludeDecl,
  LetDecl,
  MachineDecl,
  Name,
  PageTableDecl,
  Payload,
  Problem,
  Program,
  ScenarioDecl,
  Span,
  UapiDecl,
} from './syntax.ts';

/** How the language reads other files. Paths are opaque: only the host knows what they mean. */
export interface FileHost {
  /** The path that `include "path"` in `from` means. */
  resolve(from: string, path: string): string;
  /** The text, or why it cannot be read. */
  read(file: string): string | { readonly problem: string };
}

/** A file that was read, on its own or because another includes it. */
export interface Source {
  readonly file: string;
  readonly text: string;
  readonly program: Program;
  /** Syntax problems, in source order. */
  readonly problems: readonly Problem[];
}

/** Everything static that is known of a file: what runs, and what is wrong before any rule is asked. */
export interface Resolved {
  readonly file: string;
  /** This file first, then those it includes, each once. */
  readonly sources: readonly Source[];
  /** What each include of these files means, as the host names files; also where it could not be read. */
  readonly includes: ReadonlyMap<IncludeDecl, string>;
  /** Undefined when the file names no generation whose tables are known. */
  readonly scenarioFile: ScenarioFile | undefined;
  readonly machineDecl: Declared<MachineDecl> | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

const MAX_INCLUDES = 200;

/** Parses a file with its includes and binds every name to its declaration. Total: what is wrong is reported. */
export function resolve(file: string, text: string, host: FileHost): Resolved {
  return new Resolver(host).run(file, text);
}

class Resolver {
  readonly #host: FileHost;
  readonly #diagnostics: Diagnostic[] = [];
  readonly #sources: Source[] = [];
  readonly #names = new Map<string, { readonly file: string; readonly at: Name }>();
  readonly #lets = new Map<string, Declared<LetDecl>>();
  readonly #payloads = new Map<string, Declared<Payload>>();
  readonly #tables = new Map<string, Declared<PageTableDecl>>();
  readonly #evolved: Declared<EvolveDecl>[] = [];
  readonly #including: string[] = [];
  readonly #includes = new Map<IncludeDecl, string>();
  #uapi: (UapiDecl & { readonly file: string }) | undefined;
  #machine: Declared<MachineDecl> | undefined;

  constructor(host: FileHost) {
    this.#host = host;
  }

  run(file: string, text: string): Resolved {
    const scenarios = this.#load(file, text);
    const generation = this.#generation(file);
    const resolved = { file, sources: this.#sources, includes: this.#includes, machineDecl: this.#machine };
    if (!generation) return { ...resolved, scenarioFile: undefined, diagnostics: this.#diagnostics };

    const plain = {
      file,
      text,
      generation,
      quirks: this.#quirks(generation),
      lets: this.#lets,
      payloads: this.#payloads,
      tables: this.#tables,
      scenarios,
      included: new Set(this.#sources.map((source) => source.file).filter((name) => name !== file)),
    };
    const base = { ...plain, generation: this.#evolve(plain) };
    const machine = this.#resolveMachine(base);
    return { ...resolved, scenarioFile: { ...base, machine }, diagnostics: this.#diagnostics };
  }

  /** Reads one file's declarations and, depth first, those of what it includes. Answers its own scenarios. */
  #load(file: string, text: string): ScenarioDecl[] {
    const { program, problems } = parse(text);
    this.#sources.push({ file, text, program, problems });
    this.#including.push(file);
    for (const p of problems) this.#report(file, p, p.code, 'error', p.message, p);
    const scenarios: ScenarioDecl[] = [];
    const titles = new Map<string, ScenarioDecl>();
    for (const [i, declaration] of program.declarations.entries()) {
      if (declaration.kind === 'scenario') {
        const same = titles.get(declaration.title);
        if (same)
          this.#report(
            file,
            declaration.titleSpan,
            'duplicate-name',
            'warning',
            `another scenario is called "${declaration.title}"`,
            { related: [{ file, start: same.titleSpan.start, end: same.titleSpan.end, message: 'the first one' }] },
          );
        titles.set(declaration.title, declaration);
        scenarios.push(declaration);
      } else this.#declare(file, declaration, i);
    }
    this.#including.pop();
    return scenarios;
  }

  #declare(file: string, declaration: Exclude<Declaration, { kind: 'scenario' }>, index: number): void {
    switch (declaration.kind) {
      case 'uapi':
        this.#declareUapi(file, declaration, index);
        break;
      case 'include':
        this.#include(file, declaration);
        break;
      case 'machine':
        if (this.#machine) {
          const first = this.#machine;
          this.#report(file, head(declaration, 'machine'), 'second-machine', 'error', 'a machine is declared already', {
            related: [{ file: first.file, ...head(first.node, 'machine'), message: 'the first one' }],
          });
        } else this.#machine = { node: declaration, file };
        break;
      case 'let':
        if (this.#claim(file, declaration.name)) this.#lets.set(declaration.name.text, { node: declaration, file });
        break;
      case 'payload':
        if (declaration.name && this.#claim(file, declaration.name))
          this.#payloads.set(declaration.name.text, { node: declaration, file });
        break;
      case 'pagetable':
        if (this.#claim(file, declaration.name)) this.#tables.set(declaration.name.text, { node: declaration, file });
        break;
      case 'evolve':
        this.#evolved.push({ node: declaration, file });
        break;
    }
  }

  #declareUapi(file: string, declaration: UapiDecl, index: number): void {
    const first = this.#uapi;
    if (!first) {
      this.#uapi = { ...declaration, file };
      if (index > 0) this.#report(file, declaration, 'uapi-not-first', 'error', 'uapi comes first in the file');
    } else if (first.file === file)
      this.#report(file, declaration, 'second-uapi', 'error', `the file speaks ${first.id.text} already`, {
        related: [{ file: first.file, start: first.start, end: first.end, message: 'here' }],
      });
    else if (first.id.text !== declaration.id.text)
      this.#report(
        file,
        declaration.id,
        'include-other-uapi',
        'error',
        `this file speaks ${declaration.id.text}, but the one that includes it ${first.id.text}`,
        { related: [{ file: first.file, start: first.id.start, end: first.id.end, message: 'here' }] },
      );
  }

  #include(file: string, declaration: IncludeDecl): void {
    const target = this.#host.resolve(file, declaration.path);
    this.#includes.set(declaration, target);
    const at = declaration.pathSpan;
    if (this.#including.includes(target)) {
      this.#report(
        file,
        at,
        'include-cycle',
        'error',
        `${declaration.path} includes itself: ${[...this.#including.slice(this.#including.indexOf(target)), target].map(baseName).join(' -> ')}`,
      );
      return;
    }
    if (this.#sources.some((s) => s.file === target)) return;
    if (MAX_INCLUDES <= this.#sources.length) {
      this.#report(file, at, 'include-too-many', 'error', `more than ${MAX_INCLUDES} files are included`);
      return;
    }
    const text = this.#host.read(target);
    if (typeof text !== 'string') {
      this.#report(file, at, 'include-unreadable', 'error', `${declaration.path} cannot be read: ${text.problem}`);
      return;
    }
    this.#load(target, text);
  }

  #claim(file: string, name: Name): boolean {
    if (name.text === '') return false;
    const first = this.#names.get(name.text);
    if (!first) {
      this.#names.set(name.text, { file, at: name });
      return true;
    }
    this.#report(file, name, 'duplicate-name', 'error', `${name.text} is declared already`, {
      related: [{ file: first.file, start: first.at.start, end: first.at.end, message: 'the first one' }],
    });
    return false;
  }

  #generation(file: string): Generation | undefined {
    const uapi = this.#uapi;
    const ids = SCENARIO_GENERATION_IDS.join(', ');
    if (!uapi || uapi.id.text === '') {
      if (!uapi)
        this.#report(
          file,
          { start: 0, end: 0 },
          'uapi-missing',
          'error',
          `a file begins with the generation it speaks, such as uapi ${likelyGenerations(this.#sources.flatMap(({ program }) => program.declarations))[0]!.id}`,
        );
      return undefined;
    }
    const generation = findGeneration(uapi.id.text);
    if (generation) return generation;
    const title = KNOWN_GENERATION_IDS.get(uapi.id.text);
    if (title !== undefined)
      this.#report(
        uapi.file,
        uapi.id,
        'not-available',
        'error',
        `${uapi.id.text} (${title.replace(/\.$/, '')}) is not available yet; this version runs ${ids}`,
      );
    else {
      const near = nearest(uapi.id.text, KNOWN_GENERATION_IDS.keys());
      this.#report(
        uapi.file,
        uapi.id,
        'unknown-uapi',
        'error',
        `${uapi.id.text} is not a generation${near ? `; did you mean ${near}?` : ''}; this version runs ${ids}`,
        { fix: near },
      );
    }
    return undefined;
  }

  #quirks(generation: Generation): Map<string, boolean> {
    const quirks = new Map([...generation.quirks.values()].map((q) => [q.name, q.on]));
    for (const { name, value } of this.#uapi?.quirks ?? []) {
      const file = this.#uapi!.file;
      if (!generation.quirks.has(name.text)) {
        const near = nearest(name.text, generation.quirks.keys());
        this.#report(
          file,
          name,
          'unknown-quirk',
          'error',
          `${generation.id} has no quirk ${name.text}${near ? `; did you mean ${near}?` : `; it has ${[...generation.quirks.keys()].join(', ')}`}`,
          { fix: near },
        );
      } else if (value.text !== 'on' && value.text !== 'off')
        this.#report(file, value, 'unknown-quirk', 'error', `a quirk is on or off, not ${value.text}`);
      else quirks.set(name.text, value.text === 'on');
    }
    return quirks;
  }

  #evolve(base: Omit<ScenarioFile, 'machine'>): Generation {
    const names = new Names({ ...base, machine: machineOf(base.generation) });
    const { generation, problems } = evolveGeneration(base.generation, this.#evolved, names);
    for (const p of problems) this.#report(p.file, p, p.code, 'error', p.message, { fix: p.fix });
    return generation;
  }

  #resolveMachine(base: Omit<ScenarioFile, 'machine'>): MachineConfig {
    const usual = machineOf(base.generation);
    if (!this.#machine) return usual;
    const names = new Names({ ...base, machine: usual });
    const { config, problems } = resolveMachine(this.#machine.node, names, usual);
    for (const p of problems) this.#report(this.#machine.file, p, p.code, 'error', p.message, p);
    return config;
  }

  #report(
    file: string,
    at: Span,
    code: string,
    severity: Severity,
    message: string,
    { related, fix }: { readonly related?: readonly Related[]; readonly fix?: string | undefined } = {},
  ): void {
    this.#diagnostics.push({
      file,
      start: at.start,
      end: at.end,
      code,
      severity,
      message,
      ...(related ? { related } : {}),
      ...(fix === undefined ? {} : { fix }),
    });
  }
}

/** The first word of a declaration, where a finding about the whole of it is drawn. */
const head = (span: Span, word: string): Span => ({ start: span.start, end: span.start + word.length });

const baseName = (file: string): string => file.split(/[\\/]/).at(-1) ?? file;
