import type { BitField, BitLayout } from '../bit-layout.ts';
import { inWord as at } from '../field.ts';

export const L1CD: BitLayout = {
  name: 'level-1 context descriptor',
  doc: 'Names a leaf table of context descriptors.',
  source: 'IHI 0070, 5.4',
  bits: 64,
  fields: [
    at(0, 'V', 0, 1, 'The leaf table exists; otherwise the access ends in C_BAD_SUBSTREAMID.'),
    {
      ...at(0, 'L2Ptr', 12, 44, 'Address of the leaf table: physical, or an IPA when stage 2 translates too.'),
      addressLg2: 12,
    },
  ],
};

/** Fields of the halves of the address space: word of TCR bits, first bit, granule values. */
const half = (n: 0 | 1, lo: number, granules: Readonly<Record<string, bigint>>): BitField[] => [
  at(0, `T${n}SZ`, lo, 6, `The ${n === 0 ? 'lower' : 'upper'} half has 2^(64-T${n}SZ) addresses.`),
  { ...at(0, `TG${n}`, lo + 6, 2, `Granule of the tables at TTB${n}.`), values: granules },
  at(0, `IR${n}`, lo + 8, 2, `Inner cacheability of walks from TTB${n}.`),
  at(0, `OR${n}`, lo + 10, 2, `Outer cacheability of walks from TTB${n}.`),
  at(0, `SH${n}`, lo + 12, 2, `Shareability of walks from TTB${n}.`),
  at(
    0,
    `EPD${n}`,
    lo + 14,
    1,
    `The ${n === 0 ? 'lower' : 'upper'} half has no tables: every access there is F_TRANSLATION.`,
  ),
];

const tables = (n: 0 | 1): BitField[] => [
  at(1 + n, `NSCFG${n}`, 0, 1, `Space of the tables at TTB${n}; Secure streams only.`),
  at(1 + n, `HAD${n}`, 1, 1, `Attributes of tables below TTB${n} are ignored.`, 'HAD'),
  at(1 + n, `E0PD${n}`, 2, 1, `Unprivileged accesses to this half are F_TRANSLATION.`, 'E0PD'),
];

export const CD: BitLayout = {
  name: 'context descriptor',
  doc: 'One address space of a stream: the stage-1 tables, their ASID, and what becomes of faults.',
  source: 'IHI 0070, 5.4',
  bits: 512,
  fields: [
    ...half(0, 0, { '4K': 0n, '64K': 1n, '16K': 2n }),
    at(0, 'ENDI', 15, 1, 'Stage-1 tables are big-endian.'),
    ...half(1, 16, { '16K': 1n, '4K': 2n, '64K': 3n }),
    at(0, 'V', 31, 1, 'The descriptor is valid; otherwise the access ends in C_BAD_CD.'),
    at(0, 'IPS', 32, 3, 'Width of stage-1 output addresses: 0 to 7 for 32, 36, 40, 42, 44, 48, 52 and 56 bits.'),
    at(0, 'AFFD', 35, 1, 'A clear access flag does not fault.'),
    at(0, 'WXN', 36, 1, 'What is writable is not executable.'),
    at(0, 'UWXN', 37, 1, 'What is writable without privilege is not executable with it.'),
    at(0, 'TBI0', 38, 1, 'The top byte of addresses of the lower half is ignored.'),
    at(0, 'TBI1', 39, 1, 'The top byte of addresses of the upper half is ignored.'),
    at(0, 'PAN', 40, 1, 'Privileged access never.'),
    at(0, 'AA64', 41, 1, 'Stage 1 has VMSAv8-64 tables.'),
    at(0, 'HD', 42, 1, 'Hardware keeps the dirty state.', 'HTTU'),
    at(0, 'HA', 43, 1, 'Hardware sets the access flag.', 'HTTU'),
    at(0, 'S', 44, 1, 'Faults stall.'),
    at(0, 'R', 45, 1, 'Faults that end the access are recorded.'),
    at(0, 'A', 46, 1, 'Faults that end the access abort it; otherwise reads give 0 and writes are ignored.'),
    at(0, 'ASET', 47, 1, 'The ASID is not shared with processors: their broadcasts by ASID do not reach it.'),
    at(0, 'ASID', 48, 16, 'Address space id: tags TLB entries that are not global.'),
    ...tables(0),
    at(1, 'HAFT', 3, 1, 'Hardware sets the access flag of tables.', 'HTTU'),
    {
      ...at(1, 'TTB0', 4, 52, 'Address of the tables of the lower half; an IPA when stage 2 translates too.'),
      addressLg2: 4,
    },
    at(1, 'PnCH', 58, 1, 'Bit 52 of table entries protects them.', 'THE'),
    at(1, 'EPAN', 59, 1, 'Enhanced privileged access never.', 'EPAN'),
    at(1, 'HWU0', 60, 4, 'Bits 59 to 62 of entries below TTB0 are for the hardware.', 'PBHA'),
    ...tables(1),
    at(2, 'AIE', 3, 1, 'Memory attributes are indexed in the extended way.', 'AIE'),
    {
      ...at(2, 'TTB1', 4, 52, 'Address of the tables of the upper half; an IPA when stage 2 translates too.'),
      addressLg2: 4,
    },
    at(2, 'DS', 58, 1, 'Tables of 4K and 16K hold 52-bit addresses.', 'DS'),
    at(2, 'PIE', 59, 1, 'Permissions are indirect.', 'S1PI'),
    at(2, 'HWU1', 60, 4, 'Bits 59 to 62 of entries below TTB1 are for the hardware.', 'PBHA'),
    at(3, 'MAIR0', 0, 32, 'Memory attributes 0 to 3, a byte each.'),
    at(3, 'MAIR1', 32, 32, 'Memory attributes 4 to 7, a byte each.'),
    at(4, 'AMAIR0', 0, 32, "Attributes 0 to 3 of the implementation's own."),
    at(4, 'AMAIR1', 32, 32, "Attributes 4 to 7 of the implementation's own."),
    at(5, 'PARTID', 32, 16, 'Partition, for MPAM.', 'MPAM'),
    at(5, 'PMG', 48, 8, 'Performance group, for MPAM.', 'MPAM'),
    at(6, 'PIIU', 0, 64, 'Indirect permissions without privilege.', 'S1PI'),
    at(7, 'PIIP', 0, 64, 'Indirect permissions with privilege.', 'S1PI'),
  ],
};
