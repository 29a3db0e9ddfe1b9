import { hex } from '../../base/text.ts';
import { type Refusal, refuse } from '../check.ts';
import type { Context, Handler, Ucmd } from './context.ts';
import { ALLOC, type Call, isRefusal, type UserData } from './driver.ts';
import type { PageFaultQueue } from './fault-queue.ts';
import { getDevice } from './hw-info.ts';
import { HWPT_CHECKS as CHECKS } from './hwpt-checks.ts';
import { noMemoryForObject } from './object-table.ts';
import { type DeviceObject, type Hwpt, HwptNested, HwptPaging, Ioas, ViommuObject, withArticle } from './objects.ts';

/** IOMMU_HWPT_ALLOC: on an IOAS a page table that the kernel keeps, on a parent or vIOMMU a nested one. */
export const hwptAlloc: Handler = (ctx, ucmd) => {
  const { cmd, call } = ucmd;
  const flags = cmd.u32('flags');
  if (cmd.any('__reserved')) return refuse(CHECKS.reserved, { path: '__reserved', found: 'not 0' });
  if (cmd.any('__reserved2') && !call.quirk('reserved_unchecked'))
    return refuse(CHECKS.reserved, { path: '__reserved2' });
  if (call.version.posted && flags !== 0)
    return refuse(CHECKS.flags, { path: 'flags', found: hex(flags), wanted: '0' });
  // The posting of 2023 calls it hwpt_type.
  const type = cmd.u32(cmd.has('data_type') ? 'data_type' : 'hwpt_type');
  const data = { type, uptr: cmd.get('data_uptr'), len: cmd.u32('data_len') };
  if ((type === 0) !== (data.len === 0))
    return refuse(CHECKS.data, { path: 'data_len', found: `${data.len} with data_type ${hex(type)}` });
  const device = getDevice(ctx, cmd.u32('dev_id'), 'dev_id');
  if (isRefusal(device)) return device;
  const parent = ctx.objects.find(cmd.u32('pt_id'));
  if (!parent) return refuse(CHECKS.parent, { path: 'pt_id', found: `${cmd.u32('pt_id')}`, wanted: 'an object' });

  let hwpt: Hwpt | Refusal;
  if (call.version.posted && parent instanceof Ioas !== (type === 0)) {
    return refuse(CHECKS.postedParent, { path: 'pt_id', found: `${parent.type} with type ${type}` });
  } else if (parent instanceof Ioas) {
    hwpt = makePaging(ctx, parent, device, flags, data.len === 0 ? undefined : data, call);
    if (!isRefusal(hwpt)) {
      const refusal = addToIoas(hwpt as HwptPaging, call);
      if (refusal) {
        ctx.objects.abort(hwpt);
        return refusal;
      }
    }
  } else if (parent instanceof HwptPaging) {
    hwpt = makeNested(ctx, parent, device, flags, data, call);
  } else if (parent instanceof ViommuObject) {
    hwpt = makeNestedByViommu(ctx, parent, device, flags, data, call);
  } else {
    return refuse(CHECKS.parentKind, { path: 'pt_id', found: `${parent.id}, which is ${withArticle(parent.type)}` });
  }
  if (isRefusal(hwpt)) return hwpt;
  const refusal = takeFaultQueue(ctx, hwpt, ucmd) ?? finish(hwpt, ucmd);
  if (refusal) ctx.objects.abort(hwpt);
  else ctx.objects.finish(hwpt);
  return refusal;
};

function finish(hwpt: Hwpt, ucmd: Ucmd): Refusal | undefined {
  ucmd.cmd.set('out_hwpt_id', hwpt.id);
  return ucmd.respond();
}

function takeFaultQueue(ctx: Context, hwpt: Hwpt, { cmd }: Ucmd): Refusal | undefined {
  if ((cmd.u32('flags') & ALLOC.faultIdValid) === 0) return undefined;
  const fault = ctx.objects.get(cmd.u32('fault_id'), 'fault_id', ['fault queue']);
  if (isRefusal(fault)) return fault;
  hwpt.fault = fault as PageFaultQueue;
  fault.users++;
  return undefined;
}

/**
 * `iommufd_hwpt_paging_alloc` up to the domain; it is not yet part of the IOAS, since an automatic one is attached
 * before. The caller adds it with `addToIoas` and finishes or gives up the object.
 */
export function makePaging(
  ctx: Context,
  ioas: Ioas,
  device: DeviceObject,
  flags: number,
  data: UserData | undefined,
  call: Call,
): HwptPaging | Refusal {
  const { version } = call;
  if ((flags & ~version.pagingFlags) !== 0)
    return refuse(CHECKS.flags, { path: 'flags', found: hex(flags), wanted: `bits of ${hex(version.pagingFlags)}` });
  if ((flags & ALLOC.dirtyTracking) !== 0 && !ctx.driver.canTrackDirty(device.config))
    return refuse(CHECKS.dirty, { path: 'flags', found: hex(flags) });
  const faultAndParent = ALLOC.faultIdValid | ALLOC.nestParent;
  if (version.faultParentRefused && (flags & faultAndParent) === faultAndParent)
    return refuse(CHECKS.faultParent, { path: 'flags', found: hex(flags) });
  const noMemory = noMemoryForObject(call);
  if (noMemory) return noMemory;
  const domain = ctx.driver.allocPaging(device.config, flags & ~ALLOC.faultIdValid, data, call);
  if (isRefusal(domain)) return domain;
  // Until nesting parents were marked (6.7), any page table of the user could be one.
  const hwpt = new HwptPaging(ioas, domain, version.posted || (flags & ALLOC.nestParent) !== 0);
  hwpt.pasidCompat = (flags & ALLOC.pasid) !== 0;
  return ctx.objects.reserve(hwpt);
}

/** `iopt_table_add_domain`, and the list by which automatic page tables are found again. */
export function addToIoas(hwpt: HwptPaging, call: Call): Refusal | undefined {
  const refusal = hwpt.ioas.iopt.addDomain(hwpt.domain, call);
  if (!refusal) hwpt.ioas.hwpts.push(hwpt);
  return refusal;
}

/** `iommufd_hwpt_nested_alloc`. */
function makeNested(
  ctx: Context,
  parent: HwptPaging,
  device: DeviceObject,
  flags: number,
  data: UserData,
  call: Call,
): HwptNested | Refusal {
  const { nestedFlags } = call.version;
  if ((flags & ~nestedFlags) !== 0)
    return refuse(CHECKS.nestedFlags, { path: 'flags', found: hex(flags), wanted: `bits of ${hex(nestedFlags)}` });
  if (data.len === 0 || !ctx.driver.allocNested)
    return refuse(CHECKS.nestedNoOp, { path: 'data_len', found: `${data.len}` });
  if (parent.autoDomain || !parent.nestParent)
    return refuse(CHECKS.notParent, { path: 'pt_id', found: `HWPT ${parent.id}`, wanted: 'a nesting parent' });
  const noMemory = noMemoryForObject(call);
  if (noMemory) return noMemory;
  const domain = ctx.driver.allocNested(device.config, parent.domain, flags & ~ALLOC.faultIdValid, data, call);
  if (isRefusal(domain)) return domain;
  const hwpt = new HwptNested(parent, undefined, domain);
  hwpt.pasidCompat = (flags & ALLOC.pasid) !== 0;
  return ctx.objects.reserve(hwpt);
}

/** `iommufd_viommu_alloc_hwpt_nested` (6.13). */
function makeNestedByViommu(
  ctx: Context,
  viommu: ViommuObject,
  device: DeviceObject,
  flags: number,
  data: UserData,
  call: Call,
): HwptNested | Refusal {
  if (viommu.instance !== ctx.driver.instanceOf(device.config))
    return refuse(CHECKS.otherInstance, { path: 'dev_id', found: device.name });
  const { nestedFlags } = call.version;
  if ((flags & ~nestedFlags) !== 0)
    return refuse(CHECKS.viommuFlags, { path: 'flags', found: hex(flags), wanted: `bits of ${hex(nestedFlags)}` });
  const driver = viommu.driver;
  if (data.len === 0 || !driver?.allocNested)
    return refuse(CHECKS.viommuNoOp, { path: 'data_len', found: `${data.len}` });
  const noMemory = noMemoryForObject(call);
  if (noMemory) return noMemory;
  const domain = driver.allocNested(flags & ~ALLOC.faultIdValid, data, call);
  if (isRefusal(domain)) return domain;
  const hwpt = new HwptNested(viommu.hwpt, viommu, domain);
  hwpt.pasidCompat = (flags & ALLOC.pasid) !== 0;
  return ctx.objects.reserve(hwpt);
}
