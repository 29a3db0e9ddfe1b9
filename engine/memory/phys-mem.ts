import { hi32, join, lo32 } from '../base/addr.ts';

const PAGE_WORDS = 1024;
const PAGE_BYTES = 4096n;
const ZERO_SLOT = 0;
/** Pages a copy can take before it has to grow. */
const SPARE_PAGES = 64;

/**
 * Sparse physical memory: an int32 pool of 4 KiB pages behind an open-addressing index from page number to pool slot.
 * Absent memory reads as 0. Word indices stay valid for the life of the memory: pages never move within the pool.
 */
export class PhysMem {
  /** The pool; index with `wordAt`. Little-endian: the low half of a 64-bit value is at the lower index. */
  words: Int32Array;
  /** Rises with every write but the walker's own accessed/dirty updates, which do not change what a walk answers. */
  version = 1;
  /** Time given to edits; 0 while a machine is being set up, when nothing is remembered. */
  now = 0;
  /** When each 64-bit word was edited, oldest first; key is the word index of its low half. */
  #edits = new Map<number, number[]>();
  #keyHi: Int32Array;
  #keyLo: Int32Array;
  #slot: Int32Array;
  /** 32 less the bits of a bucket number. */
  #shift: number;
  #pages = 1;

  constructor(capacityPages = 64) {
    this.words = new Int32Array(capacityPages * PAGE_WORDS);
    const buckets = 2 ** Math.max(1, Math.ceil(Math.log2(capacityPages * 2)));
    this.#shift = shiftFor(buckets);
    this.#keyHi = new Int32Array(buckets);
    this.#keyLo = new Int32Array(buckets);
    this.#slot = new Int32Array(buckets);
  }

  /** Index of the 32-bit word at an 8-byte aligned (or 4-byte aligned) address; absent pages answer with a page of zeros that must not be written. */
  wordAt(hi: number, lo: number): number {
    const pageLo = (lo >>> 12) | (hi << 20);
    const pageHi = hi >>> 12;
    const mask = this.#slot.length - 1;
    let at = hash(pageHi, pageLo) >>> this.#shift;
    for (;;) {
      const slot = this.#slot[at]!;
      if (slot === 0) return (ZERO_SLOT * PAGE_WORDS) | ((lo >>> 2) & 1023);
      if (this.#keyLo[at] === pageLo && this.#keyHi[at] === pageHi) return slot * PAGE_WORDS + ((lo >>> 2) & 1023);
      at = (at + 1) & mask;
    }
  }

  /** Like `wordAt`, but gives an absent page its place first. */
  wordForWrite(hi: number, lo: number): number {
    const found = this.wordAt(hi, lo);
    if (found >= PAGE_WORDS) return found;
    this.#add(hi >>> 12, (lo >>> 12) | (hi << 20));
    return this.wordAt(hi, lo);
  }

  read64(hpa: bigint): bigint {
    const at = this.wordAt(hi32(hpa), lo32(hpa));
    return join(this.words[at + 1]!, this.words[at]!);
  }

  /** Writes one aligned 64-bit word and remembers the edit. */
  write64(hpa: bigint, value: bigint): void {
    const at = this.wordForWrite(hi32(hpa), lo32(hpa));
    this.words[at] = lo32(value);
    this.words[at + 1] = hi32(value);
    this.#edited(at);
  }

  read(hpa: bigint, size: number): Uint8Array {
    const bytes = new Uint8Array(size);
    this.readInto(hpa, bytes, 0, size);
    return bytes;
  }

  /** Copies `size` bytes from an address on into `bytes` at `offset`. */
  readInto(hpa: bigint, bytes: Uint8Array, offset: number, size: number): void {
    for (let done = 0; done < size; ) {
      const at = hpa + BigInt(done);
      const inPage = lo32(at) & 0xfff;
      const word = this.wordAt(hi32(at), lo32(at) & ~3);
      const n = Math.min(size - done, 0x1000 - inPage);
      for (let i = 0; i < n; i++) {
        const byte = (inPage & 3) + i;
        bytes[offset + done + i] = this.words[word + (byte >> 2)]! >>> ((byte & 3) * 8);
      }
      done += n;
    }
  }

  write(hpa: bigint, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const at = hpa + BigInt(done);
      const lo = lo32(at);
      const first = lo & 0xfff;
      const n = Math.min(bytes.length - done, 0x1000 - first);
      const page = this.wordForWrite(hi32(at), lo & ~0xfff);
      for (let i = 0; i < n; i++) {
        const byte = first + i;
        const shift = (byte & 3) * 8;
        const word = page + (byte >> 2);
        this.words[word] = (this.words[word]! & ~(0xff << shift)) | (bytes[done + i]! << shift);
      }
      for (let word = first >> 3; word <= (first + n - 1) >> 3; word++) this.#edited(page + 2 * word);
      done += n;
    }
  }

  /** A copy of the page that holds an address. */
  copyPage(hpa: bigint): Int32Array {
    const at = this.wordAt(hi32(hpa), lo32(hpa) & ~0xfff);
    return this.words.slice(at, at + PAGE_WORDS);
  }

  /** Puts a copy back. Like the setting up of a machine, it is no edit that anybody remembers. */
  putPage(hpa: bigint, page: Int32Array): void {
    const at = this.wordForWrite(hi32(hpa), lo32(hpa) & ~0xfff);
    this.words.set(page, at);
    this.version = (this.version + 1) | 0;
  }

  /** The latest time at which the 64-bit word holding `hpa` was edited, or 0. */
  editedAt(hpa: bigint): number {
    return this.#edits.get(this.wordAt(hi32(hpa), lo32(hpa)) & ~1)?.at(-1) ?? 0;
  }

  /** The first edit of the 64-bit word holding `hpa` after `time`, or 0. */
  firstEditAfter(hpa: bigint, time: number): number {
    return this.#edits.get(this.wordAt(hi32(hpa), lo32(hpa)) & ~1)?.find((t) => t > time) ?? 0;
  }

  /** Bytes of memory that exist, for reports and limits. */
  get size(): bigint {
    return BigInt(this.#pages) * PAGE_BYTES;
  }

  /** A copy that shares nothing. @param buffer words of a memory that is no longer used, to spare the allocation */
  clone(buffer?: Int32Array): PhysMem {
    const copy = new PhysMem(1);
    const used = this.#pages * PAGE_WORDS;
    copy.words = buffer && used <= buffer.length ? buffer : new Int32Array(used + SPARE_PAGES * PAGE_WORDS);
    copy.words.set(this.words.subarray(0, used));
    if (copy.words === buffer) copy.words.fill(0, used);
    copy.#keyHi = this.#keyHi.slice();
    copy.#keyLo = this.#keyLo.slice();
    copy.#slot = this.#slot.slice();
    copy.#shift = this.#shift;
    copy.#pages = this.#pages;
    copy.version = this.version;
    return copy;
  }

  #edited(at: number): void {
    this.version = (this.version + 1) | 0;
    if (this.now === 0) return;
    const times = this.#edits.get(at);
    if (!times) this.#edits.set(at, [this.now]);
    else if (times.at(-1) !== this.now) times.push(this.now);
  }

  #add(pageHi: number, pageLo: number): void {
    const slot = this.#pages++;
    if (this.#pages * PAGE_WORDS > this.words.length) {
      const grown = new Int32Array(Math.max(this.words.length * 2, this.#pages * PAGE_WORDS));
      grown.set(this.words);
      this.words = grown;
    }
    if (this.#pages * 2 > this.#slot.length) this.#rehash(this.#slot.length * 2);
    this.#insert(pageHi, pageLo, slot);
  }

  #insert(pageHi: number, pageLo: number, slot: number): void {
    const mask = this.#slot.length - 1;
    let at = hash(pageHi, pageLo) >>> this.#shift;
    while (this.#slot[at] !== 0) at = (at + 1) & mask;
    this.#keyHi[at] = pageHi;
    this.#keyLo[at] = pageLo;
    this.#slot[at] = slot;
  }

  #rehash(buckets: number): void {
    const [keyHi, keyLo, slots] = [this.#keyHi, this.#keyLo, this.#slot];
    this.#keyHi = new Int32Array(buckets);
    this.#keyLo = new Int32Array(buckets);
    this.#slot = new Int32Array(buckets);
    this.#shift = shiftFor(buckets);
    for (let i = 0; i < slots.length; i++) if (slots[i] !== 0) this.#insert(keyHi[i]!, keyLo[i]!, slots[i]!);
  }
}

/** Fibonacci hashing; the top bits choose the bucket. Runs of neighbouring pages, the usual case, spread evenly. */
const hash = (hi: number, lo: number): number => Math.imul(lo ^ Math.imul(hi, 0x85eb_ca6b), 0x9e37_79b1);

const shiftFor = (buckets: number): number => 32 - Math.log2(buckets);
