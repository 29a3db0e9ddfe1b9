import { check, type Refusal, refuse } from '../check.ts';
import type { Context } from './context.ts';
import type { Call, PageFault, Reports, ViommuHandle } from './driver.ts';
import { FAULT_FLAG, RESPONSE } from './fault-queue.ts';
import { NO_PASID } from './group.ts';
import type { DeviceObject, Hwpt } from './objects.ts';
import { structNamed, View } from './user-data.ts';
import { viommuOf } from './viommu-alloc.ts';

export const EVENT_CHECKS = Object.freeze({
  noQueue: check(
    'event-no-queue',
    'EOPNOTSUPP',
    'iommufd_viommu_report_event',
    'The vIOMMU has no vEVENTQ of this type.',
    'source',
    'Linux 7.2',
  ),
});

/** Brings what devices raise to the queue that is meant. */
export class FaultReports implements Reports {
  readonly #ctx: Context;
  /** Page requests of groups whose last one has not come yet, by device and group. */
  readonly #partial = new Map<string, PageFault[]>();

  constructor(ctx: Context) {
    this.#ctx = ctx;
  }

  pageFault(name: string, fault: PageFault, answer?: (code: number) => void): boolean {
    const device = this.#ctx.devices.get(name);
    const pasid = (fault.flags & FAULT_FLAG.pasidValid) !== 0 ? fault.pasid : NO_PASID;
    const { attached, hwpt } = this.#handlerOf(device, pasid);
    if (!device || !hwpt?.fault) {
      answer?.(RESPONSE.invalid);
      return false;
    }
    const key = `${name} ${fault.grpid}`;
    const group = [...(this.#partial.get(key) ?? []), fault];
    if ((fault.flags & FAULT_FLAG.lastPage) === 0) {
      this.#partial.set(key, group);
      return true;
    }
    this.#partial.delete(key);
    // iopf_group_alloc puts each collected request in front of the others, so the last one stays last.
    hwpt.fault.push(device.id, attached, [...group.slice(0, -1).reverse(), fault], answer);
    return true;
  }

  /**
   * `find_fault_handler`: where the guest keeps the PASID table of the device, what comes from a PASID that the kernel has
   * not attached goes to the nested hwpt of the device itself. @returns it, and the PASID it is attached to
   */
  #handlerOf(device: DeviceObject | undefined, pasid: number): { attached: number; hwpt: Hwpt | undefined } {
    const own = device?.group.attachedTo(device, pasid);
    if (own || !device || !this.#ctx.driver.userPasidTable) return { attached: pasid, hwpt: own };
    const hwpt = device.group.attachedTo(device, NO_PASID);
    return { attached: NO_PASID, hwpt: hwpt?.domain.kind === 'nested' ? hwpt : undefined };
  }

  event(handle: ViommuHandle, type: number, bytes: Uint8Array): Refusal | undefined {
    const queue = viommuOf(handle)?.veventqs.find((q) => q.eventType === type);
    if (!queue) return refuse(EVENT_CHECKS.noQueue, { found: `type 0x${type.toString(16)}` });
    queue.push(bytes);
    return undefined;
  }
}

/**
 * What a scenario injects as `struct iommu_hwpt_pgfault`. With no flags it is one whole group, and it has a PASID where
 * one is given, as the kernel's own test command raises it.
 */
export function pageFaultOf(call: Call, bytes: Uint8Array): PageFault {
  const view = new View(structNamed(call, 'iommu_hwpt_pgfault'), bytes);
  const pasid = view.u32('pasid');
  const implied = FAULT_FLAG.lastPage | (pasid === NO_PASID ? 0 : FAULT_FLAG.pasidValid);
  return {
    flags: view.u32('flags') === 0 ? implied : view.u32('flags'),
    pasid,
    grpid: view.u32('grpid'),
    perm: view.u32('perm'),
    addr: view.get('addr'),
  };
}
