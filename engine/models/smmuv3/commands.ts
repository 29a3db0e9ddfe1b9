import { hexGrouped } from '../../base/text.ts';

/** Bytes of a command: two 64-bit words (IHI 0070, 4). */
export const COMMAND_BYTES = 16;

/**
 * Commands of the queue, as far as a kernel issues or checks them (IHI 0070, 4). Numbers are bits of a
 * 64-bit word.
 */
export const OP = {
  cfgiSte: 0x03,
  cfgiCd: 0x05,
  cfgiCdAll: 0x06,
  tlbiNhAll: 0x10,
  tlbiNhAsid: 0x11,
  tlbiNhVa: 0x12,
  tlbiNhVaa: 0x13,
  tlbiS12Vmall: 0x28,
  tlbiS2Ipa: 0x2a,
  tlbiNsnhAll: 0x30,
  atcInv: 0x40,
} as const;

/** Names by opcode, those included that the kernel takes from nobody. */
export const COMMAND_NAMES: ReadonlyMap<number, string> = new Map([
  [0x01, 'CMD_PREFETCH_CONFIG'],
  [0x02, 'CMD_PREFETCH_ADDR'],
  [OP.cfgiSte, 'CMD_CFGI_STE'],
  [0x04, 'CMD_CFGI_STE_RANGE'],
  [OP.cfgiCd, 'CMD_CFGI_CD'],
  [OP.cfgiCdAll, 'CMD_CFGI_CD_ALL'],
  [0x07, 'CMD_CFGI_VMS_PIDM'],
  [OP.tlbiNhAll, 'CMD_TLBI_NH_ALL'],
  [OP.tlbiNhAsid, 'CMD_TLBI_NH_ASID'],
  [OP.tlbiNhVa, 'CMD_TLBI_NH_VA'],
  [OP.tlbiNhVaa, 'CMD_TLBI_NH_VAA'],
  [0x20, 'CMD_TLBI_EL2_ALL'],
  [0x21, 'CMD_TLBI_EL2_ASID'],
  [0x22, 'CMD_TLBI_EL2_VA'],
  [0x23, 'CMD_TLBI_EL2_VAA'],
  [OP.tlbiS12Vmall, 'CMD_TLBI_S12_VMALL'],
  [OP.tlbiS2Ipa, 'CMD_TLBI_S2_IPA'],
  [OP.tlbiNsnhAll, 'CMD_TLBI_NSNH_ALL'],
  [OP.atcInv, 'CMD_ATC_INV'],
  [0x41, 'CMD_PRI_RESP'],
  [0x44, 'CMD_RESUME'],
  [0x45, 'CMD_STALL_TERM'],
  [0x46, 'CMD_SYNC'],
  [0x70, 'CMD_DPTI_ALL'],
  [0x73, 'CMD_DPTI_PA'],
]);

/** The bits of one field, in word 0 or 1 of a command. */
export interface CommandBits {
  readonly word: 0 | 1;
  readonly lo: number;
  readonly width: number;
}

const bits = (word: 0 | 1, lo: number, width: number): CommandBits => ({ word, lo, width });

export const BITS = {
  op: bits(0, 0, 8),
  global: bits(0, 9, 1),
  ssv: bits(0, 11, 1),
  ssid: bits(0, 12, 20),
  num: bits(0, 12, 5),
  scale: bits(0, 20, 6),
  sid: bits(0, 32, 32),
  vmid: bits(0, 32, 16),
  asid: bits(0, 48, 16),
  leaf: bits(1, 0, 1),
  size: bits(1, 0, 6),
  ttl: bits(1, 8, 2),
  tg: bits(1, 10, 2),
  address: bits(1, 12, 52),
} as const;

export type BitsName = keyof typeof BITS;

const ones = (width: number): bigint => (1n << BigInt(width)) - 1n;

export const maskOf = ({ lo, width }: CommandBits): bigint => ones(width) << BigInt(lo);

export const fieldOf = (words: readonly bigint[], { word, lo, width }: CommandBits): bigint =>
  (words[word]! >> BigInt(lo)) & ones(width);

/** The words with one field replaced. */
export function withField(words: readonly bigint[], field: CommandBits, value: bigint | number): bigint[] {
  const out = [words[0]!, words[1]!];
  out[field.word] = (out[field.word]! & ~maskOf(field)) | ((BigInt(value) & ones(field.width)) << BigInt(field.lo));
  return out;
}

/** A command from its fields; `address` is a full address, whose low 12 bits do not count. */
export function command(op: number, fields: Partial<Record<BitsName, bigint | number>> = {}): bigint[] {
  let words: bigint[] = [BigInt(op), 0n];
  for (const [name, value] of Object.entries(fields) as [BitsName, bigint | number][])
    words = withField(words, BITS[name], name === 'address' ? BigInt(value) >> 12n : value);
  return words;
}

export const opOf = (words: readonly bigint[]): number => Number(fieldOf(words, BITS.op));

/** `CMD_TLBI_NH_VA`, or `opcode 0x7f`. */
export const commandName = (op: number): string => COMMAND_NAMES.get(op) ?? `opcode 0x${op.toString(16)}`;

/** Fields of an opcode that are worth telling, in the order of the specification. */
const SHOWN: ReadonlyMap<number, readonly BitsName[]> = new Map<number, readonly BitsName[]>([
  [OP.cfgiSte, ['sid', 'leaf']],
  [OP.cfgiCd, ['sid', 'ssid', 'leaf']],
  [OP.cfgiCdAll, ['sid']],
  [OP.tlbiNhAll, ['vmid']],
  [OP.tlbiNhAsid, ['vmid', 'asid']],
  [OP.tlbiNhVa, ['vmid', 'asid', 'address', 'leaf', 'tg', 'num', 'scale', 'ttl']],
  [OP.tlbiNhVaa, ['vmid', 'address', 'leaf', 'tg', 'num', 'scale', 'ttl']],
  [OP.tlbiS12Vmall, ['vmid']],
  [OP.tlbiS2Ipa, ['vmid', 'address', 'leaf', 'tg', 'num', 'scale', 'ttl']],
  [OP.atcInv, ['sid', 'ssv', 'ssid', 'global', 'address', 'size']],
]);
/** What is told even where it is 0. */
const ALWAYS: ReadonlySet<BitsName> = new Set<BitsName>(['sid', 'vmid', 'asid', 'address']);

/** A command in words: `CMD_TLBI_NH_ASID: VMID 1, ASID 7`. */
export function commandText(words: readonly bigint[]): string {
  const op = opOf(words);
  const told = (SHOWN.get(op) ?? []).flatMap((name) => {
    const value = fieldOf(words, BITS[name]);
    if (value === 0n && !ALWAYS.has(name)) return [];
    const text = name === 'address' ? hexGrouped(value << 12n) : name === 'sid' ? hexGrouped(value) : `${value}`;
    return [`${name === 'sid' ? 'StreamID' : name === 'address' ? 'address' : name.toUpperCase()} ${text}`];
  });
  return told.length > 0 ? `${commandName(op)}: ${told.join(', ')}` : commandName(op);
}
