import { bootImage } from './boot-image.ts';
import { Edu } from './edu.ts';
import { enableBridge, enableDevice, portConfig } from './pci.ts';
import { answered, memset, QTest, readq, writel, writeq } from './qtest.ts';
import {
  type Access,
  DATA_PAGES,
  isRam,
  type Observed,
  QUEUE,
  RAM_MIB,
  SCRATCH,
  SIDS,
  stampOf,
  TABLE_POOLS,
  tokenOf,
  type Variant,
} from './vtd-case.ts';

/** Registers of the unit (VT-d 11.4). */
const UNIT = 0xfed9_0000n;
const CAP = UNIT + 0x08n;
const ECAP = UNIT + 0x10n;
const GCMD = UNIT + 0x18n;
const RTADDR = UNIT + 0x20n;
const FSTS = UNIT + 0x34n;
const IQT = UNIT + 0x88n;
const IQA = UNIT + 0x90n;
const FRCD = UNIT + 0x220n;
const TE = 1 << 31;
const SRTP = 1 << 30;
const QIE = 1 << 26;
const IQE = 1 << 4;
const PFO = 1;
const RECORD_F = 1n << 63n;

const BARS = 0xe000_0000;
const BRIDGE_DEVFN = 0x20;
const BRIDGE_WINDOW = 0xe800_0000;
const MIB = 0x10_0000;
/** 4 KiB of queue. */
const QUEUE_BYTES = 0x1000;

/** A stock QEMU with an intel-iommu and devices that DMA on command. */
export class QemuVtd {
  readonly variant: Variant;
  cap = 0n;
  ecap = 0n;
  readonly #qtest: QTest;
  readonly #removeImage: () => void;
  readonly #devices = new Map<number, Edu>();
  /** Bytes of a descriptor. */
  readonly #entry: 16 | 32;
  #tail = 0;
  /** Accesses of the present case by device. */
  #slots = new Map<number, number>();

  private constructor(binary: string, variant: Variant) {
    const image = bootImage('x86_64');
    this.#removeImage = image.remove;
    this.variant = variant;
    this.#entry = variant.mode === 'scalable' ? 32 : 16;
    const edu = SIDS.map((sid) =>
      sid >> 8 ? 'edu,bus=behind' : `edu,addr=${(sid >> 3).toString(16)}.${(sid & 7).toString(16)}`,
    ).flatMap((device) => ['-device', `${device},dma_mask=0xffffffffffffffff`]);
    this.#qtest = new QTest(binary, [
      ...['-machine', 'q35,pit=off,hpet=off,accel=tcg', '-icount', 'shift=0,sleep=off'],
      ...['-m', `${RAM_MIB}M`, '-nodefaults', '-display', 'none', '-bios', image.path],
      ...['-device', ['intel-iommu', ...variant.options].join(',')],
      ...['-device', `pcie-root-port,id=behind,addr=${(BRIDGE_DEVFN >> 3).toString(16)}.0`],
      ...edu,
    ]);
  }

  /** Starts the machine, gives its devices their places and its data pages their stamps. */
  static async start(binary: string, variant: Variant): Promise<QemuVtd> {
    const machine = new QemuVtd(binary, variant);
    const qtest = machine.#qtest;
    const config = portConfig(qtest);
    machine.cap = await qtest.readq(CAP);
    machine.ecap = await qtest.readq(ECAP);
    await enableBridge(config, BRIDGE_DEVFN, 1, BRIDGE_WINDOW);
    for (const [i, sid] of SIDS.entries()) {
      const bar = sid >> 8 ? BRIDGE_WINDOW : BARS + i * MIB;
      await enableDevice(config, sid, bar);
      machine.#devices.set(sid, new Edu(qtest, BigInt(bar)));
      await machine.#refill(sid);
    }
    for (const page of DATA_PAGES) await qtest.write(page, stamps(page));
    await qtest.writeq(IQA, BigInt(QUEUE) | (variant.mode === 'scalable' ? 1n << 11n : 0n));
    await qtest.writel(GCMD, QIE);
    return machine;
  }

  get messages(): string {
    return this.#qtest.messages;
  }

  async stop(): Promise<void> {
    await this.#qtest.stop();
    this.#removeImage();
  }

  /** Translation off, caches, faults and tables empty, then the tables of a case, then on. */
  async begin(rtaddr: bigint, memory: ReadonlyMap<bigint, bigint>): Promise<void> {
    await this.#qtest.batch([
      writel(GCMD, QIE),
      ...TABLE_POOLS.map((pages) => memset(pages[0]!, BigInt(pages.length) * 0x1000n)),
      ...Array.from(memory, ([at, value]) => writeq(at, value)),
      writeq(FRCD + 8n, RECORD_F),
      writel(FSTS, PFO | IQE),
    ]);
    for (const sid of this.#slots.keys()) await this.#refill(sid);
    this.#slots = new Map();
    await this.#qtest.batch([writeq(RTADDR, rtaddr), writel(GCMD, QIE | SRTP), writel(GCMD, QIE | TE)]);
  }

  async edit(at: bigint, value: bigint): Promise<void> {
    await this.#qtest.writeq(at, value);
  }

  async root(rtaddr: bigint): Promise<void> {
    await this.#qtest.batch([writeq(RTADDR, rtaddr), writel(GCMD, QIE | TE | SRTP)]);
  }

  /** Queues one descriptor; true when the unit took it. After an error the queue is made to run again. */
  async invalidate(words: readonly bigint[]): Promise<boolean> {
    const at = QUEUE + BigInt(this.#tail);
    const padded = Array.from({ length: this.#entry / 8 }, (_, i) => words[i] ?? 0n);
    const next = (this.#tail + this.#entry) % QUEUE_BYTES;
    const answers = await this.#qtest.batch([
      ...padded.map((word, i) => writeq(at + BigInt(8 * i), word)),
      writeq(IQT, BigInt(next)),
      `readl 0x${FSTS.toString(16)}`,
    ]);
    this.#tail = next;
    if ((Number(answered(answers.at(-1)!)) & IQE) === 0) return true;
    // The head stays at the bad descriptor: put one there that does nothing but write a status, and fetch again.
    await this.#qtest.batch([
      ...padded.map((_, i) => writeq(at + BigInt(8 * i), [0x25n, SCRATCH + 0x1000n][i] ?? 0n)),
      writel(FSTS, IQE),
      writeq(IQT, BigInt(next)),
    ]);
    return false;
  }

  /** One access; a read's data comes with `collect`. A write is looked for at `places`. */
  async access(access: Access, places: readonly bigint[]): Promise<Omit<Observed, 'data'>> {
    const { sid, address, write } = access;
    const device = this.#devices.get(sid)!;
    const slot = this.#slots.get(sid) ?? 0;
    this.#slots.set(sid, slot + 1);
    if (write) await device.write(address, slot);
    else await device.read(address, slot);
    const looked = places.filter(isRam);
    const answers = await this.#qtest.batch([
      ...looked.map(readq),
      readq(FRCD),
      readq(FRCD + 8n),
      writeq(FRCD + 8n, RECORD_F),
      writel(FSTS, PFO),
    ]);
    const found = looked.findIndex((_, i) => answered(answers[i]!) === tokenOf(sid, slot));
    const [low, high] = answers.slice(looked.length, looked.length + 2).map(answered) as [bigint, bigint];
    return { landed: looked[found] ?? null, record: high & RECORD_F ? [low, high] : null };
  }

  /** Ends a case: translation off. What each device read, in the order of its accesses (writes count as one each). */
  async collect(): Promise<Map<number, bigint[]>> {
    await this.#qtest.writel(GCMD, QIE);
    const read = new Map<number, bigint[]>();
    for (const [sid, count] of this.#slots) read.set(sid, await this.#devices.get(sid)!.collect(SCRATCH, count));
    return read;
  }

  /** 64-bit words of guest memory. */
  async words(addresses: readonly bigint[]): Promise<bigint[]> {
    return (await this.#qtest.batch(addresses.map(readq))).map(answered);
  }

  async restore(addresses: Iterable<bigint>, value: (address: bigint) => bigint): Promise<void> {
    await this.#qtest.batch(Array.from(addresses, (at) => writeq(at, value(at))));
  }

  /** Makes a device forget what it read and gives it words to write. */
  async #refill(sid: number): Promise<void> {
    const tokens = Array.from({ length: 64 }, (_, slot) => tokenOf(sid, slot));
    await this.#devices.get(sid)!.load(SCRATCH, tokens);
  }
}

function stamps(page: bigint): Uint8Array {
  const bytes = Buffer.alloc(0x1000);
  for (let at = 0; at < 0x1000; at += 8) bytes.writeBigUInt64LE(stampOf(page + BigInt(at)), at);
  return bytes;
}
