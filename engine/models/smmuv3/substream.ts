import { Event } from './events.ts';
import type { Features } from './features.ts';
import { Dss, type StreamEntry } from './stream-entry.ts';

/** What `substreamOf` answers besides the number of a CD and minus an event. */
export const BYPASS = -0x100;

/**
 * Which CD an access uses: its number, `BYPASS` where stage 1 does not take part, or minus an event (IHI 0070, 3.9).
 * @param pasid -1 for an access without SubstreamID
 */
export function substreamOf(ste: StreamEntry, pasid: number, features: Features): number {
  if (!ste.stage1 || features.ssidSize === 0) {
    if (pasid >= 0) return -Event.C_BAD_SUBSTREAMID;
    return ste.stage1 ? 0 : BYPASS;
  }
  if (ste.cdMax === 0) return pasid >= 0 ? -Event.C_BAD_SUBSTREAMID : 0;
  if (pasid < 0) {
    if (ste.dss === Dss.bypass) return BYPASS;
    return ste.dss === Dss.ssid0 ? 0 : -Event.F_STREAM_DISABLED;
  }
  if (pasid === 0 && ste.dss === Dss.ssid0) return -Event.F_STREAM_DISABLED;
  return pasid >>> ste.cdMax === 0 ? pasid : -Event.C_BAD_SUBSTREAMID;
}
