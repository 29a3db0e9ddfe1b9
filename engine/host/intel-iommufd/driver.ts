import { hex } from '../../base/text.ts';
import { FailPoints, type Refusal, refuse } from '../check.ts';
import {
  ALLOC,
  type Call,
  type Domain,
  type HwInfo,
  type IommuDriver,
  isRefusal,
  type PagingDomain,
  type Reports,
  type ReservedRegion,
  type UserData,
} from '../iommufd/driver.ts';
import { hpaOfUser } from '../iommufd/pages.ts';
import { copyLenient, copyStruct, structNamed, View } from '../iommufd/user-data.ts';
import type { DevicePageRequest } from '../kernel.ts';
import type { DeviceConfig } from '../machine-config.ts';
import { type Platform, vtdOf } from '../platform.ts';
import { attachDevice, attachPasid, block } from './attach.ts';
import { INTEL_IOMMUFD_CHECKS as CHECKS } from './checks.ts';
import type { VtdDomain } from './domain.ts';
import { NestedFirstStage, S1_FLAG } from './nested-domain.ts';
import { PageRequests } from './page-requests.ts';
import { SecondStage } from './paging-domain.ts';
import { IntelUnit } from './unit.ts';

const HW_INFO_VTD = 1;
/** IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17, which the driver reports of every unit. */
const ERRATA_SPR17 = 1;
const VTD_S1 = { type: 1, struct: 'iommu_hwpt_vtd_s1', last: '__reserved' } as const;
const S1_FLAGS = S1_FLAG.sre | S1_FLAG.eafe | S1_FLAG.wpe;
/** Writes to these addresses are interrupts, so no mapping may use them. */
const MSI: readonly ReservedRegion[] = [{ start: 0xfee0_0000n, last: 0xfeef_ffffn }];

/**
 * drivers/iommu/intel behind iommufd, Linux 6.8 to 7.2: domains with real tables in memory, PASID entries, and the
 * invalidations that each release issues. One unit, scalable mode.
 *
 * What is left out: a first stage kept by the kernel, which releases from 6.13 on choose for a page table that is neither
 * a nesting parent nor tracks dirty pages; here that is a second stage too. ATS stays on while a nested domain is
 * attached; releases before 6.15 turn it off with the domain before. Domains of the DMA API take no domain id.
 */
export class IntelIommufd implements IommuDriver {
  readonly #unit: IntelUnit;
  readonly #platform: Platform;
  readonly #requests: PageRequests;

  /** @throws Error on a machine without a VT-d unit */
  constructor(platform: Platform) {
    const vtd = vtdOf(platform);
    if (!vtd) throw new Error(`${platform.generation.id} needs a VT-d unit`);
    this.#platform = platform;
    this.#unit = new IntelUnit(vtd, platform.config.devices);
    this.#requests = new PageRequests(this.#unit);
    // Devices reach the caller's pages, so these lie in the memory that DMA reads and writes.
    platform.user.keepIn(vtd.mem, hpaOfUser);
  }

  connect(reports: Reports): void {
    this.#requests.reports = reports;
  }

  instanceOf(): object {
    return this.#unit;
  }

  canTrackDirty(): boolean {
    return this.#unit.canTrackDirty;
  }

  canEnforceCoherency(): boolean {
    return this.#unit.caps.SC === 1;
  }

  pasidBits(device: DeviceConfig): number {
    return this.#unit.pasidBits(device);
  }

  reservedRegions(): readonly ReservedRegion[] {
    return MSI;
  }

  hwInfo(_device: DeviceConfig, requested: number | undefined, call: Call): HwInfo | Refusal {
    if (requested !== undefined && requested !== 0 && requested !== HW_INFO_VTD)
      return refuse(CHECKS.hwInfoType, { path: 'in_data_type', found: `${requested}`, wanted: `0 or ${HW_INFO_VTD}` });
    if (call.fail.hit()) return { ...refuse(CHECKS.hwInfoNoMemory), injected: true };
    const view = new View(structNamed(call, 'iommu_hw_info_vtd'));
    view.set('flags', ERRATA_SPR17);
    view.set('cap_reg', this.#platform.config.cap);
    view.set('ecap_reg', this.#platform.config.ecap);
    return { type: HW_INFO_VTD, bytes: view.bytes };
  }

  allocPaging(_device: DeviceConfig, flags: number, data: UserData | undefined, call: Call): SecondStage | Refusal {
    const known = ALLOC.nestParent | ALLOC.dirtyTracking | ALLOC.pasid;
    if ((flags & ~known) !== 0) return refuse(CHECKS.pagingFlags, { path: 'flags', found: hex(flags) });
    const unit = this.#unit;
    if ((flags & ALLOC.nestParent) !== 0 && !unit.canNest)
      return refuse(CHECKS.pagingNoNesting, { path: 'flags', found: `ecap.NEST = ${unit.caps.NEST}` });
    if (data) return refuse(CHECKS.pagingData, { path: 'data_type', found: hex(data.type), wanted: 'no payload' });
    if ((flags & ALLOC.dirtyTracking) !== 0 && !unit.canTrackDirty)
      return refuse(CHECKS.pagingNoDirty, { path: 'flags', found: `ecap.SSADS = ${unit.caps.SSADS}` });
    if (unit.caps.SSTS === 0) return refuse(CHECKS.pagingNoSecondStage, { found: 'ecap.SSTS = 0' });
    // The domain, then its top table.
    if (call.fail.hit() || call.fail.hit()) return { ...refuse(CHECKS.pagingNoMemory), injected: true };
    return new SecondStage(unit, flags);
  }

  allocNested(
    _device: DeviceConfig,
    parent: PagingDomain,
    flags: number,
    data: UserData,
    call: Call,
  ): NestedFirstStage | Refusal {
    const { posted } = call.version;
    if (!this.#unit.canNest || (flags & ~ALLOC.pasid) !== 0)
      return refuse(CHECKS.nestedUnsupported, { found: `ecap.NEST = ${this.#unit.caps.NEST}, flags ${hex(flags)}` });
    if (data.type !== VTD_S1.type)
      return refuse(CHECKS.nestedType, { path: 'data_type', found: hex(data.type), wanted: `0x${VTD_S1.type}` });
    if (!(parent instanceof SecondStage) || (!posted && !parent.nestParent))
      return refuse(CHECKS.nestedParent, { path: 'pt_id' });
    const s1 = posted ? copyLenient(call, data, VTD_S1.struct) : copyStruct(call, data, VTD_S1);
    if (isRefusal(s1)) return s1;
    if (!call.quirk('vtd_s1_unchecked')) {
      const wrong = [
        (s1.get('flags') & ~S1_FLAGS) !== 0n && 'flags',
        (s1.get('pgtbl_addr') & 0xfffn) !== 0n && 'pgtbl_addr',
        s1.get('__reserved') !== 0n && '__reserved',
      ].find((path) => path !== false);
      if (wrong) return refuse(CHECKS.nestedUnknown, { path: wrong, found: hex(s1.get(wrong)) });
    }
    if (posted && parent.mapsReadOnly) return refuse(CHECKS.postedReadOnlyParent, { path: 'pt_id' });
    if (call.fail.hit()) return { ...refuse(CHECKS.nestedNoMemory), injected: true };
    return new NestedFirstStage(parent, s1);
  }

  /** Devices follow one another; where one is refused, all get back what they had, as the group must stay together. */
  attach(devices: readonly DeviceConfig[], domain: Domain, old: Domain | undefined, call: Call): Refusal | undefined {
    for (const [i, config] of devices.entries()) {
      const refusal = attachDevice(this.#unit.device(config), own(domain), call);
      if (!refusal) continue;
      for (const done of devices.slice(0, i + 1)) {
        const device = this.#unit.device(done);
        block(device, 0);
        // A domain that was attached can be attached again: the kernel warns where not.
        if (old) attachDevice(device, own(old), { ...call, fail: new FailPoints() });
      }
      return refusal;
    }
    return undefined;
  }

  detach(devices: readonly DeviceConfig[]): void {
    for (const config of devices) block(this.#unit.device(config), 0);
  }

  attachPasid(
    config: DeviceConfig,
    pasid: number,
    domain: Domain,
    _old: Domain | undefined,
    call: Call,
  ): Refusal | undefined {
    if (this.#unit.pasidBits(config) === 0)
      return refuse(CHECKS.pasidUnsupported, { found: `ecap.PASID = ${this.#unit.caps.PASID}` });
    if (domain.kind === 'paging' && domain.tracksDirty) return refuse(CHECKS.pasidDirty);
    return attachPasid(this.#unit.device(config), pasid, own(domain), call);
  }

  detachPasid(config: DeviceConfig, pasid: number): void {
    block(this.#unit.device(config), pasid);
  }

  enableFaults(device: DeviceConfig): Refusal | undefined {
    if (device.ats && device.pri && this.#unit.caps.PRS === 1) return undefined;
    const { ats, pri } = device;
    return refuse(CHECKS.faultsNoPri, {
      found: `${device.name} with ats = ${ats ? 1 : 0}, pri = ${pri ? 1 : 0}, ecap.PRS = ${this.#unit.caps.PRS}`,
    });
  }

  /** What `prq_event_thread` does with a page request that a device left in the unit's queue. */
  pageRequest(device: DeviceConfig, request: DevicePageRequest): readonly string[] {
    return this.#requests.take(device, request);
  }

  reset(device: DeviceConfig): void {
    this.#unit.resetDevice(device);
  }

  takeIssued(): bigint[][] {
    return this.#unit.queue.takeIssued();
  }
}

/** Every domain of this machine was made here. */
const own = (domain: Domain): VtdDomain => domain as SecondStage | NestedFirstStage;
