import type { Name, Span } from '../base/span.ts';
import type { Payload } from './program.ts';

/** An expression as the parser builds it and the evaluator reads it; spans are offsets in the file that holds it. */
export type Expr =
  | IntExpr
  | StringExpr
  | BytesExpr
  | NameExpr
  | MemberExpr
  | AddressOfExpr
  | UnaryExpr
  | CastExpr
  | BinaryExpr
  | SizeofExpr
  | OffsetofExpr
  | ListExpr
  | RepeatExpr
  | PayloadExpr;

export interface IntExpr extends Span {
  readonly kind: 'int';
  readonly value: bigint;
}
export interface StringExpr extends Span {
  readonly kind: 'string';
  readonly value: string;
}
/** `bytes "de ad be ef"`. */
export interface BytesExpr extends Span {
  readonly kind: 'bytes';
  readonly value: Uint8Array;
}
export interface NameExpr extends Span {
  readonly kind: 'name';
  readonly name: string;
}
/** `object.a.b`: the path behind a name. */
export interface MemberExpr extends Span {
  readonly kind: 'member';
  readonly object: Name;
  readonly path: readonly Name[];
  readonly indices?: Indices;
}
/** `&name`, and `&name.a.b` for the address of a field. */
export interface AddressOfExpr extends Span {
  readonly kind: 'address-of';
  readonly name: Name;
  readonly path?: readonly Name[];
  readonly indices?: Indices;
}
/** Indices of a path that are no plain numbers, by their place in it; there the path has the text in brackets, `[i]`. */
export type Indices = ReadonlyMap<number, Expr>;
export interface UnaryExpr extends Span {
  readonly kind: 'unary';
  readonly op: '-' | '~' | '!' | '+';
  readonly operand: Expr;
}
/** C's `(__u32)x`: the low `bits` of the value; those of a `signed` type are extended to 64 bits again. */
export interface CastExpr extends Span {
  readonly kind: 'cast';
  /** The last word of the type: `__u32`, `int`, the name of a struct behind a pointer. */
  readonly type: Name;
  readonly bits: number;
  readonly signed: boolean;
  readonly operand: Expr;
}
export type BinaryOp =
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '<<'
  | '>>'
  | '&'
  | '|'
  | '^'
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | '&&'
  | '||';
export interface BinaryExpr extends Span {
  readonly kind: 'binary';
  readonly op: BinaryOp;
  readonly left: Expr;
  readonly right: Expr;
}
/** `sizeof` alone is this payload; `sizeof(struct X)` and `sizeof(name)` name another. */
export interface SizeofExpr extends Span {
  readonly kind: 'sizeof';
  readonly struct?: Name;
  readonly name?: Name;
  /** Of an array: `sizeof(*name)` is the bytes of one element, `ARRAY_SIZE(name)` how many there are. */
  readonly of?: 'element' | 'count';
}
/** `offsetof(struct X, f)` and, with `past`, `offsetofend(struct X, f)`. */
export interface OffsetofExpr extends Span {
  readonly kind: 'offsetof';
  readonly struct: Name;
  readonly path: readonly Name[];
  readonly past: boolean;
}
/** `[a, b, c]`, and C's `{ a, [3] = b }`. */
export interface ListExpr extends Span {
  readonly kind: 'list';
  readonly items: readonly Expr[];
  /** The place that C's `[N] =` gives an item, by the item's number; the others follow the item before them. */
  readonly places?: ReadonlyMap<number, Expr>;
}
/** `[expr; n]`. */
export interface RepeatExpr extends Span {
  readonly kind: 'repeat';
  readonly item: Expr;
  readonly count: Expr;
}
/** An inline payload where a value is due: `data = bind_data { ... }`, `submit pasid_request { ... }`. */
export interface PayloadExpr extends Span {
  readonly kind: 'payload';
  readonly payload: Payload;
}
