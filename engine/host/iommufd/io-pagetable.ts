import { hex } from '../../base/text.ts';
import { type Refusal, refuse } from '../check.ts';
import { splitArea } from './area-split.ts';
import { type Call, isRefusal, type PagingDomain, type ReservedRegion, type Rights } from './driver.ts';
import { IOPT_CHECKS as CHECKS } from './io-pagetable-checks.ts';
import { allocateIova, holes, intersects, type Range, ULONG_MAX } from './iova-allocator.ts';
import { canPin, PAGE, type Pages, physOf } from './pages.ts';

/** `struct iopt_area`: a mapping of an address space. Addresses in bytes. */
export interface Area extends Range {
  readonly pages: Pages;
  /** Where in the pages it begins. */
  readonly offset: bigint;
  rights: Rights;
  /** Hardware queues that have it pinned. */
  locks: number;
}

/** A piece that is to be mapped. */
export interface Piece {
  readonly pages: Pages;
  readonly offset: bigint;
  readonly length: bigint;
}

interface Reserved extends Range {
  readonly owner: object;
}

/** `struct io_pagetable`: what an IOAS maps, copied into every domain that is there. */
export class IoPagetable {
  /** `iova_alignment`: 1 until a domain wants more. */
  alignment = 1n;
  largePages = true;
  #areas: Area[] = [];
  #reserved: Reserved[] = [];
  #allowed: readonly Range[] = [];
  readonly #domains = new Set<PagingDomain>();

  get areas(): readonly Area[] {
    return this.#areas;
  }

  /** What the user may map: everything that no device and no domain keeps from it. */
  usable(): Range[] {
    return holes(this.#reserved, { start: 0n, last: ULONG_MAX });
  }

  /** Page sizes that every domain has, one bit each; all of them without a domain. */
  get pageSizes(): bigint {
    let sizes = ULONG_MAX;
    for (const domain of this.#domains) sizes &= domain.pageSizes;
    return sizes;
  }

  /** `iopt_map_pages`: finds or checks the place, then fills every domain. @returns the address it was mapped at */
  map(
    pieces: readonly Piece[],
    length: bigint,
    fixed: bigint | undefined,
    rights: Rights,
    call: Call,
  ): bigint | Refusal {
    for (const _ of pieces) if (call.fail.hit()) return { ...refuse(CHECKS.noMemoryArea), injected: true };
    if (length === 0n || (length & (this.alignment - 1n)) !== 0n)
      return refuse(CHECKS.length, { path: 'length', found: hex(length), wanted: `a multiple of ${this.alignment}` });
    const first = pieces[0]!;
    let iova: bigint;
    if (fixed === undefined) {
      const start = first.pages.base + first.offset;
      const found = allocateIova(start, length, this.alignment, [...this.#areas, ...this.#reserved], this.#allowed);
      if (found === 'EOVERFLOW') return refuse(CHECKS.allocateOverflow, { path: 'length', found: hex(length) });
      if (found === 'EINVAL')
        return refuse(CHECKS.allocateAlignment, { found: hex(start), wanted: `a multiple of ${this.alignment}` });
      if (found === 'ENOSPC') return refuse(CHECKS.allocateSpace, { path: 'length', found: hex(length) });
      iova = found;
    } else {
      const refusal = this.#checkFixed(fixed, length);
      if (refusal) return refusal;
      iova = fixed;
    }
    const areas: Area[] = [];
    let at = iova;
    for (const { pages, offset, length: size } of pieces) {
      if (rights.write && !pages.writable) return refuse(CHECKS.readOnlyPages);
      if ((((pages.base + offset) % PAGE) & (this.alignment - 1n)) !== 0n)
        return refuse(CHECKS.pageOffset, {
          found: hex(pages.base + offset),
          wanted: `a multiple of ${this.alignment}`,
        });
      areas.push({ start: at, last: at + size - 1n, pages, offset, rights, locks: 0 });
      at += size;
    }
    for (const [i, area] of areas.entries()) {
      const refusal = this.#fillDomains(area, call);
      if (!refusal) continue;
      for (const done of areas.slice(0, i)) for (const domain of this.#domains) unfill(domain, done, call);
      return refusal;
    }
    this.#areas.push(...areas);
    return iova;
  }

  #checkFixed(iova: bigint, length: bigint): Refusal | undefined {
    if ((iova & (this.alignment - 1n)) !== 0n)
      return refuse(CHECKS.iova, { path: 'iova', found: hex(iova), wanted: `a multiple of ${this.alignment}` });
    const range = { start: iova, last: iova + length - 1n };
    if (ULONG_MAX < range.last) return refuse(CHECKS.overflow, { path: 'iova', found: hex(iova) });
    if (this.#reserved.some((r) => intersects(r, range)))
      return refuse(CHECKS.reserved, { path: 'iova', found: hex(iova) });
    if (this.#areas.some((a) => intersects(a, range))) return refuse(CHECKS.exists, { path: 'iova', found: hex(iova) });
    return undefined;
  }

  #fillDomains(area: Area, call: Call): Refusal | undefined {
    const filled: PagingDomain[] = [];
    for (const domain of this.#domains) {
      const refusal = fill(domain, area, call);
      if (refusal) {
        for (const done of filled) unfill(done, area, call);
        return refusal;
      }
      filled.push(domain);
    }
    return undefined;
  }

  /** `iopt_unmap_iova_range`: areas are removed whole or not at all. @returns the bytes that were unmapped */
  unmap(start: bigint, last: bigint, call: Call): { readonly unmapped: bigint; readonly refusal?: Refusal } {
    let unmapped = 0n;
    for (;;) {
      const area = this.#first({ start, last });
      if (!area) return { unmapped };
      if (area.locks !== 0)
        return { unmapped, refusal: refuse(CHECKS.locked, { path: 'iova', found: hex(area.start) }) };
      if (area.start < start || last < area.last)
        return {
          unmapped,
          refusal: refuse(CHECKS.split, {
            path: 'length',
            found: `${hex(start)} to ${hex(last)}`,
            wanted: `all of the area ${hex(area.start)} to ${hex(area.last)}`,
          }),
        };
      this.#areas = this.#areas.filter((a) => a !== area);
      for (const domain of this.#domains) unfill(domain, area, call);
      unmapped += area.last - area.start + 1n;
    }
  }

  /** `iopt_cut_iova` at both ends of a range, so that no area reaches across them. @param last may lie below `start` */
  cutAround(start: bigint, last: bigint, call: Call): Refusal | undefined {
    return this.#split(last, call) ?? (start === 0n ? undefined : this.#split(start - 1n, call));
  }

  #split(at: bigint, call: Call): Refusal | undefined {
    const area = this.#first({ start: at, last: at });
    const parts = area && splitArea(area, at, this.alignment, call);
    if (isRefusal(parts)) return parts;
    if (parts) this.#areas = this.#areas.flatMap((each) => (each === area ? parts : [each]));
    return undefined;
  }

  #first(range: Range): Area | undefined {
    let first: Area | undefined;
    for (const area of this.#areas) if (intersects(area, range) && (!first || area.start < first.start)) first = area;
    return first;
  }

  /** `iopt_for_each_contig_area`: areas that cover a range without a gap; undefined where one is missing. */
  contiguous(start: bigint, length: bigint): readonly Area[] | undefined {
    const covering: Area[] = [];
    const last = start + length - 1n;
    for (let at = start; at <= last; ) {
      const area = this.#areas.find((a) => a.start <= at && at <= a.last);
      if (!area) return undefined;
      covering.push(area);
      at = area.last + 1n;
    }
    return covering;
  }

  /** `iopt_set_allow_iova`. */
  allow(ranges: readonly Range[]): Refusal | undefined {
    const taken = ranges.find((range) => this.#reserved.some((r) => intersects(r, range)));
    if (taken) return refuse(CHECKS.allowedReserved, { found: `${hex(taken.start)} to ${hex(taken.last)}` });
    this.#allowed = ranges;
    return undefined;
  }

  /** `iopt_reserve_iova`. */
  reserve(region: ReservedRegion, owner: object, call: Call): Refusal | undefined {
    if ([...this.#areas, ...this.#allowed].some((r) => intersects(r, region)))
      return refuse(CHECKS.inUse, { found: `${hex(region.start)} to ${hex(region.last)}` });
    if (call.fail.hit()) return { ...refuse(CHECKS.noMemoryReserved), injected: true };
    this.#reserved.push({ ...region, owner });
    return undefined;
  }

  removeReserved(owner: object): void {
    this.#reserved = this.#reserved.filter((r) => r.owner !== owner);
  }

  /** `iopt_table_add_domain`: its aperture bounds the address space, and what is mapped is filled in. */
  addDomain(domain: PagingDomain, call: Call): Refusal | undefined {
    const smallest = domain.pageSizes & -domain.pageSizes;
    const alignment = this.alignment < smallest ? smallest : this.alignment;
    if (PAGE < alignment) return refuse(CHECKS.domainPage, { found: `${smallest}`, wanted: `at most ${PAGE}` });
    if (alignment !== this.alignment) {
      const refusal = this.#checkAlignment(alignment);
      if (refusal) return refusal;
    }
    const outside: ReservedRegion[] = [
      ...(domain.apertureStart === 0n ? [] : [{ start: 0n, last: domain.apertureStart - 1n }]),
      ...(domain.apertureLast === ULONG_MAX ? [] : [{ start: domain.apertureLast + 1n, last: ULONG_MAX }]),
    ];
    for (const region of outside) {
      const refusal = this.reserve(region, domain, call);
      if (refusal) {
        this.removeReserved(domain);
        return refusal;
      }
    }
    for (const [i, area] of this.#areas.entries()) {
      const refusal = fill(domain, area, call);
      if (!refusal) continue;
      for (const done of this.#areas.slice(0, i)) unfill(domain, done, call);
      this.removeReserved(domain);
      return refusal;
    }
    this.alignment = alignment;
    this.#domains.add(domain);
    return undefined;
  }

  removeDomain(domain: PagingDomain): void {
    if (!this.#domains.delete(domain)) return;
    // The domain goes, and its page table with it, so nothing is unmapped one by one.
    this.removeReserved(domain);
    this.alignment = this.#neededAlignment();
  }

  /** IOMMU_OPTION_HUGE_PAGES: off, everything is aligned to pages of the CPU. */
  setLargePages(on: boolean): Refusal | undefined {
    if (on === this.largePages) return undefined;
    if (!on && 0 < this.#domains.size && 0 < this.#areas.length) return refuse(CHECKS.largePages);
    const needed = this.#neededAlignment(on);
    if (this.alignment < needed) {
      const refusal = this.#checkAlignment(needed);
      if (refusal) return refusal;
    }
    this.largePages = on;
    this.alignment = needed;
    return undefined;
  }

  #neededAlignment(largePages = this.largePages): bigint {
    let needed = largePages ? 1n : PAGE;
    for (const domain of this.#domains) {
      const smallest = domain.pageSizes & -domain.pageSizes;
      if (needed < smallest) needed = smallest;
    }
    return needed;
  }

  #checkAlignment(alignment: bigint): Refusal | undefined {
    const mask = alignment - 1n;
    const odd = this.#areas.find(
      (a) => (a.start & mask) !== 0n || ((a.last + 1n) & mask) !== 0n || ((a.pages.base + a.offset) & mask) !== 0n,
    );
    return odd && refuse(CHECKS.alignmentChange, { found: hex(odd.start), wanted: `multiples of ${alignment}` });
  }

  /** The VMM takes a piece out of what is mapped, or changes its rights: areas are split around it. */
  edit(start: bigint, last: bigint, rights: Rights | undefined, call: Call): void {
    const kept: Area[] = [];
    for (const area of this.#areas) {
      if (!intersects(area, { start, last })) {
        kept.push(area);
        continue;
      }
      const from = area.start < start ? start : area.start;
      const to = last < area.last ? last : area.last;
      if (area.start < from) kept.push({ ...area, last: from - 1n });
      if (to < area.last) kept.push({ ...area, start: to + 1n, offset: area.offset + (to + 1n - area.start) });
      if (rights) kept.push({ ...area, start: from, last: to, offset: area.offset + (from - area.start), rights });
      for (const domain of this.#domains) {
        if (rights) domain.protect?.(from, to - from + 1n, rights, call);
        else domain.unmap(from, to - from + 1n, call);
      }
    }
    this.#areas = kept;
  }

  clear(): void {
    this.#areas = [];
  }
}

/** `iopt_area_fill_domain`: pins what is not there yet, then maps it. */
function fill(domain: PagingDomain, area: Area, call: Call): Refusal | undefined {
  const length = area.last - area.start + 1n;
  if (!canPin(call.user, area.pages, area.offset, length))
    return refuse(CHECKS.pin, { path: 'user_va', found: hex(area.pages.base + area.offset) });
  if (call.fail.hit()) return { ...refuse(CHECKS.noMemoryPin), injected: true };
  return domain.map(area.start, physOf(area.pages, area.offset), length, area.rights, call);
}

const unfill = (domain: PagingDomain, area: Area, call: Call): void =>
  domain.unmap(area.start, area.last - area.start + 1n, call);
