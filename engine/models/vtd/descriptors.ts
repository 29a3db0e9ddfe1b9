import { hexGrouped } from '../../base/text.ts';
import { type BitField, decode, encode, type FieldValues } from '../bit-layout.ts';
import type { CacheLayer, CommandLayout } from '../model.ts';

/** One kind of invalidation-queue descriptor (VT-d 6.5.2). */
export interface Descriptor extends CommandLayout {
  readonly type: number;
  /** 128-bit descriptors are also valid, zero-extended, in a 256-bit queue. */
  readonly wide: boolean;
  /** Values of G by the words the language uses; absent where the descriptor has no granularity. */
  readonly granularity?: Readonly<Record<string, bigint>>;
  /** Capability without which hardware does not know the descriptor. */
  readonly needs?: string;
}

const f = (name: string, lo: number, width: number, doc: string): BitField => ({ name, lo, width, doc });
const TYPE: BitField = f('TYPE', 0, 4, 'Type of the descriptor.');
const DID = f('DID', 16, 16, 'Domain id.');
const PASID = f('PASID', 32, 20, 'PASID.');
const ADDR: BitField = {
  name: 'ADDR',
  lo: 76,
  width: 52,
  addressLg2: 12,
  doc: 'Page address; low bits that AM covers are ignored.',
};
const AM = f('AM', 64, 6, 'Address mask: 2^AM pages are meant.');
const IH = f('IH', 70, 1, 'Hint that only leaf entries changed.');
const PFSID: BitField = {
  ...f('PFSID', 12, 4, 'Source id of the physical function, for flow control.'),
  rest: { lo: 52, width: 12 },
};
const granularity = (lo: number, width: number, values: Readonly<Record<string, bigint>>): BitField => ({
  ...f('G', lo, width, 'Granularity.'),
  values,
});

interface Shape {
  readonly type: number;
  readonly name: string;
  readonly doc: string;
  readonly wide?: boolean;
  readonly needs?: string;
  readonly reaches?: CacheLayer;
  readonly fields: readonly BitField[];
}

const descriptor = ({ type, name, doc, wide = false, needs, reaches, fields }: Shape): Descriptor => {
  const values = fields.find((field) => field.name === 'G')?.values;
  return {
    type,
    name,
    doc,
    wide,
    source: `VT-d 6.5.2, type ${type}`,
    bits: 256,
    fixed: { TYPE: type },
    fields: [TYPE, ...fields],
    ...(values ? { granularity: values } : {}),
    ...(needs ? { needs } : {}),
    ...(reaches ? { reaches } : {}),
  };
};

export const DESCRIPTORS: readonly Descriptor[] = [
  descriptor({
    type: 1,
    name: 'cc_inv',
    reaches: 'structures',
    doc: 'Removes context entries from the context cache, and nothing else.',
    fields: [
      granularity(4, 2, { global: 1n, domain: 2n, device: 3n }),
      { ...DID, doc: 'Domain id; scalable mode ignores it, so a domain request is a global one.' },
      f('SID', 32, 16, 'Source id of the function whose entry changed.'),
      f('FM', 48, 2, 'Which low bits of the source id are ignored: none, bit 2, bits 2:1, or bits 2:0.'),
    ],
  }),
  descriptor({
    type: 2,
    name: 'iotlb_inv',
    reaches: 'translations',
    doc: 'Removes translations by domain; a page address means a second-stage input.',
    fields: [
      granularity(4, 2, { global: 1n, domain: 2n, page: 3n }),
      f('DW', 6, 1, 'Drain writes first.'),
      f('DR', 7, 1, 'Drain reads first.'),
      DID,
      { ...AM, doc: 'Address mask: 2^AM pages are meant, AM at most cap.MAMV.' },
      IH,
      ADDR,
    ],
  }),
  descriptor({
    type: 3,
    name: 'dev_tlb_inv',
    reaches: 'device',
    doc: "Removes a device's own translations of requests without PASID.",
    needs: 'DT',
    fields: [
      f('MIP', 16, 5, 'Most invalidations the device takes at once.'),
      PFSID,
      f('SID', 32, 16, 'Source id of the device.'),
      f('S', 64, 1, 'The lowest 0 bit of ADDR gives the size, beginning at 8K; otherwise it is 4K.'),
      ADDR,
    ],
  }),
  descriptor({
    type: 4,
    name: 'iec_inv',
    doc: 'Removes interrupt remapping entries from their cache.',
    needs: 'IR',
    fields: [
      granularity(4, 1, { global: 0n, index: 1n }),
      f('IM', 27, 5, 'Index mask: 2^IM entries are meant.'),
      f('IIDX', 32, 16, 'First interrupt index.'),
    ],
  }),
  descriptor({
    type: 5,
    name: 'inv_wait',
    doc: 'Completes after every earlier descriptor, and can say so in memory.',
    fields: [
      f('IF', 4, 1, 'Raise an interrupt on completion.'),
      f('SW', 5, 1, 'Write STDATA to STADDR on completion.'),
      f('FN', 6, 1, 'Later descriptors wait for this one.'),
      { ...f('PD', 7, 1, 'Drain page requests and responses first.'), needs: 'PDS' },
      f('STDATA', 32, 32, 'Value written on completion.'),
      { name: 'STADDR', lo: 66, width: 62, addressLg2: 2, doc: 'Host physical address written on completion.' },
    ],
  }),
  descriptor({
    type: 6,
    name: 'p_iotlb_inv',
    reaches: 'translations',
    doc: 'Removes first-stage, nested and pass-through translations of one PASID; a page address means a first-stage input.',
    wide: true,
    needs: 'SMTS',
    fields: [granularity(4, 2, { pasid: 2n, page: 3n }), DID, PASID, AM, IH, ADDR],
  }),
  descriptor({
    type: 7,
    name: 'pc_inv',
    reaches: 'structures',
    doc: 'Removes PASID entries from the PASID cache, for all source ids, and nothing else.',
    wide: true,
    needs: 'SMTS',
    fields: [granularity(4, 2, { domain: 0n, pasid: 1n, global: 3n }), DID, PASID],
  }),
  descriptor({
    type: 8,
    name: 'p_dev_tlb_inv',
    reaches: 'device',
    doc: "Removes a device's own translations of requests with a PASID.",
    wide: true,
    needs: 'DT',
    fields: [
      f('MIP', 4, 5, 'Most invalidations the device takes at once.'),
      PFSID,
      f('SID', 16, 16, 'Source id of the device.'),
      PASID,
      { ...f('G', 64, 1, 'All PASIDs of the device are meant.'), values: { pasid: 0n, global: 1n } },
      f('S', 75, 1, 'The lowest 0 bit of ADDR gives the size, beginning at 8K; otherwise it is 4K.'),
      ADDR,
    ],
  }),
  descriptor({
    type: 9,
    name: 'page_grp_resp',
    doc: 'Answers a group of page requests.',
    wide: true,
    needs: 'PRS',
    fields: [
      f('PP', 4, 1, 'The response carries a PASID.'),
      f('PDP', 5, 1, 'Private data is present; older revisions only.'),
      f('RC', 12, 4, 'Response code: 0 success, 1 invalid request, 15 failure.'),
      f('RID', 16, 16, 'Source id of the device.'),
      PASID,
      f('LPIG', 66, 1, 'The answered request was the last of its group.'),
      f('PRGI', 67, 9, 'Page request group index.'),
      f('PRIV_LO', 128, 64, 'Private data, low half; older revisions only.'),
      f('PRIV_HI', 192, 64, 'Private data, high half; older revisions only.'),
    ],
  }),
];

export const descriptorByName = (name: string): Descriptor | undefined => DESCRIPTORS.find((d) => d.name === name);
export const descriptorByType = (type: number): Descriptor | undefined => DESCRIPTORS.find((d) => d.type === type);

/** The four 64-bit words of a descriptor. Unknown names and values that do not fit throw. */
export function encodeDescriptor(name: string, fields: FieldValues): bigint[] {
  const found = descriptorByName(name);
  if (!found) throw new RangeError(`no descriptor is called ${name}`);
  return encode(found, { ...found.fixed, ...fields });
}

export interface DecodedDescriptor {
  readonly descriptor: Descriptor;
  readonly fields: Readonly<Record<string, bigint>>;
  /** Bits set that no field covers. */
  readonly reserved: boolean;
}

/** The descriptor in 2 or 4 words, or undefined for a type that does not exist. */
export function decodeDescriptor(words: readonly bigint[]): DecodedDescriptor | undefined {
  const low = words[0] ?? 0n;
  const found = descriptorByType(Number(((low >> 5n) & 0x70n) | (low & 15n)));
  if (!found) return undefined;
  const fields = decode(found, words);
  const again = encode(found, fields);
  return { descriptor: found, fields, reserved: again.some((word, i) => word !== (words[i] ?? 0n)) };
}

/** A hardware command in words: `p_iotlb_inv page, DID 2, PASID 1, ADDR 0x7f00_0000_0000`. */
export function describeDescriptor(words: readonly bigint[]): string {
  const decoded = decodeDescriptor(words);
  if (!decoded) return `[${words.map((w) => hexGrouped(w)).join(', ')}]`;
  const { descriptor, fields } = decoded;
  const granularity = Object.entries(descriptor.granularity ?? {}).find(([, value]) => value === fields['G'])?.[0];
  const shown = ['DID', 'SID', 'PASID', 'ADDR', 'AM', 'IH'].filter(
    (name) =>
      fields[name] !== undefined &&
      (fields[name] !== 0n || name === 'PASID' || (name === 'ADDR' && granularity === 'page')),
  );
  const text = shown.map((name) => `${name} ${name === 'ADDR' ? hexGrouped(fields[name]!) : fields[name]}`);
  return `${[descriptor.name, granularity].filter(Boolean).join(' ')}${text.length > 0 ? `: ${text.join(', ')}` : ''}`;
}

/** ADDR and S of a device-TLB descriptor for 2^order pages at an aligned address. */
export function deviceRange(address: bigint, order: number): { ADDR: bigint; S: bigint } {
  if (order === 0) return { ADDR: (address >> 12n) << 12n, S: 0n };
  const size = 1n << BigInt(12 + order);
  return { ADDR: (address & ~(size - 1n)) | (((size >> 1n) - 1n) & ~0xfffn), S: 1n };
}

/** ADDR and S that cover every address. */
export const WHOLE_DEVICE_RANGE = { ADDR: 0x7fff_ffff_ffff_f000n, S: 1n } as const;

/** First and last page a device-TLB descriptor means. */
export function devicePages(address: bigint, sized: boolean): { first: number; last: number } {
  const page = address >> 12n;
  if (!sized) return { first: Number(page), last: Number(page) };
  let order = 1n;
  while (order < 52n && ((page >> (order - 1n)) & 1n) === 1n) order++;
  const base = (page >> order) << order;
  return { first: Number(base), last: Number(base + (1n << order) - 1n) };
}
