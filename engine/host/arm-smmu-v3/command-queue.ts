import { encode } from '../../models/bit-layout.ts';
import { commandByOp } from '../../models/smmuv3/command-layouts.ts';
import { COMMAND_BYTES, command, OP } from '../../models/smmuv3/commands.ts';
import type { SmmuUnit } from '../../models/smmuv3/unit.ts';

/** Commands that one call may queue before the list is cut; the kernel would go on. */
const MOST = 1 << 12;

/** Fields of a TLB invalidation. */
type CommandFields = Parameters<typeof command>[1];

/** CMDQ_TLBI_RANGE_NUM_MAX: the pages of one command are NUM + 1, of 5 bits, times 2^SCALE. */
const NUM_MASK = 31n;
/** ATC_INV_SIZE_ALL: every address of a device. */
export const ATC_ALL = 52;
const ATC_PAGE_LG2 = 12n;
const PRI_RESP = 0x41;
const RESUME = 0x44;
const SYNC = 0x46n;

function trailingZeros(value: bigint): number {
  let zeros = 0;
  while (((value >> BigInt(zeros)) & 1n) === 0n) zeros++;
  return zeros;
}

/** Where a queue lies. */
export interface QueueMemory {
  readonly base: bigint;
  /** log2 of its entries. */
  readonly log2Size: number;
}

/** Some pages of one domain, as io-pgtable hands them to the driver. */
export interface Pages {
  readonly iova: bigint;
  readonly size: bigint;
  /** Bytes of the smallest page. */
  readonly granule: bigint;
  /** Bytes of the leaves that went; absent where whole tables did, so that nothing above leaves may be kept. */
  readonly leaf?: bigint;
}

/**
 * The command queue of an SMMU as the driver fills it. Commands run at once, and are kept for who asks what was issued;
 * the CMD_SYNC behind each batch is left out, and so is the hint CMD_PREFETCH_CONFIG. A command that the SMMU does not
 * take is passed over, as the driver's handler of CERROR_ILL does by writing a CMD_SYNC over it.
 */
export class CommandQueue {
  readonly #unit: SmmuUnit;
  readonly #ring: QueueMemory;
  #issued: bigint[][] = [];
  #cut = false;

  constructor(unit: SmmuUnit, ring: QueueMemory) {
    this.#unit = unit;
    this.#ring = ring;
  }

  issue(...commands: readonly (readonly bigint[])[]): void {
    for (const words of commands) {
      if (this.#issued.length < MOST) this.#issued.push([...words]);
      else this.#cut = true;
      if (!this.#unit.command(words).ok) this.#skipError();
    }
  }

  /** arm_smmu_cmdq_skip_err, and the acknowledgement in arm_smmu_gerror_handler. */
  #skipError(): void {
    const { mem, registers } = this.#unit;
    const index = registers.get('CMDQ_CONS') & ((1n << BigInt(this.#ring.log2Size)) - 1n);
    const at = this.#ring.base + index * BigInt(COMMAND_BYTES);
    mem.write64(at, SYNC);
    mem.write64(at + 8n, 0n);
    this.#unit.writeRegister('GERRORN', registers.get('GERROR'));
  }

  /**
   * One CMD_TLBI_NH_VA for each granule of a range, as the driver does without range invalidation.
   * @param size, granule bytes; a granule of 0 makes the size 0, and nothing is issued
   */
  issueRange(range: {
    readonly vmid: number;
    readonly asid: bigint;
    readonly iova: bigint;
    readonly size: bigint;
    readonly granule: bigint;
    readonly leaf: boolean;
  }): void {
    const { vmid, asid, iova, size, granule, leaf } = range;
    if (size === 0n || granule === 0n) return;
    for (let done = 0n; done < size && !this.#cut; done += granule)
      this.issue(command(OP.tlbiNhVa, { vmid, asid, address: BigInt.asUintN(64, iova + done), leaf: leaf ? 1 : 0 }));
  }

  /**
   * `__arm_smmu_tlb_inv_range`: with range invalidation in as few commands as NUM and SCALE take, else a command for each
   * leaf, or for each granule where tables went.
   */
  issuePages(op: number, fields: CommandFields, { iova, size, granule, leaf }: Pages, hasRange: boolean): void {
    if (!hasRange) {
      for (let done = 0n; done < size && !this.#cut; done += leaf ?? granule)
        this.issue(command(op, { ...fields, address: iova + done, leaf: leaf === undefined ? 0 : 1 }));
      return;
    }
    const granuleLg2 = trailingZeros(granule);
    const levelBits = granuleLg2 - 3;
    const ttl = leaf === undefined ? 0 : 3 - (trailingZeros(leaf) - granuleLg2) / levelBits;
    let pages = size / granule;
    // NUM, SCALE and TTL must not all be 0.
    if (leaf === undefined && (pages & NUM_MASK) === 1n) pages++;
    for (let at = iova; 0n < pages && !this.#cut; ) {
      const scale = trailingZeros(pages);
      const num = (pages >> BigInt(scale)) & NUM_MASK;
      const range = { num: num - 1n, scale, tg: (granuleLg2 - 10) / 2, ttl };
      this.issue(command(op, { ...fields, address: at, leaf: leaf === undefined ? 0 : 1, ...range }));
      const done = num << BigInt(scale);
      at += done * granule;
      pages -= done;
    }
  }

  /**
   * `arm_smmu_atc_inv_to_cmd`: the smallest aligned block that covers a range; everything without one.
   * @param ssid 0 stands for none: the device then forgets what it has under PASIDs too
   */
  issueAtc(sid: number, ssid: number, range?: { readonly iova: bigint; readonly size: bigint }): void {
    const substream = ssid === 0 ? {} : { ssv: 1, ssid };
    if (!range) {
      this.issue(command(OP.atcInv, { sid, ...substream, size: ATC_ALL }));
      return;
    }
    const first = range.iova >> ATC_PAGE_LG2;
    const last = (range.iova + range.size - 1n) >> ATC_PAGE_LG2;
    const size = (first ^ last) === 0n ? 0 : (first ^ last).toString(2).length;
    const address = ((first >> BigInt(size)) << BigInt(size)) << ATC_PAGE_LG2;
    this.issue(command(OP.atcInv, { sid, ...substream, address, size }));
  }

  /** CMD_RESUME of one stalled access. @param retry otherwise it is aborted */
  issueResume(sid: number, stag: number, retry: boolean): void {
    const layout = commandByOp(RESUME)!;
    this.issue(encode(layout, { ...layout.fixed, StreamID: sid, STAG: stag, ...(retry ? { Ac: 1 } : { Ab: 1 }) }));
  }

  /** CMD_PRI_RESP to a group of page requests. @param resp 0 failure, 1 invalid request, 2 success */
  issuePriResponse(sid: number, ssid: number | undefined, group: number, resp: number): void {
    const layout = commandByOp(PRI_RESP)!;
    const substream = ssid === undefined ? {} : { SSV: 1, SubstreamID: ssid };
    this.issue(encode(layout, { ...layout.fixed, StreamID: sid, ...substream, PRGIndex: group, Resp: resp }));
  }

  /** Commands queued since the last time, and whether the list was cut short. */
  take(): bigint[][] {
    const issued = this.#issued;
    this.#issued = [];
    this.#cut = false;
    return issued;
  }

  /** More was to be queued than is kept. */
  get cut(): boolean {
    return this.#cut;
  }
}
