import type { SmmuIds } from '../../models/smmuv3/ids.ts';
import { putUint } from '../../uapi/index.ts';
import { type CallResult, done, refuse } from '../check.ts';
import type { UserMemory } from '../user-memory.ts';
import { failed, u32At } from '../vfio-container/bytes.ts';
import { INFO_CHECKS as CHECKS } from '../vfio-container/checks.ts';

/** Up to iova_pgsizes, which every caller must provide; up to cap_offset, which newer ones may. */
const MIN = 16;
const MIN_CAPS = 20;
const SIZE = 24;
const FLAG = { pgsizes: 1, caps: 2 };
const CAP_IOVA_RANGE = 1;
/** Addresses that the SMMU driver keeps for interrupts: MSI_IOVA_BASE and MSI_IOVA_LENGTH. */
const MSI = { start: 0x800_0000n, end: 0x810_0000n };

/** VFIO_IOMMU_GET_INFO of Linux 5.6: page sizes and the usable addresses as its one capability. */
export function getInfo(user: UserMemory, argument: bigint, ids: SmmuIds): CallResult {
  const head = user.copyFrom(argument, MIN);
  if (!head) return failed(refuse(CHECKS.infoFault, { found: `${MIN} bytes wanted` }));
  const argsz = u32At(head, 0);
  if (argsz < MIN)
    return failed(refuse(CHECKS.infoArgsz, { path: 'argsz', found: `${argsz}`, wanted: `at least ${MIN}` }));
  const ranges = iovaRanges(ids);
  const knowsCaps = MIN_CAPS <= argsz;
  const fits = knowsCaps && SIZE + ranges.length <= argsz;
  if (fits && !user.copyTo(argument + BigInt(SIZE), ranges))
    return failed(refuse(CHECKS.infoFault, { found: 'the capability could not be written' }));
  const info = new Uint8Array(SIZE);
  putUint(info, 0, 4, BigInt(knowsCaps && !fits ? SIZE + ranges.length : argsz));
  putUint(info, 4, 4, BigInt(FLAG.pgsizes | (knowsCaps ? FLAG.caps : 0)));
  putUint(info, 8, 8, pageSizes(ids));
  putUint(info, 16, 4, fits ? BigInt(SIZE) : 0n);
  if (!user.copyTo(argument, info.subarray(0, knowsCaps ? MIN_CAPS : MIN)))
    return failed(refuse(CHECKS.infoFault, { found: 'the argument could not be written' }));
  return done();
}

/** Page and block sizes of the granules that the unit has, one bit each. */
export function pageSizes(ids: SmmuIds): bigint {
  const sizes: readonly (readonly [granule: string, sizes: readonly bigint[]])[] = [
    ['GRAN4K', [1n << 12n, 1n << 21n, 1n << 30n]],
    ['GRAN16K', [1n << 14n, 1n << 25n]],
    ['GRAN64K', [1n << 16n, 1n << 29n]],
  ];
  return sizes.reduce((all, [granule, of]) => (ids.has(granule) ? of.reduce((a, b) => a | b, all) : all), 0n);
}

/** vfio_iommu_type1_info_cap_iova_range: everything that comes out of the SMMU but the window for interrupts. */
function iovaRanges(ids: SmmuIds): Uint8Array {
  const bytes = new Uint8Array(16 + 2 * 16);
  putUint(bytes, 0, 2, BigInt(CAP_IOVA_RANGE));
  putUint(bytes, 2, 2, 1n);
  putUint(bytes, 8, 4, 2n);
  const last = (1n << BigInt(ids.outputBits)) - 1n;
  for (const [i, [start, end]] of [[0n, MSI.start - 1n] as const, [MSI.end, last] as const].entries()) {
    putUint(bytes, 16 + i * 16, 8, start);
    putUint(bytes, 24 + i * 16, 8, end);
  }
  return bytes;
}
