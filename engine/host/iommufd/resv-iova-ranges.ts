import { check, refuse } from '../check.ts';
import type { Handler } from './context.ts';
import { isRefusal } from './driver.ts';
import { getDevice } from './hw-info.ts';
import { IOAS_CHECKS, writeRanges } from './ioas.ts';

const POSTED = 'iommufd nesting v3, July 2023';
const resv = 'iommufd_resv_iova_ranges';

export const RESV_CHECKS = Object.freeze({
  reserved: check('resv-ranges-reserved', 'EOPNOTSUPP', resv, '__reserved must be 0.', 'derived', POSTED),
});

/** IOMMU_RESV_IOVA_RANGES of the 2023 posting: what a device keeps from use. */
export const resvIovaRanges: Handler = (ctx, ucmd) => {
  const { cmd } = ucmd;
  if (cmd.any('__reserved')) return refuse(RESV_CHECKS.reserved, { path: '__reserved', found: 'not 0' });
  const device = getDevice(ctx, cmd.u32('dev_id'), 'dev_id');
  if (isRefusal(device)) return device;
  const ranges = ctx.driver.reservedRegions?.(device.config) ?? [];
  const written = writeRanges(ucmd, 'resv_iovas', 'iommu_resv_iova_range', ranges);
  if (written) return written;
  const room = cmd.u32('num_iovas');
  cmd.set('num_iovas', ranges.length);
  return (
    ucmd.respond() ??
    (room < ranges.length
      ? refuse(IOAS_CHECKS.rangesRoom, { path: 'num_iovas', found: `${room}`, wanted: `at least ${ranges.length}` })
      : undefined)
  );
};
