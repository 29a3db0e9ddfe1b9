import type { DeviceConfig } from '../machine-config.ts';
import type { Domain, HwQueue, NestedDomain, PagingDomain, Viommu } from './driver.ts';
import type { PageFaultQueue } from './fault-queue.ts';
import type { Group } from './group.ts';
import type { IoPagetable } from './io-pagetable.ts';
import type { EventQueue } from './veventq.ts';

/** `enum iommufd_object_type`, by the words messages use. */
export type ObjectType =
  | 'IOAS'
  | 'paging HWPT'
  | 'nested HWPT'
  | 'device'
  | 'fault queue'
  | 'vIOMMU'
  | 'vDEVICE'
  | 'vEVENTQ'
  | 'HW queue';

/** The kind of an object in a sentence: `an IOAS`, `a device`. */
export const withArticle = (type: ObjectType): string => `${/^[AEHIO]/.test(type) ? 'an' : 'a'} ${type}`;

/** `struct iommufd_object`: an id, and how many hold on to it. The table itself is one of `users`. */
export abstract class Obj {
  abstract readonly type: ObjectType;
  /** 0 until the table has given one. */
  id = 0;
  users = 1;
  /** `iommufd_object_ops.destroy`: gives back what the object held. */
  abstract destroy(): void;
}

export class Ioas extends Obj {
  readonly type = 'IOAS';
  readonly iopt: IoPagetable;
  readonly hwpts: HwptPaging[] = [];

  constructor(iopt: IoPagetable) {
    super();
    this.iopt = iopt;
  }

  destroy(): void {
    this.iopt.clear();
  }
}

/** What page tables of both kinds have: `struct iommufd_hw_pagetable`. */
export abstract class Hwpt extends Obj {
  abstract readonly domain: Domain;
  /** Where page requests go; undefined without IOMMU_HWPT_FAULT_ID_VALID. */
  fault: PageFaultQueue | undefined;
  /** It was allocated with IOMMU_HWPT_ALLOC_PASID. */
  pasidCompat = false;
  /** The page table of the kernel behind it: itself, or its nesting parent. */
  abstract readonly paging: HwptPaging;

  protected letGo(): void {
    this.domain.free();
    if (this.fault) this.fault.users--;
  }
}

export class HwptPaging extends Hwpt {
  readonly type = 'paging HWPT';
  readonly ioas: Ioas;
  readonly domain: PagingDomain;
  readonly nestParent: boolean;
  /** Made by the kernel for an attachment to an IOAS; it goes with the last one. */
  autoDomain = false;

  constructor(ioas: Ioas, domain: PagingDomain, nestParent: boolean) {
    super();
    this.ioas = ioas;
    this.domain = domain;
    this.nestParent = nestParent;
    ioas.users++;
  }

  get paging(): HwptPaging {
    return this;
  }

  destroy(): void {
    const at = this.ioas.hwpts.indexOf(this);
    if (0 <= at) {
      this.ioas.hwpts.splice(at, 1);
      this.ioas.iopt.removeDomain(this.domain);
    }
    this.letGo();
    this.ioas.users--;
  }
}

export class HwptNested extends Hwpt {
  readonly type = 'nested HWPT';
  readonly paging: HwptPaging;
  readonly viommu: ViommuObject | undefined;
  readonly domain: NestedDomain;

  constructor(parent: HwptPaging, viommu: ViommuObject | undefined, domain: NestedDomain) {
    super();
    this.paging = parent;
    this.viommu = viommu;
    this.domain = domain;
    if (viommu) viommu.users++;
    else parent.users++;
  }

  destroy(): void {
    this.letGo();
    if (this.viommu) this.viommu.users--;
    else this.paging.users--;
  }
}

export class DeviceObject extends Obj {
  readonly type = 'device';
  readonly config: DeviceConfig;
  readonly group: Group;
  /** Its vDEVICEs, of which a release before 6.17 allows several. */
  readonly vdevices = new Set<VdeviceObject>();

  constructor(config: DeviceConfig, group: Group) {
    super();
    this.config = config;
    this.group = group;
    // The VFIO driver holds on to it until the device is unbound.
    this.users++;
  }

  get name(): string {
    return this.config.name;
  }

  destroy(): void {}
}

export class ViommuObject extends Obj {
  readonly type = 'vIOMMU';
  readonly viommuType: number;
  readonly hwpt: HwptPaging;
  /** `iommu_dev`: devices behind another one cannot join. */
  readonly instance: object;
  readonly vdevices = new Map<bigint, VdeviceObject>();
  readonly veventqs: EventQueue[] = [];
  /** The driver's part, once it has set it up. */
  driver: Viommu | undefined;

  constructor(viommuType: number, hwpt: HwptPaging, instance: object) {
    super();
    this.viommuType = viommuType;
    this.hwpt = hwpt;
    this.instance = instance;
    hwpt.users++;
  }

  destroy(): void {
    this.driver?.destroy?.();
    this.hwpt.users--;
  }
}

export class VdeviceObject extends Obj {
  readonly type = 'vDEVICE';
  readonly viommu: ViommuObject;
  readonly device: DeviceObject;
  readonly virtId: bigint;
  /** The driver has set it up. */
  ready = false;

  constructor(viommu: ViommuObject, device: DeviceObject, virtId: bigint) {
    super();
    this.viommu = viommu;
    this.device = device;
    this.virtId = virtId;
    viommu.users++;
    device.vdevices.add(this);
  }

  destroy(): void {
    if (this.ready) this.viommu.driver?.destroyVdevice?.({ device: this.device.config, virtId: this.virtId });
    if (this.viommu.vdevices.get(this.virtId) === this) this.viommu.vdevices.delete(this.virtId);
    this.viommu.users--;
    this.device.vdevices.delete(this);
  }
}

export class HwQueueObject extends Obj {
  readonly type = 'HW queue';
  readonly viommu: ViommuObject;
  readonly iova: bigint;
  readonly length: bigint;
  driver: HwQueue | undefined;
  /** The queue that cannot go before this one. */
  dependsOn: HwQueueObject | undefined;
  /** The queue's memory is pinned, and so are its areas. */
  readonly #unpin: () => void;

  constructor(viommu: ViommuObject, iova: bigint, length: bigint, unpin: () => void) {
    super();
    this.viommu = viommu;
    this.iova = iova;
    this.length = length;
    this.#unpin = unpin;
    viommu.users++;
  }

  destroy(): void {
    this.driver?.destroy?.();
    if (this.dependsOn) this.dependsOn.users--;
    this.#unpin();
    this.viommu.users--;
  }
}
