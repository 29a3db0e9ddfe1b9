import { getUint, type Located, locate, putUint, type Struct, walkFields } from '../../../engine/index.ts';
import type { Buffer } from './buffers.ts';

/** The same values in another struct of the same call, field by field of the same name; `lost` has no place there. */
export function renamed(
  buffer: Buffer,
  from: Struct,
  to: Struct,
): { readonly buffer: Buffer; readonly lost: readonly string[] } {
  const bytes = new Uint8Array(to.size);
  const lost: string[] = [];
  const places = new Map<number, Located>();
  for (const { field, offset, path } of walkFields(from)) {
    if (field.struct) continue;
    const there = locate(to, path.split('.'));
    const value = buffer.bytes.subarray(offset, offset + field.size);
    const isSaid =
      value.some((byte) => byte !== 0) ||
      [...buffer.pointers, ...buffer.ids].some((at) => offset <= at.offset && at.offset < offset + field.size);
    if ('missing' in there || there.field.size < field.size) {
      if (isSaid && !field.out)
        lost.push(field.kind === 'uint' ? `${path} = ${said(buffer, offset, field.size)}` : path);
      continue;
    }
    places.set(offset, there);
    const isWhole = field.role === 'size' && getUint(buffer.bytes, offset, field.size) === BigInt(from.size);
    if (isWhole) putUint(bytes, there.offset, there.field.size, BigInt(to.size));
    else bytes.set(value, there.offset);
  }
  const moved = <T extends { readonly offset: number }>(items: readonly T[]): T[] =>
    items.flatMap((item) => {
      const there = places.get(item.offset);
      return there ? [{ ...item, offset: there.offset }] : [];
    });
  return { buffer: { ...buffer, bytes, pointers: moved(buffer.pointers), ids: moved(buffer.ids) }, lost };
}

const said = (buffer: Buffer, offset: number, size: number): string => {
  const id = buffer.ids.find((at) => at.offset === offset);
  if (id) return `the id of a ${id.kind}`;
  if (buffer.pointers.some((at) => at.offset === offset)) return 'an address';
  const value = getUint(buffer.bytes, offset, size);
  return value < 1000n ? `${value}` : `0x${value.toString(16)}`;
};
