import { command, OP } from '../../models/smmuv3/commands.ts';

/** Commands that one call may queue before the list is cut; the kernel would go on. */
const MOST = 1 << 12;

/** Fields of a TLB invalidation. */
type CommandFields = Parameters<typeof command>[1];

/** CMDQ_TLBI_RANGE_NUM_MAX: the pages of one command are NUM + 1, of 5 bits, times 2^SCALE. */
const NUM_MASK = 31n;
const TG_4K = 1;
const LEAF_LEVEL = 3;

function trailingZeros(value: bigint): number {
  let zeros = 0;
  while (((value >> BigInt(zeros)) & 1n) === 0n) zeros++;
  return zeros;
}

/** The command queue of an SMMU as the driver fills it, without the CMD_SYNC behind each batch. */
export class CommandQueue {
  #issued: bigint[][] = [];
  #cut = false;

  issue(...commands: readonly (readonly bigint[])[]): void {
    for (const words of commands) {
      if (this.#issued.length < MOST) this.#issued.push([...words]);
      else this.#cut = true;
    }
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
   * A range of 4K pages as later drivers flush it: with range invalidation in as few commands as NUM and SCALE take,
   * else page by page.
   */
  issuePages(op: number, fields: CommandFields, iova: bigint, size: bigint, hasRange: boolean): void {
    let pages = size >> 12n;
    for (let at = iova; 0n < pages && !this.#cut; ) {
      const scale = hasRange ? trailingZeros(pages) : 0;
      const num = hasRange ? (pages >> BigInt(scale)) & NUM_MASK : 1n;
      const range = hasRange ? { num: num - 1n, scale, tg: TG_4K, ttl: LEAF_LEVEL } : {};
      this.issue(command(op, { ...fields, address: at, leaf: 1, ...range }));
      const done = num << BigInt(scale);
      at += done << 12n;
      pages -= done;
    }
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
