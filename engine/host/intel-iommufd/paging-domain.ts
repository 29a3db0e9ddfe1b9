import { secondStagePasidEntry } from '../../models/vtd/pasid-entry.ts';
import { bulkTables } from '../../pagetable/fill.ts';
import { PageTable } from '../../pagetable/index.ts';
import { type Refusal, refuse } from '../check.ts';
import { ALLOC, type Call, type PagingDomain, type Rights } from '../iommufd/driver.ts';
import { coveringBlock } from '../vtd-queue.ts';
import { INTEL_IOMMUFD_CHECKS as CHECKS } from './checks.ts';
import { clearDirty, setDirtyTracking } from './dirty.ts';
import { VtdDomain } from './domain.ts';
import type { IntelUnit } from './unit.ts';

const PAGE = 0x1000n;
const TABLE_SPAN = 0x20_0000n;
/** From so many pages on a mapping is written a table at a time, which nobody remembers as edits. */
const BULK_PAGES = 512n;

/** A second stage that the kernel keeps, filled by the mappings of an IOAS. */
export class SecondStage extends VtdDomain implements PagingDomain {
  readonly kind = 'paging';
  readonly apertureStart = 0n;
  readonly apertureLast: bigint;
  readonly pageSizes: bigint;
  readonly tracksDirty: boolean;
  readonly nestParent: boolean;
  /** Dirty tracking is on. */
  dirtyOn = false;
  /** Something was mapped read-only, which the posting of 2023 remembered. */
  mapsReadOnly = false;
  /** Domains nested on this one. */
  readonly children = new Set<VtdDomain>();
  readonly root: bigint;
  readonly table: PageTable;

  constructor(unit: IntelUnit, flags: number) {
    super(unit);
    const { caps, format } = unit;
    this.nestParent = (flags & ALLOC.nestParent) !== 0;
    this.tracksDirty = (flags & ALLOC.dirtyTracking) !== 0;
    this.apertureLast = (1n << BigInt(Math.min(caps.MGAW + 1, format.inputBits))) - 1n;
    this.pageSizes = PAGE | (caps.SSLPS & 1 ? 0x20_0000n : 0n) | (caps.SSLPS & 2 ? 0x4000_0000n : 0n);
    this.root = unit.allocate();
    this.table = new PageTable(format, unit.mem, this.root, unit.allocate);
  }

  /** What this second stage contributes to a PASID entry. */
  get second(): { readonly root: bigint; readonly levels: number } {
    return { root: this.root, levels: this.unit.format.levels };
  }

  /** Every device that iommufd takes from VFIO enforces snooping, where the unit can. */
  get forcesSnoop(): boolean {
    return this.unit.caps.SC === 1;
  }

  override entry(): bigint[] {
    const pwsnp = this.unit.caps.SMPWCS === 1;
    return secondStagePasidEntry({ did: this.did, pwsnp, second: this.second, ssade: this.dirtyOn });
  }

  override checkSetup(): undefined {
    return undefined;
  }

  map(iova: bigint, phys: bigint, size: bigint, rights: Rights, call: Call): Refusal | undefined {
    if (!rights.read && !rights.write) return refuse(CHECKS.mapRights);
    if (!rights.write && (this.nestParent || 0 < this.children.size))
      return refuse(CHECKS.mapReadOnly, { found: 'a read-only mapping', wanted: 'IOMMU_IOAS_MAP_WRITEABLE' });
    if (call.fail.hit()) return { ...refuse(CHECKS.mapNoMemory), injected: true };
    if (!rights.write) this.mapsReadOnly = true;
    const { unit } = this;
    const leaf = unit.leafSize(iova);
    const page = (iova | phys | size) % leaf === 0n ? leaf : PAGE;
    const set = this.forcesSnoop ? (unit.format.data.attributes['snoop'] ?? 0n) : 0n;
    const mapping = { ia: iova, oa: phys, size, page, set, ...rights, execute: false, user: true };
    const result = BULK_PAGES <= size / PAGE ? this.#inBulk((table) => table.map(mapping)) : this.table.map(mapping);
    if (!result.ok) return refuse(CHECKS.mapRange, { found: result.problem });
    if (unit.caps.CM === 1) this.#flush(iova, size, false, call, 'new');
    return undefined;
  }

  /** What was absent was in no cache, so that nobody has to know when a large range was filled in. */
  #inBulk<T>(edit: (table: PageTable) => T): T {
    const { mem, format, allocate } = this.unit;
    const now = mem.now;
    mem.now = 0;
    const result = edit(new PageTable(format, bulkTables(mem), this.root, allocate));
    mem.now = now;
    return result;
  }

  unmap(iova: bigint, size: bigint, call: Call): void {
    const leafOnly = !this.#coversTable(iova, size);
    this.table.unmap(iova, size);
    this.#flush(iova, size, leafOnly, call, 'changed');
  }

  protect(iova: bigint, size: bigint, rights: Rights, call: Call): void {
    this.table.protect(iova, size, { ...rights, execute: false, user: true });
    this.#flush(iova, size, true, call, 'changed');
  }

  /** Whether a table lies wholly within the range: Linux frees it then, and leaves out the hint that only leaves changed. */
  #coversTable(iova: bigint, size: bigint): boolean {
    for (let at = (iova + TABLE_SPAN - 1n) & ~(TABLE_SPAN - 1n); at + TABLE_SPAN <= iova + size; at += TABLE_SPAN)
      if (this.table.find(at)?.level === 0) return true;
    return false;
  }

  /**
   * `cache_tag_flush_range`, and before 6.10 `iommu_flush_iotlb_psi` with `parent_domain_flush`: the domain's own id, the
   * ids of the domains nested on it, and device TLBs. Which entries of a nested user's device TLB rest on the change
   * cannot be known, so they go as a whole.
   */
  #flush(iova: bigint, size: bigint, leafOnly: boolean, call: Call, what: 'changed' | 'new'): void {
    const { queue } = this.unit;
    const block = coveringBlock(iova, size / PAGE);
    const nestedToo = !call.version.posted && !call.quirk('nested_parent_flush_missing');
    for (const tag of this.tags) {
      if (tag.nested && !nestedToo) continue;
      if (tag.cache === 'iotlb') queue.flushDomainPages(tag.did, block, leafOnly);
      else if (what === 'changed') queue.flushDeviceOf(tag.device!.sid, tag.pasid, tag.nested ? undefined : block);
    }
  }

  setDirtyTracking(enable: boolean): Refusal | undefined {
    return setDirtyTracking(this, enable);
  }

  readDirty(
    iova: bigint,
    size: bigint,
    clear: boolean,
    record: (iova: bigint, size: bigint) => void,
  ): Refusal | undefined {
    if (!this.dirtyOn) return refuse(CHECKS.dirtyOff, { path: 'hwpt_id', found: 'a page table whose tracking is off' });
    clearDirty(this, iova, size, clear, record);
    return undefined;
  }

  free(): void {}
}
