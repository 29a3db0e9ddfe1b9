import { type Refusal, refuse } from '../check.ts';
import type { DeviceConfig } from '../machine-config.ts';
import { ATTACH_CHECKS as CHECKS } from './attach-checks.ts';
import type { Call, IommuDriver } from './driver.ts';
import { type DeviceObject, type Hwpt, HwptNested } from './objects.ts';

/** `IOMMU_NO_PASID`: the device itself. */
export const NO_PASID = 0;

/** What one PASID of a group is attached to, and which devices said so. */
interface Attach {
  hwpt: Hwpt;
  readonly devices: Set<DeviceObject>;
}

/** `struct iommufd_group`: devices that the IOMMU cannot tell apart share what they are attached to. */
export class Group {
  readonly name: string;
  readonly #driver: IommuDriver;
  readonly #members: readonly DeviceConfig[];
  readonly #attach = new Map<number, Attach>();

  constructor(name: string, members: readonly DeviceConfig[], driver: IommuDriver) {
    this.name = name;
    this.#members = members;
    this.#driver = driver;
  }

  attachedTo(device: DeviceObject, pasid: number): Hwpt | undefined {
    const attach = this.#attach.get(pasid);
    return attach?.devices.has(device) ? attach.hwpt : undefined;
  }

  /** PASIDs of a device that are attached, the device itself included. */
  pasidsOf(device: DeviceObject): number[] {
    return [...this.#attach].filter(([, { devices }]) => devices.has(device)).map(([pasid]) => pasid);
  }

  /** `iommufd_hw_pagetable_attach`: only the first device of a group is attached in truth, the others follow. */
  attach(device: DeviceObject, pasid: number, hwpt: Hwpt, call: Call): Refusal | undefined {
    const attach = this.#attach.get(pasid);
    if (!attach && call.fail.hit()) return { ...refuse(CHECKS.noMemory), injected: true };
    if (attach?.devices.has(device)) return refuse(CHECKS.twice, { found: place(device, pasid, attach.hwpt) });
    if (attach && attach.hwpt !== hwpt)
      return refuse(CHECKS.groupOther, { found: `group ${this.name} at ${attach.hwpt.type} ${attach.hwpt.id}` });
    if (pasid === NO_PASID) {
      const refusal = this.#reserve(device, hwpt, call);
      if (refusal) return refusal;
    }
    if (!attach) {
      const refusal = this.#attachFirst(device, pasid, hwpt, call);
      if (refusal) {
        if (pasid === NO_PASID) hwpt.paging.ioas.iopt.removeReserved(device);
        return refusal;
      }
      this.#attach.set(pasid, { hwpt, devices: new Set([device]) });
    } else attach.devices.add(device);
    hwpt.users++;
    return undefined;
  }

  #attachFirst(device: DeviceObject, pasid: number, hwpt: Hwpt, call: Call): Refusal | undefined {
    const refusal = this.#compatible(device, pasid, hwpt);
    if (refusal) return refusal;
    if (call.fail.hit()) return { ...refuse(CHECKS.noMemory), injected: true };
    if (hwpt.fault) {
      const odd = this.#driver.enableFaults?.(device.config, call);
      if (odd) return odd;
    }
    return this.#tellDriver(device, pasid, hwpt, undefined, call);
  }

  /** `iommufd_hwpt_pasid_compat`. */
  #compatible(device: DeviceObject, pasid: number, hwpt: Hwpt): Refusal | undefined {
    if (pasid === NO_PASID) {
      const others = [...this.#attach.keys()].some((p) => p !== NO_PASID);
      return others && !hwpt.pasidCompat
        ? refuse(CHECKS.ridNotPasidTable, { found: `${hwpt.type} ${hwpt.id}` })
        : undefined;
    }
    if (!hwpt.pasidCompat) return refuse(CHECKS.notPasidTable, { found: `${hwpt.type} ${hwpt.id}` });
    const rid = this.#attach.get(NO_PASID);
    if (rid && !rid.hwpt.pasidCompat)
      return refuse(CHECKS.ridNotPasidTable, { found: `${device.name} at ${rid.hwpt.type} ${rid.hwpt.id}` });
    return undefined;
  }

  #tellDriver(device: DeviceObject, pasid: number, hwpt: Hwpt, old: Hwpt | undefined, call: Call): Refusal | undefined {
    if (pasid === NO_PASID) return this.#driver.attach(this.#members, hwpt.domain, old?.domain, call);
    if (!this.#driver.attachPasid) return refuse(CHECKS.pasidNoOp, { found: `${hwpt.type} ${hwpt.id}` });
    if (2 ** this.#driver.pasidBits(device.config) <= pasid)
      return refuse(CHECKS.pasidRange, {
        found: `PASID ${pasid}`,
        wanted: `below ${2 ** this.#driver.pasidBits(device.config)}`,
      });
    return this.#driver.attachPasid(device.config, pasid, hwpt.domain, old?.domain, call);
  }

  /** `iommufd_device_do_replace`. @returns the page table that was there before, which the caller lets go */
  replace(device: DeviceObject, pasid: number, hwpt: Hwpt, call: Call): Hwpt | undefined | Refusal {
    const attach = this.#attach.get(pasid);
    if (!attach?.devices.has(device)) return refuse(CHECKS.replaceNone, { found: place(device, pasid) });
    const old = attach.hwpt;
    if (old === hwpt) return undefined;
    const resv = pasid === NO_PASID && old.paging.ioas !== hwpt.paging.ioas;
    if (resv) {
      for (const each of attach.devices) {
        const refusal = this.#reserve(each, hwpt, call);
        if (!refusal) continue;
        for (const done of attach.devices) hwpt.paging.ioas.iopt.removeReserved(done);
        return refusal;
      }
    }
    const refusal =
      this.#compatible(device, pasid, hwpt) ??
      (call.fail.hit() ? { ...refuse(CHECKS.noMemory), injected: true } : undefined) ??
      (hwpt.fault && !old.fault ? this.#driver.enableFaults?.(device.config, call) : undefined) ??
      this.#tellDriver(device, pasid, hwpt, old, call);
    if (refusal) {
      if (resv) for (const each of attach.devices) hwpt.paging.ioas.iopt.removeReserved(each);
      return refusal;
    }
    for (const each of attach.devices) {
      old.fault?.drop(each.id, pasid);
      if (resv) old.paging.ioas.iopt.removeReserved(each);
    }
    attach.hwpt = hwpt;
    hwpt.users += attach.devices.size;
    // One count stays for the caller, who may find that it was the last.
    old.users -= attach.devices.size - 1;
    return old;
  }

  /** `iommufd_hw_pagetable_detach`. @returns the page table, which the caller lets go; undefined where none is */
  detach(device: DeviceObject, pasid: number): Hwpt | undefined {
    const attach = this.#attach.get(pasid);
    if (!attach?.devices.delete(device)) return undefined;
    const { hwpt } = attach;
    if (attach.devices.size === 0) {
      this.#attach.delete(pasid);
      if (pasid === NO_PASID) this.#driver.detach(this.#members, hwpt.domain);
      else this.#driver.detachPasid?.(device.config, pasid, hwpt.domain);
      hwpt.fault?.drop(device.id, pasid);
    }
    if (pasid === NO_PASID) hwpt.paging.ioas.iopt.removeReserved(device);
    return hwpt;
  }

  /** `iopt_table_enforce_dev_resv_regions`. */
  #reserve(device: DeviceObject, hwpt: Hwpt, call: Call): Refusal | undefined {
    const { iopt } = hwpt.paging.ioas;
    for (const region of this.#driver.reservedRegions?.(device.config) ?? []) {
      const refusal = iopt.reserve(region, device, call);
      if (!refusal) continue;
      iopt.removeReserved(device);
      return refusal;
    }
    return undefined;
  }
}

const place = (device: DeviceObject, pasid: number, hwpt?: Hwpt): string => {
  const what = pasid === NO_PASID ? device.name : `PASID ${pasid} of ${device.name}`;
  return hwpt ? `${what}, at ${hwpt instanceof HwptNested ? 'nested' : 'paging'} HWPT ${hwpt.id}` : what;
};
