import { type Refusal, refuse } from '../check.ts';
import { ATTACH_CHECKS as CHECKS } from './attach-checks.ts';
import type { Context } from './context.ts';
import { type Call, isRefusal } from './driver.ts';
import { NO_PASID } from './group.ts';
import { addToIoas, makePaging } from './hwpt-alloc.ts';
import { noMemoryForObject } from './object-table.ts';
import { DeviceObject, type Hwpt, HwptNested, HwptPaging, Ioas, withArticle } from './objects.ts';

/** `iommufd_device_bind`: the device gets an id. */
export function bindDevice(ctx: Context, name: string, call: Call): DeviceObject | Refusal {
  const config = ctx.platform.config.devices.find((d) => d.name === name)!;
  const noMemory = noMemoryForObject(call);
  if (noMemory) return noMemory;
  const device = ctx.objects.reserve(new DeviceObject(config, ctx.groupOf(config)));
  ctx.objects.finish(device);
  ctx.devices.set(name, device);
  return device;
}

/** `iommufd_device_unbind`: a vDEVICE goes with the device (6.17) and its id is not used again. */
export function unbindDevice(ctx: Context, device: DeviceObject, call: Call): Refusal | undefined {
  const held = device.group.pasidsOf(device).length;
  if (0 < held) return refuse(CHECKS.unbindAttached, { found: `${device.name} with ${held} attachments` });
  if (0 < device.vdevices.size && !call.version.oneVdevicePerDevice)
    return refuse(CHECKS.unbindAttached, { found: `${device.name} with ${device.vdevices.size} vDEVICEs` });
  for (const vdevice of [...device.vdevices]) {
    const refusal = ctx.objects.remove(vdevice.id, { tombstone: true });
    if (refusal) return refusal;
  }
  device.users--;
  ctx.devices.delete(device.name);
  return ctx.objects.remove(device.id);
}

/** `iommufd_device_attach`. @returns the page table that it was attached to, which an IOAS chooses by itself */
export function attachDevice(
  ctx: Context,
  device: DeviceObject,
  pasid: number,
  ptId: number,
  call: Call,
): Hwpt | Refusal {
  return changePt(ctx, device, pasid, ptId, call, 'attach');
}

/** `iommufd_device_replace`: what is attached stays where this is refused. */
export function replaceDevice(
  ctx: Context,
  device: DeviceObject,
  pasid: number,
  ptId: number,
  call: Call,
): Hwpt | Refusal {
  return changePt(ctx, device, pasid, ptId, call, 'replace');
}

/** `iommufd_device_detach`. */
export function detachDevice(ctx: Context, device: DeviceObject, pasid: number): Refusal | undefined {
  const hwpt = device.group.detach(device, pasid);
  if (!hwpt) return refuse(CHECKS.detachNone, { found: pasid === NO_PASID ? device.name : `PASID ${pasid}` });
  letGo(ctx, hwpt);
  return undefined;
}

type How = 'attach' | 'replace';

/** `iommufd_device_change_pt`. */
function changePt(
  ctx: Context,
  device: DeviceObject,
  pasid: number,
  ptId: number,
  call: Call,
  how: How,
): Hwpt | Refusal {
  if (pasid !== NO_PASID && !call.version.pasid) return refuse(CHECKS.noPasid, { found: `PASID ${pasid}` });
  const pt = ctx.objects.get(ptId, 'pt_id');
  if (isRefusal(pt)) return pt;
  if (pt instanceof HwptPaging || pt instanceof HwptNested) return change(ctx, device, pasid, pt, call, how) ?? pt;
  if (pt instanceof Ioas) return autoDomain(ctx, device, pasid, pt, call, how);
  return refuse(CHECKS.kind, { path: 'pt_id', found: `${ptId}, which is ${withArticle(pt.type)}` });
}

function change(
  ctx: Context,
  device: DeviceObject,
  pasid: number,
  hwpt: Hwpt,
  call: Call,
  how: How,
): Refusal | undefined {
  if (how === 'attach') return device.group.attach(device, pasid, hwpt, call);
  const old = device.group.replace(device, pasid, hwpt, call);
  if (isRefusal(old)) return old;
  if (old) letGo(ctx, old);
  return undefined;
}

/** `iommufd_device_auto_get_domain`: an automatic page table of the IOAS that fits the device, or a new one. */
function autoDomain(
  ctx: Context,
  device: DeviceObject,
  pasid: number,
  ioas: Ioas,
  call: Call,
  how: How,
): Hwpt | Refusal {
  for (const hwpt of ioas.hwpts.filter((h) => h.autoDomain)) {
    const refusal = change(ctx, device, pasid, hwpt, call, how);
    if (!refusal) return hwpt;
    // EINVAL means that this one does not fit the device; anything else is for the caller.
    if (refusal.check.errno !== 'EINVAL') return refusal;
  }
  const hwpt = makePaging(ctx, ioas, device, 0, undefined, call);
  if (isRefusal(hwpt)) return hwpt;
  // A device is attached before the page table is filled, since some drivers finish it only then.
  const first = how === 'attach' ? device.group.attach(device, pasid, hwpt, call) : undefined;
  const refusal = first ?? addToIoas(hwpt, call);
  if (refusal) {
    if (!first && how === 'attach') {
      device.group.detach(device, pasid);
      hwpt.users--;
    }
    ctx.objects.abort(hwpt);
    return refusal;
  }
  if (how === 'replace') {
    const odd = change(ctx, device, pasid, hwpt, call, how);
    if (odd) {
      ctx.objects.abort(hwpt);
      return odd;
    }
  }
  hwpt.autoDomain = true;
  ctx.objects.finish(hwpt);
  return hwpt;
}

/** `iommufd_hw_pagetable_put`: an automatic page table goes with its last attachment. */
function letGo(ctx: Context, hwpt: Hwpt): void {
  hwpt.users--;
  if (hwpt instanceof HwptPaging && hwpt.autoDomain && hwpt.users === 1) ctx.objects.remove(hwpt.id);
}
