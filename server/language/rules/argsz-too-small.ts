import {
  CHECKS,
  type Check,
  IOMMUFD_CHECKS,
  VFIO_2018_CHECKS,
  VFIO_2020_03_CHECKS,
  VFIO_ARM_CHECKS,
} from '../../../engine/index.ts';
import { familyOf } from './field-checks.ts';
import { whereRead } from './nesting-operation.ts';
import { atReading, found, reading } from './reading.ts';
import { type Finding, type PayloadView, type RuleContext, rule } from './rule.ts';
import { predictRead } from './submits.ts';

interface Need {
  readonly bytes: number;
  readonly check: Check;
  /** The part of the payload that is only read by some operations. */
  readonly part?: string;
}

const V1 = VFIO_2020_03_CHECKS;
const { vfioCompat, vfioDevice } = IOMMUFD_CHECKS;

/** How far argsz must reach and the check that says so, in the order in which the kernel asks. */
function needs(view: PayloadView, context: RuleContext): readonly Need[] {
  const { quirks } = context.file;
  const { name } = view.struct;
  if (name === 'vfio_iommu_type1_info') {
    const check = familyOf(context)?.match(/^iommufd$|^posted$/) ? vfioCompat.infoArgsz : CHECKS.infoArgsz;
    return familyOf(context) === undefined ? [] : [{ bytes: 16, check }];
  }
  switch (familyOf(context)) {
    case 'process':
      return /^vfio_iommu_type1_bind( |$)/.test(name)
        ? [
            { bytes: 8, check: VFIO_2018_CHECKS.bind['headerArgsz']! },
            { bytes: 20, check: VFIO_2018_CHECKS.bind['payloadArgsz']! },
          ]
        : [];
    case 'v1': {
      // The whole is asked for only where the posting's faults are mended.
      const whole = (bytes: number, check: Check): readonly Need[] =>
        quirks.get('version_to_size') ? [] : [{ bytes, check }];
      const heads: Readonly<Record<string, readonly Need[]>> = {
        vfio_iommu_type1_pasid_request: [
          { bytes: 8, check: V1.requestArgsz },
          ...(quirks.get('request_size_unchecked') ? [] : [{ bytes: 20, check: V1.requestSize }]),
        ],
        vfio_iommu_type1_bind: [{ bytes: 8, check: V1.bindArgsz }, ...whole(80, V1.bindSize)],
        vfio_iommu_type1_cache_invalidate: [{ bytes: 8, check: V1.flushArgsz }, ...whole(56, V1.flushSize)],
      };
      return context.file.generation.evolved ? [] : (heads[name] ?? []);
    }
    case 'arm': {
      const checks: Readonly<Record<string, Check>> = {
        vfio_iommu_type1_set_pasid_table: VFIO_ARM_CHECKS.table.argsz,
        vfio_iommu_type1_cache_invalidate: VFIO_ARM_CHECKS.flush.argsz,
        vfio_iommu_type1_set_msi_binding: VFIO_ARM_CHECKS.msi.argsz,
      };
      const last = view.struct.fields.at(-1)!;
      return checks[name] ? [{ bytes: last.offset + last.size, check: checks[name] }] : [];
    }
    case 'v6':
      return needsOfV6(view, context);
    case 'posted':
    case 'iommufd': {
      const checks: Readonly<Record<string, Check>> = {
        vfio_device_bind_iommufd: vfioDevice.bindArgsz,
        vfio_device_attach_iommufd_pt: vfioDevice.attachArgsz,
        vfio_device_detach_iommufd_pt: vfioDevice.detachArgsz,
        vfio_iommu_type1_dma_map: vfioCompat.mapArgsz,
        vfio_iommu_type1_dma_unmap: vfioCompat.unmapArgsz,
      };
      const ioctl = [...context.file.generation.ioctls.values()].find(({ struct }) => struct === name);
      return checks[name] && ioctl?.minimum ? [{ bytes: ioctl.minimum, check: checks[name] }] : [];
    }
    default:
      return [];
  }
}

function needsOfV6(view: PayloadView, context: RuleContext): readonly Need[] {
  switch (view.struct.name) {
    case 'vfio_iommu_type1_nesting_op':
      return [{ bytes: 8, check: CHECKS.headerArgsz }];
    case 'vfio_iommu_type1_pasid_request':
      return [{ bytes: 16, check: CHECKS.requestArgsz }];
    case 'iommu_gpasid_bind_data': {
      const core = { bytes: 56, check: CHECKS.bindArgsz };
      return context.file.quirks.get('vendor_size_unchecked')
        ? [core]
        : [core, { bytes: 72, check: CHECKS.bindVendorArgsz, part: 'vendor' }];
    }
    case 'iommu_cache_invalidate_info': {
      const granularity = reading(view, 'granularity')?.value;
      const core = { bytes: 16, check: CHECKS.flushArgsz };
      if (granularity === context.constant('IOMMU_INV_GRANU_ADDR'))
        return [core, { bytes: 56, check: CHECKS.flushArgszAddr }];
      return granularity === context.constant('IOMMU_INV_GRANU_PASID')
        ? [core, { bytes: 32, check: CHECKS.flushArgszPasid }]
        : [core];
    }
    default:
      return [];
  }
}

export default rule({
  id: 'argsz-too-small',
  severity: 'warning',
  errno: 'EINVAL',
  checks: [
    vfioDevice.bindArgsz,
    vfioDevice.attachArgsz,
    vfioDevice.detachArgsz,
    vfioCompat.infoArgsz,
    vfioCompat.mapArgsz,
    vfioCompat.unmapArgsz,
  ],
  summary: 'argsz ends before the part that the call needs',
  why: 'The kernel compares argsz with the bytes it must read before it looks at anything else. An unset argsz is 0. Write argsz = sizeof and let the size follow the payload.',
  examples: {
    bad: [
      `uapi vfio-2020-07
pasid_request r { argsz = 8, flags = VFIO_IOMMU_FLAG_ALLOC_PASID }
                        //^ argsz is 8, but vfio_iommu_type1_pasid_request needs at least 16
scenario "s" { submit r }`,
      `uapi vfio-2018-02
struct vfio_iommu_type1_bind bind { argsz = 8, flags = VFIO_IOMMU_BIND_PROCESS, data = bind_data { } }
                                         // ^ argsz is 8, but vfio_iommu_type1_bind needs at least 20
scenario "the process does not count" { submit bind to VFIO_IOMMU_BIND }`,
      `uapi vfio-2020-03
pasid_request r { argsz = 4, flags = VFIO_IOMMU_PASID_ALLOC }
                       // ^ argsz is 4, but vfio_iommu_type1_pasid_request needs at least 8
scenario "not even the head" { submit r }`,
      `uapi vfio-arm-2020
struct vfio_iommu_type1_set_msi_binding msi { argsz = 24, flags = VFIO_IOMMU_BIND_MSI }
                                                   // ^^ argsz is 24, but vfio_iommu_type1_set_msi_binding needs at least 32
scenario "without its size" { submit msi }`,
      `uapi iommufd-6.8
struct vfio_iommu_type1_dma_unmap unmap { argsz = 16 }
                                               // ^^ argsz is 16, but vfio_iommu_type1_dma_unmap needs at least 24
struct vfio_iommu_type1_info info { argsz = 8 }
                                         // ^ argsz is 8, but vfio_iommu_type1_info needs at least 16
scenario "an iommufd as a container" {
  submit unmap
  submit info
}`,
    ],
    good: [
      `uapi vfio-2020-07
pasid_request r { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 2 } }
scenario "s" { submit r }`,
      `uapi vfio-2020-07
pasid_request r { argsz = 8, flags = VFIO_IOMMU_FLAG_ALLOC_PASID }
scenario "the refusal is what this scenario is about" { submit r expect EINVAL }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const argsz = reading(view, 'argsz');
    if (argsz?.value === undefined) return;
    for (const need of needs(view, context)) {
      if (BigInt(need.bytes) <= argsz.value) continue;
      const message = `${found(argsz, `${argsz.value}`)}, but ${view.struct.name} needs at least ${need.bytes}`;
      const finding = atReading(view, argsz, message, { predicts: need.check });
      // The vendor part is read for a bind, not for an unbind.
      if (need.part) yield* whereRead(view, need.part, context, finding);
      else yield* predictRead(view, context, finding);
      return;
    }
  },
});
