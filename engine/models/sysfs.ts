/**
 * How the review of 2018 wanted a physical IOMMU to be described under /sys/class/iommu: one file for each property, and
 * a documented default where a file is not there. The thread gives the default of `ssid_bits` alone, as an example; the
 * others are the least that each property can be.
 */
export interface SysfsProperty {
  readonly name: string;
  readonly doc: string;
  /** What a file that is not there means; undefined where the unit's own value is as good as any. */
  readonly absent?: number;
  /** Words that the file may hold, by the number that they stand for. */
  readonly words?: Readonly<Record<string, number>>;
  /** The field of an identification register that the property is the value of. */
  readonly smmuv3?: { readonly field: string; readonly stored: ReadonlyMap<number, number> | 'as it is' };
  /** The part of VT-d's capability registers that says the same; undefined where VT-d has nothing like it. */
  readonly vtd?: 'pasid bits' | 'guest address bits' | 'host address bits';
}

const stored = (...pairs: readonly (readonly [number, number])[]): ReadonlyMap<number, number> => new Map(pairs);

/** Number of each model in the file `model`. */
export const SYSFS_MODELS: Readonly<Record<string, number>> = { vtd: 1, smmuv3: 2 };

export const SYSFS: readonly SysfsProperty[] = [
  {
    name: 'asid_bits',
    doc: 'Width of address space ids.',
    absent: 8,
    smmuv3: { field: 'ASID16', stored: stored([8, 0], [16, 1]) },
  },
  {
    name: 'ssid_bits',
    doc: 'Width of PASIDs; without the file there are none.',
    absent: 0,
    smmuv3: { field: 'SSIDSIZE', stored: 'as it is' },
    vtd: 'pasid bits',
  },
  {
    name: 'input_bits',
    doc: 'Width of the addresses that devices send.',
    smmuv3: { field: 'VAX', stored: stored([48, 0], [52, 1]) },
    vtd: 'guest address bits',
  },
  {
    name: 'output_bits',
    doc: 'Width of the addresses that come out.',
    smmuv3: {
      field: 'OAS',
      stored: stored([32, 0], [36, 1], [40, 2], [42, 3], [44, 4], [48, 5], [52, 6], [56, 7]),
    },
    vtd: 'host address bits',
  },
  {
    name: 'btm',
    doc: 'Whether TLB maintenance of the processors reaches the IOMMU.',
    absent: 0,
    words: { disabled: 0, enabled: 1 },
    smmuv3: { field: 'BTM', stored: 'as it is' },
  },
  {
    name: 'httu',
    doc: 'What walks update in the tables.',
    absent: 0,
    words: { none: 0, access: 1, 'access+dirty': 2 },
    smmuv3: { field: 'HTTU', stored: 'as it is' },
  },
  {
    name: 'stall',
    doc: 'Whether faulting accesses can wait.',
    absent: 1,
    words: { enabled: 0, disabled: 1, force: 2 },
    smmuv3: { field: 'STALL_MODEL', stored: 'as it is' },
  },
  {
    name: 'pgtable_format',
    doc: 'Format of page tables that is preferred, by the number of IDR0.TTF.',
    smmuv3: { field: 'TTF', stored: 'as it is' },
  },
];

export const sysfsProperty = (name: string): SysfsProperty | undefined => SYSFS.find((p) => p.name === name);
