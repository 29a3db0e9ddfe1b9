import { Access, Answer, Kind, type Request, type Translation } from '../translation.ts';
import { accessOf, isPrivileged } from './attributes.ts';
import type { EventQueue } from './event-queue.ts';
import { EventClass, encodeEvent, withFetchAddress } from './event-record.ts';
import { Event, isTranslationFault } from './events.ts';
import type { Features } from './features.ts';
import type { RegisterFile } from './register-file.ts';
import type { Stalls } from './stalls.ts';
import type { StreamEntry } from './stream-entry.ts';

/** Who decides about a fault of a walk: A, R and S of the CD, or S2R and S2S of the STE. Stage 2 always aborts. */
export interface FaultRules {
  readonly aborts: boolean;
  readonly records: boolean;
  readonly stalls: boolean;
}

/** What is known of a fault besides its event. */
export interface FaultDetails {
  readonly stage2: boolean;
  readonly cls: EventClass;
  readonly ipaHi: number;
  readonly ipaLo: number;
  /** A table entry was read, not updated. */
  readonly tableRead: boolean;
  /** Address of a fetch that was aborted. */
  readonly fetchAddress?: bigint;
  /** Undefined: nothing but the event itself decides. */
  readonly rules?: FaultRules | undefined;
}

/** A fault of the configuration, which has no details. */
export const CONFIGURATION: FaultDetails = {
  stage2: false,
  cls: EventClass.CD,
  ipaHi: 0,
  ipaLo: 0,
  tableRead: true,
};

/** Events whose record has the attributes and the address of the access. */
const hasAddress = (code: number): boolean =>
  isTranslationFault(code) ||
  code === Event.F_UUT ||
  code === Event.F_BAD_ATS_TREQ ||
  code === Event.F_TRANSL_FORBIDDEN ||
  code === Event.F_WALK_EABT;
/** Events whose record has no SubstreamID. */
const hasNoSubstream = (code: number): boolean => code === Event.F_STE_FETCH || code === Event.F_STREAM_DISABLED;

/** The record of an event (IHI 0070, 7.3). @param stag -1 without a stall */
export function recordOf(
  code: number,
  request: Request,
  attributes: { readonly access: Access; readonly privileged: boolean },
  details: FaultDetails,
  stag: number,
): bigint[] {
  const withSubstream = request.pasid >= 0 && !hasNoSubstream(code);
  const { stage2, cls, fetchAddress } = details;
  const isTableRead = code === Event.F_PERMISSION && cls === EventClass.TT && details.tableRead;
  const ipa = (BigInt(details.ipaHi >>> 0) << 32n) | BigInt(details.ipaLo >>> 0);
  const words = encodeEvent({
    Code: code,
    // C_BAD_SUBSTREAMID has a SubstreamID in any case.
    SSV: withSubstream && code !== Event.C_BAD_SUBSTREAMID ? 1 : 0,
    SubstreamID: withSubstream ? request.pasid : 0,
    StreamID: request.sid >>> 0,
    ...(stag >= 0 ? { STAG: stag, Stall: 1 } : {}),
    ...(hasAddress(code)
      ? {
          PnU: attributes.privileged ? 1 : 0,
          InD: attributes.access === Access.Exec ? 1 : 0,
          RnW: attributes.access === Access.Write ? 0 : 1,
          InputAddr: request.address,
        }
      : {}),
    ...(isTranslationFault(code)
      ? { S2: stage2 ? 1 : 0, CLASS: cls, TTRnW: isTableRead ? 1 : 0, IPA: stage2 ? ipa & IPA_PAGE : 0n }
      : {}),
  });
  return fetchAddress === undefined ? words : withFetchAddress(words, fetchAddress);
}
const IPA_PAGE = 0x00ff_ffff_ffff_f000n;

type Attributes = Pick<StreamEntry, 'privCfg' | 'instCfg'>;
/** Before an STE is known, an access is what the device says. */
const AS_SENT: Attributes = { privCfg: 0, instCfg: 0 };

/** Decides what becomes of an access that met an event: a record, an abort, a stall, or nothing (IHI 0070, 3.12, 7.2). */
export class Reporter {
  readonly #queue: EventQueue;
  readonly #stalls: Stalls;
  readonly #registers: RegisterFile;
  readonly #features: Features;

  constructor(queue: EventQueue, stalls: Stalls, registers: RegisterFile, features: Features) {
    this.#queue = queue;
    this.#stalls = stalls;
    this.#registers = registers;
    this.#features = features;
  }

  /** @param ste undefined where none was found */
  report(request: Request, r: Translation, code: number, ste: Attributes | undefined, details: FaultDetails): void {
    r.ok = false;
    r.fault = code;
    if (request.kind === Kind.Translation) {
      r.answer = isTranslationFault(code) ? Answer.Null : Answer.Error;
      if (!this.#recordsTranslationRequest(code)) return;
    }
    const { rules } = details;
    if (code === Event.C_BAD_STREAMID && !this.#registers.recordsInvalidSid) {
      r.silent = true;
      return;
    }
    const source = ste ?? AS_SENT;
    const attributes = { access: accessOf(source, request), privileged: isPrivileged(source, request) };
    if (rules?.stalls) {
      r.stalled = true;
      r.stag = this.#stalls.add(request);
      r.logged = this.#queue.record(recordOf(code, request, attributes, details, r.stag), true);
      return;
    }
    r.ignored = rules !== undefined && !rules.aborts;
    if (rules === undefined || rules.records)
      r.logged = this.#queue.record(recordOf(code, request, attributes, details, -1), false);
    else r.silent = true;
  }

  /** Pages that are not there are an answer, not an event; errors of the configuration are recorded where that is switched on. */
  #recordsTranslationRequest(code: number): boolean {
    if (isTranslationFault(code) || code === Event.F_STREAM_DISABLED) return false;
    return code === Event.F_BAD_ATS_TREQ || (this.#features.atsRecErr && this.#registers.recordsAtsConfig);
  }
}
