import { pasidTableV4Constants, pasidTableV5Constants } from '../constants/pasid-table-2018.ts';
import { extend } from '../generation.ts';
import { pasidTableConfigV5, tlbInvalidateHdrV5, tlbInvalidateInfoV5 } from '../structs/pasid-table-2018.ts';
import { iommu201804 } from './iommu-2018-04.ts';

const kept = new Set(pasidTableV5Constants.map(({ name }) => name));

/** vSVA v5: a range got a number of blocks, and every enumeration was numbered anew. */
export const iommu201805 = extend(iommu201804, {
  id: 'iommu-2018-05',
  title: 'bind_pasid_table, sva_invalidate and page response in the kernel (vSVA v5, May 2018)',
  doc: 'The fifth posting of guest SVA for VT-d: the calls of the fourth, with an invalidation that counts pages and constants that no longer mean what they did.',
  structs: [pasidTableConfigV5, tlbInvalidateHdrV5, tlbInvalidateInfoV5],
  constants: pasidTableV5Constants,
  drop: pasidTableV4Constants.map(({ name }) => name).filter((name) => !kept.has(name)),
});
