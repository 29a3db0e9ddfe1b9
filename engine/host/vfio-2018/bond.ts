import { type FailPoints, type Refusal, refuse } from '../check.ts';
import type { IntelDevice } from '../intel/driver.ts';
import { bindProcess, unbindProcess } from '../intel/process.ts';
import { BIND as CHECKS } from './checks.ts';
import type { Container201802 } from './container.ts';
import type { Mm } from './request.ts';

const FIRST_PASID = 1;

/** A process that the container has bound to its devices (struct vfio_mm). */
export class Bond {
  /** Undefined once the process has died. */
  mm: Mm | undefined;
  /** Undefined until the first device is bound; HPA of the top table afterwards. */
  #root: bigint | undefined;
  #pasid: number | undefined;
  readonly #container: Container201802;

  constructor(container: Container201802, mm: Mm) {
    this.#container = container;
    this.mm = mm;
  }

  get pasid(): number | undefined {
    return this.#pasid;
  }

  /** vfio_iommu_bind_group: enables the group when nobody has, then binds device by device. A refusal undoes the binds. */
  bindGroup(group: readonly IntelDevice[], fail: FailPoints): Refusal | undefined {
    const { sva, quirk } = this.#container;
    const key = group[0]!.setup.group;
    const first = !this.#container.enabledGroups.has(key);
    if (first) {
      const refusal = sva.enable(group, fail);
      if (refusal) return refusal;
      this.#container.enabledGroups.add(key);
    }
    for (const [i, device] of group.entries()) {
      const refusal =
        0 < i && !quirk('multi_device_group')
          ? refuse(CHECKS.secondDevice, { found: group.map((d) => d.name).join(', '), wanted: 'a single device' })
          : this.#bindDevice(device, fail);
      if (!refusal) continue;
      this.unbindGroup(group);
      if (first && !quirk('group_partial_enable')) {
        sva.disable(group);
        this.#container.enabledGroups.delete(key);
      }
      return refusal;
    }
    return undefined;
  }

  /** Takes the process off a group. Answers the devices that had it. */
  unbindGroup(group: readonly IntelDevice[]): string[] {
    const pasid = this.#pasid;
    if (pasid === undefined) return [];
    return group.filter((device) => unbindProcess(this.#container.driver, device, pasid)).map((device) => device.name);
  }

  /** Gives the PASID back, when no device has it any more. */
  release(): void {
    if (this.#pasid !== undefined) this.#container.pasids.free(this.#pasid);
    this.#pasid = undefined;
  }

  #bindDevice(device: IntelDevice, fail: FailPoints): Refusal | undefined {
    const { driver, pasids } = this.#container;
    if (this.#pasid === undefined) {
      if (fail.hit()) return refuse(CHECKS.noMemoryMm, { injected: true });
      const last = 2 ** Math.min(...driver.attached().map((d) => d.setup.pasidBits), driver.pasidBits) - 1;
      this.#pasid = pasids.allocate(FIRST_PASID, last);
      if (this.#pasid === undefined) return refuse(CHECKS.noPasid, { found: `${FIRST_PASID} to ${last} all taken` });
    }
    if (fail.hit()) return refuse(CHECKS.noMemoryDevice, { injected: true, found: device.name });
    if (driver.pasidEntryAddress(device, this.#pasid) === undefined && fail.hit())
      return refuse(CHECKS.noEntry, { injected: true, found: device.name });
    this.#root ??= driver.allocatePage();
    bindProcess(driver, device, this.#pasid, this.#root);
    return undefined;
  }
}
