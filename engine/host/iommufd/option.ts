import { check, type Refusal, refuse } from '../check.ts';
import type { Context, Handler, Ucmd } from './context.ts';
import { isRefusal } from './driver.ts';
import { getIoas } from './ioas.ts';

const SRC = 'Linux 6.8 and 7.2';
const rlimit = 'iommufd_option_rlimit_mode';
const huge = 'iommufd_ioas_option_huge_pages';
const OPTION = { rlimitMode: 0, hugePages: 1 };
const OP = { set: 0, get: 1 };

export const OPTION_CHECKS = Object.freeze({
  reserved: check('option-reserved', 'EOPNOTSUPP', 'iommufd_option', '__reserved must be 0.', 'source', SRC),
  unknown: check('option-unknown', 'EOPNOTSUPP', 'iommufd_option', 'No option has this id.', 'source', SRC),
  object: check(
    'option-object',
    'EOPNOTSUPP',
    rlimit,
    'The option belongs to no object, so object_id is 0.',
    'source',
    SRC,
  ),
  operation: check('option-op', 'EOPNOTSUPP', huge, 'op is neither SET nor GET.', 'source', SRC),
  inUse: check('option-in-use', 'EBUSY', rlimit, 'The mode can only be set before there are objects.', 'source', SRC),
  value: check('option-value', 'EINVAL', huge, 'The value of the option is 0 or 1.', 'source', SRC),
  vfioReserved: check('vfio-ioas-reserved', 'EOPNOTSUPP', 'iommufd_vfio_ioas', '__reserved must be 0.', 'source', SRC),
  vfioNone: check('vfio-ioas-none', 'ENODEV', 'get_compat_ioas', 'No IOAS was chosen.', 'source', SRC),
  vfioOp: check(
    'vfio-ioas-op',
    'EOPNOTSUPP',
    'iommufd_vfio_ioas',
    'op is neither GET nor SET nor CLEAR.',
    'source',
    SRC,
  ),
});
const CHECKS = OPTION_CHECKS;

/** IOMMU_OPTION. Only `val64` is written back. */
export const option: Handler = (ctx, ucmd) => {
  const { cmd } = ucmd;
  if (cmd.get('__reserved') !== 0n) return refuse(CHECKS.reserved, { path: '__reserved', found: 'not 0' });
  const id = cmd.u32('option_id');
  let refusal: Refusal | undefined;
  if (id === OPTION.rlimitMode) refusal = rlimitMode(ctx, ucmd);
  else if (id === OPTION.hugePages) refusal = hugePages(ctx, ucmd);
  else refusal = refuse(CHECKS.unknown, { path: 'option_id', found: `${id}` });
  return refusal ?? ucmd.respondField('val64');
};

function rlimitMode(ctx: Context, { cmd }: Ucmd): Refusal | undefined {
  if (cmd.u32('object_id') !== 0) return refuse(CHECKS.object, { path: 'object_id', found: `${cmd.u32('object_id')}` });
  const op = cmd.u32('op');
  if (op === OP.get) {
    cmd.set('val64', ctx.accountByProcess ? 1 : 0);
    return undefined;
  }
  if (op !== OP.set) return refuse(CHECKS.operation, { path: 'op', found: `${op}` });
  if (!ctx.objects.isEmpty) return refuse(CHECKS.inUse);
  const value = cmd.get('val64');
  if (1n < value) return refuse(CHECKS.value, { path: 'val64', found: `${value}`, wanted: '0 or 1' });
  ctx.accountByProcess = value === 1n;
  return undefined;
}

function hugePages(ctx: Context, { cmd }: Ucmd): Refusal | undefined {
  const ioas = getIoas(ctx, cmd.u32('object_id'), 'object_id');
  if (isRefusal(ioas)) return ioas;
  const op = cmd.u32('op');
  if (op === OP.get) {
    cmd.set('val64', ioas.iopt.largePages ? 1 : 0);
    return undefined;
  }
  if (op !== OP.set) return refuse(CHECKS.operation, { path: 'op', found: `${op}` });
  const value = cmd.get('val64');
  if (1n < value) return refuse(CHECKS.value, { path: 'val64', found: `${value}`, wanted: '0 or 1' });
  return ioas.iopt.setLargePages(value === 1n);
}

const VFIO_OP = { get: 0, set: 1, clear: 2 };

/** IOMMU_VFIO_IOAS: the IOAS that VFIO container ioctls on this file descriptor act on. */
export const vfioIoas: Handler = (ctx, ucmd) => {
  const { cmd } = ucmd;
  if (cmd.get('__reserved') !== 0n) return refuse(CHECKS.vfioReserved, { path: '__reserved', found: 'not 0' });
  const op = cmd.u32('op');
  if (op === VFIO_OP.get) {
    if (!ctx.vfioIoas) return refuse(CHECKS.vfioNone);
    cmd.set('ioas_id', ctx.vfioIoas.id);
    return ucmd.respond();
  }
  if (op === VFIO_OP.set) {
    const ioas = getIoas(ctx, cmd.u32('ioas_id'), 'ioas_id');
    if (isRefusal(ioas)) return ioas;
    ctx.vfioIoas = ioas;
    return undefined;
  }
  if (op !== VFIO_OP.clear) return refuse(CHECKS.vfioOp, { path: 'op', found: `${op}` });
  ctx.vfioIoas = undefined;
  return undefined;
};
