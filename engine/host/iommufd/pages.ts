import type { UserMemory } from '../user-memory.ts';

export const PAGE = 4096n;
export const pageDown = (at: bigint): bigint => at & ~(PAGE - 1n);

/** Where the caller's own pages lie in host memory: each at a fixed distance, so a buffer is contiguous there too. */
const USER_TO_HPA = 0x100_0000_0000n - 0x7ffe_0000_0000n;

/** Host-physical address of a byte of the caller's memory. */
export const hpaOfUser = (address: bigint): bigint => address + USER_TO_HPA;

/** What an area maps: `struct iopt_pages`. Copies of a mapping share it. */
export interface Pages {
  /** Where the first byte lies in memory: a user address, or a host-physical one. */
  readonly base: bigint;
  readonly length: bigint;
  /** Made with write access, so that an area may grant it. */
  readonly writable: boolean;
  /** The machine's RAM, which is always there; else the caller's memory, which is pinned when something needs it. */
  readonly ram: boolean;
}

export const userPages = (base: bigint, length: bigint, writable: boolean): Pages => ({
  base,
  length,
  writable,
  ram: false,
});

export const ramPages = (base: bigint, length: bigint): Pages => ({ base, length, writable: true, ram: true });

/** Host-physical address of a byte of the pages. */
export const physOf = (pages: Pages, offset: bigint): bigint => pages.base + offset + (pages.ram ? 0n : USER_TO_HPA);

/** `pin_user_pages`: false where a page of the range is not mapped in the caller. */
export function canPin(user: UserMemory, pages: Pages, offset: bigint, length: bigint): boolean {
  if (pages.ram) return true;
  const end = pages.base + offset + length;
  for (let page = pageDown(pages.base + offset); page < end; page += PAGE) if (!user.copyFrom(page, 1)) return false;
  return true;
}
