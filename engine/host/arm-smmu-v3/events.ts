import { hexGrouped } from '../../base/text.ts';
import { decodeEvent } from '../../models/smmuv3/event-record.ts';
import { eventName } from '../../models/smmuv3/events.ts';
import { getUint, putUint } from '../../uapi/index.ts';
import { type Refusal, refuse } from '../check.ts';
import type { PageFault, Reports, ViommuHandle } from '../iommufd/driver.ts';
import { FAULT_FLAG, RESPONSE } from '../iommufd/fault-queue.ts';
import type { DeviceConfig } from '../machine-config.ts';
import { ARM_SMMU_CHECKS } from './checks.ts';
import type { CommandQueue } from './command-queue.ts';

const CHECKS = ARM_SMMU_CHECKS.event;
/** `IOMMU_VEVENTQ_TYPE_ARM_SMMUV3`. */
const TYPE = 1;
/** F_TRANSLATION, F_ADDR_SIZE, F_ACCESS, F_PERMISSION. */
const FAULTS: readonly number[] = [0x10, 0x11, 0x12, 0x13];
/** Those, and C_BAD_STE, F_STREAM_DISABLED, C_BAD_SUBSTREAMID, C_BAD_CD. */
const HANDLED: ReadonlySet<number> = new Set([0x04, 0x06, 0x08, 0x0a, ...FAULTS]);
const EVENT_BYTES = 32;
const SID_OFFSET = 4;
/** `IOMMU_FAULT_PERM_*`. */
const PERM = { read: 1, write: 2, exec: 4, priv: 8 };

/** `struct arm_smmu_vmaster`: what a device is to the guest, as it was when it was attached. */
export interface Vmaster {
  readonly viommu: ViommuHandle;
  readonly vsid: bigint;
}

/** A device whose record the driver handles. */
export interface EventSource {
  readonly device: DeviceConfig;
  readonly vmaster: Vmaster | undefined;
  /** The device may stall, so that page faults of it are queued. */
  readonly stalls: boolean;
}

/** Events and page faults of one SMMU, as its driver takes them from the queue. */
export class EventHandler {
  reports: Reports | undefined;
  readonly #queue: CommandQueue;
  readonly #vsidZeroIsNone: boolean;

  constructor(queue: CommandQueue, vsidZeroIsNone: boolean) {
    this.#queue = queue;
    this.#vsidZeroIsNone = vsidZeroIsNone;
  }

  /** arm_smmu_handle_event: a record goes to the guest, with the StreamID it knows, or to the host's log. */
  handle(record: Uint8Array, { device, vmaster, stalls }: EventSource): Refusal | undefined {
    const words = [0, 8, 16, 24].map((at) => getUint(record, at, 8));
    const event = decodeEvent(words);
    const code = Number(event['Code']);
    const found = eventName(code);
    if (!HANDLED.has(code)) return refuse(CHECKS.code, { found });
    if (event['Stall'] === 1n) {
      const taken = stalls && this.reports?.pageFault(device.name, faultOf(event), this.#answer(device, event));
      return taken ? undefined : refuse(CHECKS.stalled, { found });
    }
    const isStage2 = event['S2'] === 1n;
    const isGuests = !isStage2 && vmaster && !(this.#vsidZeroIsNone && vmaster.vsid === 0n);
    if (!isGuests) return refuse(CHECKS.host, { found: isStage2 ? `${found} of stage 2` : found });
    const bytes = record.slice();
    putUint(bytes, SID_OFFSET, 4, vmaster.vsid & 0xffff_ffffn);
    return this.reports?.event(vmaster.viommu, TYPE, bytes);
  }

  /** arm_smmu_page_response. */
  #answer({ sid }: DeviceConfig, event: Readonly<Record<string, bigint>>): (code: number) => void {
    return (code) => this.#queue.issueResume(sid, Number(event['STAG']), code === RESPONSE.success);
  }
}

function faultOf(event: Readonly<Record<string, bigint>>): PageFault {
  const hasPasid = event['SSV'] === 1n;
  return {
    flags: FAULT_FLAG.lastPage | (hasPasid ? FAULT_FLAG.pasidValid : 0),
    pasid: hasPasid ? Number(event['SubstreamID']) : 0,
    grpid: Number(event['STAG']),
    perm:
      (event['RnW'] === 1n ? PERM.read : PERM.write) |
      (event['InD'] === 1n ? PERM.exec : 0) |
      (event['PnU'] === 1n ? PERM.priv : 0),
    addr: event['InputAddr'] ?? 0n,
  };
}

/** The bytes of a record as they lie in the queue. */
export function recordBytes(words: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(EVENT_BYTES);
  for (const [i, word] of words.entries()) putUint(bytes, 8 * i, 8, word);
  return bytes;
}

/** arm_smmu_dump_event: what the host logs of a record that nobody takes. */
export function logOf(words: readonly bigint[], device: string | undefined): string {
  const event = decodeEvent(words);
  const code = Number(event['Code']);
  const isFault = FAULTS.includes(code);
  const where = isFault ? ` at ${hexGrouped(event['InputAddr'] ?? 0n)}` : '';
  const stage = isFault ? (event['S2'] === 1n ? ' s2' : ' s1') : '';
  const stall = event['Stall'] === 1n ? `, stalled under STAG ${event['STAG']}` : '';
  return `kernel log: event ${eventName(code)}${stage} of ${device ?? 'an unassigned StreamID'}${where}${stall}`;
}
