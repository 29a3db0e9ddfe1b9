import { type BitField, type BitLayout, decode, fieldOf } from '../bit-layout.ts';
import type { RegisterInfo } from '../model.ts';
import type { CommandOutcome } from '../unit.ts';
import { CAP_REG, ECAP_REG } from './caps.ts';
import type { EventInterrupt } from './event-interrupt.ts';
import { PQA_REG } from './page-requests.ts';
import { IQA_REG } from './queue.ts';
import { RTADDR } from './structures.ts';
import type { VtdUnit } from './unit.ts';

/** A register with what reading and writing it means; without `write` it is read-only. */
interface Register extends RegisterInfo {
  read(unit: VtdUnit): bigint;
  write?(unit: VtdUnit, value: bigint): CommandOutcome | undefined;
}

const bit = (name: string, lo: number, doc: string): BitField => ({ name, lo, width: 1, doc });
const layout = (name: string, source: string, doc: string, fields: readonly BitField[]): BitLayout => ({
  name: `${name}_REG`,
  doc,
  source,
  bits: 64,
  fields,
});

const TE = 1n << 31n;
const SRTP = 1n << 30n;
const QIE = 1n << 26n;
const flag = (on: boolean, at: bigint): bigint => (on ? at : 0n);
const number = (value: bigint, mask: bigint): number => Number(value & mask);
const OFFSET = 0x7ffe0n;

const IM = 1n << 31n;
const CONTROL: readonly BitField[] = [
  bit('IP', 30, 'An interrupt waits for the mask.'),
  bit('IM', 31, 'The interrupt is masked.'),
];
const controlOf = ({ pending, masked }: EventInterrupt): bigint => flag(pending, 1n << 30n) | flag(masked, IM);

const STATE: readonly Register[] = [
  {
    name: 'CAP',
    offset: 0x08,
    width: 64,
    access: 'ro',
    doc: 'What the unit can do.',
    layout: CAP_REG,
    read: (u) => u.cap,
  },
  {
    name: 'ECAP',
    offset: 0x10,
    width: 64,
    access: 'ro',
    doc: 'What else the unit can do.',
    layout: ECAP_REG,
    read: (u) => u.ecap,
  },
  {
    name: 'GCMD',
    offset: 0x18,
    width: 32,
    access: 'wo',
    doc: 'Switches translation and the invalidation queue, and takes over the root table pointer.',
    layout: layout('GCMD', 'VT-d 11.4.4', 'Global commands.', [
      bit('QIE', 26, 'The invalidation queue runs.'),
      bit('WBF', 27, 'Flush write buffers; needs cap.RWBF.'),
      bit('SRTP', 30, 'Take over RTADDR; with cap.ESRTPS the caches are emptied too.'),
      bit('TE', 31, 'Requests are translated; without it they pass as they are.'),
    ]),
    read: () => 0n,
    write: (u, value) => {
      u.translating = (value & TE) !== 0n;
      u.queue.enabled = (value & QIE) !== 0n;
      if (value & SRTP) u.takeRootTable();
      return u.queue.run();
    },
  },
  {
    name: 'GSTS',
    offset: 0x1c,
    width: 32,
    access: 'ro',
    doc: 'What the global commands have switched.',
    layout: layout('GSTS', 'VT-d 11.4.4', 'Global status.', [
      bit('QIES', 26, 'The invalidation queue runs.'),
      bit('RTPS', 30, 'The root table pointer has been taken over.'),
      bit('TES', 31, 'Requests are translated.'),
    ]),
    read: (u) => flag(u.translating, TE) | flag(u.rtaddr !== 0n, SRTP) | flag(u.queue.enabled, QIE),
  },
  {
    name: 'RTADDR',
    offset: 0x20,
    width: 64,
    access: 'rw',
    doc: 'Where the root table lies, and the mode. A write counts from then on, as if SRTP had followed it.',
    layout: RTADDR,
    read: (u) => u.rtaddr,
    write: (u, value) => {
      u.rtaddr = value;
      return undefined;
    },
  },
];

const FAULTS: readonly Register[] = [
  {
    name: 'FSTS',
    offset: 0x34,
    width: 32,
    access: 'rw1c',
    doc: 'Faults and queue errors that wait for software; ones written to PFO, IQE, ICE and ITE clear them.',
    layout: layout('FSTS', 'VT-d 11.4.7.1', 'Fault status.', [
      bit('PFO', 0, 'A fault found no free record; nothing is recorded until this is cleared.'),
      bit('PPF', 1, 'Some record holds a fault.'),
      bit('IQE', 4, 'The invalidation queue has stopped at a descriptor.'),
      bit('ICE', 5, 'A device answered an invalidation with an error.'),
      bit('ITE', 6, 'A device did not answer an invalidation in time.'),
      { name: 'FRI', lo: 8, width: 8, doc: 'The record that made PPF set.' },
    ]),
    read: (u) => u.log.status,
    write: (u, value) => {
      if (value & 1n) u.log.clearOverflow();
      return value & (1n << 4n) && u.queue.stopped ? u.queue.resume() : undefined;
    },
  },
  {
    name: 'FECTL',
    offset: 0x38,
    width: 32,
    access: 'rw',
    doc: 'Masks the fault interrupt and shows whether one waits.',
    layout: layout('FECTL', 'VT-d 11.4.7.2', 'Fault event control.', CONTROL),
    read: (u) => controlOf(u.log.interrupt),
    write: (u, value) => {
      u.log.interrupt.mask((value & IM) !== 0n);
      return undefined;
    },
  },
];

const QUEUES: readonly Register[] = [
  {
    name: 'IQH',
    offset: 0x80,
    width: 64,
    access: 'ro',
    doc: 'Offset of the next descriptor that hardware reads.',
    read: (u) => BigInt(u.queue.head),
  },
  {
    name: 'IQT',
    offset: 0x88,
    width: 64,
    access: 'rw',
    doc: 'Offset behind the last descriptor that software has written; a write runs the queue.',
    read: (u) => BigInt(u.queue.tail),
    write: (u, value) => u.queue.moveTail(number(value, 0x7fff0n)),
  },
  {
    name: 'IQA',
    offset: 0x90,
    width: 64,
    access: 'rw',
    doc: 'Where the invalidation queue lies and how wide its descriptors are.',
    layout: IQA_REG,
    read: (u) => u.queue.iqa,
    write: (u, value) => {
      u.queue.place(value);
      return undefined;
    },
  },
  {
    name: 'ICS',
    offset: 0x9c,
    width: 32,
    access: 'rw1c',
    doc: 'A wait descriptor that asked for an interrupt has completed.',
    layout: layout('ICS', 'VT-d 11.4.9.4', 'Invalidation completion status.', [
      bit('IWC', 0, 'A wait descriptor with IF has completed.'),
    ]),
    read: (u) => flag(u.queue.waitCompleted, 1n),
    write: (u, value) => {
      if (value & 1n) u.queue.waitCompleted = false;
      return undefined;
    },
  },
  {
    name: 'IQERCD',
    offset: 0xb0,
    width: 64,
    access: 'ro',
    doc: 'Why the invalidation queue stopped.',
    layout: layout('IQERCD', 'VT-d 11.4.9.9', 'Invalidation queue error record.', [
      {
        name: 'IQEI',
        lo: 0,
        width: 4,
        doc: 'The reason.',
        values: { none: 0n, 'tail-pointer': 1n, fetch: 2n, type: 3n, reserved: 4n, width: 5n, 'tail-misaligned': 6n },
      },
    ]),
    read: (u) => BigInt(u.queue.iqei),
  },
  {
    name: 'PQH',
    offset: 0xc0,
    width: 64,
    access: 'rw',
    doc: 'Offset of the page request that software reads next.',
    read: (u) => BigInt(u.pageRequests.head),
    write: (u, value) => {
      u.pageRequests.head = number(value, OFFSET);
      return undefined;
    },
  },
  {
    name: 'PQT',
    offset: 0xc8,
    width: 64,
    access: 'rw',
    doc: 'Offset behind the last page request that hardware has queued.',
    read: (u) => BigInt(u.pageRequests.tail),
    write: (u, value) => {
      u.pageRequests.tail = number(value, OFFSET);
      return undefined;
    },
  },
  {
    name: 'PQA',
    offset: 0xd0,
    width: 64,
    access: 'rw',
    doc: 'Where the page request queue lies, and its size.',
    layout: PQA_REG,
    read: (u) => u.pageRequests.pqa,
    write: (u, value) => {
      u.pageRequests.place(value);
      return undefined;
    },
  },
  {
    name: 'PRS',
    offset: 0xdc,
    width: 32,
    access: 'rw1c',
    doc: 'Page requests that wait, and whether the queue has overflowed.',
    layout: layout('PRS', 'VT-d 11.4.11.4', 'Page request status.', [
      bit('PPR', 0, 'A page request has been queued.'),
      bit('PRO', 1, 'The queue was full; nothing is queued until this is cleared.'),
    ]),
    read: (u) => flag(u.pageRequests.pending, 1n) | flag(u.pageRequests.overflow, 2n),
    write: (u, value) => {
      if (value & 1n) u.pageRequests.pending = false;
      if (value & 2n) u.pageRequests.overflow = false;
      return undefined;
    },
  },
  {
    name: 'PECTL',
    offset: 0xe0,
    width: 32,
    access: 'rw',
    doc: 'Masks the page request interrupt and shows whether one waits.',
    layout: layout('PECTL', 'VT-d 11.4.11.5', 'Page request event control.', CONTROL),
    read: (u) => controlOf(u.pageRequests.interrupt),
    write: (u, value) => {
      u.pageRequests.interrupt.mask((value & IM) !== 0n);
      return undefined;
    },
  },
];

/** Fault recording registers; the records behind the first are read the same way by their number. */
const RECORD = /^FRCD(\d{1,3})_(LO|HI)$/;
const F = 1n << 63n;
const record = (at: number, half: 'LO' | 'HI'): Register => ({
  name: `FRCD${at}_${half}`,
  // At cap.FRO * 16, whose default this is.
  offset: 0x600 + 16 * at + (half === 'HI' ? 8 : 0),
  width: 64,
  access: 'rw1c',
  doc:
    half === 'LO'
      ? `Lower half of fault record ${at}: the page.`
      : `Upper half of fault record ${at}: source id, reason and request; a one written to bit 63 frees it.`,
  read: (u) => u.log.registers[at]?.[half === 'HI' ? 1 : 0] ?? 0n,
  write: (u, value) => {
    if (half === 'HI' && (value & F) !== 0n) u.log.clear(at);
    return undefined;
  },
});

const KNOWN: readonly Register[] = [...STATE, ...FAULTS, ...QUEUES, record(0, 'LO'), record(0, 'HI')];
const BY_NAME: ReadonlyMap<string, Register> = new Map(KNOWN.map((register) => [register.name, register]));

/** Registers that software programs or reads (VT-d 11.4), in the order of their offsets. */
export const REGISTERS: readonly RegisterInfo[] = KNOWN;

function registerOf(unit: VtdUnit, name: string): Register | undefined {
  const numbered = RECORD.exec(name);
  if (!numbered) return BY_NAME.get(name);
  const at = Number(numbered[1]);
  return at < unit.log.registers.length ? record(at, numbered[2] as 'LO' | 'HI') : undefined;
}

/** A register, or a field of one: those of the capability registers first. */
export function readRegister(unit: VtdUnit, name: string): bigint | undefined {
  const register = registerOf(unit, name);
  if (register) return register.read(unit);
  const owner = KNOWN.find(({ layout: fields }) => fields && fieldOf(fields, name));
  return owner && decode(owner.layout!, [owner.read(unit)])[name];
}

/** Software writes a register; undefined where the unit has none of that name. */
export function writeRegister(unit: VtdUnit, name: string, value: bigint): CommandOutcome | undefined {
  const register = registerOf(unit, name);
  if (!register) return undefined;
  if (!register.write) return { ok: false, error: 'read-only', why: `${name} is read-only`, removed: [] };
  return register.write(unit, value) ?? { ok: true, removed: [] };
}
