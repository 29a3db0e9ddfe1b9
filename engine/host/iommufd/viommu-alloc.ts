import { hex } from '../../base/text.ts';
import { check, type Refusal, refuse } from '../check.ts';
import type { Handler } from './context.ts';
import { getPaging } from './dirty-tracking.ts';
import { isRefusal, type ViommuHandle } from './driver.ts';
import { getDevice } from './hw-info.ts';
import { noMemoryForObject } from './object-table.ts';
import { ViommuObject } from './objects.ts';

const SRC = 'Linux 7.2';
const alloc = 'iommufd_viommu_alloc_ioctl';

export const VIOMMU_CHECKS = Object.freeze({
  flags: check('viommu-flags', 'EOPNOTSUPP', alloc, 'flags must be 0, and type must not be.', 'source', SRC),
  reserved: check('viommu-reserved', 'EOPNOTSUPP', alloc, '__reserved must be 0.', 'derived', SRC),
  type: check('viommu-type', 'EOPNOTSUPP', alloc, 'The driver has no vIOMMU of this type.', 'source', SRC),
  notParent: check(
    'viommu-not-a-parent',
    'EINVAL',
    alloc,
    'The HWPT was not allocated with IOMMU_HWPT_ALLOC_NEST_PARENT.',
    'source',
    SRC,
  ),
});
const CHECKS = VIOMMU_CHECKS;

/** IOMMU_VIOMMU_ALLOC: the slice of an IOMMU that a guest sees, on a nesting parent. */
export const viommuAlloc: Handler = (ctx, ucmd) => {
  const { cmd, call } = ucmd;
  const type = cmd.u32('type');
  if (cmd.u32('flags') !== 0 || type === 0)
    return refuse(CHECKS.flags, { path: type === 0 ? 'type' : 'flags', found: hex(cmd.u32('flags')) });
  if (cmd.any('__reserved') && !call.quirk('reserved_unchecked'))
    return refuse(CHECKS.reserved, { path: '__reserved', found: 'not 0' });
  const device = getDevice(ctx, cmd.u32('dev_id'), 'dev_id');
  if (isRefusal(device)) return device;
  const { driver } = ctx;
  const unknown = (): Refusal | undefined =>
    driver.initViommu && driver.knowsViommu?.(device.config, type)
      ? undefined
      : refuse(CHECKS.type, { path: 'type', found: hex(type) });
  const early = call.version.viommuTypeFirst ? unknown() : undefined;
  if (early) return early;
  const hwpt = getPaging(ctx, cmd.u32('hwpt_id'), 'hwpt_id');
  if (isRefusal(hwpt)) return hwpt;
  if (!hwpt.nestParent)
    return refuse(CHECKS.notParent, { path: 'hwpt_id', found: `HWPT ${hwpt.id}`, wanted: 'a nesting parent' });
  const late = unknown();
  if (late) return late;
  const noMemory = noMemoryForObject(call);
  if (noMemory) return noMemory;
  const viommu = ctx.objects.reserve(new ViommuObject(type, hwpt, driver.instanceOf(device.config)));
  const data = { type, uptr: cmd.get('data_uptr'), len: cmd.u32('data_len') };
  const made = driver.initViommu!(device.config, handleOf(viommu), data.len === 0 ? undefined : data, call);
  if (isRefusal(made)) {
    ctx.objects.abort(viommu);
    return made;
  }
  viommu.driver = made;
  cmd.set('out_viommu_id', viommu.id);
  const refusal = ucmd.respond();
  if (refusal) ctx.objects.abort(viommu);
  else ctx.objects.finish(viommu);
  return refusal;
};

const handles = new WeakMap<ViommuHandle, ViommuObject>();

/** What a driver sees of a vIOMMU; the same vIOMMU can be found again by it. */
function handleOf(viommu: ViommuObject): ViommuHandle {
  const handle: ViommuHandle = {
    type: viommu.viommuType,
    parent: viommu.hwpt.domain,
    deviceAt: (virtId) => viommu.vdevices.get(virtId)?.device.config,
    virtIdOf: (name) => [...viommu.vdevices.values()].find((v) => v.device.name === name)?.virtId,
  };
  handles.set(handle, viommu);
  return handle;
}

export const viommuOf = (handle: ViommuHandle): ViommuObject | undefined => handles.get(handle);
