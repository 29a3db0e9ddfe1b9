import { hexGrouped, PASID_TABLE_CHECKS } from '../../../engine/index.ts';
import { familyOf } from './field-checks.ts';
import { tableUnit, whereBound } from './pasid-table.ts';
import { atReading, found, reading } from './reading.ts';
import { type Finding, rule } from './rule.ts';

export default rule({
  id: 'base-misaligned',
  severity: 'warning',
  structs: ['pasid_table_config'],
  errno: 'EINVAL',
  summary: 'a PASID table does not begin where the IOMMU can point to',
  why: 'The model of the host decides the alignment of base_ptr: VT-d points to pages of 4 KiB, an SMMUv3 to 64 bytes. The review of 2018 counted it among the few things of a table that a kernel can check, as the contents of a new one are zeros.',
  examples: {
    bad: [
      `uapi iommu-2018-05
struct pasid_table_config table { version = PASID_TABLE_CFG_VERSION_1, bytes = sizeof, base_ptr = 0x1000_0040, pasid_bits = 20 }
                                                                                               // ^^^^^^^^^^^ base_ptr is 0x1000_0040, but vtd takes a multiple of 4096 bytes
scenario "aligned as Arm wants it" { submit table to bind_pasid_table on dev0 }`,
    ],
    good: [
      `uapi iommu-2018-05
machine { iommu smmuv3 { } }
struct pasid_table_config table { version = PASID_TABLE_CFG_VERSION_1, bytes = sizeof, base_ptr = 0x1000_0040, pasid_bits = 20 }
scenario "64 bytes are enough for an SMMUv3" { submit table to bind_pasid_table on dev0 }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const base = familyOf(context) === 'table' ? reading(view, 'base_ptr') : undefined;
    const model = tableUnit(context)?.model;
    if (base?.value === undefined || !model || base.value % model.aligned === 0n) return;
    const message = `${found(base, hexGrouped(base.value))}, but ${model.model} takes a multiple of ${model.aligned} bytes`;
    yield* whereBound(view, context, atReading(view, base, message, { predicts: PASID_TABLE_CHECKS.bind.misaligned }));
  },
});
