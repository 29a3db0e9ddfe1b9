import type { Resolved } from '../language/resolve.ts';
import { boundBy, namesBoundIn } from '../language/scenario-names.ts';
import {
  type Declaration,
  type Expr,
  type FieldInit,
  isMissing,
  type LoopValues,
  type MachineDecl,
  type Name,
  type Outcome,
  type ScenarioDecl,
  type Span,
  type Step,
  type Visitor,
  visitDeclaration,
  visitExpr,
  visitStep,
} from '../language/syntax.ts';

/** A place in one of the files. */
export interface Location extends Span {
  readonly file: string;
}

export type NamedKind = 'let' | 'payload' | 'table' | 'result' | 'variable' | 'device' | 'group' | 'process' | 'file';

/** A thing that the author gave a name, with every place that does so. */
export interface Named {
  readonly kind: NamedKind;
  readonly name: string;
  readonly declarations: readonly Location[];
}

/** A name as it stands in a file. */
export interface Occurrence extends Location {
  readonly role: 'declaration' | 'read' | 'write';
  /** More than one where a payload names what several scenarios bind. */
  readonly named: readonly Named[];
}

/** Every name of the author in this file and those it includes, in the order of the files and their text. */
export function occurrencesOf(resolved: Resolved): readonly Occurrence[] {
  const known = collected.get(resolved);
  if (known) return known;
  const found = new Collector(resolved).run();
  collected.set(resolved, found);
  return found;
}

const collected = new WeakMap<Resolved, readonly Occurrence[]>();

/** The name that an offset of the file itself touches. */
export const occurrenceAt = (resolved: Resolved, offset: number): Occurrence | undefined =>
  occurrencesOf(resolved).find(
    ({ file, start, end }) => file === resolved.file && start <= offset && offset <= end && start < end,
  );

/** Every occurrence of what a name stands for. */
export function occurrencesLike(resolved: Resolved, { named }: Occurrence): readonly Occurrence[] {
  const wanted = new Set(named);
  return occurrencesOf(resolved).filter((other) => other.named.some((n) => wanted.has(n)));
}

type Building = Named & { readonly declarations: Location[] };

class Collector {
  readonly #resolved: Resolved;
  readonly #found: Occurrence[] = [];
  readonly #globals = new Map<string, Building>();
  readonly #devices = new Map<string, Building>();
  readonly #groups = new Map<string, Building>();
  readonly #processes = new Map<string, Building>();
  /** What each scenario binds, and all that scenarios bind under one name, which payloads may refer to. */
  readonly #locals = new Map<ScenarioDecl, ReadonlyMap<string, Building>>();
  readonly #bound = new Map<string, Building[]>();
  #file = '';
  #scope: ((name: string) => readonly Building[]) | undefined;
  #inInvalidate = false;
  #word: Expr | undefined;

  constructor(resolved: Resolved) {
    this.#resolved = resolved;
  }

  run(): readonly Occurrence[] {
    const { sources, scenarioFile } = this.#resolved;
    for (const { name } of scenarioFile?.machine.devices ?? []) this.#devices.set(name, building('device', name));
    for (const { program } of sources) for (const declaration of program.declarations) this.#declare(declaration);
    const order = new Map(sources.map((source, i) => [source.file, i]));
    for (const source of sources) {
      this.#file = source.file;
      for (const declaration of source.program.declarations) {
        this.#scope = undefined;
        this.#declaration(declaration);
      }
    }
    // Payloads may be told of a name before the scenario that binds it.
    return this.#found
      .filter(({ named }) => named.length > 0)
      .sort((a, b) => order.get(a.file)! - order.get(b.file)! || a.start - b.start);
  }

  #declare(declaration: Declaration): void {
    switch (declaration.kind) {
      case 'let':
        this.#global('let', declaration.name);
        break;
      case 'payload':
        if (declaration.name) this.#global('payload', declaration.name);
        break;
      case 'pagetable':
        this.#global('table', declaration.name);
        break;
      case 'machine':
        for (const { word, name } of declaration.items) {
          const kind = word.text;
          const named = kind === 'device' ? this.#devices : kind === 'process' ? this.#processes : undefined;
          if (named && name && !named.has(name.text))
            named.set(name.text, building(kind as 'device' | 'process', name.text));
        }
        break;
      case 'scenario': {
        const variables = new Set<string>();
        collectVariables(declaration, variables);
        const locals = new Map<string, Building>();
        for (const name of namesBoundIn(declaration)) {
          if (name === '') continue;
          const local = building(variables.has(name) ? 'variable' : 'result', name);
          locals.set(name, local);
          const others = this.#bound.get(name);
          if (others) others.push(local);
          else this.#bound.set(name, [local]);
        }
        this.#locals.set(declaration, locals);
        break;
      }
    }
  }

  #global(kind: NamedKind, { text }: Name): void {
    if (text !== '' && !this.#globals.has(text)) this.#globals.set(text, building(kind, text));
  }

  #declaration(declaration: Declaration): void {
    switch (declaration.kind) {
      case 'let':
      case 'pagetable':
        this.#add(declaration.name, this.#globals.get(declaration.name.text), 'declaration');
        break;
      case 'payload':
        if (declaration.name) this.#add(declaration.name, this.#globals.get(declaration.name.text), 'declaration');
        break;
      case 'include': {
        const target = this.#resolved.includes.get(declaration);
        if (target !== undefined && this.#resolved.sources.some(({ file }) => file === target)) {
          const named = { ...building('file', target), declarations: [{ file: target, start: 0, end: 0 }] };
          this.#add(declaration.pathSpan, named, 'read');
        }
        return;
      }
      case 'machine':
        this.#machine(declaration);
        return;
      case 'scenario':
        this.#scenario(declaration);
        return;
    }
    visitDeclaration(declaration, this.#visitor);
  }

  #machine(machine: MachineDecl): void {
    for (const item of machine.items) {
      if (item.word.text === 'device' && item.name)
        this.#add(item.name, this.#devices.get(item.name.text), 'declaration');
      if (item.word.text === 'process' && item.name)
        this.#add(item.name, this.#processes.get(item.name.text), 'declaration');
      for (const { key, value } of item.settings) {
        if (key.text === 'group' && value.kind === 'name') this.#group(value.name, value);
        else visitExpr(value, this.#visitor);
      }
      for (const expr of Object.values(item.ram ?? {})) visitExpr(expr, this.#visitor);
    }
  }

  /** A group exists because a device names it: the first one to do so declares it. */
  #group(name: string, at: Span): void {
    if (name === '') return;
    const known = this.#groups.get(name);
    const group = known ?? building('group', name);
    this.#groups.set(name, group);
    this.#add(at, group, known ? 'read' : 'declaration');
  }

  #scenario(scenario: ScenarioDecl): void {
    const locals = this.#locals.get(scenario) ?? new Map<string, Building>();
    const bound = new Set<string>();
    this.#scope = (name) => {
      const local = locals.get(name);
      const global = this.#globals.get(name);
      if (local && (bound.has(name) || !global)) return [local];
      return global ? [global] : [];
    };
    const bind = (name: Name): void => {
      this.#add(name, locals.get(name.text), 'declaration');
      bound.add(name.text);
    };
    const steps = (list: readonly Step[]): void => {
      for (const step of list) {
        visitStep(withoutInner(step), this.#visitor);
        if (step.kind === 'for') {
          bind(step.name);
          steps(step.steps);
        }
        if (step.kind === 'parallel') for (const lane of step.lanes) steps(lane);
        const name = boundBy(step);
        if (name) bind(name);
      }
    };
    if (scenario.loop) {
      this.#values(scenario.loop.values);
      bind(scenario.loop.name);
    }
    steps(scenario.steps);
  }

  #values(values: LoopValues): void {
    for (const expr of 'list' in values ? [values.list] : [values.from, values.to]) visitExpr(expr, this.#visitor);
  }

  readonly #visitor: Visitor = {
    payload: ({ base }) => {
      if (base) this.#add(base, this.#globals.get(base.text));
    },
    field: (init) => {
      if (this.#inInvalidate && isWordOfHardware(init)) this.#word = init.value;
    },
    expr: (expr) => {
      if (expr !== this.#word) this.#expr(expr);
    },
    step: (step) => {
      this.#inInvalidate = step.kind === 'invalidate';
      this.#step(step);
    },
    assertion: (assertion) => {
      if ('device' in assertion) this.#device(assertion.device);
    },
  };

  #expr(expr: Expr): void {
    switch (expr.kind) {
      case 'name':
        this.#read({ text: expr.name, start: expr.start, end: expr.end });
        break;
      case 'member':
        this.#read(expr.object);
        break;
      case 'address-of':
        this.#add(expr.name, this.#globals.get(expr.name.text));
        break;
      case 'sizeof':
        if (expr.name) this.#add(expr.name, this.#globals.get(expr.name.text));
        break;
    }
  }

  #step(step: Step): void {
    switch (step.kind) {
      case 'map':
      case 'unmap':
      case 'protect':
        this.#add(step.table, this.#globals.get(step.table.text), 'write');
        break;
      case 'submit':
        if (step.on) this.#device(step.on);
        break;
      case 'fd':
        this.#add(step.buffer, this.#globals.get(step.buffer.text), step.op === 'read' ? 'write' : 'read');
        break;
    }
    if ('device' in step && step.device) this.#device(step.device);
    if ('process' in step && step.process) this.#add(step.process, this.#processes.get(step.process.text));
    for (const group of step.expect?.groups ?? []) for (const outcome of group) this.#outcome(step, outcome);
  }

  /** `NAME.field == V`; a field of the submitted payload itself is no name of the author. */
  #outcome(step: Step, outcome: Outcome): void {
    if (outcome.kind !== 'field') return;
    const [first] = outcome.path;
    if (first && (step.kind !== 'submit' || 1 < outcome.path.length)) this.#read(first);
  }

  #device(name: Name): void {
    this.#add(name, this.#devices.get(name.text));
  }

  #read(name: Name): void {
    if (isMissing(name)) return;
    const scoped = this.#scope?.(name.text) ?? this.#anywhere(name.text);
    const device = this.#devices.get(name.text);
    this.#addAll(name, scoped.length > 0 || !device ? scoped : [device]);
  }

  /** Outside of scenarios: a declaration, else whatever scenarios bind under that name. */
  #anywhere(name: string): readonly Building[] {
    const global = this.#globals.get(name);
    return global ? [global] : (this.#bound.get(name) ?? []);
  }

  #add(at: Span, named: Building | undefined, role: Occurrence['role'] = 'read'): void {
    if (named) this.#addAll(at, [named], role);
  }

  #addAll({ start, end }: Span, named: readonly Building[], role: Occurrence['role'] = 'read'): void {
    if (start === end) return;
    const place = { file: this.#file, start, end };
    if (role === 'declaration') for (const each of named) each.declarations.push(place);
    this.#found.push({ ...place, role, named });
  }
}

const building = (kind: NamedKind, name: string): Building => ({ kind, name, declarations: [] });

/** A step without the steps in it, which are visited with what it binds. */
const withoutInner = (step: Step): Step =>
  step.kind === 'for' ? { ...step, steps: [] } : step.kind === 'parallel' ? { ...step, lanes: [] } : step;

function collectVariables(scenario: ScenarioDecl, names: Set<string>): void {
  if (scenario.loop) names.add(scenario.loop.name.text);
  const inside = (steps: readonly Step[]): void => {
    for (const step of steps) {
      if (step.kind === 'for') {
        names.add(step.name.text);
        inside(step.steps);
      }
      if (step.kind === 'let') names.add(step.name.text);
      if (step.kind === 'parallel') for (const lane of step.lanes) inside(lane);
    }
  };
  inside(scenario.steps);
}

/** `G = page`: the value is no name of the author. */
const isWordOfHardware = ({ path, value }: FieldInit): boolean =>
  path.length === 1 && path[0]!.text === 'G' && value?.kind === 'name';
