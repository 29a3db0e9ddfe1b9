import { hex } from '../../base/text.ts';
import { COMMAND_BYTES, commandName, opOf } from '../../models/smmuv3/commands.ts';
import type { SmmuIds } from '../../models/smmuv3/ids.ts';
import { CONFIG, configOf, isValid, VSTE_ALLOWED } from '../../models/smmuv3/ste.ts';
import { getUint, putUint } from '../../uapi/index.ts';
import { type Refusal, refuse } from '../check.ts';
import { type Call, isRefusal, type NestedDomain, type UserData } from '../iommufd/driver.ts';
import { copyLenient } from '../iommufd/user-data.ts';
import { ARM_SMMU_CHECKS } from './checks.ts';
import { SmmuNested, type SmmuPaging } from './domains.ts';
import type { Smmu } from './smmu.ts';
import { type Guest, translate } from './user-command.ts';

const CHECKS = ARM_SMMU_CHECKS.posted;
/** `IOMMU_HWPT_TYPE_ARM_SMMUV3`. */
const DATA = 2;
const STE_BYTES = 64;
const EVENT_BYTES = 32;
const C_BAD_STE = 0x04n;
/** CMDQ_CONS.ERR, bits 30:24, and CERROR_ILL in it. */
const CERROR_ILL = 1n << 24n;
const INDEX_MASK = 0xff_ffffn;

/** The shapes of mid-2023: a whole STE behind an address, and the guest's command queue as a ring. */
export class PostedNested extends SmmuNested implements NestedDomain {
  readonly #smmu: Smmu;
  readonly #guest: Guest;

  constructor(smmu: Smmu, parent: SmmuPaging, ste: readonly [bigint, bigint], guest: Guest) {
    super(parent, undefined, ste);
    this.#smmu = smmu;
    this.#guest = guest;
  }

  /**
   * The commands between the two indices, which have one wrap bit above those of the ring. Those that a guest may not use
   * are passed over; one with an unknown StreamID stops the consumer there, and nothing at all is issued.
   */
  invalidatePosted(payload: { readonly uptr: bigint; readonly len: number }, call: Call): Refusal | undefined {
    const view = copyLenient(call, payload, 'iommu_hwpt_arm_smmuv3_invalidate');
    if (isRefusal(view)) return view;
    const entrySize = view.u32('cmdq_entry_size');
    if (entrySize !== COMMAND_BYTES)
      return refuse(CHECKS.entrySize, { path: 'cmdq_entry_size', found: `${entrySize}`, wanted: `${COMMAND_BYTES}` });
    const consAt = view.get('cmdq_cons_uptr');
    const consBytes = call.user.copyFrom(consAt, 4);
    if (!consBytes) return refuse(CHECKS.consFault, { path: 'cmdq_cons_uptr' });
    const log2size = BigInt(Math.min(view.u32('cmdq_log2size'), 30));
    const wrap = (1n << (log2size + 1n)) - 1n;
    const prod = view.get('cmdq_prod') & wrap;
    let cons = getUint(consBytes, 0, 4) & INDEX_MASK & wrap;
    if (prod === cons) return refuse(CHECKS.empty, { path: 'cmdq_prod', found: hex(prod) });
    if (call.fail.hit()) return refuse(CHECKS.noMemory, { injected: true });

    const writeBack = (value: bigint): boolean => {
      const bytes = new Uint8Array(4);
      putUint(bytes, 0, 4, value);
      return call.user.copyTo(consAt, bytes);
    };
    const gathered: bigint[][] = [];
    for (; cons !== prod; cons = (cons + 1n) & wrap) {
      const index = cons & (wrap >> 1n);
      const bytes = call.user.copyFrom(view.get('cmdq_uptr') + index * BigInt(COMMAND_BYTES), COMMAND_BYTES);
      if (!bytes) return refuse(CHECKS.entryFault, { path: 'cmdq_uptr', found: `entry ${index}` });
      const words = [getUint(bytes, 0, 8), getUint(bytes, 8, 8)];
      const translated = translate(words, this.#guest);
      if (translated === 'no such StreamID') {
        writeBack(cons | CERROR_ILL);
        return refuse(CHECKS.vsid, { path: `[${index}]`, found: hex(words[0]! >> 32n) });
      }
      if (translated === 'not a command for guests')
        call.notes.push(`${commandName(opOf(words))} at index ${index} was passed over`);
      else gathered.push(translated.words);
    }
    this.#smmu.queue.issue(...gathered);
    return writeBack(cons) ? undefined : refuse(CHECKS.consFault, { path: 'cmdq_cons_uptr' });
  }
}

/** A nested page table by its parent: the STE as the guest wrote it, all 64 bytes of it. */
export function allocPosted(
  smmu: Smmu,
  parent: SmmuPaging,
  data: UserData,
  guest: Guest,
  call: Call,
): NestedDomain | Refusal {
  if (data.type !== DATA) return refuse(CHECKS.type, { path: 'hwpt_type', found: `${data.type}`, wanted: `${DATA}` });
  if (parent.tables.stage !== 2) return refuse(CHECKS.parent, { path: 'pt_id', found: 'a first stage' });
  const view = copyLenient(call, data, 'iommu_hwpt_arm_smmuv3');
  if (isRefusal(view)) return view;
  if (view.get('flags') !== 0n) return refuse(CHECKS.flags, { path: 'flags', found: hex(view.get('flags')) });
  const length = view.get('ste_len');
  if (length !== BigInt(STE_BYTES))
    return refuse(CHECKS.steLength, { path: 'ste_len', found: `${length}`, wanted: `${STE_BYTES}` });
  const bytes = call.user.copyFrom(view.get('ste_uptr'), STE_BYTES);
  if (!bytes) return refuse(CHECKS.steFault, { path: 'ste_uptr' });
  const ste = [getUint(bytes, 0, 8), getUint(bytes, 8, 8)] as const;
  const why = illegal(ste[0], smmu.ids);
  if (why !== undefined) {
    const event = new Uint8Array(EVENT_BYTES);
    putUint(event, 0, 8, C_BAD_STE);
    const room = view.get('event_len');
    const fits = BigInt(EVENT_BYTES) <= room && call.user.copyTo(view.get('out_event_uptr'), event);
    call.notes.push(fits ? 'C_BAD_STE was written to out_event_uptr' : 'there was no room for the event');
    return refuse(CHECKS.badSte, { path: 'ste_uptr', found: why });
  }
  return new PostedNested(smmu, parent, masked(ste), guest);
}

/** Stage 1's fields: the rest of the entry is the host's. */
const masked = (ste: readonly [bigint, bigint]): readonly [bigint, bigint] => [
  ste[0] & VSTE_ALLOWED[0],
  ste[1] & VSTE_ALLOWED[1],
];

/** Why hardware would call the stage-1 half of an STE illegal. */
function illegal(word0: bigint, ids: SmmuIds): string | undefined {
  if (!isValid(word0)) return 'V is 0';
  const config = configOf(word0);
  if (config === CONFIG.abort || config === CONFIG.bypass) return undefined;
  if (config !== CONFIG.stage1) return `Config ${config}`;
  const cdMax = Number(word0 >> 59n);
  if (ids.ssidBits < cdMax) return `S1CDMax ${cdMax}, above SSIDSIZE ${ids.ssidBits}`;
  const format = (word0 >> 4n) & 3n;
  return format !== 0n && cdMax !== 0 && !ids.has('CD2L') ? `S1Fmt ${format} without CD2L` : undefined;
}
