import { hexGrouped } from '../../base/text.ts';
import { type BitField, decode } from '../bit-layout.ts';
import { field } from '../field.ts';
import type { CommandLayout } from '../model.ts';
import { BITS, type BitsName, commandName, commandText, OP, opOf } from './commands.ts';
import type { Features } from './features.ts';

/** A command of the queue. */
export interface SmmuCommand extends CommandLayout {
  readonly op: number;
  /** Why the SMMU does not know it; undefined when it does. */
  readonly refused: (features: Features) => string | undefined;
}

/** A field that `BITS` places, under the name that the specification gives it. */
const at = (bits: BitsName, name: string, doc: string): BitField => {
  const { word, lo, width } = BITS[bits];
  return { name, lo: 64 * word + lo, width, doc, ...(bits === 'address' ? { addressLg2: 12 } : {}) };
};

const OPCODE = at('op', 'Opcode', 'Which command it is.');
const SSEC = field('SSec', 10, 1, 'The command is for Secure streams; not in this queue.');
const SID = at('sid', 'StreamID', 'StreamID of the device.');
const SSV = at('ssv', 'SSV', 'SubstreamID is valid.');
const SSID = at('ssid', 'SubstreamID', 'SubstreamID, which is the PASID.');
const VMID = at('vmid', 'VMID', 'VMID of the entries.');
const ASID = at('asid', 'ASID', 'ASID of the entries; global ones match any.');
const LEAF = at('leaf', 'Leaf', 'Only leaves have changed, so that nothing above them needs to go.');
const RANGE: readonly BitField[] = [
  at('num', 'NUM', 'With TG: the range is (NUM+1) times 2^SCALE granules.'),
  at('scale', 'SCALE', 'With TG: the range is (NUM+1) times 2^SCALE granules.'),
  LEAF,
  at('ttl', 'TTL', 'With TG: the level of the leaves, 0 for any.'),
  {
    ...at('tg', 'TG', 'Granule of the range, 0 for one address.'),
    values: { none: 0n, '4K': 1n, '16K': 2n, '64K': 3n },
  },
];
const STREAMS = field('Range', 64, 5, 'log2 of the number of streams less 1; low bits of StreamID are ignored.');
const ADDRESS = at('address', 'Address', 'Virtual address of the page.');
const STAG = field('STAG', 64, 16, 'Name of the stalled access, from its event record.');

type Refused = SmmuCommand['refused'];
const known: Refused = () => undefined;
const needs =
  (has: (features: Features) => boolean, what: string): Refused =>
  (features) =>
    has(features) ? undefined : `needs ${what}`;
const stage1 = needs((features) => features.s1, 'S1P, which is 0');
const stage2 = needs((features) => features.s2, 'S2P, which is 0');
const el2 = needs((features) => features.hyp, 'HYP, which is 0');
const ats = needs((features) => features.ats, 'ATS, which is 0');
const stalls = needs((features) => features.stallModel !== 1, 'a STALL_MODEL other than 1');

const command = (op: number, doc: string, fields: readonly BitField[] = [], refused: Refused = known): SmmuCommand => ({
  op,
  name: commandName(op),
  doc,
  source: `IHI 0070, 4, opcode 0x${op.toString(16).padStart(2, '0')}`,
  bits: 128,
  fixed: { Opcode: op },
  fields: [OPCODE, SSEC, ...fields],
  refused,
  ...reach(op),
});

/** The caches that a command removes entries from. */
function reach(op: number): Pick<CommandLayout, 'reaches'> {
  if (0x03 <= op && op <= 0x06) return { reaches: 'structures' };
  // An IPA's translation is what a context descriptor is found through too, so it has no place in the order.
  if (op === OP.tlbiS2Ipa) return {};
  if (0x10 <= op && op <= 0x30) return { reaches: 'translations' };
  return op === OP.atcInv ? { reaches: 'device' } : {};
}

/** Every command of a Non-secure queue (IHI 0070, 4). Others end in CERROR_ILL. */
export const COMMANDS: readonly SmmuCommand[] = [
  command(0x01, 'A hint to read the configuration of a stream.', [SSV, SSID, SID]),
  command(0x02, 'A hint to translate addresses of a stream.', [
    SSV,
    SSID,
    SID,
    field('Size', 64, 5, 'The range has 2^Size pages of 4K.'),
    field('Stride', 69, 5, 'Distance of the pages.'),
    ADDRESS,
  ]),
  command(0x03, 'Forgets the stream table entry of a stream and its context descriptors.', [
    SID,
    { ...LEAF, doc: 'Keeps the level-1 descriptor above.' },
  ]),
  command(0x04, 'The same for 2^(Range+1) streams; Range 31 means everything (CMD_CFGI_ALL).', [SID, STREAMS]),
  // Behind CMD_CFGI_STE_RANGE, whose opcode it shares and by whose name raw words are told of.
  {
    ...command(0x04, 'Forgets every stream table entry and context descriptor.', [STREAMS]),
    name: 'CMD_CFGI_ALL',
    fixed: { Opcode: 0x04, Range: 31 },
  },
  command(
    0x05,
    'Forgets one context descriptor of a stream.',
    [SSID, SID, { ...LEAF, doc: 'Keeps the level-1 descriptor above.' }],
    stage1,
  ),
  command(0x06, 'Forgets all context descriptors of a stream.', [SID], stage1),
  command(
    0x07,
    'Forgets the map of partitions of a virtual machine.',
    [VMID],
    needs((features) => features.mpam, 'MPAM, which is 0'),
  ),
  command(0x10, 'Forgets the stage-1 and combined translations of a VMID.', [VMID], stage1),
  command(0x11, 'Forgets those of one ASID that are not global.', [VMID, ASID], stage1),
  command(0x12, 'Forgets those of an address, of one ASID or global.', [VMID, ASID, ADDRESS, ...RANGE], stage1),
  command(0x13, 'Forgets those of an address, whatever the ASID.', [VMID, ADDRESS, ...RANGE], stage1),
  command(0x20, 'Forgets the translations of EL2.', [], el2),
  command(0x21, 'Forgets those of EL2 of one ASID that are not global.', [ASID], el2),
  command(0x22, 'Forgets those of EL2 of an address, of one ASID or global.', [ASID, ADDRESS, ...RANGE], el2),
  command(0x23, 'Forgets those of EL2 of an address, whatever the ASID.', [ADDRESS, ...RANGE], el2),
  command(0x28, 'Forgets every translation of a VMID, of both stages.', [VMID], stage2),
  command(
    0x2a,
    'Forgets stage-2 translations of an IPA. Combined ones, which are found by virtual address, may stay.',
    [VMID, { ...ADDRESS, doc: 'The IPA of the page.' }, ...RANGE],
    stage2,
  ),
  command(0x30, 'Forgets every Non-secure translation but those of EL2.'),
  command(
    0x40,
    "Forgets translations in a device's own TLB.",
    [
      at('global', 'Global', 'Whatever the SubstreamID; with SSV.'),
      SSV,
      SSID,
      SID,
      at('size', 'Size', 'The range has 2^Size pages of 4K; 52 is everything.'),
      { ...ADDRESS, doc: 'Address of the range; low bits that Size covers are ignored.' },
    ],
    ats,
  ),
  command(
    0x41,
    'Answers a group of page requests.',
    [
      SSV,
      SSID,
      SID,
      field('PRGIndex', 64, 9, 'Number of the group.'),
      {
        ...field('Resp', 76, 2, 'The answer.'),
        values: { failure: 0n, invalid: 1n, success: 2n },
      },
    ],
    needs((features) => features.pri, 'PRI, which is 0'),
  ),
  command(
    0x44,
    'Ends the stall of one access.',
    [
      field('Ac', 12, 1, 'The access is tried again.'),
      field('Ab', 13, 1, 'Without Ac: it is aborted; otherwise reads give 0 and writes are ignored.'),
      SID,
      STAG,
    ],
    stalls,
  ),
  command(0x45, 'Aborts every stalled access of a stream.', [SID], stalls),
  command(0x46, 'Waits until the commands before it are done.', [
    { ...field('CS', 12, 2, 'How it says so.'), values: { none: 0n, irq: 1n, sev: 2n } },
    field('MSH', 22, 2, 'Shareability of the message.'),
    field('MSIATTR', 24, 4, 'Memory type of the message.'),
    field('MSIDATA', 32, 32, 'The message.'),
    { ...field('MSIADDR', 66, 50, 'Where the message is written; 0 for none.'), addressLg2: 2 },
  ]),
  command(
    0x70,
    'Forgets all of the device permission tables.',
    [],
    needs((features) => features.dpt, 'DPT, which is 0'),
  ),
  command(
    0x73,
    'Forgets the device permissions of an address.',
    [{ ...ADDRESS, doc: 'Physical address.' }],
    needs((features) => features.dpt, 'DPT, which is 0'),
  ),
];

export const commandByOp = (op: number): SmmuCommand | undefined => COMMANDS.find((command) => command.op === op);

/** Commands in words that `commandText` has no words for: `CMD_RESUME: StreamID 0x10, STAG 1, Ac 1`. */
export function describeCommand(words: readonly bigint[]): string {
  const text = commandText(words);
  const layout = text.includes(':') ? undefined : commandByOp(opOf(words));
  if (!layout) return text;
  const values = decode(layout, words);
  const told = layout.fields
    .filter(({ name }) => name !== 'Opcode' && values[name] !== 0n)
    .map((each) => `${each.name} ${isPlace(each) ? hexGrouped(values[each.name]!) : values[each.name]}`);
  return told.length > 0 ? `${text}: ${told.join(', ')}` : text;
}

const isPlace = ({ name, addressLg2 }: BitField): boolean => name === 'StreamID' || addressLg2 !== undefined;
