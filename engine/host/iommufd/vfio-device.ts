import { hex } from '../../base/text.ts';
import { getUint, type Struct } from '../../uapi/index.ts';
import { type CallResult, check, done, type FailPoints, type Refusal, refuse } from '../check.ts';
import { type Context, IOMMUFD_FD } from './context.ts';
import { attachDevice, bindDevice, detachDevice, replaceDevice } from './device.ts';
import { type Call, isRefusal } from './driver.ts';
import { NO_PASID } from './group.ts';
import type { DeviceObject, Hwpt } from './objects.ts';
import { failed } from './result.ts';
import { endOf, structNamed, View } from './user-data.ts';

const SRC = 'Linux 6.6 to 7.2';
const bind = 'vfio_df_ioctl_bind_iommufd';
const attach = 'vfio_df_ioctl_attach_pt';
const detach = 'vfio_df_ioctl_detach_pt';
/** `VFIO_DEVICE_ATTACH_PASID`, `VFIO_DEVICE_DETACH_PASID`. */
const WITH_PASID = 1;

export const VFIO_DEVICE_CHECKS = Object.freeze({
  unknown: check(
    'device-ioctl-unknown',
    'ENOTTY',
    'vfio_device_fops_unl_ioctl',
    'The device has no such ioctl.',
    'derived',
    SRC,
  ),
  closed: check(
    'device-not-open',
    'EINVAL',
    'vfio_device_fops_unl_ioctl',
    'The device is not bound to an iommufd.',
    'derived',
    SRC,
  ),
  bindFault: check('bind-fault', 'EFAULT', bind, 'The argument cannot be read or written.', 'derived', SRC),
  bindArgsz: check(
    'bind-argsz',
    'EINVAL',
    bind,
    'argsz is too small, a flag is unknown, or the fd is negative.',
    'derived',
    SRC,
  ),
  bindTwice: check('bind-twice', 'EINVAL', bind, 'The device is bound already.', 'derived', SRC),
  bindFd: check('bind-fd', 'EBADF', 'iommufd_ctx_from_fd', 'The fd is not that of an iommufd.', 'derived', SRC),
  attachFault: check('attach-fault', 'EFAULT', attach, 'The argument cannot be read or written.', 'derived', SRC),
  attachArgsz: check('attach-argsz', 'EINVAL', attach, 'argsz is too small, or a flag is unknown.', 'derived', SRC),
  detachFault: check('detach-fault', 'EFAULT', detach, 'The argument cannot be read.', 'derived', SRC),
  detachArgsz: check('detach-argsz', 'EINVAL', detach, 'argsz is too small, or a flag is unknown.', 'derived', SRC),
});
const CHECKS = VFIO_DEVICE_CHECKS;

/** ioctl(2) on a device's own file: how VFIO brings it to an iommufd and to page tables. */
export function deviceIoctl(
  ctx: Context,
  name: string,
  command: number,
  argument: bigint,
  fail: FailPoints,
): CallResult {
  const { generation } = ctx.platform;
  const op = [...generation.ioctls.values()].find((i) => i.number === command && i.name.startsWith('VFIO_DEVICE_'));
  const device = ctx.devices.get(name);
  const call = ctx.call(fail);
  if (op?.name === 'VFIO_DEVICE_BIND_IOMMUFD') return answer(bindIoctl(ctx, name, argument, call));
  if (!device) return failed(refuse(CHECKS.closed, { found: name }));
  if (op?.name === 'VFIO_DEVICE_ATTACH_IOMMUFD_PT') return answer(attachIoctl(ctx, device, argument, call));
  if (op?.name === 'VFIO_DEVICE_DETACH_IOMMUFD_PT') return answer(detachIoctl(ctx, device, argument, call));
  return failed(refuse(CHECKS.unknown, { found: hex(command) }));
}

const answer = (refusal: Refusal | undefined): CallResult => (refusal ? failed(refusal) : done());

/** Copies what argsz reaches of a struct, of which the first version must be there. */
function copyArg(
  call: Call,
  address: bigint,
  { struct, last, fault, argsz }: { struct: Struct; last: string; fault: Refusal; argsz: Refusal },
): View | Refusal {
  const least = endOf(struct, last);
  const head = call.user.copyFrom(address, least);
  if (!head) return fault;
  const given = Number(getUint(head, 0, 4));
  if (given < least) return { ...argsz, path: 'argsz', found: `${given}`, wanted: `at least ${least}` };
  const view = new View(struct);
  view.bytes.set(head);
  return view;
}

/** Fields that a flag brings in have to be read too. */
function copyRest(call: Call, address: bigint, view: View, last: string): boolean {
  const bytes = call.user.copyFrom(address, endOf(view.struct, last));
  if (bytes) view.bytes.set(bytes);
  return bytes !== undefined;
}

function bindIoctl(ctx: Context, name: string, address: bigint, call: Call): Refusal | undefined {
  const struct = structNamed(call, 'vfio_device_bind_iommufd');
  const fault = refuse(CHECKS.bindFault);
  const view = copyArg(call, address, { struct, last: 'out_devid', fault, argsz: refuse(CHECKS.bindArgsz) });
  if (!(view instanceof View)) return view;
  const fd = view.u32('iommufd') | 0;
  if (view.u32('flags') !== 0 || fd < 0)
    return refuse(CHECKS.bindArgsz, {
      path: fd < 0 ? 'iommufd' : 'flags',
      found: fd < 0 ? `${fd}` : hex(view.u32('flags')),
    });
  if (ctx.devices.has(name)) return refuse(CHECKS.bindTwice, { found: name });
  if (fd !== IOMMUFD_FD) return refuse(CHECKS.bindFd, { path: 'iommufd', found: `${fd}`, wanted: `${IOMMUFD_FD}` });
  const device = bindDevice(ctx, name, call);
  if (isRefusal(device)) return device;
  view.set('out_devid', device.id);
  return call.user.copyTo(address, view.bytes.subarray(0, endOf(struct, 'out_devid'))) ? undefined : fault;
}

/** A device or PASID that is attached already is moved: VFIO calls replace then. */
function attachIoctl(ctx: Context, device: DeviceObject, address: bigint, call: Call): Refusal | undefined {
  const struct = structNamed(call, 'vfio_device_attach_iommufd_pt');
  const fault = refuse(CHECKS.attachFault);
  const view = copyArg(call, address, { struct, last: 'pt_id', fault, argsz: refuse(CHECKS.attachArgsz) });
  if (!(view instanceof View)) return view;
  const pasid = pasidOf(call, address, view, CHECKS.attachArgsz, fault);
  if (typeof pasid !== 'number') return pasid;
  const change = device.group.attachedTo(device, pasid) ? replaceDevice : attachDevice;
  const hwpt: Hwpt | Refusal = change(ctx, device, pasid, view.u32('pt_id'), call);
  if (isRefusal(hwpt)) return hwpt;
  view.set('pt_id', hwpt.id);
  if (call.user.copyTo(address, view.bytes.subarray(0, endOf(struct, 'pt_id')))) return undefined;
  detachDevice(ctx, device, pasid);
  return fault;
}

function detachIoctl(ctx: Context, device: DeviceObject, address: bigint, call: Call): Refusal | undefined {
  const struct = structNamed(call, 'vfio_device_detach_iommufd_pt');
  const fault = refuse(CHECKS.detachFault);
  const view = copyArg(call, address, { struct, last: 'flags', fault, argsz: refuse(CHECKS.detachArgsz) });
  if (!(view instanceof View)) return view;
  const pasid = pasidOf(call, address, view, CHECKS.detachArgsz, fault);
  if (typeof pasid !== 'number') return pasid;
  // Detaching what is not attached does nothing.
  if (device.group.attachedTo(device, pasid)) return detachDevice(ctx, device, pasid);
  return undefined;
}

function pasidOf(
  call: Call,
  address: bigint,
  view: View,
  argsz: (typeof CHECKS)['attachArgsz'],
  fault: Refusal,
): number | Refusal {
  const flags = view.u32('flags');
  const known = view.has('pasid') ? WITH_PASID : 0;
  if ((flags & ~known) !== 0) return refuse(argsz, { path: 'flags', found: hex(flags) });
  if ((flags & WITH_PASID) === 0) return NO_PASID;
  const least = endOf(view.struct, 'pasid');
  if (view.u32('argsz') < least)
    return refuse(argsz, { path: 'argsz', found: `${view.u32('argsz')}`, wanted: `at least ${least}` });
  return copyRest(call, address, view, 'pasid') ? view.u32('pasid') : fault;
}
