import { oncePerFile } from './nesting-uses.ts';
import type { PayloadView } from './rules/rule.ts';
import type { Span } from './syntax.ts';

export type Request = 'alloc' | 'free';

/** What a pasid_request asks for; undefined when it is none, or its flags are not exactly one of the two. */
export function requestOf(view: PayloadView | undefined): Request | undefined {
  if (view?.struct.name !== 'vfio_iommu_type1_pasid_request') return undefined;
  const flags = view.fields.get('flags')?.value;
  return flags === 1n ? 'alloc' : flags === 2n ? 'free' : undefined;
}

export interface RequestedRange {
  readonly min: bigint;
  readonly max: bigint;
  /** The request, where its range is given. */
  readonly at: Span & { readonly file: string };
}

/** The ranges that submitted requests of the file allocate from; undefined when one of them is known by a run only. */
export const requestedRanges = oncePerFile((context): readonly RequestedRange[] | undefined => {
  const ranges: RequestedRange[] = [];
  for (const view of context.payloads) {
    if (view.struct.name !== 'vfio_iommu_type1_pasid_request' || view.uses.length === 0) continue;
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
