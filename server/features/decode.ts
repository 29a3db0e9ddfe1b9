import { type Field, type Generation, getUint, type Struct, withShipped } from '../../engine/index.ts';
import { type Around, arrayText, bytesText, chosen, isName, valueText } from './decode-values.ts';

/** A payload in the language, and what its text alone does not tell. */
export interface Decoded {
  readonly text: string;
  /** The struct it was read as; undefined where it stays `raw`. */
  readonly struct: string | undefined;
}

/**
 * Bytes as declarations that encode to the same bytes again: a payload of the struct, and a `raw` for what lies behind it.
 * Fewer bytes than the struct has give a payload that is `mapped` so far; bytes that no field covers make all of it `raw`.
 */
export function decodePayload(bytes: Uint8Array, struct: Struct, generation: Generation, name: string): Decoded {
  // A file of the generation has the later versions that are shipped for it.
  const known = generation.evolved ? generation : withShipped(generation);
  const body = bodyOf(bytes, versionIn(bytes, speakable(struct, known), known), known);
  const { named } = body;
  if (body.uncovered.length > 0) {
    const places = body.uncovered.map((at) => `0x${at.toString(16)}`).join(', ');
    const remark = `// Not a ${named.name} by its fields: bytes at ${places} are not zero, and no field covers them.`;
    return { text: `${remark}\nraw ${name} ${bytesText(bytes)}\n`, struct: undefined };
  }
  const mapped = body.size > bytes.length ? ` mapped ${bytes.length}` : '';
  const remarks = [
    ...(mapped
      ? [`// The input ends after ${bytes.length} of ${body.size} bytes; nothing can be read behind them.`]
      : []),
  ];
  const head = `${wordOf(named, generation)} ${name}${mapped}`;
  const lines = [...remarks, ...block(head, body.nodes)];
  const tail = bytes.subarray(body.size);
  if (tail.length > 0)
    lines.push(
      '',
      `// ${tail.length} bytes lay behind ${name}, from offset ${body.size} on; no field of ${named.name} covers them.`,
      `raw ${name}_tail ${bytesText(tail)}`,
    );
  return { text: `${lines.join('\n')}\n`, struct: named.name };
}

/** The struct of the same layout that a file can name. */
function speakable(struct: Struct, { structs }: Generation): Struct {
  return isName(struct.name) ? struct : (structs.get(struct.name.split(' ')[0]!) ?? struct);
}

/** The version of an evolved struct that the bytes say, where they have room for it; as `versionOf` reads it back. */
function versionIn(bytes: Uint8Array, struct: Struct, { evolved }: Generation): Struct {
  const field = struct.fields.find(({ role }) => role === 'version');
  const said = field ? getUint(bytes, field.offset, field.size) : 1n;
  const later = said <= 1n ? undefined : evolved?.get(struct.name)?.find(({ version }) => said <= BigInt(version));
  return later && later.struct.size <= bytes.length ? later.struct : struct;
}

/** The short kind of a struct, or `struct S`. */
export function wordOf({ name }: Struct, { kinds }: Generation): string {
  for (const { kind, struct } of kinds.values()) if (struct === name) return kind;
  return `struct ${name}`;
}

/** `name = value`, or a block of members. */
interface Node {
  readonly name: string;
  readonly value?: string;
  readonly nodes?: readonly Node[];
}

interface Body {
  readonly named: Struct;
  readonly nodes: readonly Node[];
  /** Bytes that the declaration encodes to. */
  readonly size: number;
  /** Offsets of bytes that are not 0 and that no field can hold. */
  readonly uncovered: readonly number[];
}

function bodyOf(bytes: Uint8Array, named: Struct, generation: Generation): Body {
  const flexible = named.fields.find((field) => field.kind === 'flex');
  const rest = flexible ? bytes.subarray(flexible.offset) : new Uint8Array(0);
  const data = flexible && rest.length > 0 ? dataOf(flexible, rest, named, bytes, generation) : undefined;
  const size = Math.max(named.size, (flexible?.offset ?? 0) + (data?.size ?? 0));
  const image = new Uint8Array(size);
  image.set(bytes.subarray(0, size));
  const covered = new Uint8Array(size);
  if (flexible) covered.fill(1, flexible.offset);
  const nodes = membersOf({ generation, parent: named, bytes: image, base: 0, self: size }, covered);
  if (flexible && data) nodes.push({ name: flexible.name, ...data.node });
  const uncovered = [...image.keys()].filter((at) => image[at] !== 0 && covered[at] === 0);
  return { named, nodes, size, uncovered };
}

interface Data {
  readonly node: { readonly value: string } | { readonly value: string; readonly nodes: readonly Node[] };
  readonly size: number;
}

/** What a flexible array holds: the struct that the header says, else its elements, else bytes. */
function dataOf(field: Field, rest: Uint8Array, named: Struct, bytes: Uint8Array, generation: Generation): Data {
  const around = { generation, parent: named, bytes, base: 0, self: bytes.length };
  const name = field.carries?.struct ?? chosen(field.carries?.by, field.carries?.to, around);
  const struct = name === undefined ? undefined : generation.structs.get(name);
  if (struct) {
    const body = bodyOf(rest, versionIn(rest, struct, generation), generation);
    if (body.uncovered.length === 0)
      return { node: { value: wordOf(struct, generation), nodes: body.nodes }, size: body.size };
  }
  return { node: { value: bytesText(rest) }, size: rest.length };
}

/** The members of a struct that say something, in the order of their offsets. Marks the bytes that they hold. */
function membersOf(around: Around, covered: Uint8Array): Node[] {
  const { parent } = around;
  const nodes: Node[] = [];
  for (const together of byOffset(parent.fields.filter((field) => field.kind !== 'flex'))) {
    const members = together.length > 1 ? preferred(together, around) : together;
    for (const field of members) {
      const node = memberOf(field, around, covered, together.length === 1);
      if (node) nodes.push(node);
    }
  }
  return nodes;
}

function memberOf(field: Field, around: Around, covered: Uint8Array, alone: boolean): Node | undefined {
  const { bytes, parent, generation } = around;
  const at = around.base + field.offset;
  const end = at + field.size;
  const says = [...bytes.subarray(at, end).keys()].some((i) => bytes[at + i] !== 0 && covered[at + i] === 0);
  if (field.kind === 'uint') {
    const value = getUint(bytes, at, field.size);
    // A zero that decides how others are read is worth its name.
    const decides = alone && value === 0n && field.oneOf !== undefined && isChooser(field.name, parent);
    if (!says && !decides) return undefined;
    const text = valueText(value, field, around);
    if (!says && !generation.constants.has(text)) return undefined;
    covered.fill(1, at, end);
    return { name: field.name, value: text };
  }
  if (!says) return undefined;
  if (field.kind === 'array') {
    covered.fill(1, at, end);
    return { name: field.name, value: arrayText(bytes.subarray(at, end), field.element) };
  }
  const inside: Around = { ...around, parent: field.struct!, base: at };
  const nodes = field.kind === 'union' ? unionOf(field, around, inside, covered) : membersOf(inside, covered);
  return nodes.length > 0 ? { name: field.name, nodes } : undefined;
}

/** The member that the selector chooses, then others for bytes that it does not have. */
function unionOf(field: Field, around: Around, inside: Around, covered: Uint8Array): Node[] {
  const wanted = field.selector && chosen(field.selector.field, field.selector.members, around);
  const members = [...field.struct!.fields].sort((a, b) => Number(b.name === wanted) - Number(a.name === wanted));
  return members.flatMap((member) => memberOf(member, inside, covered, false) ?? []);
}

/** Members of an unnamed union: the one that a sibling makes valid, then those that hold all there is, arrays last. */
function preferred(together: readonly Field[], around: Around): readonly Field[] {
  const end = Math.max(...together.map((field) => field.size));
  const shown = around.bytes.subarray(around.base + together[0]!.offset).subarray(0, end);
  const used = shown.findLastIndex((byte) => byte !== 0) + 1;
  const rank = (field: Field): number =>
    isChosen(field, around) ? 0 : (field.kind === 'array' ? 3 : 1) + (field.size < used ? 1 : 0);
  return [...together].sort((a, b) => rank(a) - rank(b));
}

function isChosen({ when }: Field, { generation, parent, bytes, base }: Around): boolean {
  const sibling = when && parent.fields.find(({ name }) => name === when.field);
  const wanted = when && generation.constants.get(when.is)?.value;
  if (!sibling || wanted === undefined) return false;
  const value = getUint(bytes, base + sibling.offset, sibling.size);
  return sibling.flags ? (value & wanted) !== 0n : value === wanted;
}

const isChooser = (name: string, { fields }: Struct): boolean =>
  fields.some(({ selector, carries, target, when }) =>
    [selector?.field, carries?.by, target?.by, when?.field].includes(name),
  );

function byOffset(fields: readonly Field[]): readonly (readonly Field[])[] {
  const groups: Field[][] = [];
  for (const field of fields) {
    const last = groups.at(-1);
    if (last && last[0]!.offset === field.offset) last.push(field);
    else groups.push([field]);
  }
  return groups;
}

/** `head { .. }` with one line for each field; a block of one member is written as its path. */
function block(head: string, nodes: readonly Node[]): string[] {
  if (nodes.length === 0) return [`${head} {}`];
  const short = nodes.map(shorten);
  const width = Math.max(...short.map((node) => (isAligned(node) ? node.name.length : 0)));
  const inner = short.flatMap((node) => {
    if (!node.nodes) return [`${node.name.padEnd(width)} = ${node.value}`];
    return block(node.value === undefined ? node.name : `${node.name.padEnd(width)} = ${node.value}`, node.nodes);
  });
  return [`${head} {`, ...inner.map((line) => `  ${line}`), '}'];
}

/** A long path would move all the other values away from their names. */
const isAligned = ({ name, value }: Node): boolean => value !== undefined && !name.includes('.');

function shorten(node: Node): Node {
  const [only, ...others] = node.nodes ?? [];
  if (!only || others.length > 0 || node.value !== undefined) return node;
  const inner = shorten(only);
  return { ...inner, name: `${node.name}.${inner.name}` };
}
