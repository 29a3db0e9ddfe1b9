import { putUint } from '../../uapi/index.ts';
import { type CallResult, done, refuse } from '../check.ts';
import { failed, u32At } from './bytes.ts';
import { CHECKS } from './checks.ts';
import type { Container } from './container.ts';

/** Up to iova_pgsizes, which every caller must provide; up to cap_offset, which newer ones may. */
const MIN = 16;
const MIN_CAPS = 20;
const SIZE = 24;
const FLAG = { pgsizes: 1, caps: 2 };
const CAP = { iovaRange: 1, nesting: 3 };
const FORMAT_INTEL_VTD = 1;
const FEATURES = 0b111;

/** VFIO_IOMMU_GET_INFO of the series: page sizes, the usable IOVA ranges and, for a nesting container, the nesting capability. */
export function getInfo(container: Container, argument: bigint): CallResult {
  const head = container.user.copyFrom(argument, MIN);
  if (!head) return failed(refuse(CHECKS.infoFault, { found: `${MIN} bytes wanted` }));
  const argsz = u32At(head, 0);
  if (argsz < MIN)
    return failed(refuse(CHECKS.infoArgsz, { path: 'argsz', found: `${argsz}`, wanted: `at least ${MIN}` }));

  const caps = chain([iovaRanges(container), ...(container.hasNestingInfo ? [nesting(container)] : [])]);
  const info = new Uint8Array(SIZE);
  const knowsCaps = MIN_CAPS <= argsz;
  let needed = argsz;
  let capOffset = 0;
  if (knowsCaps) {
    if (argsz < SIZE + caps.length) needed = SIZE + caps.length;
    else {
      if (!container.user.copyTo(argument + BigInt(SIZE), caps))
        return failed(refuse(CHECKS.infoFault, { found: 'the capability chain could not be written' }));
      capOffset = SIZE;
    }
  }
  putUint(info, 0, 4, BigInt(needed));
  putUint(info, 4, 4, BigInt(FLAG.pgsizes | (knowsCaps ? FLAG.caps : 0)));
  putUint(info, 8, 8, container.driver.pageSizes);
  putUint(info, 16, 4, BigInt(capOffset));
  const written = info.subarray(0, knowsCaps ? MIN_CAPS : MIN);
  if (!container.user.copyTo(argument, written))
    return failed(refuse(CHECKS.infoFault, { found: 'the argument could not be written' }));
  return done();
}

/** Links capabilities: each begins with vfio_info_cap_header, whose `next` counts from the start of vfio_iommu_type1_info. */
function chain(caps: readonly Uint8Array[]): Uint8Array {
  const padded = caps.map((cap) => {
    const bytes = new Uint8Array(Math.ceil(cap.length / 8) * 8);
    bytes.set(cap);
    return bytes;
  });
  const all = new Uint8Array(padded.reduce((sum, cap) => sum + cap.length, 0));
  let at = 0;
  for (const [i, cap] of padded.entries()) {
    all.set(cap, at);
    putUint(all, at + 4, 4, i + 1 < padded.length ? BigInt(SIZE + at + cap.length) : 0n);
    at += cap.length;
  }
  return all;
}

function iovaRanges(container: Container): Uint8Array {
  const bytes = new Uint8Array(16 + 2 * 16);
  header(bytes, CAP.iovaRange);
  putUint(bytes, 8, 4, 2n);
  // The interrupt window 0xfee00000 to 0xfeefffff is cut out of the addresses that the second stage can translate.
  const last = (1n << BigInt(container.driver.addressWidth)) - 1n;
  for (const [i, [start, end]] of [[0n, 0xfedf_ffffn] as const, [0xfef0_0000n, last] as const].entries()) {
    putUint(bytes, 16 + i * 16, 8, start);
    putUint(bytes, 24 + i * 16, 8, end);
  }
  return bytes;
}

/** vfio_iommu_type1_info_cap_nesting with iommu_nesting_info and iommu_nesting_info_vtd behind it: 8 + 48 bytes. */
function nesting(container: Container): Uint8Array {
  const bytes = new Uint8Array(8 + 24 + 24);
  header(bytes, CAP.nesting);
  putUint(bytes, 8, 4, 48n);
  putUint(bytes, 16, 4, BigInt(FORMAT_INTEL_VTD));
  putUint(bytes, 20, 4, BigInt(FEATURES));
  putUint(bytes, 24, 2, BigInt(container.driver.addressWidth));
  putUint(bytes, 26, 2, BigInt(container.driver.pasidBits));
  putUint(bytes, 40, 8, container.driver.cap);
  putUint(bytes, 48, 8, container.driver.ecap);
  return bytes;
}

function header(bytes: Uint8Array, id: number): void {
  putUint(bytes, 0, 2, BigInt(id));
  putUint(bytes, 2, 2, 1n);
}
