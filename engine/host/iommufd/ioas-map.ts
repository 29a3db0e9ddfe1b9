import { hex } from '../../base/text.ts';
import { check, type Refusal, refuse } from '../check.ts';
import type { Context, Handler, Ucmd } from './context.ts';
import { type Call, isRefusal, type Rights } from './driver.ts';
import type { Piece } from './io-pagetable.ts';
import { getIoas } from './ioas.ts';
import { ULONG_MAX } from './iova-allocator.ts';
import { Ioas } from './objects.ts';
import { userPages } from './pages.ts';

const SRC = 'Linux 6.8 and 7.2';
const map = 'iommufd_ioas_map';
const copy = 'iommufd_ioas_copy';
const unmap = 'iommufd_ioas_unmap';
const FLAG = { fixed: 1, writeable: 2, readable: 4 };
const FLAGS = FLAG.fixed | FLAG.writeable | FLAG.readable;

export const MAP_CHECKS = Object.freeze({
  flags: check('map-flags', 'EOPNOTSUPP', map, 'A flag is unknown, or __reserved is not 0.', 'source', SRC),
  overflow: check('map-overflow', 'EOVERFLOW', map, 'iova or length is beyond all addresses.', 'source', SRC),
  rights: check('map-rights', 'EINVAL', map, 'A mapping must be readable or writable.', 'source', 'Linux 7.2'),
  noMemory: check('map-no-memory', 'ENOMEM', 'iopt_alloc_pages', 'No memory for a mapping.', 'source', SRC),
  empty: check('map-empty', 'EINVAL', 'iopt_alloc_pages', 'The length must not be 0.', 'source', SRC),
  userOverflow: check(
    'map-user-overflow',
    'EOVERFLOW',
    'iopt_alloc_user_pages',
    'user_va and length pass the last address.',
    'source',
    SRC,
  ),
  fileFd: check('map-file-fd', 'EBADF', 'iommufd_ioas_map_file', 'fd is not an open file.', 'source', 'Linux 7.2'),
  fileKind: check(
    'map-file-kind',
    'EINVAL',
    'memfd_pin_folios',
    'The file is no memfd; queues and the iommufd itself are all that a scenario has open.',
    'derived',
    'Linux 7.2',
  ),
  copyEmpty: check('copy-empty', 'EINVAL', 'iopt_get_pages', 'The length must not be 0.', 'source', SRC),
  copyRange: check('copy-overflow', 'EOVERFLOW', copy, 'A range passes the last address.', 'source', SRC),
  copySource: check('copy-not-mapped', 'ENOENT', 'iopt_get_pages', 'Part of the source is not mapped.', 'source', SRC),
  unmapOverflow: check('unmap-overflow', 'EOVERFLOW', unmap, 'iova or length is beyond all addresses.', 'source', SRC),
  unmapEmpty: check('unmap-empty', 'EINVAL', 'iopt_unmap_iova', 'The length must not be 0.', 'source', SRC),
  unmapNothing: check('unmap-nothing', 'ENOENT', unmap, 'Nothing in the range is mapped.', 'source', SRC),
  changeReserved: check(
    'change-process-reserved',
    'EOPNOTSUPP',
    'iommufd_ioas_change_process',
    '__reserved must be 0.',
    'derived',
    'Linux 6.14',
  ),
  changeNotFile: check(
    'change-process-user-memory',
    'EINVAL',
    'iommufd_ioas_change_process',
    'Something is mapped that is no file.',
    'derived',
    'Linux 6.14',
  ),
});
const CHECKS = MAP_CHECKS;

/** Checks that MAP, MAP_FILE and COPY share. @param addresses fields that must lie within all addresses */
function judge({ cmd, call }: Ucmd, addresses: readonly string[]): Refusal | undefined {
  const flags = cmd.u32('flags');
  if ((flags & ~FLAGS) !== 0 || cmd.get('__reserved') !== 0n)
    return refuse(CHECKS.flags, { path: 'flags', found: hex(flags), wanted: 'bits 0 to 2 only, __reserved 0' });
  const beyond = addresses.find((path) => cmd.get(path) === ULONG_MAX);
  if (beyond) return refuse(CHECKS.overflow, { path: beyond, found: hex(cmd.get(beyond)) });
  if (call.version.rightsRequired && (flags & (FLAG.writeable | FLAG.readable)) === 0)
    return refuse(CHECKS.rights, { path: 'flags', found: hex(flags) });
  return undefined;
}

function mapPieces(ucmd: Ucmd, ioas: Ioas, pieces: readonly Piece[], path: string): Refusal | undefined {
  const { cmd, call } = ucmd;
  const flags = cmd.u32('flags');
  const rights = { read: (flags & FLAG.readable) !== 0, write: (flags & FLAG.writeable) !== 0 };
  const fixed = (flags & FLAG.fixed) !== 0 ? cmd.get(path) : undefined;
  const iova = ioas.iopt.map(pieces, cmd.get('length'), fixed, rights, call);
  if (isRefusal(iova)) return iova;
  cmd.set(path, iova);
  return ucmd.respond();
}

/** IOMMU_IOAS_MAP: pages of the caller, pinned at once where a domain is there. */
export const ioasMap: Handler = (ctx, ucmd) => {
  const { cmd, call } = ucmd;
  const odd = judge(ucmd, ['iova', 'length']);
  if (odd) return odd;
  const ioas = getIoas(ctx, cmd.u32('ioas_id'), 'ioas_id');
  if (isRefusal(ioas)) return ioas;
  const flags = cmd.u32('flags');
  const memory = { base: cmd.get('user_va'), length: cmd.get('length'), path: 'user_va' };
  const fixed = (flags & FLAG.fixed) !== 0 ? cmd.get('iova') : undefined;
  const rights = { read: (flags & FLAG.readable) !== 0, write: (flags & FLAG.writeable) !== 0 };
  const iova = mapUserPages(ioas, memory, fixed, rights, call);
  if (isRefusal(iova)) return iova;
  cmd.set('iova', iova);
  return ucmd.respond();
};

/** `iopt_map_user_pages`. @param memory of the caller, with the field that says where; @param fixed the address to map at */
export function mapUserPages(
  ioas: Ioas,
  { base, length, path }: { readonly base: bigint; readonly length: bigint; readonly path: string },
  fixed: bigint | undefined,
  rights: Rights,
  call: Call,
): bigint | Refusal {
  if (ULONG_MAX < base + length) return refuse(CHECKS.userOverflow, { path, found: hex(base) });
  if (length === 0n) return refuse(CHECKS.empty, { found: 'a length of 0' });
  if (call.fail.hit()) return { ...refuse(CHECKS.noMemory), injected: true };
  const pages = userPages(base, length, rights.write);
  return ioas.iopt.map([{ pages, offset: 0n, length }], length, fixed, rights, call);
}

/** `iopt_unmap_iova`, as it judges the range. */
export const unmapEmpty = (path: string): Refusal => refuse(CHECKS.unmapEmpty, { path, found: '0' });
export const unmapOverflow = (start: bigint): Refusal =>
  refuse(CHECKS.unmapOverflow, { path: 'iova', found: hex(start) });

/** IOMMU_IOAS_MAP_FILE, as far as a scenario can reach: it has no memfd to map. */
export const ioasMapFile: Handler = (ctx, ucmd) => {
  const { cmd } = ucmd;
  const odd = judge(ucmd, ['iova', 'length']);
  if (odd) return odd;
  const ioas = getIoas(ctx, cmd.u32('ioas_id'), 'ioas_id');
  if (isRefusal(ioas)) return ioas;
  const fd = cmd.u32('fd');
  const open = ctx.queues.has(fd) || fd < 4;
  return refuse(open ? CHECKS.fileKind : CHECKS.fileFd, { path: 'fd', found: `${fd | 0}` });
};

/** IOMMU_IOAS_COPY: maps what another address space maps, sharing its pages. */
export const ioasCopy: Handler = (ctx, ucmd) => {
  const { cmd } = ucmd;
  const odd = judge(ucmd, ['length', 'src_iova', 'dst_iova']);
  if (odd) return odd;
  const src = getIoas(ctx, cmd.u32('src_ioas_id'), 'src_ioas_id');
  if (isRefusal(src)) return src;
  const [start, length] = [cmd.get('src_iova'), cmd.get('length')];
  if (length === 0n) return refuse(CHECKS.copyEmpty, { path: 'length', found: '0' });
  if (ULONG_MAX < start + length - 1n) return refuse(CHECKS.copyRange, { path: 'src_iova', found: hex(start) });
  const areas = src.iopt.contiguous(start, length);
  if (!areas) return refuse(CHECKS.copySource, { path: 'src_iova', found: hex(start), wanted: 'mapped addresses' });
  const last = start + length - 1n;
  const pieces = areas.map((area): Piece => {
    const from = area.start < start ? start : area.start;
    const to = last < area.last ? last : area.last;
    return { pages: area.pages, offset: area.offset + (from - area.start), length: to - from + 1n };
  });
  const dst = getIoas(ctx, cmd.u32('dst_ioas_id'), 'dst_ioas_id');
  if (isRefusal(dst)) return dst;
  return mapPieces(ucmd, dst, pieces, 'dst_iova');
};

/** IOMMU_IOAS_UNMAP: whole areas only; address 0 with a length of all ones means everything. */
export const ioasUnmap: Handler = (ctx, ucmd) => {
  const { cmd, call } = ucmd;
  const ioas = getIoas(ctx, cmd.u32('ioas_id'), 'ioas_id');
  if (isRefusal(ioas)) return ioas;
  const [start, length] = [cmd.get('iova'), cmd.get('length')];
  const everything = start === 0n && length === ULONG_MAX;
  if (!everything) {
    if (start === ULONG_MAX || length === ULONG_MAX)
      return refuse(CHECKS.unmapOverflow, { path: 'length', found: hex(length) });
    if (length === 0n) return unmapEmpty('length');
    if (ULONG_MAX < start + length - 1n) return unmapOverflow(start);
  }
  const { unmapped, refusal } = ioas.iopt.unmap(start, everything ? ULONG_MAX : start + length - 1n, call);
  if (refusal) return refusal;
  if (unmapped === 0n && !everything)
    return refuse(CHECKS.unmapNothing, { path: 'iova', found: `${hex(start)}, ${hex(length)} bytes` });
  cmd.set('length', unmapped);
  return ucmd.respond();
};

/** IOMMU_IOAS_CHANGE_PROCESS: only mappings of files can move to another process. */
export const ioasChangeProcess: Handler = (ctx: Context, { cmd }) => {
  if (cmd.get('__reserved') !== 0n) return refuse(CHECKS.changeReserved, { path: '__reserved', found: 'not 0' });
  for (const obj of ctx.objects.all())
    if (obj instanceof Ioas && 0 < obj.iopt.areas.length)
      return refuse(CHECKS.changeNotFile, { found: `IOAS ${obj.id}` });
  return undefined;
};
