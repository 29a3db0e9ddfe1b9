import { hex } from '../../base/text.ts';
import { command, OP } from '../../models/smmuv3/commands.ts';
import { SmmuIds } from '../../models/smmuv3/ids.ts';
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
import { structNamed, View } from '../iommufd/user-data.ts';
import type { DeviceConfig } from '../machine-config.ts';
import type { Platform } from '../platform.ts';
import { ARM_SMMU_CHECKS } from './checks.ts';
import { CommandQueue } from './command-queue.ts';
import { type SmmuHardware, SmmuNested, SmmuPaging } from './domains.ts';
import { handleEvent, type Vmaster } from './events.ts';
import { allocPosted } from './posted-2023.ts';
import { smmuVersionOf } from './version.ts';
import { ArmVsmmu } from './viommu.ts';

const { paging: CHECKS, nested: NESTED, posted: POSTED } = ARM_SMMU_CHECKS;
/** `IOMMU_HW_INFO_TYPE_ARM_SMMUV3`, `IOMMU_VIOMMU_TYPE_ARM_SMMUV3`. */
const HW_INFO = 2;
const VIOMMU = 1;

/**
 * drivers/iommu/arm/arm-smmu-v3 under iommufd: what it allocates, refuses and would issue. One SMMU stands in front of
 * all devices, each of which has one StreamID; tables and hardware are not there, so nothing is translated.
 */
export class ArmSmmuDriver implements IommuDriver {
  readonly userPasidTable = true;
  readonly #unit: SmmuHardware;
  readonly #version: ReturnType<typeof smmuVersionOf>;
  readonly #instance = {};
  /** Devices of a nested domain that are a guest's, by name. */
  readonly #vmasters = new Map<string, Vmaster>();
  /** IOMMU_SET_DEV_DATA: virtual StreamIDs of the posting of 2023. */
  readonly #vsids = new Map<bigint, DeviceConfig>();
  #reports: Reports | undefined;
  /** 0 stands for stage 2 in bypass, and for no address space. */
  #nextVmid = 1;
  #nextAsid = 1;
  /** By a paging domain only in the posting of 2023; as merged, by a vIOMMU, so that the core answers EOPNOTSUPP. */
  readonly allocNested?: NonNullable<IommuDriver['allocNested']>;

  constructor(platform: Platform) {
    this.#unit = { ids: new SmmuIds(platform.config.idr), queue: new CommandQueue() };
    this.#version = smmuVersionOf(platform.generation.id);
    if (this.#version.nestsByParent)
      this.allocNested = (_device, parent, _flags, data, call) => {
        const guest = { vmid: (parent as SmmuPaging).tag, sidOf: (vsid: bigint) => this.#vsids.get(vsid)?.sid };
        return allocPosted(this.#unit, parent as SmmuPaging, data, guest, call);
      };
  }

  connect(reports: Reports): void {
    this.#reports = reports;
  }

  instanceOf(): object {
    return this.#instance;
  }

  /** arm_smmu_dbm_capable: walks set the dirty state, coherently. */
  canTrackDirty(): boolean {
    return 2 <= this.#unit.ids.get('HTTU') && this.#unit.ids.has('COHACC');
  }

  canEnforceCoherency(): boolean {
    return this.#unit.ids.has('FWB');
  }

  pasidBits(device: DeviceConfig): number {
    return Math.min(device.pasidBits, this.#unit.ids.ssidBits);
  }

  hwInfo(_device: DeviceConfig, requested: number | undefined, call: Call): HwInfo | Refusal | undefined {
    if (requested !== undefined && requested !== 0 && requested !== HW_INFO)
      return refuse(CHECKS.hwInfoType, { path: 'in_data_type', found: `${requested}`, wanted: `${HW_INFO}` });
    if (!call.generation.structs.has('iommu_hw_info_arm_smmuv3')) return undefined;
    if (call.fail.hit()) return refuse(CHECKS.hwInfoNoMemory, { injected: true });
    const info = new View(structNamed(call, 'iommu_hw_info_arm_smmuv3'));
    const { values } = this.#unit.ids;
    for (let i = 0; i < 6; i++) info.set(`idr.${i}`, values[`IDR${i}`] ?? 0);
    info.set('iidr', values['IIDR'] ?? 0);
    info.set('aidr', values['AIDR'] ?? 0);
    return { type: HW_INFO, bytes: info.bytes };
  }

  allocPaging(_device: DeviceConfig, flags: number, data: UserData | undefined, call: Call): PagingDomain | Refusal {
    if (data) return refuse(CHECKS.data, { path: 'data_type', found: `${data.type}` });
    if (call.fail.hit()) return refuse(CHECKS.noMemory, { injected: true });
    // Before nesting parents were marked, every domain is a second stage where there are two.
    const nestParent = flags === ALLOC.nestParent || (call.version.posted && this.#canNest);
    const dirty = (flags & ~ALLOC.pasid) === ALLOC.dirtyTracking;
    if (flags !== 0 && flags !== ALLOC.pasid && !nestParent && !dirty)
      return refuse(CHECKS.flags, { path: 'flags', found: hex(flags) });
    if (nestParent && !this.#canNest) return refuse(CHECKS.noNesting, { found: this.#stages, wanted: 'both 1' });
    return new SmmuPaging(this.#unit, { nestParent, dirty }, nestParent ? this.#nextVmid++ : this.#nextAsid++);
  }

  /** arm_smmu_get_viommu_size: both stages, and a way to keep a guest from going round the caches (S2FWB). */
  knowsViommu(_device: DeviceConfig, type: number): boolean {
    return type === VIOMMU && this.#canNest && this.#unit.ids.has('FWB');
  }

  initViommu(_device: DeviceConfig, viommu: ViommuHandle): ArmVsmmu {
    return new ArmVsmmu(this.#unit, viommu);
  }

  attach(devices: readonly DeviceConfig[], domain: Domain, old: Domain | undefined, call: Call): Refusal | undefined {
    const masters = new Map<string, Vmaster>();
    for (const device of devices) {
      const vmaster = this.#vmasterOf(device, domain, call);
      if (vmaster && 'check' in vmaster) return vmaster;
      if (vmaster) masters.set(device.name, vmaster);
    }
    if (call.fail.hit()) return refuse(CHECKS.attachNoMemory, { injected: true });
    for (const device of devices) {
      this.#vmasters.delete(device.name);
      const vmaster = masters.get(device.name);
      if (vmaster) this.#vmasters.set(device.name, vmaster);
      if (old) pagingOf(old).devices.delete(device);
      pagingOf(domain).devices.add(device);
      this.#flushSte(device);
    }
    return undefined;
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

  detach(devices: readonly DeviceConfig[], old: Domain): void {
    for (const device of devices) {
      this.#vmasters.delete(device.name);
      pagingOf(old).devices.delete(device);
      this.#flushSte(device);
    }
  }

  attachPasid(
    { sid }: DeviceConfig,
    pasid: number,
    _domain: Domain,
    _old: Domain | undefined,
    call: Call,
  ): Refusal | undefined {
    if (call.fail.hit()) return refuse(CHECKS.attachNoMemory, { injected: true });
    this.#unit.queue.issue(command(OP.cfgiCd, { sid, ssid: pasid, leaf: 1 }));
    return undefined;
  }

  detachPasid({ sid }: DeviceConfig, pasid: number, old: Domain): void {
    this.#unit.queue.issue(
      command(OP.cfgiCd, { sid, ssid: pasid, leaf: 1 }),
      command(OP.tlbiNhAsid, { asid: pagingOf(old).tag }),
    );
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
    return handleEvent(record.bytes, this.#vmasters.get(device.name), this.#version.vsidZeroIsNone, this.#reports);
  }

  takeIssued(): bigint[][] {
    return this.#unit.queue.take();
  }

  get #canNest(): boolean {
    return this.#unit.ids.has('S1P') && this.#unit.ids.has('S2P');
  }

  get #stages(): string {
    return `S1P = ${this.#unit.ids.get('S1P')}, S2P = ${this.#unit.ids.get('S2P')}`;
  }

  #flushSte({ sid }: DeviceConfig): void {
    this.#unit.queue.issue(command(OP.cfgiSte, { sid, leaf: 1 }));
  }
}

const pagingOf = (domain: Domain): SmmuPaging =>
  domain instanceof SmmuNested ? domain.parent : (domain as SmmuPaging);
