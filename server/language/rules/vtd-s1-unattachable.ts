import { type Check, INTEL_IOMMUFD_CHECKS } from '../../../engine/index.ts';
import { capsOf, machineLine, submitted } from '../nesting-uses.ts';
import { stepsOf } from '../scenario-names.ts';
import type { Expr, Step } from '../syntax.ts';
import { driverOf } from './driver-data.ts';
import { atReading, found, reading } from './reading.ts';
import { expectsRefusal, type Finding, type PayloadView, type RuleContext, rule, type Use } from './rule.ts';
import { submitsOf } from './submits.ts';

const { setupEafe, setupSre, setupWidth } = INTEL_IOMMUFD_CHECKS;

const FLAGS: readonly (readonly [flag: string, cap: 'SRS' | 'EAFS', check: Check])[] = [
  ['IOMMU_VTD_S1_SRE', 'SRS', setupSre],
  ['IOMMU_VTD_S1_EAFE', 'EAFS', setupEafe],
];

export default rule({
  id: 'vtd-s1-unattachable',
  severity: 'warning',
  structs: ['iommu_hwpt_vtd_s1'],
  errno: 'EINVAL',
  checks: [setupWidth, setupSre, setupEafe],
  summary: 'a first stage for VT-d can be allocated and never attached',
  why: 'IOMMU_HWPT_ALLOC keeps what it is given and looks at none of it; the PASID entry is made when a device is attached, and only then addr_width and the flags are held against the capabilities. So a mistake in the payload shows up two calls later, as EINVAL of an attachment.',
  examples: {
    bad: [
      `uapi iommufd-6.8
machine { iommu vtd { FS5LP = 0, SRS = 0 } }
struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_vtd_s1 five_levels { pgtbl_addr = 0x1000, addr_width = 57 }
                                                                      // ^^ addr_width is 57, but this unit takes 48: cap.FS5LP = 0
struct iommu_hwpt_vtd_s1 supervisor { pgtbl_addr = 0x1000, addr_width = 48, flags = IOMMU_VTD_S1_SRE }
                                                                                 // ^^^^^^^^^^^^^^^^ flags has IOMMU_VTD_S1_SRE, but this unit has ecap.SRS = 0; clear the flag
struct iommu_hwpt_alloc nested5 {
  size = sizeof, dev_id = dev0.id, pt_id = parent.out_hwpt_id
  data_type = IOMMU_HWPT_DATA_VTD_S1, data_len = sizeof(five_levels), data_uptr = &five_levels
}
struct iommu_hwpt_alloc nested_sre = nested5 { data_uptr = &supervisor }
scenario "allocated, not attached" {
  submit parent
  submit nested5
  attach dev0 to nested5.out_hwpt_id
  submit nested_sre
  attach dev0 to nested_sre.out_hwpt_id
}`,
    ],
    good: [
      `uapi iommufd-6.8
struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_vtd_s1 s1 { pgtbl_addr = 0x1000, addr_width = 57 }
struct iommu_hwpt_alloc nested {
  size = sizeof, dev_id = dev0.id, pt_id = parent.out_hwpt_id
  data_type = IOMMU_HWPT_DATA_VTD_S1, data_len = sizeof(s1), data_uptr = &s1
}
scenario "five levels where the unit has them" {
  submit parent
  submit nested
  attach dev0 to nested.out_hwpt_id
}`,
      `uapi iommufd-6.8
struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_vtd_s1 s1 { pgtbl_addr = 0x1000 }
struct iommu_hwpt_alloc nested {
  size = sizeof, dev_id = dev0.id, pt_id = parent.out_hwpt_id
  data_type = IOMMU_HWPT_DATA_VTD_S1, data_len = sizeof(s1), data_uptr = &s1
}
scenario "the refusal is what this scenario is about" {
  submit parent
  submit nested
  attach dev0 to nested.out_hwpt_id expect EINVAL
}`,
      `uapi iommufd-6.8
struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_vtd_s1 s1 { pgtbl_addr = 0x1000 }
struct iommu_hwpt_alloc nested {
  size = sizeof, dev_id = dev0.id, pt_id = parent.out_hwpt_id
  data_type = IOMMU_HWPT_DATA_VTD_S1, data_len = sizeof(s1), data_uptr = &s1
}
struct vfio_device_attach_iommufd_pt attachment { argsz = sizeof, pt_id = nested.out_hwpt_id }
scenario "by the ioctl of the device" {
  submit parent
  submit nested
  submit attachment on dev0 expect EINVAL
}`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    if (driverOf(context) !== 'vtd') return;
    const caps = capsOf(context);
    const width = reading(view, 'addr_width');
    const widths = caps.FS5LP === 1 ? [48n, 57n] : [48n];
    if (width?.value !== undefined && !widths.includes(width.value)) {
      const why = width.value === 57n ? ': cap.FS5LP = 0' : '';
      const message = `${found(width, `${width.value}`)}, but this unit takes ${widths.join(' or ')}${why}`;
      const related = why ? machineLine(context, { word: 'iommu' }, 'FS5LP', 'four levels only') : [];
      yield* beforeAttach(view, context, atReading(view, width, message, { predicts: setupWidth, related }));
    }
    const flags = reading(view, 'flags');
    for (const [flag, cap, check] of FLAGS) {
      if (caps[cap] !== 0 || flags?.value === undefined || (flags.value & context.constant(flag)) === 0n) continue;
      const message = `flags has ${flag}, but this unit has ecap.${cap} = 0; clear the flag`;
      const related = machineLine(context, { word: 'iommu' }, cap, 'the capability');
      yield* beforeAttach(view, context, atReading(view, flags, message, { predicts: check, related }));
    }
  },
});

/** It is the attachment that is refused: nothing is said where every one of such a page table expects that. */
function* beforeAttach(view: PayloadView, context: RuleContext, finding: Finding): Iterable<Finding> {
  const uses = submitsOf(view, context, 0);
  if (uses.length === 0 && submitsOf(view, context).length > 0) return;
  const attachments = uses.flatMap((use) => attachmentsOf(use, context));
  if (attachments.length > 0 && attachments.every(expectsRefusal)) return;
  yield finding;
}

/** Steps of the scenario that attach a device to the page table of a submit. */
const attachmentsOf = ({ scenario, step }: Use, context: RuleContext): readonly Step[] => {
  const names = [step.as?.text, submitted({ step }, context)?.payload.name?.text];
  return [...stepsOf(scenario.steps)].filter((each) => isOneOf(targetOf(each, context), names));
};

/** What a step attaches a device to, be it by a call inside the kernel or by an ioctl of the device. */
function targetOf(step: Step, context: RuleContext): Expr | undefined {
  if (step.kind === 'attach' || step.kind === 'replace') return step.to;
  const view = step.kind === 'submit' ? submitted({ step }, context) : undefined;
  return view?.struct.name === 'vfio_device_attach_iommufd_pt' ? view.fields.get('pt_id')?.expr : undefined;
}

const isOneOf = (expr: Expr | undefined, names: readonly (string | undefined)[]): boolean =>
  expr?.kind === 'member' && names.includes(expr.object.text);
