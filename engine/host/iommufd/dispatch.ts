import { hex } from '../../base/text.ts';
import { type Ioctl, locate } from '../../uapi/index.ts';
import { type CallResult, check, done, type FailPoints, type Refusal, refuse } from '../check.ts';
import type { Problem } from '../kernel.ts';
import type { Context, Ucmd } from './context.ts';
import { HANDLERS } from './handlers.ts';
import { failed } from './result.ts';
import { tailOf, View } from './user-data.ts';
import { vfioIoctl } from './vfio-compat.ts';

const SRC = 'Linux 6.8 and 7.2';
const ioctl = 'iommufd_fops_ioctl';
const BASE = 0x80;

export const DISPATCH_CHECKS = Object.freeze({
  closed: check('fd-closed', 'EBADF', 'ioctl', 'The process that owned the iommufd has exited.', 'source', SRC),
  header: check('size-fault', 'EFAULT', ioctl, 'The size at the start of the argument cannot be read.', 'source', SRC),
  unknown: check('unknown-ioctl', 'ENOTTY', ioctl, 'This release has no call with this command word.', 'source', SRC),
  size: check(
    'size-too-small',
    'EINVAL',
    ioctl,
    'size ends before the last field of the first version.',
    'source',
    SRC,
  ),
  tail: check(
    'size-too-big',
    'E2BIG',
    'copy_struct_from_user',
    'Behind the struct that this release knows lie bytes that are not 0.',
    'source',
    SRC,
  ),
  fault: check(
    'struct-fault',
    'EFAULT',
    'copy_struct_from_user',
    'The argument cannot be read for size bytes.',
    'source',
    SRC,
  ),
  respond: check(
    'respond-fault',
    'EFAULT',
    'iommufd_ucmd_respond',
    'The answer cannot be written back.',
    'source',
    SRC,
  ),
});

/** `iommufd_fops_ioctl`: number, size, tail, copy; then the call itself. */
export function dispatch(ctx: Context, command: number, argument: bigint, fail: FailPoints): CallResult | Problem {
  const nr = command & 0xff;
  const { generation, user } = ctx.platform;
  const ioctls = [...generation.ioctls.values()].filter((i) => BASE <= (i.number & 0xff));
  const last = Math.max(...ioctls.map((i) => i.number & 0xff));
  if (nr < BASE || last < nr) return vfioIoctl(ctx, command, argument, fail);
  const header = user.copyFrom(argument, 4);
  if (!header) return failed(refuse(DISPATCH_CHECKS.header, { path: 'size', found: 'an unreadable address' }));
  const op = ioctls.find((i) => i.number === command);
  if (!op) return failed(refuse(DISPATCH_CHECKS.unknown, { found: hex(command) }));
  const handler = HANDLERS.get(op.name);
  if (!handler) return { problem: `${op.name} is not modelled: scenarios drive the mock with steps` };
  const call = ctx.call(fail);
  const size = new DataView(header.buffer).getUint32(0, true);
  const cmd = copyIn(ctx, op, argument, size);
  if (!(cmd instanceof View)) return failed(cmd);
  const refusal = handler(ctx, ucmdOf(ctx, call, cmd, argument, size));
  if (refusal) return failed(refusal, call.notes);
  const { lost } = call;
  return { ...done(0, call.notes), ...(lost ? { refusal: lost, hidden: lost.check.errno } : {}) };
}

function copyIn(ctx: Context, op: Ioctl, argument: bigint, size: number): View | Refusal {
  const { generation, user } = ctx.platform;
  // An evolved kernel knows the newest version, and by the size of that it judges its callers.
  const newest = generation.evolved?.get(op.struct ?? '')?.at(-1);
  const struct = newest?.struct ?? generation.structs.get(op.struct ?? '');
  if (!struct) throw new Error(`${generation.id}: ${op.name} has no struct`);
  const minimum = op.minimum ?? struct.size;
  if (size < minimum)
    return refuse(DISPATCH_CHECKS.size, { path: 'size', found: `${size}`, wanted: `at least ${minimum}` });
  const tail = tailOf(user, argument, struct.size, size);
  if (tail === 'unreadable') return refuse(DISPATCH_CHECKS.fault, { path: 'size', found: `${size} bytes wanted` });
  if (tail === 'used')
    return refuse(DISPATCH_CHECKS.tail, {
      path: 'size',
      found: `${size}, with bytes behind ${struct.size}`,
      wanted: '0',
    });
  const bytes = user.copyFrom(argument, Math.min(size, struct.size));
  if (!bytes)
    return refuse(DISPATCH_CHECKS.fault, { path: 'size', found: `${Math.min(size, struct.size)} bytes wanted` });
  const full = new Uint8Array(struct.size);
  full.set(bytes);
  return new View(struct, full);
}

function ucmdOf(ctx: Context, call: Ucmd['call'], cmd: View, argument: bigint, size: number): Ucmd {
  const { user } = ctx.platform;
  return {
    call,
    cmd,
    respond: () => {
      const length = Math.min(size, cmd.struct.size);
      return user.copyTo(argument, cmd.bytes.subarray(0, length))
        ? undefined
        : refuse(DISPATCH_CHECKS.respond, { found: `${length} bytes wanted` });
    },
    respondField: (path) => {
      const found = locate(cmd.struct, path.split('.'));
      if ('missing' in found) throw new Error(`${cmd.struct.name} has no field ${path}`);
      const { offset, field } = found;
      return user.copyTo(argument + BigInt(offset), cmd.bytes.subarray(offset, offset + field.size))
        ? undefined
        : refuse(DISPATCH_CHECKS.respond, { path });
    },
  };
}
