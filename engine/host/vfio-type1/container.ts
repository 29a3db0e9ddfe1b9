import { type CallResult, done, type FailPoints, refuse } from '../check.ts';
import type { IntelDevice, IntelDriver } from '../intel/driver.ts';
import { IoasidAllocator } from '../ioasid.ts';
import type { Kernel, Problem } from '../kernel.ts';
import type { UserMemory } from '../user-memory.ts';
import { failed } from './bytes.ts';
import { CHECKS } from './checks.ts';
import { getInfo } from './get-info.ts';
import { nestingOp } from './nesting-op.ts';
import { pasidRequest } from './pasid-request.ts';

/** Command words, `_IO(';', nr)`; the numbers are those of the generation's table. */
export interface Commands {
  readonly getApiVersion: number;
  readonly checkExtension: number;
  readonly setIommu: number;
  readonly getInfo: number;
  readonly pasidRequest: number;
  readonly nestingOp: number;
}

export const VFIO_TYPE = { type1: 1, dmaCc: 4, type1v2: 3, nesting: 6 };
const TYPE_NAMES = new Map([
  [VFIO_TYPE.type1, 'VFIO_TYPE1_IOMMU'],
  [VFIO_TYPE.type1v2, 'VFIO_TYPE1v2_IOMMU'],
  [VFIO_TYPE.nesting, 'VFIO_TYPE1_NESTING_IOMMU'],
]);

/** A VFIO container of vSVA v6 (2020-07) over the VT-d driver, as one process holds it. */
export class Container implements Kernel {
  readonly user: UserMemory;
  readonly driver: IntelDriver;
  readonly ioasids = new IoasidAllocator();
  readonly #commands: Commands;
  readonly #quirks: ReadonlyMap<string, boolean>;
  #type: number | undefined;
  #closed = false;

  constructor(setup: {
    user: UserMemory;
    driver: IntelDriver;
    commands: Commands;
    quirks: ReadonlyMap<string, boolean>;
    type: number;
  }) {
    this.user = setup.user;
    this.driver = setup.driver;
    this.#commands = setup.commands;
    this.#quirks = setup.quirks;
    this.#type = setup.type;
  }

  quirk(name: string): boolean {
    return this.#quirks.get(name) ?? false;
  }

  get type(): number | undefined {
    return this.#type;
  }

  get typeName(): string {
    return this.#type === undefined
      ? 'a container without IOMMU type'
      : (TYPE_NAMES.get(this.#type) ?? `IOMMU type ${this.#type}`);
  }

  /** The series fills nesting_info when the first group joins a container of the nesting type. */
  get hasNestingInfo(): boolean {
    return this.#type === VFIO_TYPE.nesting && 0 < this.driver.attached().length;
  }

  /** The vfio_mm exists exactly when SYSWIDE_PASID is offered, which VT-d always does. */
  get hasVmm(): boolean {
    return this.hasNestingInfo;
  }

  /** Devices of the one group that a nesting container holds. */
  groupDevices(): readonly IntelDevice[] {
    return this.driver.attached();
  }

  ioctl(command: number, argument: bigint, fail: FailPoints): CallResult {
    if (this.#closed) return failed(refuse(CHECKS.fdClosed));
    const c = this.#commands;
    if (command === c.getApiVersion) return done(0);
    if (command === c.checkExtension) return done(this.#checkExtension(argument));
    if (command === c.setIommu) return this.#setIommu(Number(argument & 0xffff_ffffn), fail);
    if (this.#type === undefined) return failed(refuse(CHECKS.noDriver));
    if (command === c.getInfo) return getInfo(this, argument);
    if (command === c.pasidRequest) return pasidRequest(this, argument, fail);
    if (command === c.nestingOp) return nestingOp(this, argument, fail);
    return failed(refuse(CHECKS.unknownIoctl, { found: `0x${command.toString(16)}` }));
  }

  attach(name: string, fail: FailPoints): CallResult {
    const group = this.driver.groupOf(name);
    if (group.some((device) => device.attached)) return failed(refuse(CHECKS.attachBusy, { found: name }));
    return this.#attachGroup(group, fail);
  }

  detach(name: string): CallResult {
    const group = this.driver.groupOf(name);
    if (!group.some((device) => device.attached)) return failed(refuse(CHECKS.detachNot, { found: name }));
    return done(0, this.#detachGroup(group));
  }

  reset(name: string): CallResult {
    this.driver.resetDevice(name);
    return done();
  }

  exit(): CallResult {
    const notes = this.driver
      .groups()
      .flatMap((group) => (group.some((d) => d.attached) ? this.#detachGroup(group) : []));
    for (const pasid of this.ioasids.within(0, 0xffff_ffff)) this.ioasids.free(pasid);
    this.#closed = true;
    this.#type = undefined;
    return done(0, notes);
  }

  hostMap(gpa: bigint, hpa: bigint, size: bigint): CallResult | Problem {
    return this.driver.mapSecondStage(gpa, hpa, size);
  }

  hostUnmap(gpa: bigint, size: bigint): CallResult | Problem {
    return this.driver.unmapSecondStage(gpa, size);
  }

  hostProtect(gpa: bigint, size: bigint, read: boolean, write: boolean): CallResult | Problem {
    return this.driver.protectSecondStage(gpa, size, read, write);
  }

  isBound(name: string, pasid: number | undefined): boolean {
    const device = this.driver.device(name);
    if (!device) return false;
    return pasid === undefined ? device.attached : device.bound.has(pasid);
  }

  /** Attaches what the machine declares before the scenario begins; the machine's word is taken, as its author's setup. */
  boot(): void {
    for (const group of this.driver.groups()) {
      if (this.#type === VFIO_TYPE.nesting && 0 < this.driver.attached().length) break;
      this.driver.attachGroup(group, this.#type === VFIO_TYPE.nesting);
    }
  }

  #checkExtension(argument: bigint): number {
    const type = Number(argument);
    if (TYPE_NAMES.has(type)) return 1;
    // Every VT-d unit that supports snoop control is cache coherent for DMA.
    if (type === VFIO_TYPE.dmaCc) return this.driver.coherent && 0 < this.driver.attached().length ? 1 : 0;
    return 0;
  }

  #setIommu(type: number, fail: FailPoints): CallResult {
    if (this.driver.groups().length === 0) return failed(refuse(CHECKS.setNoGroup));
    if (this.#type !== undefined)
      return failed(
        refuse(CHECKS.setTwice, { found: `a container of type ${this.typeName}`, wanted: 'a container without type' }),
      );
    if (!TYPE_NAMES.has(type))
      return failed(refuse(CHECKS.setUnknown, { found: `${type}`, wanted: [...TYPE_NAMES.values()].join(', ') }));
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
    const nesting = this.#type === VFIO_TYPE.nesting;
    if (nesting && 0 < this.driver.attached().length) {
      return failed(
        refuse(CHECKS.attachSecond, {
          found: `${this.driver
            .attached()
            .map((d) => d.name)
            .join(', ')} attached already`,
          wanted: 'an empty container',
        }),
      );
    }
    const allocations = [CHECKS.attachNoMemory, CHECKS.attachNoMemory, CHECKS.attachNoDomain];
    for (const check of allocations) if (fail.hit()) return failed(refuse(check, { injected: true }));
    if (nesting && !this.driver.canNest)
      return failed(refuse(CHECKS.attachNoNesting, { found: 'ecap.NEST = 0', wanted: 'ecap.NEST = 1' }));
    this.driver.attachGroup(group, nesting);
    return done();
  }

  /** vfio_iommu_type1_detach_group: unbinds every PASID of the process from the group, then detaches it. */
  #detachGroup(group: readonly IntelDevice[]): string[] {
    const notes: string[] = [];
    if (this.hasNestingInfo) {
      for (const pasid of this.ioasids.within(0, 0xffff_ffff)) {
        for (const device of group)
          if (this.driver.unbindGpasid(device, BigInt(pasid)).torndown)
            notes.push(`unbound PASID ${pasid} from ${device.name}`);
      }
    }
    this.driver.detachGroup(group);
    return notes;
  }
}
