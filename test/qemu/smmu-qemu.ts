import { bootImage } from './boot-image.ts';
import { Edu } from './edu.ts';
import { ecamConfig, enableBridge, enableDevice } from './pci.ts';
import { answered, memset, QTest, readq, writel, writeq } from './qtest.ts';
import {
  COMMAND_QUEUE,
  EVENT_QUEUE,
  isSmmuRam,
  QUEUE_LG2,
  SCRATCH_PAGE,
  SMMU_RAM_MIB,
  SMMU_SIDS,
  type SmmuAccess,
  type SmmuRegisters,
  type SmmuVariant,
  wordOf,
} from './smmu-case.ts';

/** Registers of the unit (IHI 0070, 6.3) in QEMU's machine `virt`. */
const UNIT = 0x0905_0000n;
const CR0 = UNIT + 0x20n;
const CR2 = UNIT + 0x2cn;
const GERROR = UNIT + 0x60n;
const GERRORN = UNIT + 0x64n;
const STRTAB_BASE = UNIT + 0x80n;
const STRTAB_BASE_CFG = UNIT + 0x88n;
const CMDQ_BASE = UNIT + 0x90n;
const CMDQ_PROD = UNIT + 0x98n;
const CMDQ_CONS = UNIT + 0x9cn;
const EVENTQ_BASE = UNIT + 0xa0n;
const EVENTQ_PROD = UNIT + 0x1_00a8n;
const EVENTQ_CONS = UNIT + 0x1_00acn;
const SMMUEN = 1;
const QUEUES = 0b1100;
const CMDQ_ERR = 1;

const CFGI_ALL = [0x04n, 31n] as const;
const TLBI_NSNH_ALL = [0x30n, 0n] as const;
const CMD_SYNC = [0x46n, 0n] as const;

const ECAM = 0x40_1000_0000n;
const BARS = 0x1000_0000;
const BRIDGE_DEVFN = 0x20;
const BRIDGE_WINDOW = 0x1800_0000;
const MIB = 0x10_0000;
const RING = 1 << QUEUE_LG2;
const WRAP_MASK = 2 * RING - 1;
const ID_NAMES = ['IDR0', 'IDR1', 'IDR2', 'IDR3', 'IDR4', 'IDR5', 'IIDR', 'AIDR'] as const;

/** What an access left behind. */
export interface SmmuTraces {
  /** For writes: where the word was found, of the places it was looked for. */
  readonly landed: bigint | null;
  /** The record that came with it: four 64-bit words. */
  readonly record: readonly bigint[] | null;
}

/** A stock QEMU with an SMMUv3 and devices that DMA on command. */
export class QemuSmmu {
  /** IDR0 to IDR5, IIDR and AIDR. */
  ids: Readonly<Record<string, number>> = {};
  readonly variant: SmmuVariant;
  readonly #qtest: QTest;
  readonly #removeImage: () => void;
  readonly #devices = new Map<number, Edu>();
  #commands = 0;
  #events = 0;
  #slots = new Map<number, number>();
  /** Pages of memory that the last case wrote. */
  #dirty = new Set<bigint>();

  private constructor(binary: string, variant: SmmuVariant) {
    const image = bootImage('aarch64');
    this.#removeImage = image.remove;
    this.variant = variant;
    const edu = SMMU_SIDS.map((sid) =>
      sid >> 8 ? 'edu,bus=behind' : `edu,addr=${(sid >> 3).toString(16)}.${(sid & 7).toString(16)}`,
    ).flatMap((device) => ['-device', `${device},dma_mask=0xffffffffffffffff`]);
    this.#qtest = new QTest(binary, [
      ...['-machine', `${variant.machine},iommu=smmuv3`],
      ...(variant.option ? ['-global', variant.option] : []),
      ...['-accel', 'tcg,tb-size=8', '-icount', 'shift=0,sleep=off', '-cpu', 'cortex-a57'],
      ...['-m', `${SMMU_RAM_MIB}M`, '-nodefaults', '-display', 'none', '-bios', image.path],
      ...['-device', `pcie-root-port,id=behind,addr=${(BRIDGE_DEVFN >> 3).toString(16)}.0`],
      ...edu,
    ]);
  }

  static async start(binary: string, variant: SmmuVariant): Promise<QemuSmmu> {
    const machine = new QemuSmmu(binary, variant);
    const qtest = machine.#qtest;
    const words = await qtest.batch(ID_NAMES.map((_, i) => `readl 0x${(UNIT + BigInt(4 * i)).toString(16)}`));
    machine.ids = Object.fromEntries(ID_NAMES.map((name, i) => [name, Number(answered(words[i]!))]));
    const config = ecamConfig(qtest, ECAM);
    await enableBridge(config, BRIDGE_DEVFN, 1, BRIDGE_WINDOW);
    await qtest.batch([
      writeq(CMDQ_BASE, COMMAND_QUEUE | BigInt(QUEUE_LG2)),
      writeq(EVENTQ_BASE, EVENT_QUEUE | BigInt(QUEUE_LG2)),
      writel(CR0, QUEUES),
    ]);
    for (const [i, sid] of SMMU_SIDS.entries()) {
      const bar = sid >> 8 ? BRIDGE_WINDOW : BARS + i * MIB;
      await enableDevice(config, sid, bar);
      machine.#devices.set(sid, new Edu(qtest, BigInt(bar)));
      await machine.#refill(sid);
    }
    return machine;
  }

  get messages(): string {
    return this.#qtest.messages;
  }

  async stop(): Promise<void> {
    await this.#qtest.stop();
    this.#removeImage();
  }

  /** Translation off, caches, queues and memory empty, then the memory and registers of a case, then on. */
  async begin(
    { strtabBase, strtabBaseCfg, cr2 }: SmmuRegisters,
    memory: ReadonlyMap<bigint, bigint>,
    edited: Iterable<bigint>,
  ): Promise<void> {
    await this.#qtest.batch([
      writel(CR0, QUEUES),
      ...Array.from(this.#dirty, (page) => memset(page, 0x1000n)),
      ...Array.from(memory, ([at, value]) => writeq(at, value)),
    ]);
    this.#dirty = new Set(Array.from([...memory.keys(), ...edited], (at) => at & ~0xfffn));
    for (const sid of this.#slots.keys()) await this.#refill(sid);
    this.#slots = new Map();
    await this.command(CFGI_ALL);
    await this.command(TLBI_NSNH_ALL);
    await this.#qtest.batch([
      writeq(STRTAB_BASE, strtabBase),
      writel(STRTAB_BASE_CFG, strtabBaseCfg),
      writel(CR2, cr2),
      writel(EVENTQ_CONS, this.#events),
      writel(CR0, QUEUES | SMMUEN),
    ]);
  }

  async edit(at: bigint, value: bigint): Promise<void> {
    await this.#qtest.writeq(at, value);
  }

  /** Queues one command: 0 when the unit took it, else CMDQ_CONS.ERR. After an error a CMD_SYNC takes its place. */
  async command(words: readonly bigint[]): Promise<number> {
    const at = COMMAND_QUEUE + BigInt(16 * (this.#commands % RING));
    this.#commands = (this.#commands + 1) & WRAP_MASK;
    const [, , , gerror, gerrorn, cons] = (
      await this.#qtest.batch([
        writeq(at, words[0]!),
        writeq(at + 8n, words[1]!),
        writel(CMDQ_PROD, this.#commands),
        readl(GERROR),
        readl(GERRORN),
        readl(CMDQ_CONS),
      ])
    ).map((answer) => (answer === 'OK' ? 0 : Number(answered(answer))));
    if (((gerror! ^ gerrorn!) & CMDQ_ERR) === 0) return 0;
    await this.#qtest.batch([
      writeq(at, CMD_SYNC[0]),
      writeq(at + 8n, CMD_SYNC[1]),
      // Software may write CONS while the queue does not run; QEMU keeps ERR otherwise.
      writel(CMDQ_CONS, cons! & WRAP_MASK),
      writel(GERRORN, gerror!),
    ]);
    return (cons! >>> 24) & 0x7f;
  }

  /** One access; a read's data comes with `collect`. A write is looked for at `places`. */
  async access({ sid, address, write }: SmmuAccess, places: readonly bigint[]): Promise<SmmuTraces> {
    const device = this.#devices.get(sid)!;
    const slot = this.#slots.get(sid) ?? 0;
    this.#slots.set(sid, slot + 1);
    if (write) await device.write(address, slot);
    else await device.read(address, slot);
    const looked = write ? places.filter(isSmmuRam) : [];
    const record = EVENT_QUEUE + BigInt(32 * (this.#events % RING));
    const answers = (
      await this.#qtest.batch([
        ...looked.map(readq),
        readl(EVENTQ_PROD),
        ...[0n, 8n, 16n, 24n].map((offset) => readq(record + offset)),
      ])
    ).map(answered);
    const found = looked.findIndex((_, i) => answers[i] === wordOf(sid, slot));
    const landed = looked[found] ?? null;
    const [prod, ...words] = answers.slice(looked.length) as [bigint, ...bigint[]];
    const count = (Number(prod) - this.#events) & WRAP_MASK;
    if (count === 0) return { landed, record: null };
    // What is not translated is tried in two halves of four bytes, and each has its event.
    if (count > 2) throw new Error(`one access, ${count} events`);
    this.#events = Number(prod);
    await this.#qtest.writel(EVENTQ_CONS, this.#events);
    return { landed, record: words };
  }

  /** Ends a case: translation off. What each device read, in the order of its accesses (writes count as one each). */
  async collect(): Promise<Map<number, bigint[]>> {
    await this.#qtest.writel(CR0, QUEUES);
    const read = new Map<number, bigint[]>();
    for (const [sid, count] of this.#slots) read.set(sid, await this.#devices.get(sid)!.collect(SCRATCH_PAGE, count));
    return read;
  }

  /** Makes a device forget what it read and gives it words to write. */
  async #refill(sid: number): Promise<void> {
    const words = Array.from({ length: 64 }, (_, slot) => wordOf(sid, slot));
    await this.#devices.get(sid)!.load(SCRATCH_PAGE, words);
  }
}

const readl = (address: bigint): string => `readl 0x${address.toString(16)}`;
