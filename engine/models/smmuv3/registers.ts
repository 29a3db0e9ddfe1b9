import type { BitField, BitLayout } from '../bit-layout.ts';
import { field } from '../field.ts';
import type { RegisterInfo } from '../model.ts';
import { ID_REGISTERS } from './id-fields.ts';
import { ID_LAYOUTS, ID_OFFSETS } from './ids.ts';

const address = (name: string, lo: number, width: number, doc: string): BitField => ({
  ...field(name, lo, width, doc),
  addressLg2: lo,
});

const layout = (name: string, bits: number, doc: string, fields: readonly BitField[]): BitLayout => ({
  name: `SMMU_${name}`,
  doc,
  source: 'IHI 0070, 6.3',
  bits,
  fields,
});

interface Shape {
  readonly name: string;
  readonly offset: number;
  readonly width?: 32 | 64;
  readonly access?: RegisterInfo['access'];
  readonly doc: string;
  readonly fields?: readonly BitField[];
}

const register = ({ name, offset, width = 32, access = 'rw', doc, fields }: Shape): RegisterInfo => ({
  name,
  offset,
  width,
  access,
  doc,
  ...(fields ? { layout: layout(name, width, doc, fields) } : {}),
});

const errors = (toggled: string): BitField[] => [
  field('CMDQ_ERR', 0, 1, `The command queue stopped at a command; ${toggled}`),
  field('EVENTQ_ABT_ERR', 2, 1, 'The event queue could not be written.'),
  field('PRIQ_ABT_ERR', 3, 1, 'The PRI queue could not be written.'),
];

const queueBase = (what: string): BitField[] => [
  field('LOG2SIZE', 0, 5, 'log2 of the number of entries.'),
  address('ADDR', 5, 51, `Physical address of the ${what}, aligned to its size.`),
  field('RA', 62, 1, 'Allocation hint.'),
];
const index = (doc: string): BitField => field('INDEX', 0, 20, doc);

/** Where the size of the index and the flag above it are; the wrap bit lies between them, above LOG2SIZE bits. */
const OVERFLOW = 31;

/** Registers that software reads or programs (IHI 0070, 6.3). What a bare scenario does not write keeps its reset value. */
export const REGISTERS: readonly RegisterInfo[] = [
  ...ID_REGISTERS.map(
    (name): RegisterInfo => ({
      name,
      offset: ID_OFFSETS[name],
      width: 32,
      access: 'ro',
      doc: ID_LAYOUTS[name].doc,
      layout: ID_LAYOUTS[name],
    }),
  ),
  register({
    name: 'CR0',
    offset: 0x20,
    doc: 'Switches the SMMU and its queues on. All of them are on until it is written.',
    fields: [
      field('SMMUEN', 0, 1, 'Accesses are translated; otherwise GBPA says what becomes of them.'),
      field('PRIQEN', 1, 1, 'Page requests are queued.'),
      field('EVENTQEN', 2, 1, 'Events are queued.'),
      field('CMDQEN', 3, 1, 'Commands are taken.'),
      field('ATSCHK', 4, 1, 'Translated accesses are checked against the stream table.'),
      field('VMW', 6, 3, 'So many low bits of a VMID are ignored by commands.'),
    ],
  }),
  register({
    name: 'CR1',
    offset: 0x28,
    doc: 'Memory attributes of tables and queues.',
    fields: [
      field('QUEUE_IC', 0, 2, 'Inner cacheability of queues.'),
      field('QUEUE_OC', 2, 2, 'Outer cacheability of queues.'),
      field('QUEUE_SH', 4, 2, 'Shareability of queues.'),
      field('TABLE_IC', 6, 2, 'Inner cacheability of the stream table.'),
      field('TABLE_OC', 8, 2, 'Outer cacheability of the stream table.'),
      field('TABLE_SH', 10, 2, 'Shareability of the stream table.'),
    ],
  }),
  register({
    name: 'CR2',
    offset: 0x2c,
    doc: 'What is recorded, and who is listened to. RECINVSID and PTM are on until it is written.',
    fields: [
      field('E2H', 0, 1, 'EL2 has two halves and ASIDs.'),
      field('RECINVSID', 1, 1, 'C_BAD_STREAMID is recorded.'),
      field('PTM', 2, 1, "Processors' broadcast invalidations are not listened to."),
      field('REC_CFG_ATS', 3, 1, 'Configuration errors of ATS requests are recorded.'),
    ],
  }),
  register({
    name: 'GBPA',
    offset: 0x44,
    doc: 'What becomes of accesses while CR0.SMMUEN is 0.',
    fields: [
      field('MEMATTR', 0, 4, 'Memory type.'),
      field('MTCFG', 4, 1, 'MEMATTR replaces what the device sent.'),
      field('ALLOCCFG', 8, 4, 'Replaces the allocation hints of the device.'),
      field('SHCFG', 12, 2, 'Replaces the shareability of the device.'),
      field('PRIVCFG', 16, 2, 'Replaces the privilege of the access.'),
      field('INSTCFG', 18, 2, 'Replaces whether reads fetch instructions.'),
      field('ABORT', 20, 1, 'Accesses are aborted; otherwise they pass untranslated.'),
      field('UPDATE', 31, 1, 'Written as 1; reads 0 once the value counts.'),
    ],
  }),
  register({
    name: 'GERROR',
    offset: 0x60,
    access: 'ro',
    doc: 'Errors: a bit that differs from its one in GERRORN is active.',
    fields: errors('it is active while it differs from GERRORN.'),
  }),
  register({
    name: 'GERRORN',
    offset: 0x64,
    doc: 'Software writes what it read from GERROR to acknowledge errors.',
    fields: errors('equal to GERROR when software has taken notice.'),
  }),
  register({
    name: 'STRTAB_BASE',
    offset: 0x80,
    width: 64,
    doc: 'Where the stream table is.',
    fields: [
      address('ADDR', 6, 50, 'Physical address of the stream table, aligned to its size.'),
      field('RA', 62, 1, 'Allocation hint.'),
    ],
  }),
  register({
    name: 'STRTAB_BASE_CFG',
    offset: 0x88,
    doc: 'Size and shape of the stream table.',
    fields: [
      field('LOG2SIZE', 0, 6, 'log2 of the number of StreamIDs.'),
      field('SPLIT', 6, 5, 'Bits of the StreamID that index the second level: 6, 8 or 10.'),
      { ...field('FMT', 16, 2, 'Levels of the stream table.'), values: { linear: 0n, two_level: 1n } },
    ],
  }),
  register({
    name: 'CMDQ_BASE',
    offset: 0x90,
    width: 64,
    doc: 'Where the command queue is; while it is 0, commands are taken without one.',
    fields: queueBase('command queue'),
  }),
  register({
    name: 'CMDQ_PROD',
    offset: 0x98,
    doc: 'Software writes how far it has filled the command queue, and the SMMU runs it.',
    fields: [index('Next entry to be filled, with the wrap bit above it.')],
  }),
  register({
    name: 'CMDQ_CONS',
    offset: 0x9c,
    doc: 'How far the SMMU has run the command queue, and why it stopped.',
    fields: [
      index('Next entry to be run, with the wrap bit above it.'),
      {
        ...field('ERR', 24, 7, 'Why it stopped.'),
        values: { CERROR_NONE: 0n, CERROR_ILL: 1n, CERROR_ABT: 2n, CERROR_ATC_INV_SYNC: 3n },
      },
    ],
  }),
  register({
    name: 'EVENTQ_BASE',
    offset: 0xa0,
    width: 64,
    doc: 'Where the event queue is; while it is 0, events are kept without one.',
    fields: queueBase('event queue'),
  }),
  register({
    name: 'EVENTQ_PROD',
    offset: 0x1_00a8,
    doc: 'How far the SMMU has filled the event queue.',
    fields: [
      index('Next entry to be filled, with the wrap bit above it.'),
      field('OVFLG', OVERFLOW, 1, 'Events were lost, while it differs from EVENTQ_CONS.OVACKFLG.'),
    ],
  }),
  register({
    name: 'EVENTQ_CONS',
    offset: 0x1_00ac,
    doc: 'How far software has read the event queue.',
    fields: [
      index('Next entry to be read, with the wrap bit above it.'),
      field('OVACKFLG', OVERFLOW, 1, 'Software has taken notice of OVFLG.'),
    ],
  }),
  register({
    name: 'PRIQ_BASE',
    offset: 0xc0,
    width: 64,
    doc: 'Where the queue of page requests is; while it is 0, they are kept without one.',
    fields: queueBase('PRI queue'),
  }),
  register({
    name: 'PRIQ_PROD',
    offset: 0x1_00c8,
    doc: 'How far the SMMU has filled the PRI queue.',
    fields: [
      index('Next entry to be filled, with the wrap bit above it.'),
      field('OVFLG', OVERFLOW, 1, 'Page requests were lost, while it differs from PRIQ_CONS.OVACKFLG.'),
    ],
  }),
  register({
    name: 'PRIQ_CONS',
    offset: 0x1_00cc,
    doc: 'How far software has read the PRI queue.',
    fields: [
      index('Next entry to be read, with the wrap bit above it.'),
      field('OVACKFLG', OVERFLOW, 1, 'Software has taken notice of OVFLG.'),
    ],
  }),
];
