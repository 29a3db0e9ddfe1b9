import { CONFIG, configOf, EATS, eatsOf, isValid } from '../../models/smmuv3/ste.ts';
import { leafSizes } from '../../pagetable/index.ts';
import { type Refusal, refuse } from '../check.ts';
import type { Call, NestedDomain, PagingDomain, Rights } from '../iommufd/driver.ts';
import { ARM_SMMU_CHECKS } from './checks.ts';
import { abortSte, nestedSte, stageTwoSte } from './entries.ts';
import { LpaeTables, type TableKind } from './lpae-tables.ts';
import type { Smmu } from './smmu.ts';

const CHECKS = ARM_SMMU_CHECKS.paging;
const EATS_MASK = 3n << 28n;

/** A page table that the kernel keeps: stage 1 by default, stage 2 for a nesting parent. */
export class SmmuPaging implements PagingDomain {
  readonly kind = 'paging';
  readonly apertureStart = 0n;
  readonly apertureLast: bigint;
  readonly pageSizes: bigint;
  readonly tables: LpaeTables;

  constructor(smmu: Smmu, kind: TableKind) {
    this.tables = new LpaeTables(smmu, kind);
    const { format } = this.tables;
    this.apertureLast = (1n << BigInt(format.inputBits)) - 1n;
    this.pageSizes = leafSizes(format).reduce((all, size) => all | size, 0n);
  }

  get tracksDirty(): boolean {
    return this.tables.dirty;
  }

  map(iova: bigint, phys: bigint, size: bigint, rights: Rights, call: Call): Refusal | undefined {
    if (call.fail.hit()) return refuse(CHECKS.mapNoMemory, { injected: true });
    const problem = this.tables.map(iova, phys, size, rights);
    return problem === undefined ? undefined : refuse(CHECKS.mapRange, { found: problem });
  }

  unmap(iova: bigint, size: bigint): void {
    this.tables.unmap(iova, size);
  }

  protect(iova: bigint, size: bigint, rights: Rights): void {
    this.tables.protect(iova, size, rights);
  }

  /** Hardware always keeps the dirty states of tables that track them. */
  setDirtyTracking(): undefined {
    return undefined;
  }

  readDirty(iova: bigint, size: bigint, clear: boolean, record: (iova: bigint, size: bigint) => void): undefined {
    this.tables.readDirty(iova, size, clear, record);
    return undefined;
  }

  free(): void {
    this.tables.free();
  }
}

/** A guest's stream table entry over a nesting parent. Invalidations come by its vIOMMU. */
export class SmmuNested implements NestedDomain {
  readonly kind = 'nested';
  readonly parent: SmmuPaging;
  /** The vIOMMU that it was allocated on; undefined in the posting of 2023. */
  readonly viommu: object | undefined;
  readonly #ste: readonly [bigint, bigint];

  /** @param ste words 0 and 1 with the bits that a guest may set, both 0 where the guest's entry was not valid */
  constructor(parent: SmmuPaging, viommu: object | undefined, ste: readonly [bigint, bigint]) {
    this.parent = parent;
    this.viommu = viommu;
    this.#ste = ste;
  }

  get usesStage1(): boolean {
    return isValid(this.#ste[0]) && configOf(this.#ste[0]) === CONFIG.stage1;
  }

  /** The guest flushes what devices cache, so that they may. */
  get enablesAts(): boolean {
    return this.usesStage1 && eatsOf(this.#ste[1]) === EATS.full;
  }

  /** `arm_smmu_make_nested_domain_ste`. @param mev whether events may be merged (6.15) */
  entry(smmu: Smmu, ats: boolean, mev: boolean): bigint[] {
    const [word0, word1] = this.#ste;
    if (this.usesStage1) return nestedSte(smmu, this.parent.tables, [word0, word1 & ~EATS_MASK], { ats, mev });
    const isBypass = isValid(word0) && configOf(word0) === CONFIG.bypass;
    return isBypass ? stageTwoSte(smmu, this.parent.tables, ats) : abortSte();
  }

  free(): void {}
}

/** The tables of the kernel that a domain rests on. */
export const tablesOf = (domain: SmmuPaging | SmmuNested): LpaeTables =>
  (domain instanceof SmmuNested ? domain.parent : domain).tables;
