const PAGE = 4096n;
/** Where the first buffer lies: an ordinary mmap address, so that dumps look familiar. */
const BASE = 0x7ffe_0000_0000n;

interface Region {
  readonly address: bigint;
  /** Bytes that can be read or written; past them lies an unmapped page. */
  mapped: number;
  /** Whole pages, in bytes. */
  readonly size: number;
}

/** The largest alignment of a buffer: a huge page. */
const MAX_ALIGNMENT = 512n;

/** Pages that a buffer's address is a multiple of: its size, rounded up, as of memory that was allocated to be mapped. */
function alignmentOf(pages: number): bigint {
  let alignment = 1n;
  while (alignment < pages && alignment < MAX_ALIGNMENT) alignment *= 2n;
  return alignment * PAGE;
}

const alignUp = (address: bigint, alignment: bigint): bigint => (address + alignment - 1n) & -alignment;

/** Where the bytes of the regions are kept, by address. */
interface Store {
  read(address: bigint, size: number): Uint8Array;
  write(address: bigint, bytes: Uint8Array): void;
}

/**
 * The caller's address space: one region per buffer, each on pages of its own with an unmapped page behind it.
 * A region is whole pages unless `mapped` cuts it short, so a kernel that reads past a struct reads zeros, as it would.
 */
export class UserMemory {
  readonly #regions: Region[] = [];
  #store: Store = new OwnStore();
  #next = BASE;
  /** Told of every copy from a buffer, where somebody wants to know what the kernel looks at. */
  onRead: ((address: bigint, size: number) => void) | undefined;

  /**
   * Keeps the bytes in physical memory, so that a device that is given a buffer reads and writes what the caller sees.
   * To be called before any buffer has its place. @param at host-physical address of a user address; pages stay whole
   */
  keepIn(memory: Store, at: (address: bigint) => bigint): void {
    this.#store = {
      read: (address, size) => memory.read(at(address), size),
      write: (address, bytes) => memory.write(at(address), bytes),
    };
  }

  /** Gives a buffer its place. @param mapped bytes that are accessible; by default whole pages */
  place(bytes: Uint8Array, mapped?: number): bigint {
    const pages = Math.max(1, Math.ceil(bytes.length / 4096));
    const size = mapped === undefined ? pages * 4096 : Math.min(mapped, pages * 4096);
    const address = alignUp(this.#next, alignmentOf(pages));
    this.#regions.push({ address, mapped: size, size: pages * 4096 });
    this.#store.write(address, bytes);
    this.#next = address + BigInt(pages + 1) * PAGE;
    return address;
  }

  /** The caller fills a buffer anew. @param mapped as for `place` */
  refill(address: bigint, bytes: Uint8Array, mapped?: number): void {
    const region = this.#regions.find((r) => r.address === address);
    if (!region) return;
    const whole = new Uint8Array(region.size);
    whole.set(bytes);
    const old = this.#store.read(address, region.size);
    const first = whole.findIndex((byte, i) => byte !== old[i]);
    const last = whole.findLastIndex((byte, i) => byte !== old[i]);
    if (0 <= first) this.#store.write(address + BigInt(first), whole.subarray(first, last + 1));
    region.mapped = mapped === undefined ? region.size : Math.min(mapped, region.size);
  }

  /** copy_from_user: a copy of `size` bytes, or undefined where the kernel would return EFAULT. */
  copyFrom(address: bigint, size: number): Uint8Array | undefined {
    const region = this.#find(address, size);
    if (!region) return size === 0 ? new Uint8Array(0) : undefined;
    this.onRead?.(address, size);
    return this.#store.read(address, size);
  }

  /** copy_to_user: false where the kernel would return EFAULT. */
  copyTo(address: bigint, bytes: Uint8Array): boolean {
    const region = this.#find(address, bytes.length);
    if (!region) return bytes.length === 0;
    this.#store.write(address, bytes);
    return true;
  }

  /** What lies in a buffer now, whether or not the kernel could reach it. */
  peek(address: bigint, size: number): Uint8Array {
    const region = this.#regions.find((r) => r.address <= address && address < r.address + BigInt(r.size));
    const bytes = new Uint8Array(size);
    if (!region) return bytes;
    const left = region.size - Number(address - region.address);
    bytes.set(this.#store.read(address, Math.min(size, left)));
    return bytes;
  }

  #find(address: bigint, size: number): Region | undefined {
    return this.#regions.find((r) => r.address <= address && address + BigInt(size) <= r.address + BigInt(r.mapped));
  }
}

/** Buffers by their first page: what nobody but the caller and the kernel reaches. */
class OwnStore implements Store {
  readonly #pages = new Map<bigint, Uint8Array>();

  read(address: bigint, size: number): Uint8Array {
    const bytes = new Uint8Array(size);
    this.#each(address, size, (page, from, at, length) => {
      const known = this.#pages.get(page);
      if (known) bytes.set(known.subarray(from, from + length), at);
    });
    return bytes;
  }

  write(address: bigint, bytes: Uint8Array): void {
    this.#each(address, bytes.length, (page, from, at, length) => {
      let known = this.#pages.get(page);
      if (!known) this.#pages.set(page, (known = new Uint8Array(4096)));
      known.set(bytes.subarray(at, at + length), from);
    });
  }

  #each(address: bigint, size: number, use: (page: bigint, from: number, at: number, length: number) => void): void {
    for (let at = 0; at < size; ) {
      const here = address + BigInt(at);
      const from = Number(here % PAGE);
      const length = Math.min(size - at, 4096 - from);
      use(here - BigInt(from), from, at, length);
      at += length;
    }
  }
}
