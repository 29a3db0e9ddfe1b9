import { check, refuse } from '../check.ts';
import type { Handler } from './context.ts';
import { isRefusal } from './driver.ts';
import { getDevice } from './hw-info.ts';

const POSTED = 'SMMUv3 nesting RFC, 2023';

export const DEVICE_DATA_CHECKS = Object.freeze({
  noOp: check(
    'device-data-no-op',
    'EOPNOTSUPP',
    'iommufd_set_dev_data',
    'The driver wants no data of a device.',
    'derived',
    POSTED,
  ),
});

/** IOMMU_SET_DEV_DATA of the 2023 posting: what became the vDEVICE. */
export const setDeviceData: Handler = (ctx, { cmd, call }) => {
  const device = getDevice(ctx, cmd.u32('dev_id'), 'dev_id');
  if (isRefusal(device)) return device;
  if (!ctx.driver.setDeviceData) return refuse(DEVICE_DATA_CHECKS.noOp, { found: device.name });
  return ctx.driver.setDeviceData(device.config, { uptr: cmd.get('data_uptr'), len: cmd.u32('data_len') }, call);
};

/** IOMMU_UNSET_DEV_DATA. */
export const unsetDeviceData: Handler = (ctx, { cmd }) => {
  const device = getDevice(ctx, cmd.u32('dev_id'), 'dev_id');
  if (isRefusal(device)) return device;
  if (!ctx.driver.unsetDeviceData) return refuse(DEVICE_DATA_CHECKS.noOp, { found: device.name });
  ctx.driver.unsetDeviceData(device.config);
  return undefined;
};
