import { hex } from '../../base/text.ts';
import { check, type Refusal, refuse } from '../check.ts';
import type { Context, Handler } from './context.ts';
import { isRefusal } from './driver.ts';
import { getDevice } from './hw-info.ts';
import { noMemoryForObject } from './object-table.ts';
import { VdeviceObject, type ViommuObject } from './objects.ts';

const SRC = 'Linux 7.2';
const alloc = 'iommufd_vdevice_alloc_ioctl';

export const VDEVICE_CHECKS = Object.freeze({
  otherIommu: check(
    'vdevice-other-iommu',
    'EINVAL',
    alloc,
    'The device is behind another IOMMU than the vIOMMU.',
    'source',
    SRC,
  ),
  exists: check('vdevice-exists', 'EEXIST', alloc, 'The device has a vDEVICE already.', 'source', SRC),
  virtId: check('vdevice-virt-id', 'EEXIST', alloc, 'Another vDEVICE of the vIOMMU has this virt_id.', 'source', SRC),
});
const CHECKS = VDEVICE_CHECKS;

/** `iommufd_get_viommu`. */
export const getViommu = (ctx: Context, id: number): ViommuObject | Refusal =>
  ctx.objects.get(id, 'viommu_id', ['vIOMMU']) as ViommuObject | Refusal;

/** IOMMU_VDEVICE_ALLOC: the id by which a guest's vIOMMU knows a device. */
export const vdeviceAlloc: Handler = (ctx, ucmd) => {
  const { cmd, call } = ucmd;
  const virtId = cmd.get('virt_id');
  const viommu = getViommu(ctx, cmd.u32('viommu_id'));
  if (isRefusal(viommu)) return viommu;
  const device = getDevice(ctx, cmd.u32('dev_id'), 'dev_id');
  if (isRefusal(device)) return device;
  if (viommu.instance !== ctx.driver.instanceOf(device.config))
    return refuse(CHECKS.otherIommu, { path: 'dev_id', found: device.name });
  if (call.version.oneVdevicePerDevice && 0 < device.vdevices.size)
    return refuse(CHECKS.exists, { path: 'dev_id', found: device.name });
  const noMemory = noMemoryForObject(call);
  if (noMemory) return noMemory;
  if (viommu.vdevices.has(virtId)) return refuse(CHECKS.virtId, { path: 'virt_id', found: hex(virtId) });
  const vdevice = ctx.objects.reserve(new VdeviceObject(viommu, device, virtId));
  viommu.vdevices.set(virtId, vdevice);
  const odd = viommu.driver?.initVdevice?.({ device: device.config, virtId }, call);
  if (odd) {
    ctx.objects.abort(vdevice);
    return odd;
  }
  vdevice.ready = true;
  cmd.set('out_vdevice_id', vdevice.id);
  const refusal = ucmd.respond();
  if (refusal) ctx.objects.abort(vdevice);
  else ctx.objects.finish(vdevice);
  return refusal;
};
