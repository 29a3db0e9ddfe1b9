import { nestedPasidEntry } from '../../models/vtd/pasid-entry.ts';
import { type Refusal, refuse } from '../check.ts';
import type { Call, Invalidated, NestedDomain, UserDataArray } from '../iommufd/driver.ts';
import type { View } from '../iommufd/user-data.ts';
import { type Block, coveringBlock, WHOLE_ORDER } from '../vtd-queue.ts';
import { INTEL_IOMMUFD_CHECKS as CHECKS } from './checks.ts';
import { VtdDomain } from './domain.ts';
import { invalidateArray, invalidatePosted } from './invalidate-user.ts';
import type { SecondStage } from './paging-domain.ts';

/** `IOMMU_VTD_S1_*`. */
export const S1_FLAG = { sre: 1n, eafe: 2n, wpe: 4n } as const;
const EVERYTHING = 0xffff_ffff_ffff_ffffn;

/** A guest's first stage over a nesting parent (`struct iommu_hwpt_vtd_s1`). Attaching judges it, not allocating. */
export class NestedFirstStage extends VtdDomain implements NestedDomain {
  readonly kind = 'nested';
  readonly second: SecondStage;
  readonly #flags: bigint;
  readonly #root: bigint;
  readonly #width: number;

  constructor(parent: SecondStage, s1: View) {
    super(parent.unit);
    this.second = parent;
    this.#flags = s1.get('flags');
    this.#root = s1.get('pgtbl_addr');
    this.#width = s1.u32('addr_width');
    parent.children.add(this);
  }

  override get parent(): SecondStage {
    return this.second;
  }

  override checkSetup(): Refusal | undefined {
    const { caps } = this.unit;
    const width = this.#width;
    if (width !== 48 && (width !== 57 || caps.FS5LP === 0))
      return refuse(CHECKS.setupWidth, {
        path: 'addr_width',
        found: width === 57 ? '57 with cap.FS5LP = 0' : `${width}`,
        wanted: caps.FS5LP === 1 ? '48 or 57' : '48',
      });
    if ((this.#flags & S1_FLAG.sre) !== 0n && caps.SRS === 0)
      return refuse(CHECKS.setupSre, { path: 'flags', found: 'SRE with ecap.SRS = 0', wanted: 'SRE clear' });
    if ((this.#flags & S1_FLAG.eafe) !== 0n && caps.EAFS === 0)
      return refuse(CHECKS.setupEafe, { path: 'flags', found: 'EAFE with ecap.EAFS = 0', wanted: 'EAFE clear' });
    return undefined;
  }

  override entry(): bigint[] {
    const flags = this.#flags;
    const words = nestedPasidEntry({
      did: this.did,
      pwsnp: this.unit.caps.SMPWCS === 1,
      pgsnp: this.second.forcesSnoop,
      sre: (flags & S1_FLAG.sre) !== 0n,
      eafe: (flags & S1_FLAG.eafe) !== 0n,
      wpe: (flags & S1_FLAG.wpe) !== 0n,
      ssade: this.second.dirtyOn,
      fsRoot: this.#root & ~0xfffn,
      fsLevels: this.#width === 57 ? 5 : 4,
      second: this.second.second,
    });
    // pasid_set_flptr ORs the pointer in unmasked, so low bits of a misaligned pgtbl_addr land in SRE to EAFE.
    words[2]! |= this.#root & 0xfffn;
    return words;
  }

  invalidate(array: UserDataArray, call: Call): Invalidated {
    return invalidateArray(this, array, call);
  }

  invalidatePosted(payload: { readonly uptr: bigint; readonly len: number }, call: Call): Refusal | undefined {
    return invalidatePosted(this, payload, call);
  }

  /**
   * Flushes a range of guest virtual addresses wherever the domain is attached: the IOTLB by page and PASID, then the
   * device TLBs. @param npages all ones: everything
   */
  flush(addr: bigint, npages: bigint, leafOnly: boolean, call: Call): void {
    const { queue } = this.unit;
    const whole = npages === EVERYTHING;
    // Before cache tags, everything was asked for by PASID; since then by a block of all pages.
    const byPasid = call.version.posted || call.version.id === 'iommufd-6.8';
    if (npages === 0n && byPasid) {
      call.notes.push('kernel log: Invalid input npages = 0');
      return;
    }
    const block: Block = whole ? { addr: 0n, order: WHOLE_ORDER } : coveringBlock(addr, npages);
    for (const tag of this.tags) {
      if (tag.cache === 'iotlb') queue.flushPasid(tag.did, tag.pasid, whole && byPasid ? undefined : block, leafOnly);
      else queue.flushDeviceOf(tag.device!.sid, tag.pasid, block);
    }
  }

  free(): void {
    this.second.children.delete(this);
  }
}
