import type { PhysMem } from '../../memory/phys-mem.ts';
import { encode } from '../../models/bit-layout.ts';
import { command, OP } from '../../models/smmuv3/commands.ts';
import type { SmmuIds } from '../../models/smmuv3/ids.ts';
import { REGISTERS } from '../../models/smmuv3/registers.ts';
import type { SmmuUnit } from '../../models/smmuv3/unit.ts';
import { type Format, type Granule, vmsaStage1 } from '../../pagetable/index.ts';
import type { DeviceConfig } from '../machine-config.ts';
import type { SmmuPlatform } from '../platform.ts';
import { CommandQueue, type QueueMemory } from './command-queue.ts';
import { abortSte, type EntryTraits } from './entries.ts';
import { safeOfSte, usedOfSte, writeEntry, writeEntryOfOld } from './entry-writer.ts';
import { StreamTable } from './stream-table.ts';

const PAGE = 0x1000n;
/** Addresses that a process has, which bound what stage 1 of the kernel translates. */
const VA_BITS = 48;
/** CMDQ, EVENTQ and PRIQ get a page each; Linux takes as much as the SMMU can use. */
const QUEUE_PAGE_LG2 = 12;
const CMDQ_ENTRY_LG2 = 4;
const EVENTQ_ENTRY_LG2 = 5;
const PRIQ_ENTRY_LG2 = 4;
/** PRGIndex of a page request, and the answer that the driver calls DENY. */
const PRG_INDEX = 0x1ffn;
const PRI_FAILURE = 0;
const CFGI_ALL = [0x04n, 31n];
const TLBI_EL2_ALL = [0x20n, 0n];
/** ATSCHK, once everything else is on. */
const ENABLES = { SMMUEN: 1, PRIQEN: 1, EVENTQEN: 1, CMDQEN: 1, ATSCHK: 1 };
const SHARED = 3;
const WRITE_BACK = 1;

/** How a release of the driver changes an STE: in careful steps since 6.9, with fewer bits in the way since 7.0. */
export type SteUpdate = 'old' | 'in steps' | 'in steps, with safe bits';

/** What a release of the driver does. */
export interface SmmuTraits {
  readonly steUpdate: SteUpdate;
  /** It uses commands by range where the SMMU has them (5.7). */
  readonly hasRanges: boolean;
}

/** A pool of small numbers from 1 on, of which the lowest free one is given out. */
export class Numbers {
  readonly #taken = new Set<number>();

  take(): number {
    let number = 1;
    while (this.#taken.has(number)) number++;
    this.#taken.add(number);
    return number;
  }

  give(number: number): void {
    this.#taken.delete(number);
  }
}

/**
 * One SMMU as Linux brings it up (`arm_smmu_device_reset`): a stream table in memory, queues, and devices whose accesses
 * end until something is attached. The host's own streams are EL1's, as on a host without VHE.
 */
export class Smmu implements EntryTraits {
  readonly ids: SmmuIds;
  readonly mem: PhysMem;
  readonly queue: CommandQueue;
  /** Formats of the tables that the kernel makes: one granule for both stages. */
  readonly stage1: Format;
  readonly stage2: Format;
  readonly leafSize: (gpa: bigint) => bigint;
  /** 0 stands for stage 2 in bypass, and for no address space. */
  readonly vmids = new Numbers();
  readonly asids = new Numbers();
  readonly stallForced: boolean;
  /** Invalidations by range. */
  readonly hasRanges: boolean;
  readonly #unit: SmmuUnit;
  readonly #allocatePage: () => bigint;
  readonly #streams: StreamTable;
  readonly #update: SteUpdate;
  readonly #pageRequests: QueueMemory;

  constructor(platform: SmmuPlatform, devices: readonly DeviceConfig[], traits: SmmuTraits) {
    const { unit, ids, mem, format } = platform;
    this.ids = ids;
    this.mem = mem;
    this.#unit = unit;
    this.#allocatePage = platform.allocate;
    this.leafSize = platform.leafSize;
    this.stage2 = format;
    this.stage1 = vmsaStage1({ granule: format.granuleLg2 as Granule, inputBits: VA_BITS });
    this.stallForced = ids.get('STALL_MODEL') === 2;
    this.#update = traits.steUpdate;
    this.hasRanges = traits.hasRanges && ids.has('RIL');
    const [sidBits, twoLevel] = [ids.get('SIDSIZE'), ids.get('ST_LEVEL') === 1];
    this.#streams = new StreamTable(mem, (bytes) => this.allocate(bytes), { sidBits, twoLevel }, abortSte());
    for (const { sid } of devices) this.#streams.addStream(sid);
    const ring = this.#makeQueue('CMDQS', CMDQ_ENTRY_LG2);
    this.queue = new CommandQueue(unit, ring);
    this.#pageRequests = this.#makeQueue('PRIQS', PRIQ_ENTRY_LG2);
    this.#reset(ring, this.#makeQueue('EVENTQS', EVENTQ_ENTRY_LG2));
  }

  get canNest(): boolean {
    return this.ids.has('S1P') && this.ids.has('S2P');
  }

  /** SubstreamIDs of a device as a power of two; without tables of two levels a linear one of 64K has room for 2^10. */
  ssidBits({ pasidBits }: DeviceConfig): number {
    return Math.min(pasidBits, this.ids.ssidBits, this.ids.has('CD2L') ? 20 : 10);
  }

  /** `arm_smmu_ats_supported`. */
  hasAts({ ats }: DeviceConfig): boolean {
    return ats && this.ids.has('ATS');
  }

  /** Bytes of host memory, zeroed, at a multiple of their number, which is a power of two. */
  allocate(bytes: bigint): bigint {
    const size = bytes < PAGE ? PAGE : bytes;
    let base = this.#allocatePage();
    while (base % size !== 0n) base = this.#allocatePage();
    for (let at = PAGE; at < size; at += PAGE) this.#allocatePage();
    return base;
  }

  /** `arm_smmu_write_ste`. Nothing happens for a device whose StreamID the table has no room for. */
  writeSte({ sid }: DeviceConfig, target: readonly bigint[]): void {
    const address = this.#streams.entry(sid);
    if (address === undefined) return;
    const sync = (): void => this.queue.issue(command(OP.cfgiSte, { sid, leaf: 1 }));
    const entry = { mem: this.mem, address, used: usedOfSte, sync };
    if (this.#update === 'old') writeEntryOfOld(entry, target);
    else writeEntry(this.#update === 'in steps' ? entry : { ...entry, safe: safeOfSte }, target);
  }

  /** Takes what waits in the queue of page requests. @returns the group of the last one */
  takePageRequest(): number {
    const { registers } = this.#unit;
    const prod = registers.get('PRIQ_PROD');
    const last = (prod - 1n) & ((1n << BigInt(this.#pageRequests.log2Size)) - 1n);
    this.#unit.writeRegister('PRIQ_CONS', prod);
    const word = this.mem.read64(this.#pageRequests.base + (last << BigInt(PRIQ_ENTRY_LG2)) + 8n);
    return Number(word & PRG_INDEX);
  }

  /**
   * `arm_smmu_handle_ppr`: the driver has no use for page requests of PCI devices and denies them.
   * @returns what it logs
   */
  denyPageRequest({ sid }: DeviceConfig, pasid: number | undefined): string[] {
    this.queue.issuePriResponse(sid, pasid, this.takePageRequest(), PRI_FAILURE);
    return ['kernel log: unexpected PRI request received'];
  }

  /** A device forgets what its TLB holds. */
  resetDevice({ sid }: DeviceConfig): void {
    this.#unit.deviceTlb.removeDevice(sid);
  }

  #makeQueue(limit: 'CMDQS' | 'EVENTQS' | 'PRIQS', entryLg2: number): QueueMemory {
    const log2Size = Math.min(this.ids.get(limit), QUEUE_PAGE_LG2 - entryLg2);
    return { base: this.allocate(PAGE), log2Size };
  }

  /** `arm_smmu_device_reset`. */
  #reset(commands: QueueMemory, events: QueueMemory): void {
    const off = { SMMUEN: 0, PRIQEN: 0, EVENTQEN: 0, CMDQEN: 0, ATSCHK: 0 };
    const { ids } = this;
    this.#write('CR0', off);
    this.#write('CR1', {
      QUEUE_IC: WRITE_BACK,
      QUEUE_OC: WRITE_BACK,
      QUEUE_SH: SHARED,
      TABLE_IC: WRITE_BACK,
      TABLE_OC: WRITE_BACK,
      TABLE_SH: SHARED,
    });
    this.#write('CR2', { RECINVSID: 1, PTM: 1 });
    this.#write('STRTAB_BASE', { ADDR: this.#streams.base, RA: 1 });
    this.#write('STRTAB_BASE_CFG', this.#streams.config);
    this.#setQueue('CMDQ', commands);
    this.#write('CR0', { ...off, CMDQEN: 1 });
    this.queue.issue(CFGI_ALL);
    if (ids.has('HYP')) this.queue.issue(TLBI_EL2_ALL);
    this.queue.issue(command(OP.tlbiNsnhAll));
    this.#setQueue('EVENTQ', events);
    const pri = ids.has('PRI');
    if (pri) this.#setQueue('PRIQ', this.#pageRequests);
    this.#write('CR0', { ...ENABLES, PRIQEN: pri ? 1 : 0, ATSCHK: ids.has('ATS') ? 1 : 0 });
    this.queue.take();
  }

  #setQueue(name: 'CMDQ' | 'EVENTQ' | 'PRIQ', { base, log2Size }: QueueMemory): void {
    this.#write(`${name}_BASE`, { ADDR: base, LOG2SIZE: log2Size, RA: 1 });
    this.#write(`${name}_PROD`, {});
    this.#write(`${name}_CONS`, {});
  }

  #write(name: string, fields: Parameters<typeof encode>[1]): void {
    const { layout } = REGISTERS.find((register) => register.name === name)!;
    // Layouts of registers have 32 or 64 bits; a word holds either.
    this.#unit.writeRegister(name, encode({ ...layout!, bits: 64 }, fields)[0]!);
  }
}
