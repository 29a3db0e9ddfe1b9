import { type Declared, encodePayload } from '../../engine/index.ts';
import type { Payload } from '../language/syntax.ts';
import type { CNames } from './export-c-expr.ts';
import { commentText } from './export-c-names.ts';
import { type CPayload, initialiserC, payloadC } from './export-c-payload.ts';
import type { Program } from './export-program.ts';

/** A payload in pages of its own, as a scenario has it. */
export interface Placed extends CPayload {
  readonly declared: Declared<Payload>;
  /** The C variable that points to it. */
  readonly name: string;
  /** The expression that is the payload: `(*name)`. */
  readonly variable: string;
}

/** The payloads of an exported program, which lie behind pointers and are filled in where the scenario does it. */
export class PlacedPayloads {
  /** Types that wrap a header with what follows it. */
  readonly types: string[] = [];
  readonly #program: Program;
  readonly #placed = new Map<Payload, Placed>();
  /** Payloads that hold their bytes already, and those that are being written. */
  readonly #filled = new Set<Payload>();
  readonly #filling = new Set<Payload>();

  constructor(program: Program) {
    this.#program = program;
  }

  /** The place of a payload. One without a name is called by its kind, each by another number. */
  of(declared: Declared<Payload>, name: string | undefined): Placed {
    const { node } = declared;
    const known = this.#placed.get(node);
    if (known) return known;
    const { variables, heads } = this.#program;
    const variable =
      name === undefined
        ? variables.of('inline', `${node.struct?.text ?? node.word.text}_${this.#placed.size + 1}`)
        : variables.of('payload', name);
    // Its type alone: values are written where it is filled in, by the names that are there by then.
    const blind: CNames = { ...this.#program.names(), payload: () => undefined, value: () => '0' };
    const place = `(*${variable})`;
    const made = { ...payloadC(declared, blind, variable, place), declared, name: variable, variable: place };
    this.#placed.set(node, made);
    if (made.definition) this.types.push(made.definition);
    const pointer = made.array === '' ? `*${variable}` : `(*${variable})${made.array}`;
    heads.set(variable, `${made.type} ${pointer} = vsva_place(sizeof(*${variable}));`);
    return made;
  }

  /** Writes the bytes of a payload; without `anew` only what nobody has written yet, or what a run may have changed. */
  fill({ declared, name, variable }: Placed, anew: boolean): void {
    const { node } = declared;
    const program = this.#program;
    const image = encodePayload(declared, program.fileNames);
    if (this.#filling.has(node) || (!anew && this.#filled.has(node) && image.later.length === 0)) return;
    this.#filling.add(node);
    const payload = payloadC(declared, program.names(), name, variable);
    this.#filling.delete(node);
    this.#filled.add(node);
    for (const reason of payload.unknown) program.put(`/* ${commentText(reason)} */`);
    if (payload.overlaps) {
      // An initialiser of one member of a union would take the others back.
      const bytes = [...image.bytes].map((byte) => `0x${byte.toString(16)}`).join(', ');
      program.put(`memcpy(&${variable}, (const __u8[]) { ${bytes} }, sizeof(${variable}));`);
      for (const { path, text } of payload.members)
        if (!text.startsWith('{')) program.put(`${variable}${path} = ${text};`);
      return;
    }
    const value = initialiserC(payload, program.indent);
    if (payload.array === '') program.put(`${variable} = (${payload.type}) ${value};`);
    else program.put(`memcpy(&${variable}, &(${payload.type}${payload.array}) ${value}, sizeof(${variable}));`);
  }
}

/** `(*x).a` as `x->a`, `&(*x)` as `x`: how people write what lies at a pointer. */
export const asPointers = (text: string): string =>
  text
    .replaceAll(/\(\*(\w+)\)\./g, '$1->')
    .replaceAll(/&\(\*(\w+)\)(?!\[)/g, '$1')
    .replaceAll(/\(\(\*(\w+)\)\)/g, '(*$1)')
    .replaceAll(/^(\s*)\(\*(\w+)\) = /gm, '$1*$2 = ');
