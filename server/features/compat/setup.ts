import { getUint } from '../../../engine/index.ts';
import type { Buffer } from './buffers.ts';
import { callName, type Route } from './routes.ts';

/** What has to be so before a call can do anything, besides the objects that its payload names. */
interface Setup {
  readonly machine: readonly string[];
  readonly declarations: readonly string[];
  readonly steps: readonly string[];
}

const NOTHING: Setup = { machine: [], declarations: [], steps: [] };
/** Largest mapping that is made for an unmap or a copy, in bytes. */
const MAX_MAPPED = 1n << 20n;

/** Maps [iova, iova + length) where that is a range that can be mapped, and nothing is mapped there already. */
function mapped(iova: bigint, length: bigint): Setup {
  if (length === 0n || MAX_MAPPED < length || 1n << 63n < iova) return NOTHING;
  return {
    ...NOTHING,
    declarations: [
      `raw room size ${length}`,
      `struct iommu_ioas_map map { size = sizeof, flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE, ioas_id = ioas.id, user_va = &room, length = ${length}, iova = ${iova} }`,
    ],
    steps: ['submit map expect ok or EEXIST or EINVAL'],
  };
}

const SETUPS: Readonly<Record<string, (bytes: Uint8Array) => Setup>> = {
  VFIO_DEVICE_BIND_IOMMUFD: () => ({ ...NOTHING, machine: ['iommufd { empty = 1 }'] }),
  VFIO_DEVICE_DETACH_IOMMUFD_PT: () => ({ ...NOTHING, steps: ['attach dev0 to ioas.id'] }),
  IOMMU_IOAS_UNMAP: (bytes) => mapped(getUint(bytes, 8, 8), getUint(bytes, 16, 8)),
  IOMMU_IOAS_COPY: (bytes) => mapped(getUint(bytes, 32, 8), getUint(bytes, 16, 8)),
  IOMMU_HW_QUEUE_ALLOC: (bytes) => mapped(getUint(bytes, 24, 8), getUint(bytes, 32, 8)),
};

export function setupOf(route: Route | number, { bytes }: Buffer): Setup {
  const setup = typeof route === 'number' ? undefined : SETUPS[callName(route)];
  if (!setup || typeof route === 'number' || route.kind === 'behind') return NOTHING;
  const whole = new Uint8Array(Math.max(bytes.length, route.struct.size));
  whole.set(bytes);
  return setup(whole);
}
