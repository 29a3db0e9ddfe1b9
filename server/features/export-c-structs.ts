import { type Field, type Generation, hex, layoutOf, type Struct } from '../../engine/index.ts';

/** What a C text needs of a generation, gathered while its expressions and payloads are written. */
export class CNeeds {
  readonly generation: Generation;
  readonly #structs = new Map<string, Struct>();
  readonly #numbers = new Map<string, bigint>();

  constructor(generation: Generation) {
    this.generation = generation;
  }

  /** A struct with those that it holds, before it. Answers its tag in C, which a later version has with its number. */
  struct(struct: Struct): string {
    const tag = this.#tagOf(struct);
    if (this.#structs.has(tag)) return tag;
    for (const field of struct.fields) this.#fieldStructs(field);
    this.#structs.set(tag, struct);
    return tag;
  }

  #tagOf(struct: Struct): string {
    const later = this.generation.evolved?.get(struct.name)?.find((version) => version.struct === struct);
    return later ? `${struct.name}_v${later.version}` : struct.name;
  }

  #fieldStructs(field: Field): void {
    if (field.struct && !field.inline) this.struct(field.struct);
    for (const inner of field.inline ? field.struct!.fields : []) this.#fieldStructs(inner);
    const element = /^struct (\w+)\[/.exec(field.type)?.[1];
    const found = element === undefined ? undefined : this.generation.structs.get(element);
    if (found) this.struct(found);
  }

  /** A constant or ioctl number by its name. */
  number(name: string): void {
    const { constants, ioctls } = this.generation;
    const value = constants.get(name)?.value ?? ioctls.get(name)?.number;
    if (value !== undefined) this.#numbers.set(name, BigInt(value));
  }

  /**
   * Definitions of all that was asked for, or with `headers` the kernel's own headers in their place; then the asserts
   * that hold their layout.
   */
  text(headers: boolean): string {
    const parts = headers
      ? [this.#includes()]
      : [
          '#include <linux/types.h>',
          [...this.#numbers].map(([name, value]) => `#define ${name} ${numberC(value)}`).join('\n'),
          ...[...this.#structs].map(([tag, struct]) => structC(struct, tag, (inner) => this.#tagOf(inner))),
        ];
    return [
      '#include <stddef.h>',
      ...parts,
      [...this.#structs].map(([tag, struct]) => assertsC(struct, tag)).join('\n'),
    ]
      .filter(Boolean)
      .join('\n\n');
  }

  #includes(): string {
    const sources = [
      ...[...this.#structs.values()].map(({ source }) => source),
      ...[...this.#numbers.keys()].flatMap(
        (name) => this.generation.constants.get(name)?.source ?? this.generation.ioctls.get(name)?.source ?? [],
      ),
    ];
    const headers = new Set(sources.flatMap((source) => /\b(linux\/\w+\.h)\b/.exec(source)?.[1] ?? []));
    return ['#include <linux/types.h>', ...[...headers].map((header) => `#include <${header}>`)].join('\n');
  }
}

/** A number as C reads it: small ones in decimal, with a suffix where an int would not hold it. */
export const numberC = (value: bigint): string =>
  `${value <= 9999n ? `${value}` : hex(value)}${0x7fff_ffffn < value ? 'ULL' : ''}`;

/** The definition of a struct, as the kernel's header has it. */
function structC(struct: Struct, tag: string, tagOf: TagOf): string {
  return `struct ${tag} {\n${membersC(struct.fields, '\t', tagOf)}};`;
}

type TagOf = (struct: Struct) => string;

function membersC(fields: readonly Field[], indent: string, tagOf: TagOf): string {
  return byOffset(fields)
    .map((together) => {
      if (together.length === 1) return memberC(together[0]!, indent, tagOf);
      return `${indent}union {\n${together.map((field) => memberC(field, `${indent}\t`, tagOf)).join('')}${indent}};\n`;
    })
    .join('');
}

function memberC(field: Field, indent: string, tagOf: TagOf): string {
  if (field.inline && field.struct) {
    const members =
      field.kind === 'union'
        ? field.struct.fields.map((inner) => memberC(inner, `${indent}\t`, tagOf)).join('')
        : membersC(field.struct.fields, `${indent}\t`, tagOf);
    return `${indent}${field.type} {\n${members}${indent}} ${field.name};\n`;
  }
  if (field.struct) return `${indent}struct ${tagOf(field.struct)} ${field.name};\n`;
  const bracket = field.type.indexOf('[');
  const [type, array] = bracket < 0 ? [field.type, ''] : [field.type.slice(0, bracket), field.type.slice(bracket)];
  // The names of an enum are defines here; in memory it is a word.
  return type.startsWith('enum ')
    ? `${indent}__u${field.element * 8} ${field.name}${array}; /* ${type} */\n`
    : `${indent}${type} ${field.name}${array};\n`;
}

/** Members of an unnamed union stand at one offset. */
export function byOffset(fields: readonly Field[]): readonly (readonly [Field, ...Field[]])[] {
  const groups: [Field, ...Field[]][] = [];
  for (const field of fields) {
    const last = groups.at(-1);
    if (last && last[0].offset === field.offset && field.size > 0) last.push(field);
    else groups.push([field]);
  }
  return groups;
}

/** Size and offsets as asserts, so that a text that meets another header does not compile. */
function assertsC(struct: Struct, tag: string): string {
  const size = `_Static_assert(sizeof(struct ${tag}) == ${struct.size}, "${tag}");`;
  const offsets = layoutOf(struct).fields.map(
    ({ name, offset }) => `_Static_assert(offsetof(struct ${tag}, ${name}) == ${offset}, "${tag}.${name}");`,
  );
  return `${[size, ...offsets].join('\n')}\n`;
}
