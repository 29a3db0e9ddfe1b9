const PAGE = 4096n;
/** Where the first buffer lies: an ordinary mmap address, so that dumps look familiar. */
const BASE = 0x7ffe_0000_0000n;

interface Region {
  readonly address: bigint;
  /** Bytes that can be read or written; past them lies an unmapped page. */
  mapped: number;
  readonly bytes: Uint8Array;
}

/**
 * The caller's address space: one region per buffer, each on pages of its own with an unmapped page behind it.
 * A region is whole pages unless `mapped` cuts it short, so a kernel that reads past a struct reads zeros, as it would.
 */
export class UserMemory {
  readonly #regions: Region[] = [];
  #next = BASE;

  /** Gives a buffer its place. @param mapped bytes that are accessible; by default whole pages */
  place(bytes: Uint8Array, mapped?: number): bigint {
    const pages = Math.max(1, Math.ceil(bytes.length / 4096));
    const size = mapped === undefined ? pages * 4096 : Math.min(mapped, pages * 4096);
    const storage = new Uint8Array(pages * 4096);
    storage.set(bytes);
    const address = this.#next;
    this.#regions.push({ address, mapped: size, bytes: storage });
    this.#next += BigInt(pages + 1) * PAGE;
    return address;
  }

  /** The caller fills a buffer anew. @param mapped as for `place` */
  refill(address: bigint, bytes: Uint8Array, mapped?: number): void {
    const region = this.#regions.find((r) => r.address === address);
    if (!region) return;
    region.bytes.fill(0);
    region.bytes.set(bytes);
    region.mapped = mapped === undefined ? region.bytes.length : Math.min(mapped, region.bytes.length);
  }

  /** copy_from_user: a copy of `size` bytes, or undefined where the kernel would return EFAULT. */
  copyFrom(address: bigint, size: number): Uint8Array | undefined {
    const region = this.#find(address, size);
    if (!region) return size === 0 ? new Uint8Array(0) : undefined;
    const at = Number(address - region.address);
    return region.bytes.slice(at, at + size);
  }

  /** copy_to_user: false where the kernel would return EFAULT. */
  copyTo(address: bigint, bytes: Uint8Array): boolean {
    const region = this.#find(address, bytes.length);
    if (!region) return bytes.length === 0;
    region.bytes.set(bytes, Number(address - region.address));
    return true;
  }

  /** What lies in a buffer now, whether or not the kernel could reach it. */
  peek(address: bigint, size: number): Uint8Array {
    const region = this.#regions.find((r) => r.address <= address && address < r.address + BigInt(r.bytes.length));
    if (!region) return new Uint8Array(size);
    const at = Number(address - region.address);
    const bytes = new Uint8Array(size);
    bytes.set(region.bytes.subarray(at, at + size));
    return bytes;
  }

  #find(address: bigint, size: number): Region | undefined {
    return this.#regions.find((r) => r.address <= address && address + BigInt(size) <= r.address + BigInt(r.mapped));
  }
}
