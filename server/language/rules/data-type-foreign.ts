import {
  ARM_SMMU_CHECKS,
  type Check,
  type Field,
  hex,
  INTEL_IOMMUFD_CHECKS,
  IOMMUFD_CHECKS,
  SELFTEST_CHECKS,
} from '../../../engine/index.ts';
import { constantsOf, type Driver, driverNamed, driverOf, kindAt } from './driver-data.ts';
import { atReading, found, type Reading, reading } from './reading.ts';
import { type Finding, type PayloadView, type RuleContext, rule } from './rule.ts';
import { predictRead } from './submits.ts';

const { hwpt, userData, viommu } = IOMMUFD_CHECKS;
const VTD = INTEL_IOMMUFD_CHECKS;
const MOCK = SELFTEST_CHECKS;
const ARM = ARM_SMMU_CHECKS;

/** The fields that name a driver's type, by struct. */
const TYPE: Readonly<Record<string, readonly string[]>> = {
  iommu_hwpt_alloc: ['data_type', 'hwpt_type'],
  iommu_hwpt_invalidate: ['data_type'],
  iommu_viommu_alloc: ['type'],
  iommu_hw_info: ['in_data_type'],
};

/** The check that refuses a type of another driver, where it is known what the page table is put on. */
function checkOf(view: PayloadView, driver: Driver, context: RuleContext): Check | undefined {
  switch (view.struct.name) {
    case 'iommu_hwpt_alloc': {
      const on = kindAt(view, 'pt_id', context);
      if (on === 'IOAS')
        return context.file.generation.ioctls.has('IOMMU_SET_DEV_DATA') ? hwpt.postedParent : PAGING[driver];
      if (on === 'vIOMMU' && driver !== 'vtd') return driver === 'smmuv3' ? userData.type : MOCK.nestedType;
      if (on !== 'nesting parent') return undefined;
      if (driver !== 'smmuv3') return driver === 'vtd' ? VTD.nestedType : MOCK.nestedType;
      return context.file.generation.ioctls.has('IOMMU_SET_DEV_DATA') ? ARM.posted.type : hwpt.nestedNoOp;
    }
    case 'iommu_hwpt_invalidate':
      if (kindAt(view, 'hwpt_id', context) === 'vIOMMU') return userData.arrayType;
      return driver === 'vtd' ? VTD.invalidateType : driver === 'selftest' ? MOCK.flushType : undefined;
    case 'iommu_viommu_alloc':
      return viommu.type;
    default:
      return { vtd: VTD.hwInfoType, smmuv3: ARM.paging.hwInfoType, selftest: MOCK.hwInfoType }[driver];
  }
}

const PAGING: Readonly<Record<Driver, Check>> = {
  vtd: VTD.pagingData,
  smmuv3: ARM.paging.data,
  selftest: MOCK.pagingData,
};

export default rule({
  id: 'data-type-foreign',
  severity: 'warning',
  structs: Object.keys(TYPE),
  checks: [
    hwpt.postedParent,
    hwpt.nestedNoOp,
    userData.type,
    userData.arrayType,
    viommu.type,
    VTD.pagingData,
    VTD.nestedType,
    VTD.invalidateType,
    VTD.hwInfoType,
    MOCK.pagingData,
    MOCK.nestedType,
    MOCK.flushType,
    MOCK.hwInfoType,
    ARM.paging.data,
    ARM.paging.hwInfoType,
    ARM.posted.type,
  ],
  summary: 'a type names the payload of another driver than the one behind the device',
  why: 'Which driver payload is meant is a number in the call, and the driver that gets it is the one behind dev_id or hwpt_id: it takes its own type only. IOMMU_GET_HW_INFO tells which one that is. VT-d and the mock nest a page table on a nesting parent, SMMUv3 on a vIOMMU.',
  examples: {
    bad: [
      `uapi iommufd-6.14
struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_selftest data { iotlb = 1 }
struct iommu_hwpt_alloc nested {
  size = sizeof, dev_id = dev0.id, pt_id = parent.out_hwpt_id
  data_type = IOMMU_HWPT_DATA_SELFTEST
           // ^^^^^^^^^^^^^^^^^^^^^^^^ data_type is IOMMU_HWPT_DATA_SELFTEST, but the devices are behind iommu vtd; write data_type = IOMMU_HWPT_DATA_VTD_S1
  data_len = sizeof(data), data_uptr = &data
}
scenario "not the mock" {
  submit parent
  submit nested
}`,
      `uapi iommufd-6.8
machine { iommu selftest { } }
struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_selftest data { iotlb = 1 }
struct iommu_hwpt_alloc nested {
  size = sizeof, dev_id = dev0.id, pt_id = parent.out_hwpt_id
  data_type = IOMMU_HWPT_DATA_SELFTEST, data_len = sizeof(data), data_uptr = &data
}
struct iommu_hwpt_invalidate probe { size = sizeof, hwpt_id = nested.out_hwpt_id }
                           //^^^^^ data_type is not set, so IOMMU_HWPT_INVALIDATE_DATA_VTD_S1, but the devices are behind iommu selftest; write data_type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST
scenario "0 is the type of VT-d" {
  submit parent
  submit nested
  submit probe
}`,
      `uapi iommufd-6.17
machine { iommu selftest { } }
struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_viommu_alloc viommu {
  size = sizeof, dev_id = dev0.id, hwpt_id = parent.out_hwpt_id
  type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3
      // ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ type is IOMMU_VIOMMU_TYPE_ARM_SMMUV3, but the devices are behind iommu selftest; write type = IOMMU_VIOMMU_TYPE_SELFTEST
}
scenario "a vIOMMU of another kind" {
  submit parent
  submit viommu
}`,
    ],
    good: [
      `uapi iommufd-6.14
machine { iommu smmuv3 { } }
struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_viommu_alloc viommu { size = sizeof, dev_id = dev0.id, hwpt_id = parent.out_hwpt_id, type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3 }
struct iommu_hwpt_arm_smmuv3 ste { ste = [0xb, 0] }
struct iommu_hwpt_alloc nested {
  size = sizeof, dev_id = dev0.id, pt_id = viommu.out_viommu_id
  data_type = IOMMU_HWPT_DATA_ARM_SMMUV3, data_len = sizeof(ste), data_uptr = &ste
}
scenario "SMMUv3 nests on a vIOMMU" {
  submit parent
  submit viommu
  submit nested
}`,
      `uapi iommufd-6.14
struct iommu_viommu_alloc probe { size = sizeof, type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3, dev_id = dev0.id, hwpt_id = 9 }
scenario "the refusal is what this scenario is about" { submit probe expect ENOENT or EOPNOTSUPP }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const driver = driverOf(context);
    if (driver === undefined) return;
    for (const path of TYPE[view.struct.name] ?? []) {
      const field = view.struct.fields.find((f) => f.name === path);
      const type = field && reading(view, path);
      if (type?.value === undefined || !isAsked(view, path, type, context)) continue;
      const here = constantsOf(field!, type.value, context);
      if (here.some((name) => driverNamed(name) === driver || driverNamed(name) === undefined)) continue;
      const name = here[0] ?? hex(type.value);
      const own = ownTypes(field!, driver);
      const remedy = own.length > 0 ? `; write ${path} = ${own.join(' or ')}` : '';
      const message = `${found(type, name)}, but the devices are behind iommu ${driver}${remedy}`;
      const predicts = checkOf(view, driver, context);
      yield* predictRead(view, context, atReading(view, type, message, predicts ? { predicts } : { mayRefuse: true }));
    }
  },
});

const ownTypes = ({ oneOf = [] }: Field, driver: Driver): readonly string[] =>
  oneOf.filter((name) => driverNamed(name) === driver);

/** Whether the kernel looks at the type: an invalidation always has one, the others where it is given. */
function isAsked(view: PayloadView, path: string, type: Reading, context: RuleContext): boolean {
  if (view.struct.name === 'iommu_hwpt_invalidate') return true;
  if (view.struct.name !== 'iommu_hw_info') return type.from !== undefined;
  const flags = reading(view, 'flags')?.value ?? 0n;
  return path !== 'in_data_type' || (flags & context.constant('IOMMU_HW_INFO_FLAG_INPUT_TYPE')) !== 0n;
}
