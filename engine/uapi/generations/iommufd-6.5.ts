import { ioasConstants } from '../constants/iommufd/ioas.ts';
import { generation } from '../generation.ts';
import * as ioas from '../structs/iommufd/ioas.ts';
import { IOAS_IOCTLS } from './iommufd-ioctls.ts';

/** What iommufd was before page tables could be made by hand. */
export const iommufd65 = generation({
  id: 'iommufd-6.5',
  title: 'iommufd before nesting (Linux 6.2 to 6.5)',
  doc: 'The header of iommufd with address spaces alone: page tables come and go with attachments.',
  model: 'vtd',
  header: true,
  structs: [
    ioas.destroy,
    ioas.ioasAlloc,
    ioas.iovaRange,
    ioas.ioasIovaRanges,
    ioas.ioasAllowIovas,
    ioas.ioasMap,
    ioas.ioasCopy,
    ioas.ioasUnmap,
    ioas.option,
    ioas.vfioIoas,
  ],
  constants: ioasConstants,
  ioctls: IOAS_IOCTLS,
  kinds: [],
  quirks: [],
});
