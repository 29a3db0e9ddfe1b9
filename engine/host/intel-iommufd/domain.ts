import { type Refusal, refuse } from '../check.ts';
import type { Call } from '../iommufd/driver.ts';
import type { DeviceConfig } from '../machine-config.ts';
import { INTEL_IOMMUFD_CHECKS as CHECKS } from './checks.ts';
import type { DeviceState, IntelUnit } from './unit.ts';

/** `struct cache_tag`: a place where translations of a domain may be cached. */
export interface CacheTag {
  readonly cache: 'iotlb' | 'device';
  /** The tag stands on a nesting parent, for a domain that is nested on it. */
  readonly nested: boolean;
  readonly did: number;
  readonly pasid: number;
  /** Of a device TLB. */
  readonly device?: DeviceConfig;
  users: number;
}

/** Where a domain is attached. */
export interface Attachment {
  readonly device: DeviceState;
  readonly pasid: number;
}

/** Whether a release keeps cache tags, whose allocation can fail (6.10). Before, lists of devices said the same. */
const keepsTags = ({ version }: Call): boolean => !version.posted && version.id !== 'iommufd-6.8';

/** `struct dmar_domain`: what both kinds have. Its id is taken at the first attachment and given back at the last. */
export abstract class VtdDomain {
  readonly unit: IntelUnit;
  readonly tags: CacheTag[] = [];
  readonly attachments: Attachment[] = [];
  #did = 0;

  constructor(unit: IntelUnit) {
    this.unit = unit;
  }

  /** Domain id, 0 while nothing is attached. */
  get did(): number {
    return this.#did;
  }

  /** The nesting parent, of a nested domain. */
  get parent(): VtdDomain | undefined {
    return undefined;
  }

  /** What a PASID entry says for this domain. */
  abstract entry(): bigint[];

  /** What setting up a PASID entry checks of the domain before it looks at the entry. */
  abstract checkSetup(call: Call): Refusal | undefined;

  /** `domain_attach_iommu` and `cache_tag_assign_domain`. */
  hold(device: DeviceState, pasid: number, call: Call): Refusal | undefined {
    if (call.fail.hit()) return { ...refuse(CHECKS.attachNoMemory), injected: true };
    if (this.#did === 0) {
      if (call.fail.hit()) return { ...refuse(CHECKS.attachNoDomainId), injected: true };
      const did = this.unit.takeDid();
      if (did === undefined) return refuse(CHECKS.attachNoDomainId, { found: `cap.ND = ${this.unit.caps.ND}` });
      this.#did = did;
    }
    this.attachments.push({ device, pasid });
    const wanted = this.#tagsOf(device, pasid);
    for (const { on, tag } of wanted) {
      if (keepsTags(call) && call.fail.hit()) {
        this.release(device, pasid);
        return { ...refuse(CHECKS.attachNoTag), injected: true };
      }
      const known = on.tags.find((t) => isSame(t, tag));
      if (known) known.users++;
      else on.tags.push(tag);
    }
    return undefined;
  }

  /** `cache_tag_unassign_domain` and `domain_detach_iommu`. */
  release(device: DeviceState, pasid: number): void {
    const at = this.attachments.findIndex((a) => a.device === device && a.pasid === pasid);
    if (at < 0) return;
    this.attachments.splice(at, 1);
    for (const { on, tag } of this.#tagsOf(device, pasid)) {
      const known = on.tags.findIndex((t) => isSame(t, tag));
      if (0 <= known && --on.tags[known]!.users === 0) on.tags.splice(known, 1);
    }
    if (0 < this.attachments.length) return;
    this.unit.giveDid(this.#did);
    this.#did = 0;
  }

  #tagsOf({ config }: DeviceState, pasid: number): { readonly on: VtdDomain; readonly tag: CacheTag }[] {
    const on = (domain: VtdDomain, nested: boolean): { on: VtdDomain; tag: CacheTag }[] => {
      const common = { nested, did: this.#did, pasid, users: 1 };
      const iotlb = { on: domain, tag: { cache: 'iotlb' as const, ...common } };
      return config.ats
        ? [iotlb, { on: domain, tag: { cache: 'device' as const, device: config, ...common } }]
        : [iotlb];
    };
    return [...on(this, false), ...(this.parent ? on(this.parent, true) : [])];
  }
}

const isSame = (a: CacheTag, b: CacheTag): boolean =>
  a.cache === b.cache && a.nested === b.nested && a.did === b.did && a.pasid === b.pasid && a.device === b.device;
