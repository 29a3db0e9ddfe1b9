import { putUint } from '../../uapi/index.ts';
import type { CallResult, FailPoints } from '../check.ts';
import type { IntelDevice } from '../intel/driver.ts';
import { IoasidAllocator } from '../ioasid.ts';
import type { Problem } from '../kernel.ts';
import type { Platform } from '../platform.ts';
import { VfioContainer } from '../vfio-container/container.ts';
import { capability, iovaRangeCapability } from '../vfio-container/get-info.ts';
import { bind } from './bind.ts';
import { cacheInvalidate } from './cache-invalidate.ts';
import { DataSizes } from './data-size.ts';
import { pasidRequest } from './pasid-request.ts';

const EXTENSION_UAPI = 9;
const CAP_NESTING = 2;
const PASID_REQS = 1;
const FORMAT_INTEL_VTD = 1;

/** vSVA v1 (2020-03): three ioctls, and payloads whose size is looked up by their version. */
export class Container202003 extends VfioContainer {
  readonly ioasids = new IoasidAllocator();
  readonly sizes: DataSizes;

  constructor(platform: Platform) {
    super(platform);
    this.sizes = new DataSizes(platform.generation);
  }

  /** The vfio_mm is looked up when the backend opens; that only fails for want of memory, which is then only logged. */
  get hasMm(): boolean {
    return this.type !== undefined;
  }

  /** The attached devices by IOMMU domain: one for each group, as where no two groups can share one. */
  domains(): readonly (readonly IntelDevice[])[] {
    return this.driver.groups().filter((group) => group.some((device) => device.attached));
  }

  /** The versions that the driver takes: its own only, or with the review's proposal all that the table has. */
  accepted(): readonly [number, number] {
    return [this.quirk('version_to_size') ? this.sizes.current : 1, this.sizes.current];
  }

  override capabilities(): readonly Uint8Array[] {
    const ranges = iovaRangeCapability(this.driver);
    if (!this.isNesting || !this.hasDomain) return [ranges];
    const nesting = capability(CAP_NESTING, 16);
    putUint(nesting, 8, 4, BigInt(PASID_REQS));
    putUint(nesting, 12, 4, BigInt(FORMAT_INTEL_VTD));
    return [ranges, nesting];
  }

  protected series(name: string, argument: bigint, fail: FailPoints): CallResult | Problem | undefined {
    if (name === 'VFIO_IOMMU_PASID_REQUEST') return pasidRequest(this, argument, fail);
    if (name === 'VFIO_IOMMU_BIND') return bind(this, argument, fail);
    if (name === 'VFIO_IOMMU_CACHE_INVALIDATE') return cacheInvalidate(this, argument, fail);
    return undefined;
  }

  protected isAllocated(pasid: number): boolean {
    return this.ioasids.has(pasid);
  }

  protected override extension(argument: number): number {
    return argument === EXTENSION_UAPI ? this.sizes.current : 0;
  }

  protected override domainOf(group: readonly IntelDevice[]): number {
    return this.driver.groups().findIndex(([first]) => first === group[0]);
  }

  protected override leaving(group: readonly IntelDevice[]): string[] {
    return this.driver.unbindAll(group);
  }

  protected override released(): string[] {
    this.ioasids.freeAll();
    return [];
  }
}

export const bootVfio202003 = (platform: Platform): Container202003 => new Container202003(platform).boot();
