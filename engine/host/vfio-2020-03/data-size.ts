import type { Generation, Struct } from '../../uapi/index.ts';
import { VERSION_TO_SIZE } from '../../uapi/structs/bind-version.ts';

/** The structs of the size table, in the order of its rows. */
const ROWS = [
  ['iommu_gpasid_bind_data', 'IOMMU_UAPI_BIND_GPASID'],
  ['iommu_cache_invalidate_info', 'IOMMU_UAPI_CACHE_INVAL'],
  ['iommu_page_response', 'IOMMU_UAPI_PAGE_RESP'],
] as const;
type Row = (typeof ROWS)[number][0];

/** What the kernel makes of a version: bytes to copy, a negative number, or the word in front of the whole table. */
export type DataSize = { readonly bytes: number } | 'negative' | 'in front of the table';

/**
 * iommu_uapi_get_data_size: a table of sizes by struct and version. One version number stands for all structs, so where
 * one has grown every row has a column more. There is no check of the version, which counts from 1.
 */
export class DataSizes {
  /** IOMMU_UAPI_VERSION of the kernel: the number of columns. */
  readonly current: number;
  readonly #rows: readonly (readonly number[])[];

  constructor({ evolved }: Generation) {
    const versionsOf = (name: string) => evolved?.get(name) ?? [];
    this.current = Math.max(1, ...ROWS.flatMap(([name]) => versionsOf(name).map(({ version }) => version)));
    this.#rows = ROWS.map(([name, type]) =>
      Array.from({ length: this.current }, (_, column) => {
        const grown = versionsOf(name).findLast(({ version }) => version <= column + 1);
        return grown ? endOf(grown.struct) : VERSION_TO_SIZE[type]![0]!;
      }),
    );
  }

  of(struct: Row, version: number): DataSize {
    if (this.current < version) return 'negative';
    const row = ROWS.findIndex(([name]) => name === struct);
    // The table is one array in memory: in front of a row lies the last size of the row before.
    const bytes = version === 0 ? this.#rows[row - 1]?.at(-1) : this.#rows[row]![version - 1];
    return bytes === undefined ? 'in front of the table' : { bytes };
  }
}

/** offsetofend of the last field, whatever room a union keeps beside it. */
function endOf({ fields }: Struct): number {
  const last = fields.at(-1)!;
  return last.offset + last.size;
}
