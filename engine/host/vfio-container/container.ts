import type { StructVersion } from '../../uapi/index.ts';
import { type CallResult, type Check, done, type FailPoints, type Refusal, refuse } from '../check.ts';
import { FIRST_DID } from '../intel/domain-ids.ts';
import { type IntelDevice, IntelDriver } from '../intel/driver.ts';
import { KernelBase, type Problem, type Target } from '../kernel.ts';
import { type Platform, vtdOf } from '../platform.ts';
import type { UserMemory } from '../user-memory.ts';
import { failed } from './bytes.ts';
import { FD_CHECKS, GROUP_CHECKS } from './checks.ts';
import { getInfo } from './get-info.ts';

export const VFIO_TYPE = { type1: 1, dmaCc: 4, type1v2: 3, nesting: 6 };
const TYPE_NAMES = new Map([
  [VFIO_TYPE.type1, 'VFIO_TYPE1_IOMMU'],
  [VFIO_TYPE.type1v2, 'VFIO_TYPE1v2_IOMMU'],
  [VFIO_TYPE.nesting, 'VFIO_TYPE1_NESTING_IOMMU'],
]);

/**
 * A VFIO container over the VT-d driver, as one process holds it: its type, its groups, the second stage and what
 * VFIO_IOMMU_GET_INFO tells. A series adds its own ioctls and capabilities.
 */
export abstract class VfioContainer extends KernelBase {
  protected readonly what = 'a VFIO container';
  readonly user: UserMemory;
  readonly driver: IntelDriver;
  readonly quirk: (name: string) => boolean;
  /** Versions of a struct that this kernel knows above the posted one (`evolve`), the lowest first. */
  readonly laterVersions: (struct: string) => readonly StructVersion[];
  /** The generation's ioctls by command word. */
  readonly #ioctls: ReadonlyMap<number, string>;
  #type: number | undefined;
  #closed = false;

  constructor(platform: Platform) {
    super();
    const { config, generation, quirk } = platform;
    const vtd = vtdOf(platform);
    if (!vtd) throw new Error(`${generation.id} needs a VT-d unit`);
    this.user = platform.user;
    this.quirk = quirk;
    this.laterVersions = (struct) => generation.evolved?.get(struct) ?? [];
    this.#type = config.containerType;
    this.#ioctls = new Map([...generation.ioctls.values()].map(({ name, number }) => [number, name]));
    this.driver = new IntelDriver({
      ...vtd,
      cap: config.cap,
      ecap: config.ecap,
      devices: config.devices,
      isAllocated: (pasid) => this.isAllocated(pasid),
      quirk,
    });
  }

  /** An ioctl of the series by its name; undefined for one that it does not have. */
  protected abstract series(name: string, argument: bigint, fail: FailPoints): CallResult | Problem | undefined;
  /** Whether the PASID was allocated to the process. */
  protected abstract isAllocated(pasid: number): boolean;

  /** The extensions that the series adds to VFIO_CHECK_EXTENSION. */
  protected extension(_argument: number): number {
    return 0;
  }
  /** Why a container that holds a group already takes no second one. */
  protected secondGroup(): Refusal | undefined {
    return undefined;
  }
  /** What a group that is attached late gets of what the container has bound; undefined when all went well. */
  protected joined(_group: readonly IntelDevice[], _fail: FailPoints): Refusal | undefined {
    return undefined;
  }
  /** Undoes on a group what the series did to it, before the group leaves. Returns what is worth a note. */
  protected leaving(_group: readonly IntelDevice[]): string[] {
    return [];
  }
  /** What the series frees when the container goes. Returns what is worth a note. */
  protected released(): string[] {
    return [];
  }
  /** The Nth IOMMU domain that a group is attached to; VFIO merges the groups of one unit into one. */
  protected domainOf(_group: readonly IntelDevice[]): number {
    return 0;
  }
  /** Capabilities behind vfio_iommu_type1_info; undefined where the release has none. */
  capabilities(): readonly Uint8Array[] | undefined {
    return undefined;
  }

  get type(): number | undefined {
    return this.#type;
  }

  get typeName(): string {
    return this.#type === undefined
      ? 'a container without IOMMU type'
      : (TYPE_NAMES.get(this.#type) ?? `IOMMU type ${this.#type}`);
  }

  get isNesting(): boolean {
    return this.#type === VFIO_TYPE.nesting;
  }

  /** IS_IOMMU_CAP_DOMAIN_IN_CONTAINER: a domain exists as long as a group is attached. */
  get hasDomain(): boolean {
    return 0 < this.driver.attached().length;
  }

  override ioctl(command: number, argument: bigint, fail: FailPoints): CallResult | Problem {
    if (this.#closed) return failed(refuse(FD_CHECKS.fdClosed));
    const name = this.#ioctls.get(command) ?? '';
    if (name === 'VFIO_GET_API_VERSION') return done(0);
    if (name === 'VFIO_CHECK_EXTENSION') return done(this.#checkExtension(Number(argument)));
    if (name === 'VFIO_SET_IOMMU') return this.#setIommu(Number(argument & 0xffff_ffffn), fail);
    if (this.#type === undefined) return failed(refuse(FD_CHECKS.noDriver));
    if (name === 'VFIO_IOMMU_GET_INFO') return getInfo(this, argument);
    return (
      this.series(name, argument, fail) ??
      failed(refuse(FD_CHECKS.unknownIoctl, { found: `0x${command.toString(16)}` }))
    );
  }

  override attach(name: string, target: Target, fail: FailPoints): CallResult | Problem {
    const odd = oddTarget(target);
    if (odd) return odd;
    const group = this.driver.groupOf(name);
    if (group.some((device) => device.attached)) return failed(refuse(GROUP_CHECKS.attachBusy, { found: name }));
    return this.#attachGroup(group, fail);
  }

  override detach(name: string, target: Target): CallResult | Problem {
    const odd = oddTarget(target);
    if (odd) return odd;
    const group = this.driver.groupOf(name);
    if (!group.some((device) => device.attached)) return failed(refuse(GROUP_CHECKS.detachNot, { found: name }));
    return done(0, this.#detachGroup(group));
  }

  override reset(name: string): CallResult {
    this.driver.resetDevice(name);
    return done();
  }

  override exit(): CallResult | Problem {
    const notes = this.driver
      .groups()
      .flatMap((group) => (group.some((d) => d.attached) ? this.#detachGroup(group) : []));
    notes.push(...this.released());
    this.#closed = true;
    this.#type = undefined;
    return done(0, notes);
  }

  override hostMap(gpa: bigint, hpa: bigint, size: bigint): CallResult | Problem {
    return this.driver.mapSecondStage(gpa, hpa, size);
  }

  override hostUnmap(gpa: bigint, size: bigint): CallResult | Problem {
    return this.driver.unmapSecondStage(gpa, size);
  }

  override hostProtect(gpa: bigint, size: bigint, read: boolean, write: boolean): CallResult | Problem {
    return this.driver.protectSecondStage(gpa, size, read, write);
  }

  override isBound(name: string, { to, pasid }: Target): boolean | Problem {
    if (to !== undefined) return { problem: '"to" names an iommufd object, which this generation does not have' };
    const device = this.driver.device(name);
    if (!device) return false;
    return pasid === undefined ? device.attached : device.bound.has(pasid);
  }

  override takeIssued(): bigint[][] {
    return this.driver.queue.takeIssued();
  }

  /** Attaches what the machine declares before the scenario begins; the machine's word is taken, as its author's setup. */
  boot(): this {
    for (const group of this.driver.groups()) {
      if (this.hasDomain && this.secondGroup()) break;
      this.driver.attachGroup(group, this.isNesting, FIRST_DID + this.domainOf(group));
    }
    this.driver.queue.takeIssued();
    return this;
  }

  #checkExtension(type: number): number {
    if (TYPE_NAMES.has(type)) return 1;
    // Every VT-d unit that supports snoop control is cache coherent for DMA.
    if (type === VFIO_TYPE.dmaCc) return this.driver.coherent && this.hasDomain ? 1 : 0;
    return this.extension(type);
  }

  #setIommu(type: number, fail: FailPoints): CallResult {
    if (this.driver.groups().length === 0) return failed(refuse(FD_CHECKS.setNoGroup));
    if (this.#type !== undefined)
      return failed(
        refuse(FD_CHECKS.setTwice, {
          found: `a container of type ${this.typeName}`,
          wanted: 'a container without type',
        }),
      );
    if (!TYPE_NAMES.has(type))
      return failed(refuse(FD_CHECKS.setUnknown, { found: `${type}`, wanted: [...TYPE_NAMES.values()].join(', ') }));
    this.#type = type;
    for (const group of this.driver.groups()) {
      const result = this.#attachGroup(group, fail);
      if (result.returned < 0) {
        this.#type = undefined;
        return result;
      }
    }
    return done();
  }

  #attachGroup(group: readonly IntelDevice[], fail: FailPoints): CallResult {
    const full = this.hasDomain ? this.secondGroup() : undefined;
    if (full) return failed(full);
    const allocations: readonly Check[] = [
      GROUP_CHECKS.attachNoMemory,
      GROUP_CHECKS.attachNoMemory,
      GROUP_CHECKS.attachNoDomain,
    ];
    for (const check of allocations) if (fail.hit()) return failed(refuse(check, { injected: true }));
    if (this.isNesting && !this.driver.canNest)
      return failed(refuse(GROUP_CHECKS.attachNoNesting, { found: 'ecap.NEST = 0', wanted: 'ecap.NEST = 1' }));
    this.driver.attachGroup(group, this.isNesting, FIRST_DID + this.domainOf(group));
    const refusal = this.joined(group, fail);
    if (!refusal) return done();
    return failed(refusal, this.#detachGroup(group));
  }

  #detachGroup(group: readonly IntelDevice[]): string[] {
    const notes = this.leaving(group);
    this.driver.detachGroup(group);
    return notes;
  }
}

/** A container is one address space for all its devices: neither an object nor a PASID can be named. */
function oddTarget({ to, pasid }: Target): Problem | undefined {
  if (to !== undefined) return { problem: 'a VFIO container is not named: write attach DEV' };
  if (pasid !== undefined)
    return { problem: 'a PASID is bound with an ioctl in this generation: write attach DEV or detach DEV' };
  return undefined;
}
