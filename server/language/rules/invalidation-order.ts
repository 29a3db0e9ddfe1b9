import { CACHE_LAYERS, type CacheLayer, modelById } from '../../../engine/index.ts';
import type { InvalidateStep, Step } from '../syntax.ts';
import { type Finding, type RuleContext, rule } from './rule.ts';

/** Steps that neither edit nor use a translation, so that what stands around them is one sequence. */
const TRANSPARENT: ReadonlySet<Step['kind']> = new Set(['note', 'let', 'read']);
/** Fields that say which entries are meant; two commands that differ in one of them have nothing to do with each other. */
const TARGETS = ['SID', 'PASID', 'DID', 'ADDR', 'StreamID', 'SubstreamID', 'VMID', 'ASID', 'Address'];
const NAMES: Readonly<Record<CacheLayer, string>> = {
  structures: 'the structure caches',
  translations: 'the translation cache',
  device: "the device's own cache",
};

interface Sent {
  readonly step: InvalidateStep;
  readonly reaches: CacheLayer;
}

export default rule({
  id: 'invalidation-order',
  severity: 'warning',
  summary: 'a cache is invalidated before the one that it is filled from',
  why: 'Between the two commands the device may send a request, and the cache that was emptied first is filled again from the one that is still stale. Structure caches come first, then translations, then the device TLB or ATC (VT-d 6.5.3.3; SMMUv3 4.7).',
  examples: {
    bad: [
      `uapi vfio-2020-07
scenario "device TLB first" {
  invalidate iommu0 p_dev_tlb_inv { SID = 0x10, PASID = 1, ADDR = 0x1000 }
                  //^^^^^^^^^^^^^ the device's own cache can be filled again from the translation cache, which p_iotlb_inv empties only after it
  invalidate iommu0 p_iotlb_inv { G = page, DID = 2, PASID = 1, ADDR = 0x1000 }
}`,
      `uapi vfio-2020-07
scenario "IOTLB before the PASID cache" {
  invalidate iommu0 p_iotlb_inv { G = pasid, DID = 2, PASID = 1 }
                  //^^^^^^^^^^^ the translation cache can be filled again from the structure caches, which pc_inv empties only after it
  invalidate iommu0 pc_inv { G = pasid, DID = 2, PASID = 1 }
}`,
    ],
    good: [
      `uapi vfio-2020-07
scenario "from the structures down" {
  invalidate iommu0 pc_inv { G = pasid, DID = 2, PASID = 1 }
  invalidate iommu0 p_iotlb_inv { G = pasid, DID = 2, PASID = 1 }
  invalidate iommu0 p_dev_tlb_inv { SID = 0x10, PASID = 1, ADDR = 0x1000 }
}`,
      `uapi vfio-2020-07
scenario "two pages, each in order" {
  invalidate iommu0 p_iotlb_inv { G = page, DID = 2, PASID = 1, ADDR = 0x1000 }
  invalidate iommu0 p_dev_tlb_inv { SID = 0x10, PASID = 1, ADDR = 0x1000 }
  invalidate iommu0 p_iotlb_inv { G = page, DID = 2, PASID = 1, ADDR = 0x2000 }
  invalidate iommu0 p_dev_tlb_inv { SID = 0x10, PASID = 1, ADDR = 0x2000 }
}`,
    ],
  },
  *scenario(scenario, context): Iterable<Finding> {
    yield* inOrder(scenario.steps, context);
  },
});

function* inOrder(steps: readonly Step[], context: RuleContext): Iterable<Finding> {
  const commands = modelById(context.machine.model)?.hardware?.commands ?? [];
  const layerOf = (step: InvalidateStep): CacheLayer | undefined =>
    commands.find((c) => c.name === step.command.text)?.reaches;
  let sequence: Sent[] = [];
  for (const step of steps) {
    if (step.kind === 'for') yield* inOrder(step.steps, context);
    if (step.kind !== 'invalidate') {
      if (!TRANSPARENT.has(step.kind)) sequence = [];
      continue;
    }
    const reaches = layerOf(step);
    if (!reaches) continue;
    const rank = CACHE_LAYERS.indexOf(reaches);
    const early = sequence.filter((sent) => rank < CACHE_LAYERS.indexOf(sent.reaches) && mayConcern(sent.step, step));
    for (const sent of early)
      yield {
        at: sent.step.command,
        file: context.resolved.file,
        message: `${NAMES[sent.reaches]} can be filled again from ${NAMES[reaches]}, which ${step.command.text} empties only after it`,
        related: [
          { file: context.resolved.file, start: step.head.start, end: step.head.end, message: 'comes too late' },
        ],
      };
    // Each is told once.
    sequence = [...sequence.filter((sent) => !early.includes(sent)), { step, reaches }];
  }
}

/** Whether two commands can be about the same entries, as far as the text tells. */
function mayConcern(a: InvalidateStep, b: InvalidateStep): boolean {
  return TARGETS.every((name) => {
    const [left, right] = [written(a, name), written(b, name)];
    return left === undefined || right === undefined || left === right;
  });
}

/** A field's value where it is a plain number or a name. */
function written(step: InvalidateStep, name: string): string | undefined {
  const value = step.fields.find((f) => f.path.length === 1 && f.path[0]!.text === name)?.value;
  return value?.kind === 'int' ? `${value.value}` : value?.kind === 'name' ? value.name : undefined;
}
