import { aligned64, type Member, struct, type Target, u32 } from '../../descriptor.ts';
import { iommufdH } from '../../sources.ts';
import { reserved, size } from './common.ts';

/** A data type of a release and the struct that its payload is. */
export type Payloads = Readonly<Record<string, string>>;

const ALLOC = 'Makes a hardware page table: one that follows an address space, or one that the guest fills itself.';

interface AllocForm {
  readonly release: string;
  readonly flags: readonly string[];
  readonly parents: string;
  /** Payloads by data type. */
  readonly payloads: Payloads;
}

/** The 40 bytes that every release has. */
function allocFields({ flags, parents, payloads }: AllocForm): readonly Member[] {
  const target: Target = { by: 'data_type', to: payloads, length: 'data_len' };
  return [
    size,
    u32('flags', { doc: 'What the page table is to be able to do.', flags }),
    u32('dev_id', { doc: 'Device whose IOMMU the page table is made for.' }),
    u32('pt_id', { doc: parents }),
    u32('out_hwpt_id', { doc: 'Id of the new page table.', out: true }),
    reserved('Must be zero, or the call returns EOPNOTSUPP.'),
    u32('data_type', {
      doc: 'Which driver payload lies at data_uptr; IOMMU_HWPT_DATA_NONE asks for a page table that the kernel fills.',
      oneOf: ['IOMMU_HWPT_DATA_NONE', ...Object.keys(payloads)],
      aliases: ['hwpt_type'],
    }),
    u32('data_len', { doc: 'Length of the payload, 0 exactly when there is none.', unit: 'bytes' }),
    aligned64('data_uptr', { doc: 'Address of the payload.', space: 'user', target }),
  ];
}

/** Before fault queues. */
export const hwptAlloc40 = (form: AllocForm) =>
  struct('iommu_hwpt_alloc', { doc: ALLOC, source: iommufdH(form.release) }, allocFields(form));

export const hwptAlloc48 = (form: AllocForm) =>
  struct('iommu_hwpt_alloc', { doc: ALLOC, source: iommufdH(form.release) }, [
    ...allocFields(form),
    u32('fault_id', {
      doc: 'Fault queue that takes the page faults of the page table, read only with IOMMU_HWPT_FAULT_ID_VALID.',
    }),
    u32('__reserved2', { doc: 'Documented as zero, though the kernel does not look at it.', role: 'reserved' }),
  ]);

interface InvalidateForm {
  readonly release: string;
  readonly hwptId: string;
  /** Array entries by data type. */
  readonly entries: Payloads;
}

export const hwptInvalidate = ({ release, hwptId, entries }: InvalidateForm) =>
  struct(
    'iommu_hwpt_invalidate',
    { doc: 'Hands the driver an array of invalidations, done in order until one fails.', source: iommufdH(release) },
    [
      size,
      u32('hwpt_id', { doc: hwptId }),
      aligned64('data_uptr', {
        doc: 'Address of the array.',
        space: 'user',
        target: { by: 'data_type', to: entries, count: 'entry_num', element: 'entry_len' },
      }),
      u32('data_type', { doc: 'What an entry of the array is.', oneOf: Object.keys(entries) }),
      u32('entry_len', { doc: 'Length of one entry, which is also the distance to the next.', unit: 'bytes' }),
      u32('entry_num', {
        doc: 'Number of entries, written back on success and failure as the number that was handled.',
        inout: true,
      }),
      reserved('Must be zero, or the call returns EOPNOTSUPP.'),
    ],
  );

export const hwptSetDirtyTracking = struct(
  'iommu_hwpt_set_dirty_tracking',
  { doc: 'Begins or ends the recording of which pages a page table let devices write.', source: iommufdH('6.8') },
  [
    size,
    u32('flags', { doc: 'Whether tracking is on from now on.', flags: ['IOMMU_HWPT_DIRTY_TRACKING_ENABLE'] }),
    u32('hwpt_id', { doc: 'Page table to track, made with IOMMU_HWPT_ALLOC_DIRTY_TRACKING.' }),
    reserved(),
  ],
);

export const hwptGetDirtyBitmap = struct(
  'iommu_hwpt_get_dirty_bitmap',
  { doc: 'Reads which pages of a range were written, and starts afresh unless told not to.', source: iommufdH('6.8') },
  [
    size,
    u32('hwpt_id', { doc: 'Page table that is tracked.' }),
    u32('flags', { doc: 'Whether the marks are kept.', flags: ['IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR'] }),
    reserved(),
    aligned64('iova', { doc: 'First address of the range.' }),
    aligned64('length', { doc: 'Length of the range.', unit: 'bytes' }),
    aligned64('page_size', { doc: 'Bytes that one bit of the bitmap stands for.', unit: 'bytes' }),
    aligned64('data', { doc: 'Bitmap to set bits in, where bits that are set stay set.', space: 'user' }),
  ],
);
