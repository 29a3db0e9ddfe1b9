import { type Check, PASID_TABLE_CHECKS, PASID_TABLE_MODELS } from '../../../engine/index.ts';
import { familyOf } from './field-checks.ts';
import { tableUnit, whereBound } from './pasid-table.ts';
import { atReading, constantOf, found, type Reading, reading } from './reading.ts';
import { type Finding, type PayloadView, type RuleContext, rule } from './rule.ts';

const { noModel, modelUnknown, modelMismatch, otherField } = PASID_TABLE_CHECKS.bind;

export default rule({
  id: 'model-mismatch',
  severity: 'warning',
  structs: ['pasid_table_config'],
  errno: 'EINVAL',
  checks: [noModel, modelUnknown, otherField],
  summary: 'a PASID table does not say that it was made for the IOMMU of the host, or says so and means another',
  why: 'Nothing in a table says whose it is, so the review of 2018 asked for a model number that the host compares with its own, and that decides which fields count. With the quirk model_unchecked off a config has to be in version 2, name the model of the host and leave the fields of the others 0.',
  examples: {
    bad: [
      `uapi iommu-2018-05 { model_unchecked = off }
struct pasid_table_config table { version = PASID_TABLE_CFG_VERSION_2, bytes = sizeof, base_ptr = 0x1000_0000, pasid_bits = 20, model = IOMMU_MODEL_ARM_SMMU_V3 }
                                                                                                                                     // ^^^^^^^^^^^^^^^^^^^^^^^ model is IOMMU_MODEL_ARM_SMMU_V3, but the devices are behind iommu vtd; write model = IOMMU_MODEL_INTEL_VTD
struct pasid_table_config strange = table { model = 9 }
                                                 // ^ model is 9, but the devices are behind iommu vtd; write model = IOMMU_MODEL_INTEL_VTD
struct pasid_table_config levels = table { model = IOMMU_MODEL_INTEL_VTD, s1fmt = 1 }
                                                                               // ^ s1fmt is 1, but counts for IOMMU_MODEL_ARM_SMMU_V3 only; leave it out
struct pasid_table_config posted { version = PASID_TABLE_CFG_VERSION_1, bytes = sizeof, base_ptr = 0x1000_0000, pasid_bits = 20 }
                                          // ^^^^^^^^^^^^^^^^^^^^^^^^^ version is 1, which names no model; write version = PASID_TABLE_CFG_VERSION_2 and model = IOMMU_MODEL_INTEL_VTD
scenario "four ways" {
  submit table to bind_pasid_table on dev0
  submit strange to bind_pasid_table on dev0
  submit levels to bind_pasid_table on dev0
  submit posted to bind_pasid_table on dev0
}`,
    ],
    good: [
      `uapi iommu-2018-05 { model_unchecked = off }
struct pasid_table_config table { version = PASID_TABLE_CFG_VERSION_2, bytes = sizeof, base_ptr = 0x1000_0000, pasid_bits = 20, model = IOMMU_MODEL_INTEL_VTD }
scenario "the model of the host" { submit table to bind_pasid_table on dev0 }`,
      `uapi iommu-2018-05
struct pasid_table_config table { version = PASID_TABLE_CFG_VERSION_1, bytes = sizeof, base_ptr = 0x1000_0000, pasid_bits = 20 }
scenario "as posted, no kernel asks" { submit table to bind_pasid_table on dev0 }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const own = tableUnit(context)?.model;
    if (!own || familyOf(context) !== 'table' || context.file.quirks.get('model_unchecked')) return;
    const wrong = judge(view, own, context);
    if (!wrong) return;
    const { at, message, predicts } = wrong;
    yield* whereBound(view, context, atReading(view, at, message, { predicts }));
  },
});

function judge(
  view: PayloadView,
  own: (typeof PASID_TABLE_MODELS)[number],
  context: RuleContext,
): { readonly at: Reading; readonly message: string; readonly predicts: Check } | undefined {
  const version = reading(view, 'version');
  const remedy = `write model = ${own.constant}`;
  if (version?.value === 1n) {
    const message = `version is 1, which names no model; write version = PASID_TABLE_CFG_VERSION_2 and model = ${own.constant}`;
    return { at: version, message, predicts: noModel };
  }
  const model = reading(view, 'model');
  if (version?.value !== 2n || model?.value === undefined) return undefined;
  const constant = constantOf(
    model.value,
    PASID_TABLE_MODELS.map((m) => m.constant),
    context,
  );
  if (constant !== own.constant) {
    const message = `${found(model, constant ?? `${model.value}`)}, but the devices are behind iommu ${own.model}; ${remedy}`;
    return { at: model, message, predicts: constant ? modelMismatch : modelUnknown };
  }
  for (const other of PASID_TABLE_MODELS)
    for (const path of other.fields.filter((field) => !own.fields.includes(field))) {
      const field = reading(view, path);
      if (!field?.value) continue;
      const message = `${found(field, `${field.value}`)}, but counts for ${other.constant} only; leave it out`;
      return { at: field, message, predicts: otherField };
    }
  return undefined;
}
