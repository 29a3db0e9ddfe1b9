import type { BitField, BitLayout } from '../bit-layout.ts';

const bit = (name: string, lo: number, doc: string, needs?: string): BitField => bits(name, lo, 1, doc, needs);

const bits = (name: string, lo: number, width: number, doc: string, needs?: string): BitField =>
  needs === undefined ? { name, lo, width, doc } : { name, lo, width, doc, needs };

const pointer = (name: string, lo: number, doc: string): BitField => ({ name, lo, width: 52, doc, addressLg2: 12 });

/** The root-table address register (offset 0x20), the start of every walk. */
export const RTADDR: BitLayout = {
  name: 'RTADDR_REG',
  doc: 'Where the root table is and how it is read.',
  source: 'VT-d 11.4.5',
  bits: 64,
  fields: [
    {
      ...bits('TTM', 10, 2, 'Translation table mode: legacy, scalable, or abort every DMA.'),
      values: { legacy: 0n, scalable: 1n, abort: 3n },
    },
    pointer('RTA', 12, 'Host physical address of the root table.'),
  ],
};

/** Legacy mode: the whole translation is in two levels of tables. */
export const ROOT_ENTRY_LEGACY: BitLayout = {
  name: 'legacy root entry',
  doc: 'One per bus; points at the context table of its 256 functions.',
  source: 'VT-d 9.1',
  bits: 128,
  fields: [bit('P', 0, 'The entry is present.'), pointer('CTP', 12, 'Host physical address of the context table.')],
};

/** The translation types of a legacy context entry, by their value. */
export const TT = { untranslated: 0, deviceTlb: 1, passThrough: 2 } as const;

export const CONTEXT_ENTRY_LEGACY: BitLayout = {
  name: 'legacy context entry',
  doc: 'One per function; says whether its requests go through a second stage or pass as they are.',
  source: 'VT-d 9.3',
  bits: 128,
  fields: [
    bit('P', 0, 'The entry is present.'),
    bit('FPD', 1, 'Qualified faults of this function are not logged; read even when P is 0.'),
    {
      ...bits('TT', 2, 2, 'Translation type: through the second stage, the same with ATS allowed, or none.'),
      values: { untranslated: 0n, 'device-tlb': 1n, 'pass-through': 2n },
    },
    pointer('SSPTPTR', 12, 'Host physical address of the top second-stage table; ignored for pass-through.'),
    {
      ...bits('AW', 64, 3, 'Width of the second stage: 1 for 39 bits, 2 for 48, 3 for 57.'),
      values: { '39-bit': 1n, '48-bit': 2n, '57-bit': 3n },
    },
    bits('AVAIL', 67, 4, 'For software; hardware ignores it.'),
    bits('DID', 72, 16, 'Domain id: the tag of everything cached through this entry.'),
  ],
};

export const ROOT_ENTRY: BitLayout = {
  name: 'scalable root entry',
  doc: 'One per bus; its two halves point at the context tables of the lower and upper 128 functions.',
  source: 'VT-d 9.2',
  bits: 128,
  fields: [
    bit('LP', 0, 'The lower context table (devfn 0x00 to 0x7f) is present.'),
    pointer('LCTP', 12, 'Host physical address of the lower context table.'),
    bit('UP', 64, 'The upper context table (devfn 0x80 to 0xff) is present.'),
    pointer('UCTP', 76, 'Host physical address of the upper context table.'),
  ],
};

export const CONTEXT_ENTRY: BitLayout = {
  name: 'scalable context entry',
  doc: 'One per function; says which PASID directory its requests use and what they may ask for.',
  source: 'VT-d 9.4',
  bits: 256,
  fields: [
    bit('P', 0, 'The entry is present.'),
    bit('FPD', 1, 'Qualified faults of this function are not logged; read even when P is 0.'),
    bit('DTE', 2, 'The function may send ATS translation requests and translated requests.', 'DT'),
    bit('PASIDE', 3, 'The function may send requests with a PASID.', 'PASID'),
    bit('PRE', 4, 'The function may send page requests.', 'PRS'),
    bits('PDTS', 9, 3, 'Size of the PASID directory: 2^(PDTS+7) entries, so PASIDs below 2^(PDTS+13).'),
    pointer('PASIDDIRPTR', 12, 'Host physical address of the PASID directory.'),
    bits('RID_PASID', 64, 20, 'PASID that requests without one are translated under.', 'RPS'),
    bit('RID_PRIV', 84, 'Requests without a PASID count as privileged.', 'RPRIVS'),
  ],
};

export const PASID_DIRECTORY_ENTRY: BitLayout = {
  name: 'PASID directory entry',
  doc: 'Chosen by PASID bits 19:6; points at a table of 64 PASID entries.',
  source: 'VT-d 9.5',
  bits: 64,
  fields: [
    bit('P', 0, 'The entry is present.'),
    bit('FPD', 1, 'Qualified faults of these 64 PASIDs are not logged; read even when P is 0.'),
    pointer('SMPTBLPTR', 12, 'Host physical address of the PASID table.'),
  ],
};

/** The PASID-granular translation types, by their value in the entry. */
export const PGTT = { firstStage: 1, secondStage: 2, nested: 3, passThrough: 4 } as const;

export const PASID_ENTRY: BitLayout = {
  name: 'PASID table entry',
  doc: 'How the requests of one PASID are translated: which stages, from which tables, under which domain id.',
  source: 'VT-d 9.6',
  bits: 512,
  fields: [
    bit('P', 0, 'The entry is present.'),
    bit('FPD', 1, 'Qualified faults of this PASID are not logged; read even when P is 0.'),
    {
      ...bits('AW', 2, 3, 'Width of the second stage: 1 for 39 bits, 2 for 48, 3 for 57.'),
      values: { '39-bit': 1n, '48-bit': 2n, '57-bit': 3n },
    },
    bit('SSEE', 5, 'Second-stage execute permission is honoured; later revisions reserve the bit.'),
    {
      ...bits('PGTT', 6, 3, 'Which stages translate: first, second, both nested, or none.'),
      values: { 'first-stage': 1n, 'second-stage': 2n, nested: 3n, 'pass-through': 4n },
    },
    bit('SSADE', 9, 'Accessed and dirty bits are kept in the second stage.', 'SSADS'),
    pointer('SSPTPTR', 12, 'Host physical address of the top second-stage table; read for second-stage and nested.'),
    bits('DID', 64, 16, 'Domain id: the tag of everything cached through this entry.'),
    bit('PWSNP', 87, 'Page walks snoop the processor caches.', 'SMPWCS'),
    bit('PGSNP', 88, 'Accesses to the translated pages snoop the processor caches.', 'SC'),
    bit('CD', 89, 'Caching is disabled; only with memory types (MTS).'),
    bit('EMTE', 90, 'Second-stage memory types are used; only with memory types (MTS).'),
    bits('EMT', 91, 3, 'Memory type used when EMTE is set and no stage says otherwise.'),
    bit('PWT', 94, 'Write-through for the walk of the first stage; only with memory types (MTS).'),
    bit('PCD', 95, 'Cache disable for the walk of the first stage; only with memory types (MTS).'),
    bits('PAT', 96, 32, 'Page attribute table of the first stage, eight fields of four bits.'),
    bit('SRE', 128, 'Privileged requests are allowed.', 'SRS'),
    bit('ERE', 129, 'Execute requests are allowed.', 'ERS'),
    {
      ...bits('FSPM', 130, 2, 'Levels of the first stage: 0 for four, 1 for five.'),
      values: { '4-level': 0n, '5-level': 1n },
    },
    bit('WPE', 132, 'Privileged writes obey the read-only bit of first-stage entries.'),
    bit('NXE', 133, 'Bit 63 of first-stage entries forbids execution; without it that bit is reserved.'),
    bit('SMEP', 134, 'Privileged execution from user pages is refused.'),
    bit('EAFE', 135, 'The extended-accessed bit is set together with the accessed bit.', 'EAFS'),
    pointer(
      'FSPTPTR',
      140,
      'Address of the top first-stage table: host physical alone, guest physical when nested (then stage 2 translates it).',
    ),
  ],
};

/** Everything a scenario or a view may decode by name. */
export const STRUCTURES: readonly BitLayout[] = [
  RTADDR,
  ROOT_ENTRY_LEGACY,
  CONTEXT_ENTRY_LEGACY,
  ROOT_ENTRY,
  CONTEXT_ENTRY,
  PASID_DIRECTORY_ENTRY,
  PASID_ENTRY,
];
