import { PASID_TABLE_CHECKS } from '../../../engine/index.ts';
import { familyOf } from './field-checks.ts';
import { whereBound } from './pasid-table.ts';
import { atReading, found, reading } from './reading.ts';
import { type Finding, rule } from './rule.ts';

export default rule({
  id: 'bytes-wrong',
  severity: 'warning',
  structs: ['pasid_table_config'],
  errno: 'EINVAL',
  summary: 'bytes is not the size of the struct',
  why: 'bytes of a pasid_table_config is its own size, which the version gives already, so that a kernel takes that size alone. It is not an argsz: a longer struct is refused too.',
  examples: {
    bad: [
      `uapi iommu-2018-04
struct pasid_table_config table { version = PASID_TABLE_CFG_VERSION, bytes = 32, base_ptr = 0x1000_0000, pasid_bits = 20 }
                                                                          // ^^ bytes is 32, but pasid_table_config has 24; write bytes = sizeof
struct pasid_table_config unset { version = PASID_TABLE_CFG_VERSION, base_ptr = 0x1000_0000 }
                       // ^^^^^ bytes is not set, so 0, but pasid_table_config has 24; write bytes = sizeof
scenario "neither longer nor unset" {
  submit table to bind_pasid_table on dev0
  submit unset to bind_pasid_table on dev0
}`,
    ],
    good: [
      `uapi iommu-2018-04
struct pasid_table_config table { version = PASID_TABLE_CFG_VERSION, bytes = sizeof, base_ptr = 0x1000_0000, pasid_bits = 20 }
scenario "the size of version 1" { submit table to bind_pasid_table on dev0 }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const bytes = familyOf(context) === 'table' ? reading(view, 'bytes') : undefined;
    if (bytes?.value === undefined || bytes.value === BigInt(view.struct.size)) return;
    const message = `${found(bytes, `${bytes.value}`)}, but ${view.struct.name} has ${view.struct.size}; write bytes = sizeof`;
    yield* whereBound(view, context, atReading(view, bytes, message, { predicts: PASID_TABLE_CHECKS.bind.bytes }));
  },
});
