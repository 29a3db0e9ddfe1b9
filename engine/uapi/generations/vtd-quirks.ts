import type { Quirk } from '../generation.ts';

/** Faults of the VT-d driver behind every guest SVA series, kept by it up to its removal. */
export const vtdInvalidateQuirks: readonly Quirk[] = [
  {
    name: 'unsupported_granularity_skipped',
    on: true,
    doc: 'On, a cache type that VT-d cannot flush at this granularity ends the request with 0; off, it returns EINVAL.',
    evidence: 'source',
  },
  {
    name: 'misalignment_only_logged',
    on: true,
    doc: 'On, an address that is not aligned to its rounded-up range is logged and flushed; off, it returns EINVAL.',
    evidence: 'source',
  },
];
