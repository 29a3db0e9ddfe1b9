import { CHECKS, hex } from '../../../engine/index.ts';
import { isOnlyBase, predict } from '../nesting-uses.ts';
import { requestedRanges } from '../pasid-requests.ts';
import { atTitle, atValue, type Finding, type PayloadView, type RuleContext, rule } from './rule.ts';

const LIMIT = 0x10_0000n;
const HAS_PASID = 1n;

export default rule({
  id: 'pasid-out-of-range',
  severity: 'warning',
  structs: ['iommu_gpasid_bind_data', 'iommu_cache_invalidate_info'],
  errno: 'EINVAL',
  checks: [CHECKS.bindNoPasid, CHECKS.unbindNoPasid],
  summary: 'a PASID that the hardware or this file cannot have',
  why: 'PASIDs have 20 bits, and PASID 0 stands for requests without a PASID: a bind takes 1 to 0xfffff. The number must also have been handed out by VFIO_IOMMU_PASID_REQUEST, so one outside of every range that the file asks for is refused with ENOENT. The pasid of an invalidation is not checked at all: one with more bits flushes something else.',
  examples: {
    bad: [
      `uapi vfio-2020-07
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD, addr_width = 48
  hpasid = 0x10_0000
         //^^^^^^^^^ hpasid is 0x100000, but a bind takes 0x1 to 0xfffff
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_pgd }
scenario "s" { submit bind }`,
      `uapi vfio-2020-07
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD, addr_width = 48
  hpasid = 200
         //^^^ hpasid is 200, but the PASID requests of this file ask for 1 to 100; write the name that the request is submitted as
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_pgd }
scenario "s" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 100 } }
  submit bind
}`,
      `uapi vfio-2020-07
cache_invalidate_info all {
  argsz = sizeof, version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB, granularity = IOMMU_INV_GRANU_PASID
  granu.pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 0x10_0001 }
                                                                  //^^^^^^^^^ pasid is 0x100001, which the kernel does not check, but PASIDs end at 0xfffff: another one is flushed
}`,
    ],
    good: [
      `uapi vfio-2020-07
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD, addr_width = 48
  hpasid = pasid
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_pgd }
scenario "s" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 100 } } as pasid
  submit bind
}`,
      `uapi vfio-2020-03
pasid_request alloc { argsz = sizeof, flags = VFIO_IOMMU_PASID_ALLOC, alloc_pasid = { min = 1, max = 100 } }
bind_data guest_pgd {
  version = IOMMU_UAPI_VERSION, format = IOMMU_PASID_FORMAT_INTEL_VTD, addr_width = 48, gpgd = 0x1000_0000
  hpasid = (__u32)alloc.alloc_pasid.result
}
struct vfio_iommu_type1_bind bind { argsz = sizeof, flags = VFIO_IOMMU_BIND_GUEST_PGTBL, data = guest_pgd }
scenario "s" {
  submit alloc
  submit bind
}`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    if (view.struct.name === 'iommu_gpasid_bind_data') yield* boundPasid(view, context);
    else if (view.struct.name === 'iommu_cache_invalidate_info' && !isOnlyBase(view, context)) yield* flushed(view);
  },
});

function* boundPasid(view: PayloadView, context: RuleContext): Iterable<Finding> {
  const field = view.fields.get('hpasid');
  if (field ? field.value === undefined : view.carriers.length === 0) return;
  const pasid = field?.value ?? 0n;
  const at = (message: string, more: Partial<Finding>): Finding =>
    field ? atValue(field, message, more) : atTitle(view, message, more);
  if (pasid === 0n || LIMIT <= pasid) {
    const found = field ? hex(pasid) : 'not set, so 0';
    const message = `hpasid is ${found}, but a bind takes 0x1 to 0xfffff`;
    yield* predict(view, 'bind', context, at(message, { predicts: CHECKS.bindPasidRange }));
    // An unbind ends in another check, and of PASID 0 in another rule.
    if (LIMIT <= pasid) yield* predict(view, 'unbind', context, at(message, { predicts: CHECKS.unbindPasidRange }));
    return;
  }
  const ranges = requestedRanges(context);
  if (!ranges || ranges.length === 0 || ranges.some((r) => r.min <= pasid && pasid <= r.max)) return;
  const asked = ranges.map((r) => `${r.min} to ${r.max}`).join(', ');
  const message = `hpasid is ${pasid}, but the PASID requests of this file ask for ${asked}; write the name that the request is submitted as`;
  const related = ranges.map((r) => ({ ...r.at, message: `this request asks for ${r.min} to ${r.max}` }));
  yield* predict(view, 'bind', context, at(message, { predicts: CHECKS.bindNoPasid, related }));
  yield* predict(view, 'unbind', context, at(message, { predicts: CHECKS.unbindNoPasid, related }));
}

/** The pasid that an invalidation's granularity makes the kernel read. */
function* flushed(view: PayloadView): Iterable<Finding> {
  const granularity = view.fields.get('granularity')?.value;
  const member = granularity === 1n ? 'pasid_info' : granularity === 2n ? 'addr_info' : undefined;
  const flags = view.fields.get(`granu.${member}.flags`)?.value ?? 0n;
  const pasid = view.fields.get(`granu.${member}.pasid`);
  if ((flags & HAS_PASID) === 0n || pasid?.value === undefined || pasid.value < LIMIT) return;
  const message = `pasid is ${hex(pasid.value)}, which the kernel does not check, but PASIDs end at 0xfffff: another one is flushed`;
  yield atValue(pasid, message);
}
