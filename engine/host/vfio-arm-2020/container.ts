import type { SmmuIds } from '../../models/smmuv3/ids.ts';
import { logOf } from '../arm-smmu-v3/events.ts';
import { Smmu } from '../arm-smmu-v3/smmu.ts';
import { type CallResult, done, type FailPoints, refuse } from '../check.ts';
import { type DevicePageRequest, KernelBase, type Problem, type Target } from '../kernel.ts';
import type { DeviceConfig } from '../machine-config.ts';
import { type Platform, type SmmuPlatform, smmuOf } from '../platform.ts';
import { failed } from '../vfio-container/bytes.ts';
import { FD_CHECKS, GROUP_CHECKS } from '../vfio-container/checks.ts';
import { type Caller, cacheInvalidate, setMsiBinding, setPasidTable } from './calls.ts';
import { DOMAIN_CHECKS } from './checks.ts';
import { getInfo } from './get-info.ts';
import { SmmuDomain } from './smmu-domain.ts';

const NESTING = 6;
const DMA_CC = 4;
const TYPES = new Map([
  [1, 'VFIO_TYPE1_IOMMU'],
  [3, 'VFIO_TYPE1v2_IOMMU'],
  [NESTING, 'VFIO_TYPE1_NESTING_IOMMU'],
]);

/**
 * SMMUv3 nesting v10 (2020-03): a container whose groups share one domain of the SMMU, with the machine's RAM mapped as a
 * VMM maps it. A device outside of the container is blocked; what it falls back to is not part of a scenario.
 */
export class ArmContainer extends KernelBase {
  protected readonly what = 'a VFIO container on an SMMUv3';
  readonly ids: SmmuIds;
  readonly #platform: Platform;
  readonly #hardware: SmmuPlatform;
  readonly #smmu: Smmu;
  readonly #names: ReadonlyMap<number, string>;
  #type: number | undefined;
  #domain: SmmuDomain | undefined;
  #closed = false;

  constructor(platform: Platform) {
    super();
    const hardware = smmuOf(platform);
    if (!hardware) throw new Error(`${platform.generation.id} needs an SMMUv3`);
    this.#platform = platform;
    this.#hardware = hardware;
    this.ids = hardware.ids;
    this.#smmu = new Smmu(hardware, platform.config.devices, { steUpdate: 'old', hasRanges: false });
    this.#type = platform.config.containerType;
    this.#names = new Map([...platform.generation.ioctls.values()].map(({ name, number }) => [number, name]));
  }

  override ioctl(command: number, argument: bigint, fail: FailPoints): CallResult | Problem {
    if (this.#closed) return failed(refuse(FD_CHECKS.fdClosed));
    const name = this.#names.get(command);
    if (name === 'VFIO_GET_API_VERSION') return done(0);
    if (name === 'VFIO_CHECK_EXTENSION') return done(this.#extension(Number(argument)));
    if (name === 'VFIO_SET_IOMMU') return this.#setIommu(Number(argument & 0xffff_ffffn), fail);
    if (this.#type === undefined) return failed(refuse(FD_CHECKS.noDriver));
    switch (name) {
      case 'VFIO_IOMMU_GET_INFO':
        return getInfo(this.#platform.user, argument, this.ids);
      case 'VFIO_IOMMU_SET_PASID_TABLE':
        return setPasidTable(this.#caller, argument, fail);
      case 'VFIO_IOMMU_CACHE_INVALIDATE':
        return cacheInvalidate(this.#caller, argument, fail);
      case 'VFIO_IOMMU_SET_MSI_BINDING':
        return setMsiBinding(this.#caller, argument, fail);
      default:
        return failed(refuse(FD_CHECKS.unknownIoctl, { found: `0x${command.toString(16)}` }));
    }
  }

  override attach(name: string, target: Target, fail: FailPoints): CallResult | Problem {
    const odd = oddTarget(target);
    if (odd) return odd;
    const group = this.#groupOf(name);
    if (group.some((device) => this.#isAttached(device.name)))
      return failed(refuse(GROUP_CHECKS.attachBusy, { found: name }));
    return this.#attachGroup(group, fail);
  }

  override detach(name: string, target: Target): CallResult | Problem {
    const odd = oddTarget(target);
    if (odd) return odd;
    if (!this.#isAttached(name)) return failed(refuse(GROUP_CHECKS.detachNot, { found: name }));
    this.#detachGroup(this.#groupOf(name));
    return done();
  }

  override reset(name: string): CallResult {
    const device = this.#platform.config.devices.find((d) => d.name === name);
    if (device) this.#smmu.resetDevice(device);
    return done();
  }

  override exit(): CallResult {
    for (const { group } of [...(this.#domain?.devices ?? [])]) if (this.#domain) this.#detachGroup(this.#group(group));
    this.#closed = true;
    this.#type = undefined;
    return done();
  }

  override isBound(device: string, { to, pasid }: Target): boolean | Problem {
    if (to !== undefined) return { problem: '"to" names an iommufd object, which this generation does not have' };
    if (pasid !== undefined)
      return { problem: 'the guest owns the whole PASID table in this generation: write expect bound DEV' };
    return this.#isAttached(device);
  }

  /** `dev0.stage1`: what stage 1 does with the DMA of a device: 0 bypass, 1 translate, 2 abort. */
  override member(object: string, path: readonly string[]): bigint | undefined {
    if (path.length !== 1 || path[0] !== 'stage1' || !this.#isAttached(object)) return undefined;
    return { bypass: 0n, translate: 1n, abort: 2n }[this.#domain!.stage1];
  }

  override hostMap(gpa: bigint, hpa: bigint, size: bigint): CallResult | Problem {
    return this.#edit((domain) => domain.map(gpa, hpa, size));
  }

  override hostUnmap(gpa: bigint, size: bigint): CallResult | Problem {
    return this.#edit((domain) => domain.unmap(gpa, size));
  }

  override hostProtect(gpa: bigint, size: bigint, read: boolean, write: boolean): CallResult | Problem {
    return this.#edit((domain) => domain.protect(gpa, size, { read, write }));
  }

  #edit(edit: (domain: SmmuDomain) => CallResult | Problem): CallResult | Problem {
    return this.#domain ? edit(this.#domain) : { problem: 'the container has no domain, so that nothing is mapped' };
  }

  /** Faults of a guest's stage 1 are the host's to log in this version; a later one hands them on. */
  override faultRecord(words: readonly bigint[]): readonly string[] {
    const sid = Number(words[0]! >> 32n);
    return [logOf(words, this.#platform.config.devices.find((d) => d.sid === sid)?.name)];
  }

  override pageRequest(name: string, { pasid }: DevicePageRequest): readonly string[] {
    return this.#smmu.denyPageRequest(this.#platform.config.devices.find((d) => d.name === name)!, pasid);
  }

  override takeIssued(): bigint[][] {
    return this.#smmu.queue.take();
  }

  /** Attaches the groups that the machine declares; a group that the SMMU cannot nest stays outside. */
  boot(): this {
    const { devices } = this.#platform.config;
    for (const group of new Set(devices.map((d) => d.group)))
      if (!this.#cannotNest()) this.#join(devices.filter((d) => d.group === group));
    this.#smmu.queue.take();
    return this;
  }

  get #caller(): Caller {
    const { user, generation, quirk } = this.#platform;
    return {
      user,
      domains: this.#domain ? [this.#domain] : [],
      quirk,
      struct: (name) => generation.structs.get(name)!,
    };
  }

  #groupOf(name: string): readonly DeviceConfig[] {
    return this.#group(this.#platform.config.devices.find((d) => d.name === name)?.group);
  }

  #group(group: string | undefined): readonly DeviceConfig[] {
    return this.#platform.config.devices.filter((d) => d.group === group);
  }

  #isAttached(name: string): boolean {
    return this.#domain?.devices.some((d) => d.name === name) ?? false;
  }

  #cannotNest(): boolean {
    return this.#type === NESTING && !(this.ids.has('S1P') && this.ids.has('S2P'));
  }

  #extension(type: number): number {
    if (TYPES.has(type)) return 1;
    return type === DMA_CC && this.#domain && this.ids.has('COHACC') ? 1 : 0;
  }

  #setIommu(type: number, fail: FailPoints): CallResult {
    const { devices } = this.#platform.config;
    if (devices.length === 0) return failed(refuse(FD_CHECKS.setNoGroup));
    if (this.#type !== undefined)
      return failed(refuse(FD_CHECKS.setTwice, { found: TYPES.get(this.#type)!, wanted: 'a container without type' }));
    if (!TYPES.has(type)) return failed(refuse(FD_CHECKS.setUnknown, { found: `${type}` }));
    this.#type = type;
    for (const group of new Set(devices.map((d) => d.group))) {
      const result = this.#attachGroup(
        devices.filter((d) => d.group === group),
        fail,
      );
      if (result.returned === 0) continue;
      this.#type = undefined;
      return result;
    }
    return done();
  }

  #attachGroup(group: readonly DeviceConfig[], fail: FailPoints): CallResult {
    for (const check of [GROUP_CHECKS.attachNoMemory, GROUP_CHECKS.attachNoMemory, GROUP_CHECKS.attachNoDomain])
      if (fail.hit()) return failed(refuse(check, { injected: true }));
    if (this.#cannotNest()) {
      const found = `S1P = ${this.ids.get('S1P')}, S2P = ${this.ids.get('S2P')}`;
      return failed(refuse(DOMAIN_CHECKS.oneStage, { found, wanted: 'both 1' }));
    }
    this.#join(group);
    return done();
  }

  #join(group: readonly DeviceConfig[]): void {
    this.#domain ??= new SmmuDomain(this.#smmu, {
      nesting: this.#type === NESTING,
      ram: this.#platform.config.ram,
      root: this.#hardware.root,
      quirk: this.#platform.quirk,
    });
    this.#domain.join(group);
  }

  /** The domain goes with its last group, and with it what was set for stage 1. */
  #detachGroup(group: readonly DeviceConfig[]): void {
    const domain = this.#domain!;
    domain.leave(group);
    if (domain.devices.length > 0) return;
    domain.free();
    this.#domain = undefined;
  }
}

/** A container is one address space for all its devices: neither an object nor a PASID can be named. */
function oddTarget({ to, pasid }: Target): Problem | undefined {
  if (to !== undefined) return { problem: 'a VFIO container is not named: write attach DEV' };
  if (pasid !== undefined) return { problem: 'PASIDs belong to the table of the guest here: write attach DEV' };
  return undefined;
}

export const bootVfioArm2020 = (platform: Platform): ArmContainer => new ArmContainer(platform).boot();
