import { hex } from '../../base/text.ts';
import {
  BITS,
  type BitsName,
  commandName,
  fieldOf,
  maskOf,
  OP,
  opOf,
  withField,
} from '../../models/smmuv3/commands.ts';
import type { SmmuIds } from '../../models/smmuv3/ids.ts';
import { type Refusal, refuse } from '../check.ts';
import { ARM_SMMU_CHECKS } from './checks.ts';

const CHECKS = ARM_SMMU_CHECKS.invalidate;
const ATC_WHOLE = 52n;

/** Where a guest's command goes: its own VMID, and the physical StreamID behind each virtual one. */
export interface Guest {
  readonly vmid: number;
  readonly sidOf: (vsid: bigint) => number | undefined;
}

/** What becomes of an opcode that a guest may use; the others are not its to issue. */
const TREATMENT: ReadonlyMap<number, 'nh all' | 'vmid' | 'sid'> = new Map([
  [OP.tlbiNsnhAll, 'nh all'],
  [OP.tlbiNhAll, 'vmid'],
  [OP.tlbiNhAsid, 'vmid'],
  [OP.tlbiNhVa, 'vmid'],
  [OP.tlbiNhVaa, 'vmid'],
  [OP.atcInv, 'sid'],
  [OP.cfgiCd, 'sid'],
  [OP.cfgiCdAll, 'sid'],
]);

export type Translated = { readonly words: bigint[] } | 'not a command for guests' | 'no such StreamID';

/** Puts the VMID or the physical StreamID into a command of the guest. */
export function translate(words: readonly bigint[], guest: Guest): Translated {
  switch (TREATMENT.get(opOf(words))) {
    case 'nh all':
      return { words: withField([BigInt(OP.tlbiNhAll), 0n], BITS.vmid, guest.vmid) };
    case 'vmid':
      return { words: withField(words, BITS.vmid, guest.vmid) };
    case 'sid': {
      const sid = guest.sidOf(fieldOf(words, BITS.sid));
      return sid === undefined ? 'no such StreamID' : { words: withField(words, BITS.sid, sid) };
    }
    default:
      return 'not a command for guests';
  }
}

/** arm_vsmmu_convert_user_cmd. @param strict with the checks of later kernels in front of it */
export function convertUserCommand(
  words: readonly bigint[],
  index: number,
  guest: Guest,
  strict: SmmuIds | undefined,
): bigint[] | Refusal {
  const path = `[${index}]`;
  const op = opOf(words);
  const found = commandName(op);
  if (strict && TREATMENT.has(op)) {
    const odd = validate(words, strict);
    if (odd) return { ...odd, path };
  }
  const translated = translate(words, guest);
  if (translated === 'not a command for guests') return refuse(CHECKS.opcode, { path, found });
  if (translated === 'no such StreamID')
    return refuse(CHECKS.vsid, { path, found: `StreamID ${hex(fieldOf(words, BITS.sid))} of ${found}` });
  return translated.words;
}

/** arm_vsmmu_validate_user_cmd: reserved values of the fields, then bits outside of them. */
function validate(words: readonly bigint[], ids: SmmuIds): Refusal | undefined {
  const op = opOf(words);
  const ranged = (op === OP.tlbiNhVa || op === OP.tlbiNhVaa) && ids.has('RIL');
  if (ranged && isReservedRange(words, ids)) return refuse(CHECKS.range, { found: commandName(op) });
  if (op === OP.atcInv) {
    if (!ids.has('ATS')) return refuse(CHECKS.atc, { found: 'ATS = 0' });
    const size = fieldOf(words, BITS.size);
    if (ATC_WHOLE < size) return refuse(CHECKS.atc, { found: `Size ${size}`, wanted: 'at most 52' });
  }
  const allowed = allowedBits(op, ids);
  for (const word of [0, 1] as const) {
    const odd = words[word]! & ~allowed[word];
    if (odd !== 0n) return refuse(CHECKS.bits, { found: `bits ${hex(odd)} in word ${word} of ${commandName(op)}` });
  }
  return undefined;
}

function isReservedRange(words: readonly bigint[], ids: SmmuIds): boolean {
  const [num, scale, ttl, tg] = (['num', 'scale', 'ttl', 'tg'] as const).map((name) => fieldOf(words, BITS[name]));
  if (tg === 0n) return num !== 0n || scale !== 0n || ttl !== 0n;
  if (tg === 2n && ttl === 1n && !ids.has('DS')) return true;
  return num === 0n && scale === 0n && ttl === 0n;
}

/** Fields that a guest may use, opcode by opcode. */
const FIELDS: ReadonlyMap<number, readonly BitsName[]> = new Map<number, readonly BitsName[]>([
  [OP.tlbiNsnhAll, []],
  [OP.tlbiNhAll, ['vmid']],
  [OP.tlbiNhAsid, ['vmid', 'asid']],
  [OP.tlbiNhVa, ['vmid', 'asid', 'leaf', 'address', 'num', 'scale', 'tg', 'ttl']],
  [OP.tlbiNhVaa, ['vmid', 'leaf', 'address', 'num', 'scale', 'tg', 'ttl']],
  [OP.atcInv, ['sid', 'size', 'address', 'ssv', 'ssid', 'global']],
  [OP.cfgiCd, ['sid', 'leaf', 'ssid']],
  [OP.cfgiCdAll, ['sid']],
]);
const RANGE: ReadonlySet<BitsName> = new Set<BitsName>(['num', 'scale', 'tg', 'ttl']);
const SUBSTREAM: ReadonlySet<BitsName> = new Set<BitsName>(['ssv', 'ssid', 'global']);

function allowedBits(op: number, ids: SmmuIds): readonly [bigint, bigint] {
  const allowed: [bigint, bigint] = [maskOf(BITS.op), 0n];
  for (const name of FIELDS.get(op) ?? []) {
    if (RANGE.has(name) && !ids.has('RIL')) continue;
    if (SUBSTREAM.has(name) && ids.ssidBits === 0) continue;
    const { word, lo, width } = BITS[name];
    // Half of an ASID, and the highest bit of SCALE, are there on some units only.
    const narrow = name === 'asid' ? ids.asidBits : name === 'scale' && !ids.has('DS') ? 5 : width;
    allowed[word] |= maskOf({ word, lo, width: narrow });
  }
  return allowed;
}
