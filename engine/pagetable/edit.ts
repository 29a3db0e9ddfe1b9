import { hex, sizeText } from '../base/text.ts';
import type { PhysMem } from '../memory/phys-mem.ts';
import { addressBits, entryAddress, entryKind, leafSizes, levelSpan, relevel } from './describe.ts';
import { bulkTables } from './fill.ts';
import type { Format, Right } from './format.ts';
import { type Allocate, type TableMemory, Tables, unaligned } from './tables.ts';

export type { Allocate, TableMemory } from './tables.ts';

/** What a mapping grants. Where a format has no bit for a right, the right is ignored. */
export interface Rights {
  readonly read: boolean;
  readonly write: boolean;
  /** A format that denies execution by a bit of its own (XD) sets that by attribute only; granting clears it. */
  readonly execute: boolean;
  /** False makes a stage-1 page privileged. */
  readonly user: boolean;
}

/** One contiguous mapping; addresses and sizes in bytes, all multiples of `page`. */
export interface Mapping extends Rights {
  readonly ia: bigint;
  readonly oa: bigint;
  readonly size: bigint;
  /** Leaf size, one of `leafSizes`. */
  readonly page: bigint;
  readonly global?: boolean;
  /** What attributes change in the leaves, placed as in a level-0 leaf: `FormatData.attributes`, or-ed. */
  readonly set?: bigint;
}

/** `changed` counts leaves written, removed or altered. `problem` is for the user; leaves edited before it stay edited. */
export type EditResult =
  | { readonly ok: true; readonly changed: number }
  | { readonly ok: false; readonly problem: string };

/** The entry at which a walk ends: a leaf, or the entry that is not present. */
export interface Found {
  readonly level: number;
  /** Where the entry is, in the memory the tables live in. */
  readonly address: bigint;
  readonly entry: bigint;
  /** False where the walk ended because the entry is not present. */
  readonly leaf: boolean;
}

export interface Leaf {
  /** First input address, canonical where the format is. */
  readonly ia: bigint;
  readonly oa: bigint;
  readonly level: number;
  readonly entry: bigint;
}

/** Entries one edit may visit. More than 16 GiB of pages is a mistake, and garbage tables may refer to each other. */
const VISIT_LIMIT = 2 ** 22;

interface Job {
  readonly leafLevel: number;
  /** Bits that every table entry on the way needs, so that the leaves can grant what they say. */
  readonly grants: bigint;
  readonly change: (leaf: bigint) => bigint;
  changed: number;
  visits: number;
}

/**
 * Edits the tables below a root as an operating system would: real entries, one 64-bit write each, leaves last, and
 * nothing invalidated. Tables are never given back. Assumes 8-byte entries; methods return problems and never throw.
 */
export class PageTable {
  readonly format: Format;
  readonly root: bigint;
  readonly #tables: Tables;

  /** The root, `rootSize` bytes, is there already; every other table comes from `allocate` and is zeroed here. */
  constructor(format: Format, memory: TableMemory, root: bigint, allocate: Allocate) {
    this.format = format;
    this.root = root;
    this.#tables = new Tables(format, memory, allocate);
  }

  /** Why a mapping cannot be written whatever the table holds, or undefined. */
  misfit({ ia, oa, size, page }: Mapping): string | undefined {
    const { format } = this;
    const level = this.#levelOf(page);
    if (level === undefined || ((format.leafLevels >>> level) & 1) === 0)
      return `${format.name} has no leaves of ${sizeText(page)}, only of ${leafSizes(format).map(sizeText).join(', ')}`;
    if (oa < 0n || outputEnd(format) < oa + size) return `output address ${hex(oa)} is wider than the address field`;
    if (BigInt(VISIT_LIMIT) < size / page) return TOO_MUCH;
    return (
      this.#tables.misfit(ia, size, page) ?? (oa % page === 0n ? undefined : unaligned('output address', oa, page))
    );
  }

  #levelOf(page: bigint): number | undefined {
    const { format } = this;
    return Array.from({ length: format.levels }, (_, at) => at).find((at) => levelSpan(format, at) === page);
  }

  /** Maps a range. What was mapped there is replaced; a larger leaf is split first and a table under a large leaf dropped. */
  map(mapping: Mapping): EditResult {
    const misfit = this.misfit(mapping);
    if (misfit !== undefined) return problem(misfit);
    const { format } = this;
    const { ia, oa, size, page } = mapping;
    const level = this.#levelOf(page)!;

    const { newLeaf, attributes, defaultLeaf, foldedMask, foldedFrom } = format.data;
    const asked = (mapping.set ?? 0n) | (mapping.global ? (attributes.global ?? 0n) : 0n);
    // The attributes are placed as in a page, whose level is 0; a large leaf may keep them elsewhere.
    const leaf =
      relevel(format, 0, level, this.#withRights(newLeaf[0]!, mapping)) |
      relevel(format, 0, level, defaultLeaf ^ asked);
    const job = newJob(leaf & format.data.rights.execute.granted, (same) => same, level);
    // Entries of one run rise by the page size, which only holds as far as the top address bits stay the same.
    const run = foldedMask === 0 ? size + oa : 1n << BigInt(foldedFrom);
    for (let at = oa; at < oa + size; at = at - (at % run) + run) {
      const first = this.#tables.decoded(ia) + at - oa;
      const last = first + min(oa + size, at - (at % run) + run) - at - 1n;
      const failed = this.#fill(this.root, format.levels - 1, first, last, addressBits(format, at)! | leaf, job);
      if (failed !== undefined) return problem(failed);
    }
    return { ok: true, changed: job.changed };
  }

  /** Clears the leaves of a range, multiples of the smallest page; large leaves that it cuts are split. Tables stay. */
  unmap(ia: bigint, size: bigint): EditResult {
    return this.#alter(
      ia,
      size,
      newJob(0n, () => 0n),
    );
  }

  /** Gives the leaves of a range other rights and keeps all other bits. What is not mapped stays so. */
  protect(ia: bigint, size: bigint, rights: Rights): EditResult {
    const grants = rights.execute ? this.format.data.rights.execute.granted : 0n;
    return this.#alter(
      ia,
      size,
      newJob(grants, (leaf) => this.#withRights(leaf, rights)),
    );
  }

  /** The entry at which a walk for `ia` ends, whatever the rights; undefined where the format cannot express `ia`. */
  find(ia: bigint): Found | undefined {
    if (this.#tables.misfit(ia, 1n, 1n) !== undefined) return undefined;
    let table = this.root;
    for (let level = this.format.levels - 1; ; level--) {
      const address = this.#tables.slot(table, level, ia);
      const entry = this.#tables.memory.read64(address);
      const kind = entryKind(this.format, level, entry);
      if (kind !== 'table') return { level, address, entry, leaf: kind === 'leaf' };
      table = entryAddress(this.format, level, entry);
    }
  }

  /** Every leaf in order of decoded input address. Gives up silently after `VISIT_LIMIT` entries. */
  *leaves(): Generator<Leaf> {
    yield* this.#leavesOf(this.root, this.format.levels - 1, 0n, newJob());
  }

  *#leavesOf(table: bigint, level: number, base: bigint, job: Job): Generator<Leaf> {
    const { format } = this;
    const span = levelSpan(format, level);
    const lastIndex = level === format.levels - 1 ? format.topIndexMask : format.indexMask;
    for (let index = 0n; index <= lastIndex && job.visits++ < VISIT_LIMIT; index++) {
      const entry = this.#tables.memory.read64(table + index * 8n);
      const kind = entryKind(format, level, entry);
      const at = base + index * span;
      if (kind === 'table') yield* this.#leavesOf(entryAddress(format, level, entry), level - 1, at, job);
      if (kind === 'leaf')
        yield { ia: this.#tables.canonical(at), oa: entryAddress(format, level, entry), level, entry };
    }
  }

  /** Writes leaves over the decoded addresses `first` to `last`; `leaf` is the whole entry for `first`. */
  #fill(table: bigint, level: number, first: bigint, last: bigint, leaf: bigint, job: Job): string | undefined {
    const span = levelSpan(this.format, level);
    const slot = this.#tables.slot(table, level, first);
    if (level === job.leafLevel) {
      const count = Number((last - first) / span) + 1;
      job.changed += count;
      this.#tables.writeRun(slot, leaf, span, count);
      return undefined;
    }
    for (let [at, address] = [first, slot]; at <= last; at = (at | (span - 1n)) + 1n, address += 8n) {
      const next = this.#tables.tableAt(address, level, job.grants);
      if (typeof next === 'string') return next;
      const failed = this.#fill(next, level - 1, at, min(last, at | (span - 1n)), leaf + (at - first), job);
      if (failed !== undefined) return failed;
    }
    return undefined;
  }

  #alter(ia: bigint, size: bigint, job: Job): EditResult {
    const misfit = this.#tables.misfit(ia, size, levelSpan(this.format, 0));
    if (misfit !== undefined) return problem(misfit);
    const first = this.#tables.decoded(ia);
    return done(job, this.#alterIn(this.root, this.format.levels - 1, first, first + size - 1n, job));
  }

  /** Changes the leaves over the decoded addresses `first` to `last`. */
  #alterIn(table: bigint, level: number, first: bigint, last: bigint, job: Job): string | undefined {
    const span = levelSpan(this.format, level);
    const slot = this.#tables.slot(table, level, first);
    for (let [at, address] = [first, slot]; at <= last; at = (at | (span - 1n)) + 1n, address += 8n) {
      if (VISIT_LIMIT < ++job.visits) return TOO_MUCH;
      const entry = this.#tables.memory.read64(address);
      const kind = entryKind(this.format, level, entry);
      const changed = kind === 'leaf' ? job.change(entry) : entry;
      if (kind === 'absent' || (kind === 'leaf' && changed === entry)) continue;
      const end = at | (span - 1n);
      if (kind === 'leaf' && (at & (span - 1n)) === 0n && end <= last) {
        this.#tables.memory.write64(address, changed);
        job.changed++;
        continue;
      }
      const next = this.#tables.tableAt(address, level, job.grants);
      const failed = typeof next === 'string' ? next : this.#alterIn(next, level - 1, at, min(last, end), job);
      if (failed !== undefined) return failed;
    }
    return undefined;
  }

  #withRights(leaf: bigint, granted: Rights): bigint {
    const { rights, noExecuteBitHi } = this.format.data;
    let bits = granted.execute ? leaf & ~(BigInt(noExecuteBitHi >>> 0) << 32n) : leaf;
    for (const name of Object.keys(rights) as Right[]) {
      const right = rights[name];
      bits = (bits & ~(right.granted | right.denied)) | (granted[name] ? right.granted : right.denied);
    }
    return bits;
  }
}

/** One range of the second stage: bytes, multiples of `page`. */
export interface FillRange {
  readonly gpa: bigint;
  readonly hpa: bigint;
  readonly size: bigint;
  /** Leaf size, one of `leafSizes`. */
  readonly page: bigint;
  readonly read: boolean;
  readonly write: boolean;
}

/** Maps guest RAM: what `PageTable.map` would write, range by range, but a gigabyte in milliseconds. */
export function fillSecondStage(
  mem: PhysMem,
  format: Format,
  root: bigint,
  allocate: Allocate,
  ranges: readonly FillRange[],
): EditResult {
  const tables = new PageTable(format, bulkTables(mem), root, allocate);
  let changed = 0;
  for (const { gpa, hpa, size, page, read, write } of ranges) {
    const result = tables.map({ ia: gpa, oa: hpa, size, page, read, write, execute: false, user: true });
    if (!result.ok) return result;
    changed += result.changed;
  }
  return { ok: true, changed };
}

const TOO_MUCH = `more than ${VISIT_LIMIT} entries to visit: the range is too large, or the tables refer to each other`;
const newJob = (grants = 0n, change: Job['change'] = (leaf) => leaf, leafLevel = 0): Job => ({
  leafLevel,
  grants,
  change,
  changed: 0,
  visits: 0,
});
/** The first address that the format has no place for. */
const outputEnd = ({ data }: Format): bigint => {
  const folded = BigInt(data.foldedMask);
  const top = data.foldedMask === 0 ? 0n : folded / (folded & -folded);
  return (top << BigInt(data.foldedFrom)) + data.addressMask + (1n << BigInt(data.granuleLg2));
};
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const problem = (text: string): EditResult => ({ ok: false, problem: text });
const done = ({ changed }: Job, failed: string | undefined): EditResult =>
  failed === undefined ? { ok: true, changed } : problem(failed);
