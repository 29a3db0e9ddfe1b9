/**
 * What iommufd's core asks of an IOMMU driver: `struct iommu_ops`, `iommu_domain_ops` and `iommufd_viommu_ops` of the
 * kernel, as one interface. The core (this folder) has done every check of its own when it calls, and takes care of
 * object ids, reference counts and `entry_num`; a driver checks what the driver's functions check in the kernel, in
 * their order, and answers with a `Refusal` whose `Check` names them.
 *
 * A driver lives in a folder of its own beside this one: `engine/host/selftest` is the mock, VT-d's and SMMUv3's stand
 * next to it. It imports this file and `user-data.ts`, nothing else of the core; `engine/host/index.ts` joins the two
 * with `bootIommufd(platform, new SomeDriver(..))`.
 *
 * An operation that a driver lacks is left undefined, and the core answers EOPNOTSUPP where the kernel does.
 */
import type { Generation } from '../../uapi/index.ts';
import type { FailPoints, Refusal } from '../check.ts';
import type { DevicePageRequest } from '../kernel.ts';
import type { DeviceConfig } from '../machine-config.ts';
import type { UserMemory } from '../user-memory.ts';
import type { Version } from './versions.ts';

/** One ioctl or in-kernel call under way. */
export interface Call {
  readonly user: UserMemory;
  readonly generation: Generation;
  /** What this kernel release does differently from the others. */
  readonly version: Version;
  /** `fail.hit()` at every allocation and copy that can fail, in the kernel's order; answer with `injected: true`. */
  readonly fail: FailPoints;
  /** Whether a named quirk of the generation is on. */
  readonly quirk: (name: string) => boolean;
  /** Kernel log lines and side effects worth showing; a driver may push to it. */
  readonly notes: string[];
  /** What refused where the core throws the errno away, so that the call returns 0 all the same. */
  lost?: Refusal | undefined;
}

/** `struct iommu_user_data`: a struct in the caller's memory. Copy it with `copyStruct` of `user-data.ts`. */
export interface UserData {
  readonly type: number;
  readonly uptr: bigint;
  /** Bytes. */
  readonly len: number;
}

/** `struct iommu_user_data_array`. Copy entries with `copyEntry`, or all of them with `copyWholeArray`. */
export interface UserDataArray {
  readonly type: number;
  readonly uptr: bigint;
  /** Bytes of each entry. */
  readonly entryLen: number;
  readonly entryNum: number;
}

/** What an invalidation did: `done` is what the driver leaves in `array->entry_num`, on success and on failure. */
export interface Invalidated {
  readonly done: number;
  readonly refusal?: Refusal;
}

/** `IOMMU_HWPT_ALLOC_*` as handed to a driver: the core has taken FAULT_ID_VALID out. */
export const ALLOC = { nestParent: 1, dirtyTracking: 2, faultIdValid: 4, pasid: 8 } as const;

/** Rights of a mapping: bits of `IOMMU_READ` and `IOMMU_WRITE`. */
export interface Rights {
  readonly read: boolean;
  readonly write: boolean;
}

/** A domain whose page table the kernel keeps: the second stage, where it is a nesting parent. */
export interface PagingDomain {
  readonly kind: 'paging';
  /** Addresses it can translate: `geometry`. */
  readonly apertureStart: bigint;
  readonly apertureLast: bigint;
  /** Page sizes it can map, one bit each; the lowest is the IO page size. */
  readonly pageSizes: bigint;
  /** `enforce_cache_coherency` took effect: the IOMMU snoops whatever a device asks for. */
  readonly forcesSnoop?: boolean;
  /** `domain->dirty_ops` is set. */
  readonly tracksDirty: boolean;
  /**
   * Maps a range that is not mapped. @param iova, phys, size multiples of the IO page size
   * Nothing of the range stays mapped where it refuses.
   */
  map(iova: bigint, phys: bigint, size: bigint, rights: Rights, call: Call): Refusal | undefined;
  /** Unmaps what `map` has mapped, and flushes as this release of the driver does. */
  unmap(iova: bigint, size: bigint, call: Call): void;
  /** Changes the rights of what is mapped, and flushes: only `host protect` of a scenario asks for it. */
  protect?(iova: bigint, size: bigint, rights: Rights, call: Call): void;
  /** `set_dirty_tracking`; undefined without `tracksDirty`. */
  setDirtyTracking?(enable: boolean, call: Call): Refusal | undefined;
  /** `read_and_clear_dirty`: calls `record` for each dirty page of the range; `clear` takes the dirty bits away. */
  readDirty?(
    iova: bigint,
    size: bigint,
    clear: boolean,
    record: (iova: bigint, size: bigint) => void,
  ): Refusal | undefined;
  free(): void;
}

/** A domain whose page table the user keeps (IOMMU_DOMAIN_NESTED). */
export interface NestedDomain {
  readonly kind: 'nested';
  /** `cache_invalidate_user`; undefined where the driver takes invalidations by vIOMMU only. */
  invalidate?(array: UserDataArray, call: Call): Invalidated;
  /**
   * `cache_invalidate_user` of the 2023 posting, where an invalidation carries one payload whose struct follows from the
   * hwpt: copy it with `copyLenient`. Only a driver that runs on iommufd-2023-07 has it.
   */
  invalidatePosted?(payload: { readonly uptr: bigint; readonly len: number }, call: Call): Refusal | undefined;
  /** The words that `expect iotlb HWPT == [..]` looks at; only the mock has them. */
  words?(): readonly number[];
  free(): void;
}

export type Domain = PagingDomain | NestedDomain;

/** The core's side of a vIOMMU, as a driver sees it. */
export interface ViommuHandle {
  readonly type: number;
  /** The nesting parent it was allocated on. */
  readonly parent: PagingDomain;
  /** The device behind a virtual id, or undefined where no vDEVICE has it: `iommufd_viommu_find_dev`. */
  deviceAt(virtId: bigint): DeviceConfig | undefined;
  /** The virtual id of a device, or undefined: `iommufd_viommu_get_vdev_id`. */
  virtIdOf(device: string): bigint | undefined;
}

/** The core's side of a vDEVICE. */
export interface VdeviceHandle {
  readonly device: DeviceConfig;
  readonly virtId: bigint;
}

/** What HW_QUEUE_ALLOC hands to `hw_queue_init_phys`. */
export interface HwQueueRequest {
  readonly type: number;
  readonly index: number;
  /** Host-physical address of the queue's memory, which the core has pinned. */
  readonly basePa: bigint;
  /** The guest's address of it. */
  readonly iova: bigint;
  readonly length: bigint;
}

/** A hardware queue that a driver has set up. `destroy` runs when its object is destroyed. */
export interface HwQueue {
  /** Another queue of the vIOMMU that cannot go before this one: `iommufd_hw_queue_depend`. */
  readonly dependsOn?: HwQueue;
  destroy?(): void;
}

/** `struct iommufd_viommu_ops` of one vIOMMU. */
export interface Viommu {
  /** `alloc_domain_nested`. @param flags with FAULT_ID_VALID taken out */
  allocNested?(flags: number, data: UserData, call: Call): NestedDomain | Refusal;
  /** `cache_invalidate`. */
  invalidate?(array: UserDataArray, call: Call): Invalidated;
  /** `vdevice_init`: the vDEVICE can already be found by its virtual id. */
  initVdevice?(vdevice: VdeviceHandle, call: Call): Refusal | undefined;
  destroyVdevice?(vdevice: VdeviceHandle): void;
  /** `get_hw_queue_size` is not 0: the driver knows this type of queue. */
  knowsHwQueue?(type: number): boolean;
  /** `hw_queue_init_phys`. */
  initHwQueue?(request: HwQueueRequest, call: Call): HwQueue | Refusal;
  destroy?(): void;
}

/** What GET_HW_INFO copies out. */
export interface HwInfo {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** A page request as the hardware reports it (`struct iommu_fault_page_request`). */
export interface PageFault {
  readonly flags: number;
  readonly pasid: number;
  readonly grpid: number;
  readonly perm: number;
  readonly addr: bigint;
}

/** What the core does with what a device raises; handed to a driver by `connect`. */
export interface Reports {
  /**
   * `iommu_report_device_fault`: a page request for the domain that is attached to the PASID (0: the RID's own). It
   * waits in the fault queue of that hwpt until user space answers; `answer` gets the response code then.
   * @returns false when nothing takes it: no domain there, or an hwpt without a fault queue
   */
  pageFault(device: string, fault: PageFault, answer?: (code: number) => void): boolean;
  /**
   * `iommufd_viommu_report_event`: an event for the vEVENTQ of this type. A queue that is full keeps a note of the loss.
   * @returns EOPNOTSUPP where the vIOMMU has no queue of the type
   */
  event(viommu: ViommuHandle, type: number, bytes: Uint8Array): Refusal | undefined;
}

/** A range of addresses that no mapping may use: `get_resv_regions`. */
export interface ReservedRegion {
  readonly start: bigint;
  readonly last: bigint;
}

/** The IOMMU driver of a machine, for all its devices. */
export interface IommuDriver {
  /** Once, before anything else. */
  connect?(reports: Reports): void;
  /** The IOMMU instance a device sits behind (`dev->iommu->iommu_dev`): objects of two instances do not mix. */
  instanceOf(device: DeviceConfig): object;
  /** `IOMMU_CAP_DIRTY_TRACKING`. */
  canTrackDirty(device: DeviceConfig): boolean;
  /** `IOMMU_CAP_ENFORCE_CACHE_COHERENCY`; undefined means no. */
  canEnforceCoherency?(device: DeviceConfig): boolean;
  /** PASID bits that device and IOMMU offer together; 0 for none. */
  pasidBits(device: DeviceConfig): number;
  /** `user_pasid_table`: a guest may keep the PASID table, so a nested hwpt of a device also takes its PASIDs' faults. */
  readonly userPasidTable?: boolean;
  reservedRegions?(device: DeviceConfig): readonly ReservedRegion[];
  /**
   * `hw_info`. @param requested the type that the user asks for (7.x), or undefined for the driver's own
   * `undefined` as an answer: the driver has no hw_info, and the core reports IOMMU_HW_INFO_TYPE_NONE.
   */
  hwInfo?(device: DeviceConfig, requested: number | undefined, call: Call): HwInfo | Refusal | undefined;
  /**
   * `domain_alloc_paging_flags` (6.13), `domain_alloc_user` without parent before; with `flags` 0 and no data also the
   * automatic domain of an IOAS. The core has refused flags that it does not know.
   */
  allocPaging(device: DeviceConfig, flags: number, data: UserData | undefined, call: Call): PagingDomain | Refusal;
  /** `domain_alloc_nested`: by a paging hwpt. The core has checked that the parent is one and was made by this driver. */
  allocNested?(
    device: DeviceConfig,
    parent: PagingDomain,
    flags: number,
    data: UserData,
    call: Call,
  ): NestedDomain | Refusal;
  /** `get_viommu_size` is not 0 (before 6.17: `viommu_alloc` exists and takes the type). */
  knowsViommu?(device: DeviceConfig, type: number): boolean;
  /** `viommu_init`. @param data undefined where the user gave none */
  initViommu?(device: DeviceConfig, viommu: ViommuHandle, data: UserData | undefined, call: Call): Viommu | Refusal;
  /**
   * `attach_dev` for the devices of one group, in their order; they follow one another. The domain they have now, if
   * any, is replaced: where this refuses, that one stays as it was.
   */
  attach(devices: readonly DeviceConfig[], domain: Domain, old: Domain | undefined, call: Call): Refusal | undefined;
  /** The group goes back to blocked, and what is cached for `old` is flushed. */
  detach(devices: readonly DeviceConfig[], old: Domain): void;
  /** `set_dev_pasid`; undefined where the driver has none. @param old the domain that is there now */
  attachPasid?(
    device: DeviceConfig,
    pasid: number,
    domain: Domain,
    old: Domain | undefined,
    call: Call,
  ): Refusal | undefined;
  /** `remove_dev_pasid`, or `blocked_domain`'s `set_dev_pasid`. */
  detachPasid?(device: DeviceConfig, pasid: number, old: Domain): void;
  /** Whether page requests of this device can be delivered (IOMMU_DEV_FEAT_IOPF). */
  enableFaults?(device: DeviceConfig, call: Call): Refusal | undefined;
  /** `set_dev_user_data` of the 2023 posting (IOMMU_SET_DEV_DATA). */
  setDeviceData?(
    device: DeviceConfig,
    payload: { readonly uptr: bigint; readonly len: number },
    call: Call,
  ): Refusal | undefined;
  unsetDeviceData?(device: DeviceConfig): void;
  /** A device forgets what its TLB holds. */
  reset?(device: DeviceConfig): void;
  /**
   * What the device raises by itself, by `inject`: the driver reports it, or refuses, or the record is not one that it
   * knows. A `struct iommu_hwpt_pgfault` never comes here: the core takes it as a page request.
   */
  inject?(
    device: DeviceConfig,
    record: { readonly struct: string | undefined; readonly bytes: Uint8Array },
    call: Call,
  ): Refusal | undefined | 'not mine';
  /** A record that the hardware has reported. @returns kernel log lines */
  faultRecord?(words: readonly bigint[]): readonly string[];
  /** A page request that the device's own access left in the hardware's queue. @returns kernel log lines */
  pageRequest?(device: DeviceConfig, request: DevicePageRequest): readonly string[];
  /** The words that `expect devcache DEV == [..]` looks at; only the mock has them. */
  deviceWords?(device: DeviceConfig): readonly number[];
  /** Commands queued to the hardware since the last time this was asked. */
  takeIssued?(): bigint[][];
}

export const isRefusal = (value: unknown): value is Refusal =>
  typeof value === 'object' && value !== null && 'check' in value;
