import { Access, Answer, Kind, type Request, type Translation } from '../translation.ts';
import type { FaultEvent, FaultLog } from './fault-log.ts';
import { faultByCode } from './faults.ts';
import { Flag } from './line.ts';

/** Tells of faults: to the device in the answer, and to software in the log (VT-d 7.1, 7.2). */
export class Reporter {
  readonly #log: FaultLog;

  constructor(log: FaultLog) {
    this.#log = log;
  }

  /** Makes an answer a fault. A translation request that is answered without rights is no fault to software. */
  fail(request: Request, r: Translation, fault: number, flags: number): void {
    r.ok = false;
    r.fault = fault;
    if (request.kind === Kind.Translation) {
      r.answer = faultByCode(fault)!.ats === 'null' ? Answer.Null : Answer.Error;
    }
    if (r.answer === Answer.Null) return;
    r.logged = this.record(request, fault, flags, request.access === Access.Write ? 'write' : 'read');
  }

  /** Logs a fault unless FPD, among the flags, suppresses it. */
  record(request: Request, fault: number, flags: number, access: FaultEvent['access']): boolean {
    if (faultByCode(fault)!.qualified && (flags & Flag.FPD) !== 0) return false;
    this.#log.record({
      sid: request.sid,
      pasid: request.pasid,
      address: request.address,
      reason: fault,
      access,
      execute: request.access === Access.Exec,
      privileged: request.privileged,
      at: access === 'page-request' ? 0 : request.kind,
    });
    return true;
  }
}
