import type { FailPoints, Refusal } from '../check.ts';
import type { DeviceConfig } from '../machine-config.ts';
import type { Platform } from '../platform.ts';
import type { Call, IommuDriver } from './driver.ts';
import { Group } from './group.ts';
import { ObjectTable } from './object-table.ts';
import type { DeviceObject, Ioas } from './objects.ts';
import type { Queue } from './queue.ts';
import type { View } from './user-data.ts';
import { versionOf } from './versions.ts';

/** The iommufd's own file descriptor; queues get the numbers behind it. */
export const IOMMUFD_FD = 3;

/** `struct iommufd_ctx`: one open /dev/iommu with its objects. */
export class Context {
  readonly platform: Platform;
  readonly driver: IommuDriver;
  readonly objects = new ObjectTable();
  readonly queues = new Map<number, Queue>();
  /** Devices that are bound, by name. */
  readonly devices = new Map<string, DeviceObject>();
  readonly #groups = new Map<string, Group>();
  /** IOMMU_OPTION_RLIMIT_MODE: pinned pages count against the process instead of the user. */
  accountByProcess = false;
  /** The IOAS of the VFIO container ioctls. */
  vfioIoas: Ioas | undefined;
  #nextFd = IOMMUFD_FD + 1;

  constructor(platform: Platform, driver: IommuDriver) {
    this.platform = platform;
    this.driver = driver;
  }

  call(fail: FailPoints): Call {
    const { user, generation, quirk } = this.platform;
    return { user, generation, version: versionOf(generation.id), fail, quirk, notes: [] };
  }

  groupOf(device: DeviceConfig): Group {
    const known = this.#groups.get(device.group);
    if (known) return known;
    const members = this.platform.config.devices.filter((d) => d.group === device.group);
    const group = new Group(device.group, members, this.driver);
    this.#groups.set(device.group, group);
    return group;
  }

  /** `get_unused_fd_flags`. */
  nextFd(): number {
    return this.#nextFd++;
  }
}

/** An ioctl answers with the check that refused, or with nothing. */
export type Handler = (ctx: Context, ucmd: Ucmd) => Refusal | undefined;

/** `struct iommufd_ucmd`: the kernel's copy of the caller's struct, and the way back. */
export interface Ucmd {
  readonly call: Call;
  readonly cmd: View;
  /** `iommufd_ucmd_respond`: writes back as much as the caller's struct has room for. */
  respond(): Refusal | undefined;
  /** Writes one field back, as the few calls do that do not answer with the whole struct. */
  respondField(path: string): Refusal | undefined;
}
