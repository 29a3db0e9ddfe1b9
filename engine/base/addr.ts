declare const space: unique symbol;

/** A 64-bit address tagged with the space it lives in. The tag exists only for the compiler. */
export type Addr<S extends string> = bigint & { readonly [space]: S };
/** Guest virtual address: what a device issues under a PASID. */
export type Gva = Addr<'GVA'>;
/** Guest physical address: stage-1 output, stage-2 input. */
export type Gpa = Addr<'GPA'>;
/** Host physical address: stage-2 output. */
export type Hpa = Addr<'HPA'>;

export const U64_MASK = 0xffff_ffff_ffff_ffffn;

const tag =
  <S extends string>(name: S) =>
  (raw: bigint): Addr<S> => {
    if (raw < 0n || U64_MASK < raw) throw new RangeError(`${name} does not fit 64 bits: ${raw}`);
    return raw as Addr<S>;
  };
export const gva = tag('GVA');
export const gpa = tag('GPA');
export const hpa = tag('HPA');

/** The only doorway from bigint to the engine's int32 halves; one shared cell, so no allocation. */
const cell = new BigUint64Array(1);
const half = new Int32Array(cell.buffer);
/** The high 32 bits of a 64-bit value as int32. */
export const hi32 = (value: bigint): number => {
  cell[0] = value;
  return half[1]!;
};
/** The low 32 bits of a 64-bit value as int32. */
export const lo32 = (value: bigint): number => {
  cell[0] = value;
  return half[0]!;
};
/** The unsigned 64-bit value of two int32 halves. */
export const join = (hi: number, lo: number): bigint => {
  half[1] = hi;
  half[0] = lo;
  return cell[0]!;
};
