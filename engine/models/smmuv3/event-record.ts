import { type BitLayout, decode, encode, type FieldValues } from '../bit-layout.ts';
import { field } from '../field.ts';
import { EVENT_LIST } from './events.ts';

/** What an access was doing when a walk for it stopped: CLASS of an event. */
export const EventClass = { CD: 0, TT: 1, IN: 2 } as const;
export type EventClass = (typeof EventClass)[keyof typeof EventClass];

/** An entry of the event queue: the fields of all events, of which each uses some (IHI 0070, 7.3). */
export const EVENT_RECORD: BitLayout = {
  name: 'event record',
  doc: 'One event: 32 bytes of the event queue.',
  source: 'IHI 0070, 7.3',
  bits: 256,
  fields: [
    {
      ...field('Code', 0, 8, 'Which event it is.'),
      values: Object.fromEntries(EVENT_LIST.map(({ name, code }) => [name, BigInt(code)])),
    },
    field('SSV', 11, 1, 'The access had a SubstreamID.'),
    field('SubstreamID', 12, 20, 'SubstreamID of the access; valid with SSV.'),
    field('StreamID', 32, 32, 'StreamID of the device.'),
    field('STAG', 64, 16, 'Name of the stalled access, which CMD_RESUME gives back; the reason in fetch events.'),
    field('Stall', 95, 1, 'The access waits for CMD_RESUME or CMD_STALL_TERM.'),
    field('PnU', 97, 1, 'The access was privileged.'),
    field('InD', 98, 1, 'The access fetched instructions; 0 for writes.'),
    field('RnW', 99, 1, 'The access was a read.'),
    field('NSIPA', 100, 1, 'The IPA is in the Non-secure space.'),
    field('S2', 103, 1, 'Stage 2 faulted.'),
    {
      ...field(
        'CLASS',
        104,
        2,
        'What was being translated: the address of a CD, of a stage-1 table entry, or the input.',
      ),
      values: { CD: 0n, TT: 1n, IN: 2n },
    },
    field('TTRnW', 108, 1, 'With CLASS TT and F_PERMISSION: the table entry was read; 0 when it was to be updated.'),
    field('InputAddr', 128, 64, 'Address as the device sent it.'),
    {
      ...field(
        'IPA',
        204,
        44,
        'Page of the address that stage 2 was asked for; valid with S2. Fetch events: the address.',
      ),
      addressLg2: 12,
    },
  ],
};

/** FetchAddr of F_STE_FETCH, F_CD_FETCH, F_WALK_EABT and F_VMS_FETCH lies where the IPA is, with bits 55:3. */
export const withFetchAddress = (words: readonly bigint[], address: bigint): bigint[] => [
  words[0]!,
  words[1]!,
  words[2]!,
  address & 0xff_ffff_ffff_fff8n,
];

/** The four 64-bit words of a record. */
export const encodeEvent = (values: FieldValues): bigint[] => encode(EVENT_RECORD, values);
export const decodeEvent = (words: readonly bigint[]): Record<string, bigint> => decode(EVENT_RECORD, words);

/** An entry of the queue of page requests (IHI 0070, 8.1). */
export const PRIQ_ENTRY: BitLayout = {
  name: 'priq_entry',
  doc: 'One page request of a device: 16 bytes of the PRI queue.',
  source: 'IHI 0070, 8.1',
  bits: 128,
  fields: [
    field('StreamID', 0, 32, 'StreamID of the device.'),
    field('SubstreamID', 32, 20, 'SubstreamID of the request; valid with SSV.'),
    field('Priv', 58, 1, 'Privileged access is wanted.'),
    field('Exec', 59, 1, 'Execution is wanted.'),
    field('Read', 60, 1, 'Reading is wanted.'),
    field('Write', 61, 1, 'Writing is wanted.'),
    field('Last', 62, 1, 'The last request of its group, which is the one that is answered.'),
    field('SSV', 63, 1, 'The request has a SubstreamID.'),
    field('PRGIndex', 64, 9, 'Number of the group, which CMD_PRI_RESP gives back.'),
    { ...field('PageAddr', 76, 52, 'The page.'), addressLg2: 12 },
  ],
};
