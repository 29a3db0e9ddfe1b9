import { stepsOf } from '../scenario-names.ts';
import { namesUsedByDeclarations, namesUsedInStep } from '../used-names.ts';
import { type Finding, rule } from './rule.ts';

export default rule({
  id: 'unused-result',
  severity: 'hint',
  summary: 'the result that a step names with `as` is never used',
  why: '`as NAME` keeps what a call returned, such as the PASID that the host handed out. When nothing names it, a payload most likely holds a literal that only happens to be the same number.',
  examples: {
    bad: [
      `uapi vfio-2020-07
pasid_request request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } }
scenario "s" {
  submit request as pasid
                  //^^^^^ pasid is never used
}`,
    ],
    good: [
      `uapi vfio-2020-07
pasid_request request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } }
scenario "s" {
  submit request as pasid
  expect pasid == 1
}`,
    ],
  },
  *scenario(scenario, context): Iterable<Finding> {
    const steps = [...stepsOf(scenario.steps)];
    const results = steps.flatMap((step) => ('as' in step && step.as && step.as.text !== '' ? [step.as] : []));
    if (results.length === 0) return;
    const used = new Set(scenario.steps.flatMap((step) => [...namesUsedInStep(step)]));
    const elsewhere = namesUsedByDeclarations(context);
    for (const name of results)
      if (!used.has(name.text) && !elsewhere.has(name.text))
        yield { at: name, file: context.resolved.file, message: `${name.text} is never used` };
  },
});
