import { Kind, type Request, Stages } from '../translation.ts';
import { Event } from './events.ts';
import type { Features } from './features.ts';
import type { RegisterFile } from './register-file.ts';
import { Ats, type StreamEntry } from './stream-entry.ts';
import { BYPASS, substreamOf } from './substream.ts';

/** What `admit` answers besides the number of a CD, `BYPASS` and minus an event: the access ends without an event. */
export const ABORT = -0x101;

/** What a valid STE makes of an access before any CD is read: the number of its CD, `BYPASS`, `ABORT` or minus an event. */
export function admit(ste: StreamEntry, request: Request, features: Features): number {
  if (ste.aborts) return ABORT;
  if (request.kind === Kind.Translation && (ste.eats === Ats.off || (!ste.stage1 && ste.stage2 === null)))
    return -Event.F_BAD_ATS_TREQ;
  return substreamOf(ste, request.pasid, features);
}

/** What an STE makes of an access with an address that the device has translated: 0, `ABORT` or minus an event. */
export function admitTranslated(ste: StreamEntry): number {
  if (ste.aborts) return ABORT;
  const uses = ste.stage1 || ste.stage2 !== null;
  return uses && ste.eats !== Ats.off ? 0 : -Event.F_TRANSL_FORBIDDEN;
}

/** The stages that take part. */
export function stagesOf(ste: StreamEntry, substream: number): Stages {
  if (substream === BYPASS) return ste.stage2 ? Stages.Second : Stages.PassThrough;
  return ste.stage2 ? Stages.Nested : Stages.First;
}

/** What becomes of an access while CR0.SMMUEN is 0: it passes, or ends without an event. */
export const passesDisabled = (registers: RegisterFile, request: Request): boolean =>
  request.kind === Kind.Untranslated && !registers.abortsAll;
