import {
  CHECKS,
  type Check,
  type Located,
  PASID_TABLE_CHECKS,
  type Struct,
  VFIO_2020_03_CHECKS,
  VFIO_ARM_CHECKS,
  walkFields,
} from '../../../engine/index.ts';
import { checkAt, type Decider, type FieldChecks, familyOf } from './field-checks.ts';
import { whereRead } from './nesting-operation.ts';
import { atReading, constantOf, constantText, found, isArgument, isRead, reading } from './reading.ts';
import { type Finding, type PayloadView, type RuleContext, rule } from './rule.ts';

const V1 = VFIO_2020_03_CHECKS;

/** A version is worth a size, and one above the last is worth a negative one; of 0 only the driver thinks something. */
const worth =
  (refused: Check, negative: Check, ofDriver: Check | undefined): Decider =>
  (context, view) => {
    if (!context.file.quirks.get('version_unchecked')) return refused;
    const path = view.struct.fields.some((f) => f.name === 'version') ? 'version' : 'cache_info.version';
    return reading(view, path)?.value === 0n ? ofDriver : negative;
  };

const CHECK: FieldChecks = {
  table: {
    'pasid_table_config.version': unlessModelChecked,
    'tlb_invalidate_hdr.version': PASID_TABLE_CHECKS.flush.version,
  },
  v1: {
    // In front of the first row of the size table lies a word that nobody knows.
    'iommu_gpasid_bind_data.version': worth(V1.bindVersionRefused, V1.bindNoSize, undefined),
    'iommu_cache_invalidate_info.version': worth(V1.flushVersionRefused, V1.flushNoSize, V1.flushFormVersion),
  },
  arm: {
    'iommu_pasid_table_config.version': VFIO_ARM_CHECKS.table.version,
    'iommu_pasid_smmuv3.version': VFIO_ARM_CHECKS.table.version,
    'iommu_cache_invalidate_info.version': VFIO_ARM_CHECKS.flush.version,
  },
  v6: {
    'iommu_gpasid_bind_data.version': CHECKS.bindVersion,
    'iommu_cache_invalidate_info.version': CHECKS.flushVersion,
  },
};

/** The proposal of the review wants its own version in any case. */
function unlessModelChecked({ file }: RuleContext): Check | undefined {
  return file.quirks.get('model_unchecked') ? PASID_TABLE_CHECKS.bind.version : undefined;
}

export default rule({
  id: 'version-wrong',
  severity: 'warning',
  errno: 'EINVAL',
  summary: 'version is not one that the kernel knows',
  why: 'The IOMMU core compares version with the only value it knows, right after it has copied the payload. An unset version is 0, which no header ever defined, so a payload without it is refused with EINVAL. argsz says how long the struct is; version says what its fields mean, and a struct that only grows keeps it. In March 2020 the version stood for the size as well: one above the last was worth a negative size, whose allocation failed with ENOMEM, and no kernel could take a payload of a later header.',
  examples: {
    bad: [
      `uapi vfio-2020-07
bind_data guest_table { argsz = sizeof, version = 2, format = IOMMU_PASID_FORMAT_INTEL_VTD }
                                               // ^ version is 2, but iommu_gpasid_bind_data has IOMMU_GPASID_BIND_VERSION_1 (1) only; write version = IOMMU_GPASID_BIND_VERSION_1
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_table }
scenario "there is no second version" { submit bind }`,
      `uapi vfio-2020-07
cache_invalidate_info whole_pasid {
                   // ^^^^^^^^^^^ version is not set, so 0, but iommu_cache_invalidate_info has IOMMU_CACHE_INVALIDATE_INFO_VERSION_1 (1) only; write version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  argsz = sizeof
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_PASID
  granu.pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 1 }
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = whole_pasid }
scenario "version was forgotten" { submit flush }`,
      `uapi vfio-2020-03
struct vfio_iommu_type1_cache_invalidate flush { argsz = sizeof, cache_info.version = 2 }
                                                                                   // ^ cache_info.version is 2, but iommu_cache_invalidate_info has IOMMU_UAPI_VERSION (1) only; write cache_info.version = IOMMU_UAPI_VERSION
scenario "worth a negative size" { submit flush }`,
      `uapi vfio-arm-2020
struct vfio_iommu_type1_set_pasid_table table {
  argsz = sizeof, flags = VFIO_PASID_TABLE_FLAG_SET
  config { format = IOMMU_PASID_FORMAT_SMMUV3, config = IOMMU_PASID_CONFIG_BYPASS, version = PASID_TABLE_CFG_VERSION_1, smmuv3.version = 2 }
                                                                                                                                      // ^ config.smmuv3.version is 2, but iommu_pasid_smmuv3 has PASID_TABLE_SMMUV3_CFG_VERSION_1 (1) only; write config.smmuv3.version = PASID_TABLE_SMMUV3_CFG_VERSION_1
}
scenario "a version inside a version" { submit table }`,
      `uapi iommu-2018-04
bind_data table { bytes = sizeof, version = 7 }
                                         // ^ version is 7, but pasid_table_config has PASID_TABLE_CFG_VERSION (1) only; write version = PASID_TABLE_CFG_VERSION
scenario "in the kernel" { submit table to bind_pasid_table on dev0 }`,
      `uapi vfio-2020-07
evolve struct iommu_gpasid_bind_data version 2 { __u64 hint }
bind_data guest_table { argsz = sizeof, version = 3, format = IOMMU_PASID_FORMAT_INTEL_VTD }
                                               // ^ version is 3, but iommu_gpasid_bind_data has IOMMU_GPASID_BIND_VERSION_1 (1) or 2 only; write version = IOMMU_GPASID_BIND_VERSION_1
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_table }
scenario "one above the version that the file adds" { submit bind }`,
    ],
    good: [
      `uapi vfio-2020-07
cache_invalidate_info whole_pasid {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_PASID
  granu.pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 1 }
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = whole_pasid }
scenario "the version of the header" { submit flush }`,
      `uapi vfio-2020-07
bind_data guest_table { argsz = sizeof, version = 2, format = IOMMU_PASID_FORMAT_INTEL_VTD }
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_table }
scenario "the refusal is what this scenario is about" { submit bind expect hidden EINVAL, reason version-wrong }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    if (!isArgument(view, context)) return;
    const { generation } = context.file;
    for (const { field, path, parent } of versionsIn(view.struct)) {
      if (!field.oneOf) continue;
      const version = isRead(view, path, context) ? reading(view, path) : undefined;
      if (version?.value === undefined || constantOf(version.value, field.oneOf, context)) continue;
      // A file that evolves a struct says itself which versions there are; in March 2020 one number stood for all structs.
      const evolved =
        familyOf(context) === 'v1'
          ? [...(generation.evolved?.values() ?? [])].flat()
          : (generation.evolved?.get(parent.name) ?? []);
      if (evolved.some((each) => BigInt(each.version) === version.value)) continue;
      if (!isHandedOver(view, path, context)) continue;
      const predicts = checkAt(CHECK, view, path, context);
      // The second version of 2018 is a proposal, and the kernel as posted knows nothing of it.
      const added = familyOf(context) === 'table' ? [] : evolved;
      const message = `${found(version, `${version.value}`)}, but ${parent.name} has ${field.oneOf
        .map((name) => constantText(name, context))
        .concat(added.map((each) => `${each.version}`))
        .join(' or ')} only; write ${path} = ${field.oneOf[0]}`;
      yield* whereRead(view, version.path, context, atReading(view, version, message, predicts ? { predicts } : {}));
    }
  },
});

/** The versions in a struct and in those inside it; few have one, and every payload is asked. */
function versionsIn(struct: Struct): readonly Located[] {
  const known =
    versions.get(struct) ?? [...walkFields(struct)].filter(({ field: f }) => f.role === 'version' && !f.out);
  versions.set(struct, known);
  return known;
}
const versions = new WeakMap<Struct, readonly Located[]>();

/** A struct inside another that is not given at all is left for the operation that needs none: unset, or unbind. */
const isHandedOver = (view: PayloadView, path: string, context: RuleContext): boolean => {
  const flags = view.struct.name === 'vfio_iommu_type1_set_pasid_table' ? reading(view, 'flags')?.value : undefined;
  return !path.includes('.') || flags === undefined || (flags & context.constant('VFIO_PASID_TABLE_FLAG_SET')) !== 0n;
};
