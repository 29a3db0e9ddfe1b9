import { hex } from '../../base/text.ts';
import { putUint, type Struct } from '../../uapi/index.ts';
import { type CallResult, check, done, type FailPoints, type Refusal, refuse } from '../check.ts';
import type { Context } from './context.ts';
import { type Call, isRefusal } from './driver.ts';
import { mapUserPages, unmapEmpty, unmapOverflow } from './ioas-map.ts';
import { ULONG_MAX } from './iova-allocator.ts';
import type { Ioas } from './objects.ts';
import { OPTION_CHECKS } from './option.ts';
import { PAGE } from './pages.ts';
import { failed } from './result.ts';
import { endOf, structNamed, View } from './user-data.ts';

const SRC = 'Linux 6.8';
const get = 'iommufd_vfio_iommu_get_info';
const map = 'iommufd_vfio_map_dma';
const unmap = 'iommufd_vfio_unmap_dma';

export const VFIO_COMPAT_CHECKS = Object.freeze({
  unknown: check('unknown-ioctl', 'ENOTTY', 'iommufd_vfio_ioctl', 'No call has this number.', 'source', SRC),
  type: check('vfio-type', 'EINVAL', 'iommufd_vfio_set_iommu', 'The type is TYPE1 or TYPE1v2.', 'source', SRC),
  infoFault: check('vfio-info-fault', 'EFAULT', get, 'The argument cannot be read or written.', 'source', SRC),
  infoArgsz: check('vfio-info-argsz', 'EINVAL', get, 'argsz must reach the end of iova_pgsizes.', 'source', SRC),
  mapFault: check('vfio-map-fault', 'EFAULT', map, 'The argument cannot be read.', 'source', SRC),
  mapArgsz: check(
    'vfio-map-argsz',
    'EINVAL',
    map,
    'argsz must reach the end of size, and READ and WRITE are the only flags.',
    'source',
    SRC,
  ),
  unmapFault: check('vfio-unmap-fault', 'EFAULT', unmap, 'The argument cannot be read or written.', 'source', SRC),
  unmapArgsz: check(
    'vfio-unmap-argsz',
    'EINVAL',
    unmap,
    'argsz must reach the end of size, and ALL is the only flag.',
    'source',
    SRC,
  ),
  unmapAll: check('vfio-unmap-all', 'EINVAL', unmap, 'To unmap all, iova and size must be 0.', 'source', SRC),
  unmapNothing: check(
    'vfio-unmap-nothing',
    'ENOENT',
    'iopt_unmap_iova_range',
    'Nothing in the range is mapped, which is a success from 6.18 on.',
    'source',
    SRC,
  ),
});
const CHECKS = VFIO_COMPAT_CHECKS;

const TYPE = { v1: 1, v2: 3 };
const DMA_CC = 4;
const UNMAP_ALL = 9;
const MAP_FLAG = { read: 1, write: 2 };
const UNMAP_FLAG_ALL = 2;
const INFO_FLAG = { pgsizes: 1, caps: 2 };
const CAP = { iovaRange: 1, dmaAvail: 3 };

type Compat = (ctx: Context, argument: bigint, call: Call) => number | Refusal;

const IOCTLS: ReadonlyMap<number, Compat> = new Map<number, Compat>([
  [0x3b64, () => 0],
  [0x3b65, checkExtension],
  [0x3b66, setIommu],
  [0x3b70, getInfo],
  [0x3b71, mapDma],
  [0x3b72, unmapDma],
]);

/** `iommufd_vfio_ioctl`: what a VFIO container would take, done to the IOAS that IOMMU_VFIO_IOAS has chosen. */
export function vfioIoctl(ctx: Context, command: number, argument: bigint, fail: FailPoints): CallResult {
  const ioctl = IOCTLS.get(command);
  if (!ioctl) return failed(refuse(CHECKS.unknown, { found: hex(command) }));
  const call = ctx.call(fail);
  const answer = ioctl(ctx, argument, call);
  return isRefusal(answer) ? failed(answer, call.notes) : done(answer, call.notes);
}

/** `get_compat_ioas`. */
const chosen = (ctx: Context): Ioas | Refusal => ctx.vfioIoas ?? refuse(OPTION_CHECKS.vfioNone);

/** VFIO_CHECK_EXTENSION: nesting and what came later are answered with 0. */
function checkExtension(ctx: Context, type: bigint): number | Refusal {
  if ([TYPE.v1, TYPE.v2, UNMAP_ALL].some((known) => BigInt(known) === type)) return 1;
  if (type !== BigInt(DMA_CC)) return 0;
  const ioas = chosen(ctx);
  return isRefusal(ioas) ? ioas : Number(ioas.hwpts.every((hwpt) => hwpt.domain.forcesSnoop === true));
}

/** VFIO_SET_IOMMU: the first type can unmap in the middle of a mapping, so it does without large pages. */
function setIommu(ctx: Context, type: bigint): number | Refusal {
  if (type !== BigInt(TYPE.v1) && type !== BigInt(TYPE.v2))
    return refuse(CHECKS.type, { found: `${type}`, wanted: `${TYPE.v1} or ${TYPE.v2}` });
  const ioas = chosen(ctx);
  if (isRefusal(ioas)) return ioas;
  return (type === BigInt(TYPE.v1) ? ioas.iopt.setLargePages(false) : undefined) ?? 0;
}

/** VFIO_IOMMU_GET_INFO: page sizes, and the two capabilities where they fit. */
function getInfo(ctx: Context, argument: bigint, call: Call): number | Refusal {
  const struct = structNamed(call, 'vfio_iommu_type1_info');
  const least = endOf(struct, 'iova_pgsizes');
  const head = call.user.copyFrom(argument, least);
  if (!head) return refuse(CHECKS.infoFault, { found: `${least} bytes wanted` });
  const info = new View(struct);
  info.bytes.set(head);
  const argsz = info.u32('argsz');
  if (argsz < least) return refuse(CHECKS.infoArgsz, { path: 'argsz', found: `${argsz}`, wanted: `at least ${least}` });
  const ioas = chosen(ctx);
  if (isRefusal(ioas)) return ioas;
  info.set('flags', INFO_FLAG.pgsizes | INFO_FLAG.caps);
  info.set('iova_pgsizes', pageSizes(ioas));
  let end = struct.size;
  let linked = -1;
  for (const fill of [dmaAvail, iovaRanges]) {
    const [bytes, written] = fill(ioas, call, Math.max(0, argsz - end));
    if (!call.user.copyTo(argument + BigInt(end), bytes.subarray(0, written))) return refuse(CHECKS.infoFault);
    if (0 <= linked && end <= argsz && !call.user.copyTo(argument + BigInt(linked), word(end)))
      return refuse(CHECKS.infoFault);
    linked = end + 4;
    end += bytes.length;
  }
  if (end <= argsz) info.set('cap_offset', struct.size);
  info.set('argsz', end);
  const wrote = call.user.copyTo(argument, info.bytes.subarray(0, Math.min(argsz, struct.size)));
  return wrote ? 0 : refuse(CHECKS.infoFault);
}

/** `iommufd_get_pagesizes`: those of every domain; what is smaller than a page of the CPU stands for one. */
function pageSizes(ioas: Ioas): bigint {
  let sizes = ioas.iopt.pageSizes;
  if ((sizes & (PAGE - 1n)) !== 0n) sizes = (sizes & ~(PAGE - 1n)) | PAGE;
  return sizes < ioas.iopt.alignment ? ioas.iopt.alignment : sizes;
}

/** A capability and how much of it the room takes: its head only when all of it fits. */
type Capability = readonly [bytes: Uint8Array, written: number];

function headed(struct: Struct, id: number, length = struct.size): View {
  const view = new View(struct, new Uint8Array(length));
  view.set('header.id', id);
  view.set('header.version', 1);
  return view;
}

function dmaAvail(_ioas: Ioas, call: Call, room: number): Capability {
  const cap = headed(structNamed(call, 'vfio_iommu_type1_info_dma_avail'), CAP.dmaAvail);
  cap.set('avail', 0xffff_ffff);
  return [cap.bytes, cap.bytes.length <= room ? cap.bytes.length : 0];
}

/** Where not all ranges fit, those that do are written and the head is not. */
function iovaRanges(ioas: Ioas, call: Call, room: number): Capability {
  const struct = structNamed(call, 'vfio_iommu_type1_info_cap_iova_range');
  const range = structNamed(call, 'vfio_iova_range').size;
  const ranges = ioas.iopt.usable();
  const cap = headed(struct, CAP.iovaRange, struct.size + ranges.length * range);
  cap.set('nr_iovas', ranges.length);
  for (const [i, { start, last }] of ranges.entries()) {
    putUint(cap.bytes, struct.size + i * range, 8, start);
    putUint(cap.bytes, struct.size + i * range + 8, 8, last);
  }
  if (cap.bytes.length <= room) return [cap.bytes, cap.bytes.length];
  const fitting = Math.max(0, Math.floor((room - struct.size) / range));
  cap.bytes.fill(0, 0, struct.size);
  return [cap.bytes, fitting === 0 ? 0 : struct.size + fitting * range];
}

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  putUint(bytes, 0, 4, BigInt(value));
  return bytes;
}

interface Range {
  readonly view: View;
  readonly ioas: Ioas;
}

/** What MAP_DMA and UNMAP_DMA begin with: copy, size and flags, and then the IOAS. */
function rangeOf(
  ctx: Context,
  argument: bigint,
  call: Call,
  name: string,
  { flags, fault, argsz }: { readonly flags: number; readonly fault: Refusal; readonly argsz: Refusal },
): Range | Refusal {
  const struct = structNamed(call, name);
  const least = endOf(struct, 'size');
  const bytes = call.user.copyFrom(argument, least);
  if (!bytes) return fault;
  const view = new View(struct);
  view.bytes.set(bytes);
  const given = view.u32('argsz');
  if (given < least) return { ...argsz, path: 'argsz', found: `${given}`, wanted: `at least ${least}` };
  const odd = view.u32('flags') & ~flags;
  if (odd !== 0) return { ...argsz, path: 'flags', found: hex(view.u32('flags')), wanted: `${hex(flags)} at most` };
  const ioas = chosen(ctx);
  return isRefusal(ioas) ? ioas : { view, ioas };
}

/** VFIO_IOMMU_MAP_DMA: at the address that the caller names. */
function mapDma(ctx: Context, argument: bigint, call: Call): number | Refusal {
  const range = rangeOf(ctx, argument, call, 'vfio_iommu_type1_dma_map', {
    flags: MAP_FLAG.read | MAP_FLAG.write,
    fault: refuse(CHECKS.mapFault),
    argsz: refuse(CHECKS.mapArgsz),
  });
  if (isRefusal(range)) return range;
  const { view, ioas } = range;
  const flags = view.u32('flags');
  const rights = { read: (flags & MAP_FLAG.read) !== 0, write: (flags & MAP_FLAG.write) !== 0 };
  const memory = { base: view.get('vaddr'), length: view.get('size'), path: 'vaddr' };
  const iova = mapUserPages(ioas, memory, view.get('iova'), rights, call);
  return isRefusal(iova) ? iova : 0;
}

/** VFIO_IOMMU_UNMAP_DMA: size is written back on every outcome of the unmapping itself. */
function unmapDma(ctx: Context, argument: bigint, call: Call): number | Refusal {
  const fault = refuse(CHECKS.unmapFault);
  const range = rangeOf(ctx, argument, call, 'vfio_iommu_type1_dma_unmap', {
    flags: UNMAP_FLAG_ALL,
    fault,
    argsz: refuse(CHECKS.unmapArgsz),
  });
  if (isRefusal(range)) return range;
  const { view, ioas } = range;
  const [start, length] = [view.get('iova'), view.get('size')];
  const isAll = (view.u32('flags') & UNMAP_FLAG_ALL) !== 0;
  if (isAll && (start !== 0n || length !== 0n))
    return refuse(CHECKS.unmapAll, { path: start === 0n ? 'size' : 'iova', found: hex(start || length), wanted: '0' });
  if (!isAll && !ioas.iopt.largePages) {
    const cut = ioas.iopt.cutAround(start, BigInt.asUintN(64, start + length - 1n), call);
    if (cut) return cut;
  }
  const { unmapped, refusal } = isAll ? ioas.iopt.unmap(0n, ULONG_MAX, call) : unmapRange(ioas, start, length, call);
  view.set('size', unmapped);
  if (!call.user.copyTo(argument, view.bytes.subarray(0, endOf(view.struct, 'size')))) return fault;
  return refusal ?? 0;
}

function unmapRange(
  ioas: Ioas,
  start: bigint,
  length: bigint,
  call: Call,
): { readonly unmapped: bigint; readonly refusal?: Refusal } {
  if (length === 0n) return { unmapped: 0n, refusal: unmapEmpty('size') };
  if (ULONG_MAX < start + length - 1n) return { unmapped: 0n, refusal: unmapOverflow(start) };
  const result = ioas.iopt.unmap(start, start + length - 1n, call);
  if (result.refusal || result.unmapped !== 0n || !call.version.emptyUnmapRefused) return result;
  return { unmapped: 0n, refusal: refuse(CHECKS.unmapNothing, { path: 'iova', found: hex(start) }) };
}
