import type { Field, Struct } from './descriptor.ts';

export interface LayoutField {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly type: string;
}

export interface Layout {
  readonly name: string;
  readonly size: number;
  readonly fields: readonly LayoutField[];
}

/** The layout as data: members of what is defined in place follow it as `a.b`, named structs stay closed. */
export function layoutOf(struct: Struct): Layout {
  return { name: struct.name, size: struct.size, fields: [...layoutFields(struct, 0, '')] };
}

function* layoutFields(struct: Struct, base: number, prefix: string): Generator<LayoutField> {
  for (const field of struct.fields) {
    const name = prefix + field.name;
    const offset = base + field.offset;
    yield { name, offset, size: field.size, type: field.type };
    if (field.struct && field.inline) yield* layoutFields(field.struct, offset, `${name}.`);
  }
}

/** The layout as `pahole -E` prints it: offset and size behind each member, nested members open, holes named. */
export function paholeText(struct: Struct): string {
  const { lines, holes, end } = members(struct.fields, 0, 1);
  const summary = [
    `size: ${struct.size}, cachelines: ${Math.ceil(struct.size / 64)}, members: ${struct.fields.length}`,
  ];
  if (holes.length > 0) {
    const sum = holes.reduce((a, b) => a + b, 0);
    summary.push(`sum members: ${end - sum}, holes: ${holes.length}, sum holes: ${sum}`);
  }
  if (end < struct.size) summary.push(`padding: ${struct.size - end}`);
  return [`struct ${struct.name} {`, ...lines, '', ...summary.map((line) => `${INDENT}/* ${line} */`), '};', ''].join(
    '\n',
  );
}

const INDENT = '    ';
const COMMENT_COLUMN = 52;

interface Members {
  readonly lines: readonly string[];
  /** Bytes of each hole. */
  readonly holes: readonly number[];
  /** First byte past the last member. */
  readonly end: number;
}

/** The members of a struct whose first byte is `base` of the outermost one. */
function members(fields: readonly Field[], base: number, depth: number): Members {
  const lines: string[] = [];
  const holes: number[] = [];
  let end = 0;
  for (const together of byOffset(fields)) {
    const [first] = together;
    const size = Math.max(...together.map((field) => field.size));
    if (first.offset > end) {
      holes.push(first.offset - end);
      lines.push('', `${INDENT.repeat(depth)}/* XXX ${first.offset - end} bytes hole */`, '');
    }
    const at = base + first.offset;
    if (together.length === 1) lines.push(...member(first, at, depth));
    else lines.push(...block('union', together, at, size, '', depth));
    end = first.offset + size;
  }
  return { lines, holes, end };
}

const member = (field: Field, at: number, depth: number): string[] =>
  field.struct
    ? block(field.type, field.struct.fields, at, field.size, field.name, depth)
    : [line(`${declaration(field)};`, at, field.size, depth)];

/** A nested struct or union, open. */
function block(
  type: string,
  fields: readonly Field[],
  at: number,
  size: number,
  name: string,
  depth: number,
): string[] {
  const inside =
    type === 'union' ? fields.flatMap((field) => member(field, at, depth + 1)) : members(fields, at, depth + 1).lines;
  return [`${INDENT.repeat(depth)}${type} {`, ...inside, line(name ? `} ${name};` : '};', at, size, depth)];
}

const line = (text: string, at: number, size: number, depth: number): string => {
  const declared = (INDENT.repeat(depth) + text).padEnd(COMMENT_COLUMN - 1);
  return `${declared} /* ${String(at).padStart(5)} ${String(size).padStart(5)} */`;
};

/** A field as C declares it: `__u8 padding[6]`. */
function declaration(field: Field): string {
  const bracket = field.type.indexOf('[');
  if (bracket < 0) return `${field.type} ${field.name}`;
  return `${field.type.slice(0, bracket)} ${field.name}${field.type.slice(bracket)}`;
}

/** Members of an unnamed union stand at one offset; they are put together again. */
function byOffset(fields: readonly Field[]): (readonly [Field, ...Field[]])[] {
  const groups: [Field, ...Field[]][] = [];
  for (const field of fields) {
    const last = groups.at(-1);
    if (last && last[0].offset === field.offset) last.push(field);
    else groups.push([field]);
  }
  return groups;
}
