import { command, OP } from '../../models/smmuv3/commands.ts';
import { bulkTables } from '../../pagetable/fill.ts';
import { type Format, levelSpan, PageTable, rootSize } from '../../pagetable/index.ts';
import type { DeviceConfig } from '../machine-config.ts';
import type { StageOneTables, StageTwoTables } from './entries.ts';
import type { Smmu } from './smmu.ts';

/** From so many pages on a mapping is written a table at a time, which nobody remembers as edits. */
const BULK_PAGES = 512n;
/** AttrIndx 1, write-back, where a new leaf has 0. */
const S1_CACHED = 1n << 2n;
const DBM = 1n << 51n;
/** AP[2]. */
const READ_ONLY = 1n << 7n;
/** MemAttr 6 with S2FWB, where a new leaf has 15: both are write-back. */
const S2_FWB = (6n ^ 15n) << 2n;

/** A device whose requests with a SubstreamID, 0 for none, are translated by some tables. */
export interface Attachment {
  readonly device: DeviceConfig;
  readonly ssid: number;
  /** Translated addresses may be cached in the device. */
  readonly ats: boolean;
  /** A guest decides what the addresses are, so that a flush of the device cannot be limited to some of them. */
  readonly nested: boolean;
}

export interface TableKind {
  readonly stage: 1 | 2;
  /** Stage 2 of guests: what stage 1 combined with it has to go with it. */
  readonly nestParent?: boolean;
  /** Stage 1 that tracks dirty pages. */
  readonly dirty?: boolean;
  /** Tables that are there already. */
  readonly root?: bigint;
}

/** What a mapping grants. */
interface Rights {
  readonly read: boolean;
  readonly write: boolean;
}

/**
 * The tables of one domain of the kernel (`ARM_64_LPAE_S1`, `ARM_64_LPAE_S2`) with their ASID or VMID, where they are in
 * use, and the invalidations that follow a change.
 */
export class LpaeTables implements StageOneTables, StageTwoTables {
  readonly stage: 1 | 2;
  readonly nestParent: boolean;
  readonly dirty: boolean;
  readonly format: Format;
  readonly root: bigint;
  /** VMID of stage 2, else ASID. */
  readonly tag: number;
  readonly attachments: Attachment[] = [];
  readonly #smmu: Smmu;
  readonly #table: PageTable;

  constructor(smmu: Smmu, { stage, nestParent = false, dirty = false, root }: TableKind) {
    this.#smmu = smmu;
    this.stage = stage;
    this.nestParent = nestParent;
    this.dirty = dirty;
    this.format = stage === 1 ? smmu.stage1 : smmu.stage2;
    this.tag = (stage === 1 ? smmu.asids : smmu.vmids).take();
    this.root = root ?? smmu.allocate(rootSize(this.format));
    this.#table = new PageTable(this.format, smmu.mem, this.root, (bytes) => smmu.allocate(bytes));
  }

  get asid(): number {
    return this.tag;
  }

  get vmid(): number {
    return this.tag;
  }

  /** S2FWB is for tables under a guest's. */
  get fwb(): boolean {
    return this.nestParent && this.#smmu.ids.has('FWB');
  }

  get granule(): bigint {
    return 1n << BigInt(this.format.granuleLg2);
  }

  /** Writes a mapping. @returns a problem, where the format cannot express it */
  map(iova: bigint, phys: bigint, size: bigint, rights: Rights): string | undefined {
    const leaf = this.#smmu.leafSize(iova);
    const fits = leaf >= this.granule && (iova | phys | size) % leaf === 0n;
    const page = fits && this.#table.misfit({ ...ANY, ia: iova, oa: phys, size, page: leaf }) === undefined;
    const set = this.stage === 1 ? S1_CACHED | (this.dirty && rights.write ? DBM : 0n) : this.fwb ? S2_FWB : 0n;
    const mapping = { ia: iova, oa: phys, size, page: page ? leaf : this.granule, set, ...EXECUTABLE, ...rights };
    const bulk = BULK_PAGES <= size / this.granule;
    const result = bulk ? this.#inBulk((table) => table.map(mapping)) : this.#table.map(mapping);
    return result.ok ? undefined : result.problem;
  }

  /** What was absent was in no cache, so that nobody has to know when a large range was filled in. */
  #inBulk<T>(edit: (table: PageTable) => T): T {
    const { mem } = this.#smmu;
    const { now } = mem;
    mem.now = 0;
    const result = edit(new PageTable(this.format, bulkTables(mem), this.root, (bytes) => this.#smmu.allocate(bytes)));
    mem.now = now;
    return result;
  }

  /** Clears a range and flushes it. @returns leaves that went, or a problem */
  unmap(iova: bigint, size: bigint): number | string {
    const leaf = this.#leafOf(iova, size);
    const result = this.#table.unmap(iova, size);
    if (!result.ok) return result.problem;
    this.flush(iova, size, leaf);
    return result.changed;
  }

  /** Changes the rights of a range and flushes it. */
  protect(iova: bigint, size: bigint, rights: Rights): string | undefined {
    const leaf = this.#leafOf(iova, size);
    const result = this.#table.protect(iova, size, { ...EXECUTABLE, ...rights });
    if (result.ok) this.flush(iova, size, leaf ?? this.granule);
    return result.ok ? undefined : result.problem;
  }

  isMapped(iova: bigint): boolean {
    return this.#table.find(iova)?.leaf ?? false;
  }

  /**
   * Size of the leaves of a range, or undefined where a whole table lies in it: it is freed then, and its flush must not
   * be limited to leaves. Linux flushes table by table and leaf size by leaf size; here the range goes in one.
   */
  #leafOf(iova: bigint, size: bigint): bigint | undefined {
    const level = this.#table.find(iova)?.level ?? 0;
    const tableSpan = levelSpan(this.format, 1);
    for (let at = (iova + tableSpan - 1n) & ~(tableSpan - 1n); at + tableSpan <= iova + size; at += tableSpan)
      if (this.#table.find(at)?.level === 0) return undefined;
    return levelSpan(this.format, level);
  }

  /**
   * `arm_smmu_tlb_inv_range_domain`: the range by ASID or IPA; under a guest then all of stage 1, since no command names
   * what it combined with the range; then device TLBs.
   */
  flush(iova: bigint, size: bigint, leaf: bigint | undefined): void {
    const { queue, hasRanges } = this.#smmu;
    const pages = { iova, size, granule: this.granule, ...(leaf === undefined ? {} : { leaf }) };
    if (this.stage === 1) queue.issuePages(OP.tlbiNhVa, { asid: this.tag }, pages, hasRanges);
    else queue.issuePages(OP.tlbiS2Ipa, { vmid: this.tag }, pages, hasRanges);
    if (this.nestParent) queue.issue(command(OP.tlbiNhAll, { vmid: this.tag }));
    this.#flushDevices({ iova, size });
  }

  /** `arm_smmu_atc_inv_domain`. */
  #flushDevices(range?: { readonly iova: bigint; readonly size: bigint }): void {
    for (const { device, ssid, ats, nested } of this.attachments)
      if (ats) this.#smmu.queue.issueAtc(device.sid, nested ? 0 : ssid, nested ? undefined : range);
  }

  /** Calls `record` for each dirty page of a range; `clear` makes it clean, and what is cached of it goes. */
  readDirty(iova: bigint, size: bigint, clear: boolean, record: (iova: bigint, size: bigint) => void): void {
    let first: bigint | undefined;
    let end = 0n;
    for (let at = iova; at < iova + size; ) {
      const found = this.#table.find(at);
      const span = found ? levelSpan(this.format, found.level) : this.granule;
      const start = at & ~(span - 1n);
      at = start + span;
      if (!found?.leaf || (found.entry & DBM) === 0n || (found.entry & READ_ONLY) !== 0n) continue;
      record(start, span);
      first ??= start;
      end = start + span;
      if (clear) this.#smmu.mem.write64(found.address, found.entry | READ_ONLY);
    }
    if (clear && first !== undefined) this.flush(first, end - first, this.granule);
  }

  /** `free_io_pgtable_ops` and the domain's number: everything of it is flushed. */
  free(): void {
    const { queue, asids, vmids } = this.#smmu;
    if (this.stage === 1) queue.issue(command(OP.tlbiNhAsid, { asid: this.tag }));
    else queue.issue(command(OP.tlbiS12Vmall, { vmid: this.tag }));
    this.#flushDevices();
    (this.stage === 1 ? asids : vmids).give(this.tag);
  }
}

/** The kernel maps memory executable, and user memory at stage 1. */
const EXECUTABLE = { execute: true, user: true };
const ANY = { ...EXECUTABLE, read: true, write: true };
