import { generation } from '../generation.ts';

/** No kernel and so no UAPI: a scenario programs the IOMMU itself. What devices raise are records of the model. */
export const bare = generation({
  id: 'bare',
  title: 'no kernel: registers and memory',
  doc: 'There is no kernel: a scenario gives the registers, fills the tables in memory and queues the commands itself.',
  model: 'vtd',
  structs: [],
  constants: [],
  ioctls: [],
  kinds: [],
  quirks: [],
});
