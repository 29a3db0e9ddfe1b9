import { eventName } from '../../models/smmuv3/events.ts';
import { getUint, putUint } from '../../uapi/index.ts';
import { type Refusal, refuse } from '../check.ts';
import type { Reports, ViommuHandle } from '../iommufd/driver.ts';
import { ARM_SMMU_CHECKS } from './checks.ts';

const CHECKS = ARM_SMMU_CHECKS.event;
/** `IOMMU_VEVENTQ_TYPE_ARM_SMMUV3`. */
const TYPE = 1;
/** C_BAD_STE, F_STREAM_DISABLED, C_BAD_SUBSTREAMID, C_BAD_CD, F_TRANSLATION, F_ADDR_SIZE, F_ACCESS, F_PERMISSION. */
const HANDLED: ReadonlySet<number> = new Set([0x04, 0x06, 0x08, 0x0a, 0x10, 0x11, 0x12, 0x13]);
const STALL = 1n << 31n;
const S2 = 1n << 39n;
const SID_OFFSET = 4;

/** `struct arm_smmu_vmaster`: what a device is to the guest, as it was when it was attached. */
export interface Vmaster {
  readonly viommu: ViommuHandle;
  readonly vsid: bigint;
}

/** arm_smmu_handle_event: a record of the hardware goes to the guest, with the StreamID it knows, or to the host's log. */
export function handleEvent(
  record: Uint8Array,
  vmaster: Vmaster | undefined,
  vsidZeroIsNone: boolean,
  reports: Reports | undefined,
): Refusal | undefined {
  const code = record[0]!;
  const found = eventName(code);
  if (!HANDLED.has(code)) return refuse(CHECKS.code, { found });
  const word1 = getUint(record, 8, 8);
  if ((word1 & STALL) !== 0n) return refuse(CHECKS.stalled, { found });
  const isGuests = (word1 & S2) === 0n && vmaster && !(vsidZeroIsNone && vmaster.vsid === 0n);
  if (!isGuests) return refuse(CHECKS.host, { found: (word1 & S2) !== 0n ? `${found} of stage 2` : found });
  const bytes = record.slice();
  putUint(bytes, SID_OFFSET, 4, vmaster.vsid & 0xffff_ffffn);
  return reports?.event(vmaster.viommu, TYPE, bytes);
}
