import { CHECKS } from '../../../engine/index.ts';
import { capsOf, machineLine, predict } from '../nesting-uses.ts';
import { atTitle, atValue, type Finding, type PayloadView, type RuleContext, rule } from './rule.ts';

/** Widths a first stage can have, by the format whose tables they walk. */
const WIDTHS: ReadonlyMap<string, { readonly width: bigint; readonly levels: string }> = new Map([
  ['x86-64', { width: 48n, levels: 'four levels' }],
  ['x86-64-la57', { width: 57n, levels: 'five levels' }],
]);

export default rule({
  id: 'addr-width-unsupported',
  severity: 'warning',
  structs: ['iommu_gpasid_bind_data'],
  errno: 'EINVAL',
  summary: 'addr_width is not one that this machine can walk',
  why: 'addr_width chooses the number of first-stage levels: 48 is four, 57 is five and needs cap.FS5LP. The driver refuses every other value. A width that does not fit the table behind gpgd is accepted, and then each walk begins at the wrong level.',
  examples: {
    bad: [
      `uapi vfio-2020-03
bind_data guest_pgd {
  version = IOMMU_UAPI_VERSION, format = IOMMU_PASID_FORMAT_INTEL_VTD, hpasid = alloc.alloc_pasid.result
  addr_width = 64
             //^^ addr_width is 64, but the driver takes 48 or 57
}
struct vfio_iommu_type1_bind bind { argsz = sizeof, flags = VFIO_IOMMU_BIND_GUEST_PGTBL, data = guest_pgd }
pasid_request alloc { argsz = sizeof, flags = VFIO_IOMMU_PASID_ALLOC, alloc_pasid = { min = 1, max = 9 } }
scenario "the same driver" {
  submit alloc
  submit bind
}`,
      `uapi vfio-2020-07
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD, hpasid = pasid
  addr_width = 64
             //^^ addr_width is 64, but the driver takes 48 or 57
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_pgd }
scenario "s" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } } as pasid
  submit bind
}`,
      `uapi vfio-2020-07
machine { iommu vtd { FS5LP = 0 } }
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD, hpasid = pasid
  addr_width = 57
             //^^ addr_width is 57, but this machine has no 5-level first stage (cap.FS5LP = 0); write 48
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_pgd }
scenario "s" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } } as pasid
  submit bind
}`,
      `uapi vfio-2020-07
pagetable gpt x86-64-la57 at 0x1000_0000 { }
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD, hpasid = pasid
  gpgd = gpt.root
  addr_width = 48
             //^^ addr_width is 48, but gpt is x86-64-la57 with five levels, so the walk begins at the wrong level; write 57
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_pgd }
scenario "s" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } } as pasid
  submit bind
}`,
    ],
    good: [
      `uapi vfio-2020-07
pagetable gpt x86-64-la57 at 0x1000_0000 { }
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD, hpasid = pasid
  addr_width = 57
  gpgd = gpt.root
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_pgd }
scenario "s" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } } as pasid
  submit bind
}`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const field = view.fields.get('addr_width');
    if (field && field.value === undefined) return;
    const width = field?.value ?? 0n;
    const at = (message: string, more: Partial<Finding>): Finding =>
      field ? atValue(field, message, more) : atTitle(view, message, more);
    if (!field && view.carriers.length === 0) return;
    const found = `addr_width is ${field ? width : 'not set, so 0'}`;
    if (width !== 48n && width !== 57n) {
      const finding = at(`${found}, but the driver takes 48 or 57`, { predicts: CHECKS.nestedWidth });
      yield* predict(view, 'bind', context, finding);
    } else if (width === 57n && capsOf(context).FS5LP === 0) {
      const finding = at(`${found}, but this machine has no 5-level first stage (cap.FS5LP = 0); write 48`, {
        predicts: CHECKS.nestedWidth5,
        related: machineLine(context, { word: 'iommu' }, 'FS5LP', 'the machine has no 5-level first stage'),
      });
      yield* predict(view, 'bind', context, finding);
    } else {
      const table = tableOf(view, context);
      if (!table || table.width === width) return;
      const message = `${found}, but ${table.name} is ${table.format} with ${table.levels}, so the walk begins at the wrong level; write ${table.width}`;
      yield* predict(view, 'bind', context, at(message, { severity: 'information', related: [table.declared] }));
    }
  },
});

/** The table that gpgd names as `NAME.root`, with the width that walks it. */
function tableOf(view: PayloadView, { file }: RuleContext) {
  const expr = view.fields.get('gpgd')?.expr;
  if (expr?.kind !== 'member') return undefined;
  const table = file.tables.get(expr.object.text);
  const walked = table && WIDTHS.get(table.node.format.text);
  if (!table || !walked) return undefined;
  const { name, format } = table.node;
  const declared = { file: table.file, start: format.start, end: format.end, message: `${name.text} is declared here` };
  return { ...walked, name: name.text, format: format.text, declared };
}
