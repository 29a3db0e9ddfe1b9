import { oncePerFile } from './nesting-uses.ts';
import type { PayloadView, RuleContext } from './rules/rule.ts';
import type { Span } from './syntax.ts';

export type Request = 'alloc' | 'free';

/** What a pasid_request asks for; undefined when it is none, or its flags are not exactly one of the two. */
export function requestOf(view: PayloadView | undefined): Request | undefined {
  // The request of March 2020 writes its PASID back instead of returning it; that is not followed.
  if (view?.struct.name !== 'vfio_iommu_type1_pasid_request' || !hasRange(view)) return undefined;
  const flags = view.fields.get('flags')?.value;
  return flags === 1n ? 'alloc' : flags === 2n ? 'free' : undefined;
}

const hasRange = ({ struct }: PayloadView): boolean => struct.fields.some((f) => f.name === 'range');

export interface RequestedRange {
  readonly min: bigint;
  readonly max: bigint;
  /** The request, where its range is given. */
  readonly at: Span & { readonly file: string };
}

/** The ranges that submitted requests of the file allocate from; undefined when one of them is known by a run only. */
export function requestedRanges(context: RuleContext): readonly RequestedRange[] | undefined {
  context.askedForRanges();
  return rangesOf(context);
}

/** The ranges as one text, so that two versions of a file can be compared. */
export const rangesText = (context: RuleContext): string =>
  rangesOf(context)
    ?.map(({ min, max }) => `${min}-${max}`)
    .join() ?? 'only a run knows';

const rangesOf = oncePerFile((context): readonly RequestedRange[] | undefined => {
  const ranges: RequestedRange[] = [];
  for (const view of context.payloads) {
    if (view.struct.name !== 'vfio_iommu_type1_pasid_request' || view.uses.length === 0) continue;
    if (!hasRange(view)) return undefined;
    const request = requestOf(view);
    const flags = view.fields.get('flags');
    if (flags && flags.value === undefined) return undefined;
    if (request !== 'alloc') continue;
    const [min, max] = [view.fields.get('range.min'), view.fields.get('range.max')];
    if ((min && min.value === undefined) || (max && max.value === undefined)) return undefined;
    const at = min ? { ...span(min.expr), file: min.file } : { ...span(view.title), file: view.file };
    ranges.push({ min: min?.value ?? 0n, max: max?.value ?? 0n, at });
  }
  return ranges;
});

const span = ({ start, end }: Span): Span => ({ start, end });
