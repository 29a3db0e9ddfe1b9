import type { Constant } from '../generation.ts';

/** Constants of one field: name, value and doc of each. */
export const group = (
  name: string,
  source: string,
  rows: readonly (readonly [name: string, value: bigint, doc: string])[],
): readonly Constant[] => rows.map(([constant, value, doc]) => ({ name: constant, value, group: name, doc, source }));
