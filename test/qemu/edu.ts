import { answered, type QTest, readq, writeq } from './qtest.ts';

/** Registers of QEMU's educational device (docs/specs/edu.rst). */
const SOURCE = 0x80n;
const DESTINATION = 0x88n;
const COUNT = 0x90n;
const COMMAND = 0x98n;
const RUN = 1n;
const TO_MEMORY = 2n;
/** The device's own 4 KiB, as its DMA engine addresses them. */
const BUFFER = 0x4_0000n;

/** 64-bit words that a device keeps: the first half is what it writes, the second what it has read. */
const WORDS = 256;
/** Polls before a DMA counts as lost; one is the rule. */
const PATIENCE = 100_000;

/**
 * A PCI device that does one DMA of eight bytes when it is told to. Its timer runs in virtual time, so a machine started
 * with `-icount` and `sleep=off` finishes it at once. What it has read comes out by a second DMA, see `collect`.
 */
export class Edu {
  readonly #qtest: QTest;
  readonly #bar: bigint;

  constructor(qtest: QTest, bar: bigint) {
    this.#qtest = qtest;
    this.#bar = bar;
  }

  /** Fills the words it can write and empties those it reads into. The page at `scratch` must be reachable untranslated. */
  async load(scratch: bigint, words: readonly bigint[]): Promise<void> {
    // One word less than there is: older releases take a DMA that ends where the buffer does for one beyond it.
    const bytes = Buffer.alloc(WORDS * 16 - 8);
    words.forEach((word, i) => {
      bytes.writeBigUInt64LE(word, i * 8);
    });
    await this.#qtest.write(scratch, bytes);
    await this.#dma(scratch, BUFFER, BigInt(bytes.length), RUN);
  }

  /** Reads eight bytes at `address` into word `slot`. Whether that worked, the device does not know. */
  async read(address: bigint, slot: number): Promise<void> {
    await this.#dma(address, BUFFER + BigInt((WORDS + slot) * 8), 8n, RUN);
  }

  /** Writes the loaded word `slot` to `address`. */
  async write(address: bigint, slot: number): Promise<void> {
    await this.#dma(BUFFER + BigInt(slot * 8), address, 8n, RUN | TO_MEMORY);
  }

  /** The words it has read. The page at `scratch` must be reachable untranslated. */
  async collect(scratch: bigint, count: number): Promise<bigint[]> {
    if (count === 0) return [];
    await this.#dma(BUFFER + BigInt(WORDS * 8), scratch, BigInt(count * 8), RUN | TO_MEMORY);
    const bytes = await this.#qtest.read(scratch, count * 8);
    return Array.from({ length: count }, (_, i) => bytes.readBigUInt64LE(i * 8));
  }

  async #dma(source: bigint, destination: bigint, size: bigint, command: bigint): Promise<void> {
    const bar = this.#bar;
    await this.#qtest.batch([
      writeq(bar + SOURCE, source),
      writeq(bar + DESTINATION, destination),
      writeq(bar + COUNT, size),
      writeq(bar + COMMAND, command),
    ]);
    for (let polls = 0; polls < PATIENCE; polls++) {
      if ((answered(await this.#qtest.command(readq(bar + COMMAND))) & RUN) === 0n) return;
    }
    throw new Error('the DMA of the edu device does not end');
  }
}
