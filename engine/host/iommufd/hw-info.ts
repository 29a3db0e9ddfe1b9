import { hex } from '../../base/text.ts';
import { check, type Refusal, refuse } from '../check.ts';
import type { Context, Handler } from './context.ts';
import { isRefusal } from './driver.ts';
import type { DeviceObject } from './objects.ts';

const SRC = 'Linux 6.8 and 7.2';
const info = 'iommufd_get_hw_info';
/** `IOMMU_HW_INFO_FLAG_INPUT_TYPE`: the caller asks for a type. */
const INPUT_TYPE = 1;
/** `IOMMU_HW_CAP_DIRTY_TRACKING`. */
const CAP_DIRTY = 1n;
const NONE = 0;

export const HW_INFO_CHECKS = Object.freeze({
  flags: check('hw-info-flags', 'EOPNOTSUPP', info, 'A flag is unknown; before 6.17 every one is.', 'source', SRC),
  reserved: check('hw-info-reserved', 'EOPNOTSUPP', info, '__reserved must be 0.', 'source', SRC),
  fault: check('hw-info-fault', 'EFAULT', info, 'The buffer cannot be written for data_len bytes.', 'source', SRC),
});
const CHECKS = HW_INFO_CHECKS;

/** `iommufd_get_device`. */
export function getDevice(ctx: Context, id: number, path: string): DeviceObject | Refusal {
  return ctx.objects.get(id, path, ['device']) as DeviceObject | Refusal;
}

/** IOMMU_GET_HW_INFO: what fits is copied, the rest of the buffer is cleared, and data_len tells the kernel's length. */
export const getHwInfo: Handler = (ctx, ucmd) => {
  const { cmd, call } = ucmd;
  const typed = call.version.hwInfoTyped;
  const flags = cmd.u32('flags');
  if ((flags & ~(typed ? INPUT_TYPE : 0)) !== 0) return refuse(CHECKS.flags, { path: 'flags', found: hex(flags) });
  if (cmd.any('__reserved')) return refuse(CHECKS.reserved, { path: '__reserved', found: 'not 0' });
  const device = getDevice(ctx, cmd.u32('dev_id'), 'dev_id');
  if (isRefusal(device)) return device;
  const requested = typed && (flags & INPUT_TYPE) !== 0 ? cmd.u32('in_data_type') : undefined;
  const answer = ctx.driver.hwInfo?.(device.config, requested, call);
  if (isRefusal(answer)) return answer;
  const bytes = answer?.bytes ?? new Uint8Array(0);
  const room = cmd.u32('data_len');
  const data = cmd.get('data_uptr');
  const copied = Math.min(room, bytes.length);
  if (!call.user.copyTo(data, bytes.subarray(0, copied)))
    return refuse(CHECKS.fault, { path: 'data_uptr', found: `${copied} bytes wanted` });
  if (!clear(ucmd.call.user, data + BigInt(copied), room - copied))
    return refuse(CHECKS.fault, { path: 'data_len', found: `${room} bytes wanted` });
  cmd.set('data_len', bytes.length);
  cmd.set('out_data_type', answer?.type ?? NONE);
  cmd.set('out_capabilities', ctx.driver.canTrackDirty(device.config) ? CAP_DIRTY : 0n);
  cmd.set('out_max_pasid_log2', ctx.driver.pasidBits(device.config));
  return ucmd.respond();
};

/** `clear_user`, piece by piece, since the caller says how much. */
function clear(user: { copyTo(at: bigint, bytes: Uint8Array): boolean }, at: bigint, size: number): boolean {
  const zeros = new Uint8Array(4096);
  for (let done = 0; done < size; done += zeros.length)
    if (!user.copyTo(at + BigInt(done), zeros.subarray(0, Math.min(zeros.length, size - done)))) return false;
  return true;
}
