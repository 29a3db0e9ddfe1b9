/** What limits.h, stdint.h and stddef.h give every C program; the tests of the kernel write their payloads with it. */
export const C_CONSTANTS: ReadonlyMap<string, bigint> = new Map([
  ['NULL', 0n],
  ['UINT8_MAX', 0xffn],
  ['UINT16_MAX', 0xffffn],
  ['UINT32_MAX', 0xffff_ffffn],
  ['UINT64_MAX', 0xffff_ffff_ffff_ffffn],
  ['UINT_MAX', 0xffff_ffffn],
  ['ULONG_MAX', 0xffff_ffff_ffff_ffffn],
  ['SIZE_MAX', 0xffff_ffff_ffff_ffffn],
]);
