import { command, OP } from '../../models/smmuv3/commands.ts';
import type { SmmuIds } from '../../models/smmuv3/ids.ts';
import { CONFIG, configOf, isValid } from '../../models/smmuv3/ste.ts';
import { type Refusal, refuse } from '../check.ts';
import type { Call, NestedDomain, PagingDomain, Rights } from '../iommufd/driver.ts';
import type { DeviceConfig } from '../machine-config.ts';
import { pageSizes } from '../vfio-arm-2020/get-info.ts';
import { ARM_SMMU_CHECKS } from './checks.ts';
import type { CommandQueue } from './command-queue.ts';

const CHECKS = ARM_SMMU_CHECKS.paging;
/** ATC_INV that covers every address of a device. */
const ATC_ALL = 52;

/** What the domains of one SMMU share. */
export interface SmmuHardware {
  readonly ids: SmmuIds;
  readonly queue: CommandQueue;
}

/** A page table that the kernel keeps: stage 1 by default, stage 2 for a nesting parent. */
export class SmmuPaging implements PagingDomain {
  readonly kind = 'paging';
  readonly apertureStart = 0n;
  readonly apertureLast: bigint;
  readonly pageSizes: bigint;
  readonly tracksDirty: boolean;
  readonly nestParent: boolean;
  /** VMID of a second stage, else ASID of a first. */
  readonly tag: number;
  /** Devices whose DMA goes through it, nested domains on top included. */
  readonly devices = new Set<DeviceConfig>();
  readonly #unit: SmmuHardware;

  constructor(unit: SmmuHardware, flags: { readonly nestParent: boolean; readonly dirty: boolean }, tag: number) {
    this.#unit = unit;
    this.nestParent = flags.nestParent;
    this.tracksDirty = flags.dirty;
    this.tag = tag;
    this.apertureLast = (1n << BigInt(Math.min(unit.ids.outputBits, unit.ids.get('VAX') === 1 ? 52 : 48))) - 1n;
    this.pageSizes = pageSizes(unit.ids);
  }

  map(_iova: bigint, _phys: bigint, _size: bigint, _rights: Rights, call: Call): Refusal | undefined {
    return call.fail.hit() ? refuse(CHECKS.mapNoMemory, { injected: true }) : undefined;
  }

  /** Stage 2 under a guest: its own entries, then everything that stage 1 combined with them. */
  unmap(iova: bigint, size: bigint): void {
    if (this.devices.size === 0) return;
    const { ids, queue } = this.#unit;
    if (!this.nestParent) queue.issuePages(OP.tlbiNhVa, { asid: this.tag }, iova, size, ids.has('RIL'));
    else {
      queue.issuePages(OP.tlbiS2Ipa, { vmid: this.tag }, iova, size, ids.has('RIL'));
      queue.issue(command(OP.tlbiNhAll, { vmid: this.tag }));
    }
    for (const { sid, ats } of this.devices) if (ats) queue.issue(command(OP.atcInv, { sid, size: ATC_ALL }));
  }

  protect(iova: bigint, size: bigint): void {
    this.unmap(iova, size);
  }

  setDirtyTracking(): undefined {
    return undefined;
  }

  /** There is no hardware that could write through it, so no page is ever dirty. */
  readDirty(): undefined {
    return undefined;
  }

  free(): void {}
}

/** A guest's stream table entry over a nesting parent. Invalidations come by its vIOMMU. */
export class SmmuNested implements NestedDomain {
  readonly kind = 'nested';
  readonly parent: SmmuPaging;
  /** The vIOMMU that it was allocated on; undefined in the posting of 2023. */
  readonly viommu: object | undefined;
  /** Words 0 and 1 of the STE, both 0 where the guest's was not valid. */
  readonly ste: readonly [bigint, bigint];

  constructor(parent: SmmuPaging, viommu: object | undefined, ste: readonly [bigint, bigint]) {
    this.parent = parent;
    this.viommu = viommu;
    this.ste = ste;
  }

  get usesStage1(): boolean {
    return isValid(this.ste[0]) && configOf(this.ste[0]) === CONFIG.stage1;
  }

  free(): void {}
}
