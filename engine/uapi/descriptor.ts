/**
 * UAPI structures as data. A description gives names, widths, meanings and relations; offsets, sizes and alignment are
 * computed as the x86-64 C ABI does. Parser, checks, hover, completion, encoder, layout and manual read this one table.
 */

export type AddressSpace = 'GVA' | 'GPA' | 'HPA' | 'user';

/** What a field is for, where a check or the encoder must know. */
export type Role = 'size' | 'version' | 'padding' | 'reserved';

/** The prose and relations of a field; everything but `doc` is optional. */
export interface FieldInfo {
  /** One sentence in our own words, with a full stop. */
  readonly doc: string;
  readonly role?: Role;
  /** Names of the constants that are bits of this field. */
  readonly flags?: readonly string[];
  /** Names of the constants that are the only legal values. */
  readonly oneOf?: readonly string[];
  readonly space?: AddressSpace;
  /** Alignment the value (an address) must have, in bytes. */
  readonly aligned?: bigint;
  /** Unit of the value, e.g. `bytes`, `bits`, `granules`. */
  readonly unit?: string;
  /** Written by the kernel; what the caller puts there is not looked at. */
  readonly out?: boolean;
  /** Read by the kernel and written back by it. */
  readonly inout?: boolean;
  /** For an address in the caller's memory: what lies there. */
  readonly target?: Target;
  /** For a flexible array: the struct that lies in it. */
  readonly carries?: Pick<Target, 'struct' | 'by' | 'to'>;
  /** For words that hardware defines: the IOMMU model, and the structure they are there, or `command` or `event`. */
  readonly holds?: { readonly model: string; readonly what: string };
  /** For a member of an unnamed union: the sibling field, and the value or bit of it that makes this member the one. */
  readonly when?: { readonly field: string; readonly is: string };
  /** Other names by which a source calls the field, e.g. an older posting; paths may use them, layouts do not. */
  readonly aliases?: readonly string[];
}

export type FieldKind = 'uint' | 'array' | 'struct' | 'union' | 'flex';

export interface Field extends FieldInfo {
  readonly name: string;
  /** The type as C spells it: `__u32`, `struct iommu_inv_addr_info`, `__u8[6]`, `union`, `__u8[]`. */
  readonly type: string;
  readonly kind: FieldKind;
  /** Bytes from the start of the struct that holds the field. */
  readonly offset: number;
  readonly size: number;
  /** Bytes per element of an `array` or `flex` field; the size of a `uint`. */
  readonly element: number;
  /** Members of a `struct` or `union` field. */
  readonly struct?: Struct;
  /** A struct or union defined in place: layouts list its members as `a.b`. */
  readonly inline?: boolean;
  /** For a union: the sibling field whose value chooses the member, and which member each constant chooses. */
  readonly selector?: Selector;
}

/** What an address in the caller's memory leads to: a struct, bytes, or an array of them. */
export interface Target {
  /** The struct at the address, where it is always the same. */
  readonly struct?: string;
  /** The sibling field whose value chooses the struct, and the struct that each constant stands for. */
  readonly by?: string;
  readonly to?: Readonly<Record<string, string>>;
  /** The sibling field with the bytes that lie there in all. */
  readonly length?: string;
  /** The sibling fields with the number of elements and the bytes of each. */
  readonly count?: string;
  readonly element?: string;
}

export interface Selector {
  readonly field: string;
  readonly members: Readonly<Record<string, string>>;
}

export interface Struct {
  readonly name: string;
  readonly doc: string;
  /** Where the layout is known from, e.g. `include/uapi/linux/iommu.h (5.10)`. */
  readonly source: string;
  readonly size: number;
  readonly align: number;
  readonly fields: readonly Field[];
}

/** A member before its place is known. */
export interface Member extends FieldInfo {
  readonly name: string;
  readonly type: string;
  readonly kind: FieldKind;
  readonly size: number;
  readonly align: number;
  readonly element: number;
  readonly struct?: Struct;
  readonly inline?: boolean;
  readonly selector?: Selector;
  /** Members of an unnamed union: they become the parent's own fields, all at one offset. */
  readonly overlay?: readonly Member[];
}

const uint =
  (bytes: number) =>
  (name: string, info: FieldInfo): Member => ({
    ...info,
    name,
    type: `__u${bytes * 8}`,
    kind: 'uint',
    size: bytes,
    align: bytes,
    element: bytes,
  });
export const u8 = uint(1);
export const u16 = uint(2);
export const u32 = uint(4);
export const u64 = uint(8);
/** A signed 32-bit field; kept as its unsigned bit pattern. */
export const s32 = (name: string, info: FieldInfo): Member => ({ ...u32(name, info), type: '__s32' });

/** A 64-bit field that is aligned to 8 bytes on every architecture. */
export const aligned64 = (name: string, info: FieldInfo): Member => ({ ...u64(name, info), type: '__aligned_u64' });

/** `name[n]` of 1, 4 or 8 byte elements; `of` is their type where it is not the plain unsigned one. */
export const array = (
  name: string,
  element: 1 | 4 | 8,
  n: number,
  info: FieldInfo,
  of = `__u${element * 8}`,
): Member => ({
  ...info,
  name,
  type: `${of}[${n}]`,
  kind: 'array',
  size: element * n,
  align: element,
  element,
});

/** Bytes that must be zero. */
export const padding = (name: string, n: number, doc: string): Member => array(name, 1, n, { doc, role: 'padding' });

/** A flexible array at the end: `type` is what C writes before `[]`. */
export const flex = (name: string, type: string, element: number, align: number, info: FieldInfo): Member => ({
  ...info,
  name,
  type: `${type}[]`,
  kind: 'flex',
  size: 0,
  align,
  element,
});

/** A member of a named struct type. */
export const nested = (name: string, of: Struct, info: FieldInfo): Member => ({
  ...info,
  name,
  type: `struct ${of.name}`,
  kind: 'struct',
  size: of.size,
  align: of.align,
  element: of.size,
  struct: of,
});

/** A struct defined in place. */
export function inlineStruct(name: string, info: FieldInfo, members: readonly Member[]): Member {
  const of = struct(name, { doc: info.doc, source: '' }, members);
  return { ...nested(name, of, info), type: 'struct', inline: true };
}

/** A named union defined in place; `selector` says which sibling field chooses the member. */
export function union(name: string, info: FieldInfo, selector: Selector, members: readonly Member[]): Member {
  const size = Math.max(...members.map((m) => m.size));
  const align = Math.max(...members.map((m) => m.align));
  const rounded = roundUp(size, align);
  const of: Struct = { name, doc: info.doc, source: '', size: rounded, align, fields: members.map((m) => place(m, 0)) };
  return {
    ...info,
    name,
    type: 'union',
    kind: 'union',
    size: rounded,
    align,
    element: rounded,
    struct: of,
    inline: true,
    selector,
  };
}

/** An unnamed union: its members are addressed as if they were the parent's own. */
export function overlay(members: readonly Member[]): Member {
  const align = Math.max(...members.map((m) => m.align));
  const size = roundUp(Math.max(...members.map((m) => m.size)), align);
  return { name: '', doc: '', type: 'union', kind: 'union', size, align, element: size, overlay: members };
}

/**
 * Lays out a struct by the x86-64 C ABI.
 * @throws Error when two fields share a name, a flexible array is not last, or a selector or target names nothing: a
 * broken table, found at load.
 */
export function struct(name: string, info: { doc: string; source: string }, members: readonly Member[]): Struct {
  const fields: Field[] = [];
  let offset = 0;
  let align = 1;
  for (const [index, member] of members.entries()) {
    if (member.kind === 'flex' && index !== members.length - 1)
      throw new Error(`${name}.${member.name}: a flexible array must be last`);
    offset = roundUp(offset, member.align);
    align = Math.max(align, member.align);
    for (const each of member.overlay ?? [member]) fields.push(place(each, offset));
    offset += member.size;
  }
  const names = new Set<string>();
  for (const field of fields) {
    for (const each of [field.name, ...(field.aliases ?? [])]) {
      if (names.has(each)) throw new Error(`${name}: two fields are called ${each}`);
      names.add(each);
    }
  }
  for (const field of fields) {
    checkSelector(name, field, names);
    checkTarget(name, field, names);
  }
  return Object.freeze({
    name,
    doc: info.doc,
    source: info.source,
    size: roundUp(offset, align),
    align,
    fields: Object.freeze(fields),
  });
}

function checkSelector(
  name: string,
  { name: union, selector, struct: of }: Field,
  siblings: ReadonlySet<string>,
): void {
  if (!selector) return;
  if (!siblings.has(selector.field))
    throw new Error(`${name}.${union} is selected by ${selector.field}, which is not a field of ${name}`);
  for (const member of Object.values(selector.members))
    if (!of?.fields.some((f) => f.name === member))
      throw new Error(`${name}.${union} selects ${member}, which is not a member of it`);
}

function checkTarget(
  name: string,
  { name: address, target, carries, when }: Field,
  siblings: ReadonlySet<string>,
): void {
  for (const sibling of [target?.by, target?.length, target?.count, target?.element, carries?.by, when?.field])
    if (sibling !== undefined && !siblings.has(sibling))
      throw new Error(`${name}.${address} is described by ${sibling}, which is not a field of ${name}`);
}

function place(member: Member, offset: number): Field {
  const { align: _natural, overlay: _members, ...rest } = member;
  return Object.freeze({ ...rest, offset }) as Field;
}

const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to;
