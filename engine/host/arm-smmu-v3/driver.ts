import { hex } from '../../base/text.ts';
import { getUint } from '../../uapi/index.ts';
import { type Refusal, refuse } from '../check.ts';
import {
  ALLOC,
  type Call,
  type Domain,
  type HwInfo,
  type IommuDriver,
  type PagingDomain,
  type Reports,
  type UserData,
  type ViommuHandle,
} from '../iommufd/driver.ts';
import { hpaOfUser } from '../iommufd/pages.ts';
import { structNamed, View } from '../iommufd/user-data.ts';
import type { DevicePageRequest } from '../kernel.ts';
import type { DeviceConfig } from '../machine-config.ts';
import { type Platform, smmuOf } from '../platform.ts';
import { ARM_SMMU_CHECKS } from './checks.ts';
import { SmmuNested, SmmuPaging } from './domains.ts';
import { EventHandler, logOf, recordBytes, type Vmaster } from './events.ts';
import { Master } from './master.ts';
import { allocPosted } from './posted-2023.ts';
import { Smmu } from './smmu.ts';
import { smmuVersionOf } from './version.ts';
import { ArmVsmmu } from './viommu.ts';

const { paging: CHECKS, nested: NESTED, posted: POSTED } = ARM_SMMU_CHECKS;
/** `IOMMU_HW_INFO_TYPE_ARM_SMMUV3`, `IOMMU_VIOMMU_TYPE_ARM_SMMUV3`. */
const HW_INFO = 2;
const VIOMMU = 1;

/**
 * drivers/iommu/arm/arm-smmu-v3 under iommufd: stream table entries, context descriptors and page tables in memory, and
 * the commands of each release. One SMMU stands in front of all devices, each of which has one StreamID.
 *
 * A page table is a first stage, as since 6.13 by default, and a nesting parent a second one; in the posting of 2023 every
 * page table is a second stage where there are two. A device with nothing attached is blocked by its entry; before 6.9
 * that was an empty page table, whose faults were reported. No command is told twice because of an erratum.
 */
export class ArmSmmuDriver implements IommuDriver {
  readonly userPasidTable = true;
  readonly #smmu: Smmu;
  readonly #version: ReturnType<typeof smmuVersionOf>;
  readonly #masters: ReadonlyMap<string, Master>;
  /** Devices of a nested domain that are a guest's, by name. */
  readonly #vmasters = new Map<string, Vmaster>();
  /** IOMMU_SET_DEV_DATA: virtual StreamIDs of the posting of 2023. */
  readonly #vsids = new Map<bigint, DeviceConfig>();
  readonly #events: EventHandler;
  /** By a paging domain only in the posting of 2023; as merged, by a vIOMMU, so that the core answers EOPNOTSUPP. */
  readonly allocNested?: NonNullable<IommuDriver['allocNested']>;

  /** @throws Error on a machine without an SMMUv3 */
  constructor(platform: Platform) {
    const hardware = smmuOf(platform);
    if (!hardware) throw new Error(`${platform.generation.id} needs an SMMUv3`);
    const { devices } = platform.config;
    this.#version = smmuVersionOf(platform.generation.id);
    this.#smmu = new Smmu(hardware, devices, { ...this.#version, hasRanges: true });
    this.#masters = new Map(devices.map((device) => [device.name, new Master(this.#smmu, device)]));
    this.#events = new EventHandler(this.#smmu.queue, this.#version.vsidZeroIsNone);
    // Devices reach the caller's pages, so these lie in the memory that DMA reads and writes.
    platform.user.keepIn(hardware.mem, hpaOfUser);
    if (this.#version.nestsByParent)
      this.allocNested = (_device, parent, _flags, data, call) => {
        const paging = parent as SmmuPaging;
        const guest = { vmid: paging.tables.vmid, sidOf: (vsid: bigint) => this.#vsids.get(vsid)?.sid };
        return allocPosted(this.#smmu, paging, data, guest, call);
      };
  }

  connect(reports: Reports): void {
    this.#events.reports = reports;
  }

  instanceOf(): object {
    return this.#smmu;
  }

  /** arm_smmu_dbm_capable: walks set the dirty state, coherently. */
  canTrackDirty(): boolean {
    return 2 <= this.#smmu.ids.get('HTTU') && this.#smmu.ids.has('COHACC');
  }

  canEnforceCoherency(): boolean {
    return this.#smmu.ids.has('FWB');
  }

  pasidBits(device: DeviceConfig): number {
    return this.#smmu.ssidBits(device);
  }

  hwInfo(_device: DeviceConfig, requested: number | undefined, call: Call): HwInfo | Refusal | undefined {
    if (requested !== undefined && requested !== 0 && requested !== HW_INFO)
      return refuse(CHECKS.hwInfoType, { path: 'in_data_type', found: `${requested}`, wanted: `${HW_INFO}` });
    if (!call.generation.structs.has('iommu_hw_info_arm_smmuv3')) return undefined;
    if (call.fail.hit()) return refuse(CHECKS.hwInfoNoMemory, { injected: true });
    const info = new View(structNamed(call, 'iommu_hw_info_arm_smmuv3'));
    const { values } = this.#smmu.ids;
    for (let i = 0; i < 6; i++) info.set(`idr.${i}`, values[`IDR${i}`] ?? 0);
    info.set('iidr', values['IIDR'] ?? 0);
    info.set('aidr', values['AIDR'] ?? 0);
    return { type: HW_INFO, bytes: info.bytes };
  }

  allocPaging(_device: DeviceConfig, flags: number, data: UserData | undefined, call: Call): PagingDomain | Refusal {
    if (data) return refuse(CHECKS.data, { path: 'data_type', found: `${data.type}` });
    if (call.fail.hit()) return refuse(CHECKS.noMemory, { injected: true });
    const { canNest, ids } = this.#smmu;
    // Before nesting parents were marked, every domain is a second stage where there are two.
    if (call.version.posted && canNest) return new SmmuPaging(this.#smmu, { stage: 2 });
    const nestParent = flags === ALLOC.nestParent;
    const dirty = (flags & ~ALLOC.pasid) === ALLOC.dirtyTracking;
    const { pagingFlags } = this.#version;
    const known =
      pagingFlags === 'all' ? flags === ALLOC.pasid || nestParent || dirty : pagingFlags !== 'none' && dirty;
    if (flags !== 0 && !known) return refuse(CHECKS.flags, { path: 'flags', found: hex(flags) });
    if (nestParent && !canNest) return refuse(CHECKS.noNesting, { found: this.#stages, wanted: 'both 1' });
    if (flags !== 0 && !nestParent && !ids.has('S1P')) return refuse(CHECKS.noStage1, { found: this.#stages });
    return new SmmuPaging(this.#smmu, { stage: nestParent || !ids.has('S1P') ? 2 : 1, nestParent, dirty });
  }

  /** arm_smmu_get_viommu_size: both stages, and a way to keep a guest from going round the caches (S2FWB). */
  knowsViommu(_device: DeviceConfig, type: number): boolean {
    return type === VIOMMU && this.#smmu.canNest && this.#smmu.ids.has('FWB');
  }

  initViommu(_device: DeviceConfig, viommu: ViommuHandle): ArmVsmmu {
    return new ArmVsmmu(this.#smmu, viommu);
  }

  attach(devices: readonly DeviceConfig[], domain: Domain, _old: Domain | undefined, call: Call): Refusal | undefined {
    const vmasters = new Map<string, Vmaster>();
    const own = ownOf(domain);
    for (const device of devices) {
      const vmaster = this.#vmasterOf(device, domain, call);
      if (vmaster && 'check' in vmaster) return vmaster;
      if (vmaster) vmasters.set(device.name, vmaster);
    }
    if (call.fail.hit()) return refuse(CHECKS.attachNoMemory, { injected: true });
    for (const device of devices) {
      this.#vmasters.delete(device.name);
      const vmaster = vmasters.get(device.name);
      if (vmaster) this.#vmasters.set(device.name, vmaster);
      const master = this.#master(device);
      if (own instanceof SmmuNested) this.#attachNested(master, own);
      else master.attach(own.tables);
    }
    return undefined;
  }

  /** arm_smmu_attach_dev_nested: the guest decides whether its device may use ATS, since the flushes are its own. */
  #attachNested(master: Master, domain: SmmuNested): void {
    const ats = domain.enablesAts && this.#smmu.hasAts(master.config);
    master.writeSte(domain.entry(this.#smmu, ats, this.#version.mergesEvents));
    master.commit(0, { tables: domain.parent.tables, nested: domain.enablesAts }, ats);
  }

  /** arm_smmu_attach_prepare_vmaster, from 6.15 on. */
  #vmasterOf(device: DeviceConfig, domain: Domain, call: Call): Vmaster | Refusal | undefined {
    const { needsVdevice } = this.#version;
    if (!(domain instanceof SmmuNested && domain.viommu instanceof ArmVsmmu) || needsVdevice === 'none')
      return undefined;
    const viommu = domain.viommu.handle;
    const vsid = viommu.virtIdOf(device.name);
    if (vsid === undefined) {
      if (needsVdevice === 'a valid stage-1 STE' && !domain.usesStage1) return undefined;
      return refuse(NESTED.noVdevice, { found: device.name });
    }
    return call.fail.hit() ? refuse(NESTED.vmasterNoMemory, { injected: true }) : { viommu, vsid };
  }

  detach(devices: readonly DeviceConfig[]): void {
    for (const device of devices) {
      this.#vmasters.delete(device.name);
      this.#master(device).block();
    }
  }

  /** iommufd has seen to it that both the page table and that of the device itself were made for PASIDs: first stages. */
  attachPasid(
    device: DeviceConfig,
    pasid: number,
    domain: Domain,
    _old: Domain | undefined,
    call: Call,
  ): Refusal | undefined {
    if (call.fail.hit()) return refuse(CHECKS.attachNoMemory, { injected: true });
    this.#master(device).attachPasid(pasid, (domain as SmmuPaging).tables);
    return undefined;
  }

  detachPasid(device: DeviceConfig, pasid: number): void {
    this.#master(device).detachPasid(pasid);
  }

  setDeviceData(
    device: DeviceConfig,
    { uptr, len }: { readonly uptr: bigint; readonly len: number },
    call: Call,
  ): Refusal | undefined {
    if (len !== 4) return refuse(POSTED.deviceData, { path: 'data_len', found: `${len}`, wanted: '4' });
    const bytes = call.user.copyFrom(uptr, 4);
    if (!bytes) return refuse(POSTED.deviceFault, { path: 'data_uptr' });
    this.unsetDeviceData(device);
    this.#vsids.set(getUint(bytes, 0, 4), device);
    return undefined;
  }

  unsetDeviceData(device: DeviceConfig): void {
    for (const [vsid, known] of this.#vsids) if (known === device) this.#vsids.delete(vsid);
  }

  inject(
    device: DeviceConfig,
    record: { readonly struct: string | undefined; readonly bytes: Uint8Array },
  ): Refusal | undefined | 'not mine' {
    if (record.struct !== 'iommu_vevent_arm_smmuv3') return 'not mine';
    return this.#handle(record.bytes, device);
  }

  /** arm_smmu_evtq_thread with one record. What nobody takes is logged, as releases before 6.15 log every event. */
  faultRecord(words: readonly bigint[]): readonly string[] {
    const sid = Number(words[0]! >> 32n);
    const device = [...this.#masters.values()].find(({ config }) => config.sid === sid)?.config;
    const taken = device !== undefined && this.#handle(recordBytes(words), device) === undefined;
    return taken ? [] : [logOf(words, device?.name)];
  }

  #handle(bytes: Uint8Array, device: DeviceConfig): Refusal | undefined {
    const vmaster = this.#vmasters.get(device.name);
    return this.#events.handle(bytes, { device, vmaster, stalls: this.#smmu.stallForced });
  }

  pageRequest(device: DeviceConfig, { pasid }: DevicePageRequest): readonly string[] {
    return this.#smmu.denyPageRequest(device, pasid);
  }

  reset(device: DeviceConfig): void {
    this.#smmu.resetDevice(device);
  }

  takeIssued(): bigint[][] {
    return this.#smmu.queue.take();
  }

  #master({ name }: DeviceConfig): Master {
    return this.#masters.get(name)!;
  }

  get #stages(): string {
    const { ids } = this.#smmu;
    return `S1P = ${ids.get('S1P')}, S2P = ${ids.get('S2P')}`;
  }
}

/** Every domain of this machine was made here. */
const ownOf = (domain: Domain): SmmuPaging | SmmuNested => domain as SmmuPaging | SmmuNested;
