import { type Member, padding, u32 } from '../../descriptor.ts';

/** The first field of every iommufd call: how far the caller's struct reaches. */
export const size: Member = u32('size', {
  doc: "Bytes of the caller's struct: a shorter one is filled up with zeros, a longer one must end in zeros.",
  role: 'size',
  unit: 'bytes',
});

/** A 32-bit field that must be zero. */
export const reserved = (doc = 'Must be zero.'): Member => u32('__reserved', { doc, role: 'reserved' });

/** Three bytes behind a byte that took over part of a reserved word. */
export const reservedBytes = (n: number): Member => ({
  ...padding('__reserved', n, 'Must be zero.'),
  role: 'reserved',
});
