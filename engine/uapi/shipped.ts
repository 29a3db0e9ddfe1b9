import type { Constant, Generation, StructVersion } from './generation.ts';
import { pasidTableConfigProposal, pasidTableProposalConstants } from './structs/pasid-table-proposal.ts';

/** Versions that somebody asked for, with the kernel that would have known them. */
interface Shipped {
  readonly versions: readonly StructVersion[];
  readonly constants: readonly Constant[];
  /** The quirk that is off in a kernel that knows them, and on in one that does not. */
  readonly quirk: string;
}

const PASID_TABLE: Shipped = {
  versions: [{ version: 2, struct: pasidTableConfigProposal }],
  constants: pasidTableProposalConstants,
  quirk: 'model_unchecked',
};

/** Later versions that reviewers asked for and nobody posted, by the generation whose structs they change. */
const SHIPPED: ReadonlyMap<string, Shipped> = new Map([
  ['iommu-2018-04', PASID_TABLE],
  ['iommu-2018-05', PASID_TABLE],
]);

/** The quirk by which a kernel with the shipped versions of a struct differs from one without; undefined for others. */
export const quirkOfShipped = ({ id }: Generation, struct: string): string | undefined => {
  const shipped = SHIPPED.get(id);
  return shipped?.versions.some((v) => v.struct.name === struct) ? shipped.quirk : undefined;
};

/** The generation with the later versions that are shipped for it; layouts and sizes of its own structs stay. */
export function withShipped(generation: Generation): Generation {
  const shipped = SHIPPED.get(generation.id);
  if (!shipped) return generation;
  const constants = new Map(generation.constants);
  for (const constant of shipped.constants) constants.set(constant.name, constant);
  const evolved = new Map(generation.evolved);
  for (const version of shipped.versions) {
    const { name } = version.struct;
    evolved.set(name, [...(evolved.get(name) ?? []), version]);
  }
  return Object.freeze({ ...generation, constants, evolved });
}
