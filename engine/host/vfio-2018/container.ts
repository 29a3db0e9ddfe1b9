import { count } from '../../base/text.ts';
import { type CallResult, done, type FailPoints, type Refusal } from '../check.ts';
import type { IntelDevice } from '../intel/driver.ts';
import { IoasidAllocator } from '../ioasid.ts';
import type { Problem } from '../kernel.ts';
import type { ProcessConfig } from '../machine-config.ts';
import type { Platform } from '../platform.ts';
import { VfioContainer } from '../vfio-container/container.ts';
import { bindCall, unbindCall } from './bind-process.ts';
import type { Bond } from './bond.ts';
import { type Mm, nameOf } from './request.ts';
import { SvaDevices } from './sva-device.ts';

/** SVA of February 2018: a container that gives its devices the address space of a process. */
export class Container201802 extends VfioContainer {
  readonly pasids = new IoasidAllocator();
  readonly sva: SvaDevices;
  /** The container's list of bound processes, defunct ones included, in the order in which they were bound. */
  readonly bonds: Bond[] = [];
  /** Groups that have been enabled for SVA (vfio_group::sva_enabled). */
  readonly enabledGroups = new Set<string>();
  alive: readonly ProcessConfig[];

  constructor(platform: Platform) {
    super(platform);
    this.sva = new SvaDevices(this.driver, this.quirk);
    this.alive = platform.config.processes;
  }

  /** The attached groups. */
  groups(): readonly (readonly IntelDevice[])[] {
    return this.driver.groups().filter((group) => group.some((device) => device.attached));
  }

  bondOf(mm: Mm): Bond | undefined {
    return this.bonds.find((bond) => bond.mm === mm);
  }

  /** Devices that a failed bind has left enabled: nobody knows of them any more. */
  leftEnabled(): string[] {
    const left = this.groups()
      .filter((group) => !this.enabledGroups.has(group[0]!.setup.group))
      .flatMap((group) => this.sva.enabled(group).map((device) => device.name));
    return left.length === 0 ? [] : [`${left.join(', ')} stays enabled for SVA`];
  }

  /** A bound process dies: its exit handlers take it off the devices. */
  override processExit(name: string): CallResult {
    const process = this.alive.find((each) => each.name === name);
    this.alive = this.alive.filter((each) => each !== process);
    const bond = process && this.bondOf(process);
    if (!bond) return done(0, process ? [] : [`${name} has exited before`]);
    const pasid = bond.pasid;
    const notes = this.groups().flatMap((group) =>
      bond.unbindGroup(group).map((device) => `unbound PASID ${pasid} from ${device}`),
    );
    bond.release();
    if (this.quirk('defunct_bond_kept')) {
      bond.mm = undefined;
      notes.push(`the bond of ${name} stays in the container's list, defunct`);
    } else this.bonds.splice(this.bonds.indexOf(bond), 1);
    return done(0, notes);
  }

  override notWalkable(device: string, pasid: number): Problem | undefined {
    if (!this.driver.device(device)?.bound.has(pasid)) return undefined;
    const mm = this.bonds.find((bond) => bond.pasid === pasid)?.mm;
    return {
      problem: `PASID ${pasid} stands for the address space of ${mm ? nameOf(mm) : 'a process'}, whose page tables are not part of the machine`,
    };
  }

  protected series(name: string, argument: bigint, fail: FailPoints): CallResult | undefined {
    if (name === 'VFIO_IOMMU_BIND') return bindCall(this, argument, fail);
    if (name === 'VFIO_IOMMU_UNBIND') return unbindCall(this, argument);
    return undefined;
  }

  protected isAllocated(pasid: number): boolean {
    return this.pasids.has(pasid);
  }

  /** vfio_iommu_replay_bind: a group that joins late gets every process that is bound. */
  protected override joined(group: readonly IntelDevice[], fail: FailPoints): Refusal | undefined {
    for (const bond of this.bonds) {
      const refusal = bond.mm === undefined ? undefined : bond.bindGroup(group, fail);
      if (refusal) return refusal;
    }
    return undefined;
  }

  protected override leaving(group: readonly IntelDevice[]): string[] {
    const bound = [...this.bonds].reverse().flatMap((bond) => {
      const pasid = bond.pasid;
      return bond.unbindGroup(group).map((device) => `unbound PASID ${pasid} from ${device}`);
    });
    this.enabledGroups.delete(group[0]!.setup.group);
    return [...bound, ...this.sva.disable(group)];
  }

  protected override released(): string[] {
    const defunct = this.bonds.filter((bond) => bond.mm === undefined).length;
    for (const bond of this.bonds.splice(0)) bond.release();
    return defunct === 0 ? [] : [`freed ${count(defunct, 'defunct bond')}`];
  }
}

export const bootVfio201802 = (platform: Platform): Container201802 => new Container201802(platform).boot();
