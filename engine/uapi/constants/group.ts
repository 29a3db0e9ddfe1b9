import type { Constant } from '../generation.ts';

/** Constants of one field: name, value and doc of each. */
export const group = (
  name: string,
  source: string,
  rows: readonly (readonly [name: string, value: bigint, doc: string])[],
): readonly Constant[] => rows.map(([constant, value, doc]) => ({ name: constant, value, group: name, doc, source }));

/**
 * The same constants where other hardware makes something else of them.
 * @throws Error when a sentence is about none of them: a broken table, found at load.
 */
export function retold(constants: readonly Constant[], docs: Readonly<Record<string, string>>): readonly Constant[] {
  for (const name of Object.keys(docs))
    if (!constants.some((constant) => constant.name === name)) throw new Error(`${name} is not among the constants`);
  return constants.map((constant) => ({ ...constant, doc: docs[constant.name] ?? constant.doc }));
}
