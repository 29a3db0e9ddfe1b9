import { type BitLayout, decode, encode } from '../bit-layout.ts';
import { EventInterrupt } from './event-interrupt.ts';
import { FAULTS } from './faults.ts';

/** One fault as the unit reports it; `pasid` is -1 for a request without one, whose EXE and PRIV then mean nothing. */
export interface FaultEvent {
  readonly sid: number;
  readonly pasid: number;
  /** Input address of the request; the record keeps its page only. */
  readonly address: bigint;
  readonly reason: number;
  readonly access: 'read' | 'write' | 'atomic' | 'page-request';
  readonly execute: boolean;
  readonly privileged: boolean;
  /** Address type of the request: 0 untranslated, 1 translation request, 2 translated. */
  readonly at: number;
}

/** A fault recording register (VT-d 11.4.14). */
export const FAULT_RECORD: BitLayout = {
  name: 'FRCD_REG',
  doc: 'One recorded fault.',
  source: 'VT-d 11.4.14',
  bits: 128,
  fields: [
    { name: 'FI', lo: 12, width: 52, addressLg2: 12, doc: 'Page of the address the device asked for.' },
    { name: 'SID', lo: 64, width: 16, doc: 'Source id of the device.' },
    {
      name: 'T2',
      lo: 92,
      width: 1,
      doc: 'Second bit of the request type: atomic together with T1, page request without.',
    },
    { name: 'PRIV', lo: 93, width: 1, doc: 'The request was privileged; valid with PP.' },
    { name: 'EXE', lo: 94, width: 1, doc: 'The request asked to execute; valid with PP.' },
    { name: 'PP', lo: 95, width: 1, doc: 'The request carried a PASID.' },
    {
      name: 'FR',
      lo: 96,
      width: 8,
      doc: 'Fault reason.',
      values: Object.fromEntries(FAULTS.map(({ name, code }) => [name, BigInt(code)])),
    },
    { name: 'PV', lo: 104, width: 20, doc: 'PASID of the request; valid with PP.' },
    { name: 'AT', lo: 124, width: 2, doc: 'Address type of the request.' },
    { name: 'T1', lo: 126, width: 1, doc: 'First bit of the request type: set for reads.' },
    { name: 'F', lo: 127, width: 1, doc: 'The register holds a fault; software clears it.' },
  ],
};

/** The two 64-bit words of the record, F set. */
export function encodeFaultRecord(event: FaultEvent): bigint[] {
  const withPasid = event.pasid >= 0;
  return encode(FAULT_RECORD, {
    FI: (event.address >> 12n) << 12n,
    SID: event.sid,
    T1: event.access === 'read' || event.access === 'atomic' ? 1 : 0,
    T2: event.access === 'atomic' || event.access === 'page-request' ? 1 : 0,
    PRIV: withPasid && event.privileged ? 1 : 0,
    EXE: withPasid && event.execute ? 1 : 0,
    PP: withPasid ? 1 : 0,
    PV: withPasid ? event.pasid : 0,
    FR: event.reason,
    AT: event.at,
    F: 1,
  });
}

export const decodeFaultRecord = (qwords: readonly bigint[]): Record<string, bigint> => decode(FAULT_RECORD, qwords);

/**
 * Primary fault logging (VT-d 7.2). Hardware may merge a fault into a pending record of the same source; this one does
 * so only where the fault would otherwise overflow, so that as many faults as possible can be seen.
 */
export class FaultLog {
  readonly registers: (readonly bigint[] | null)[];
  /** Faults that found their register. */
  recorded = 0;
  /** Faults that were merged or lost. */
  dropped = 0;
  /** Primary fault overflow: sticky until software clears it; nothing is recorded meanwhile. */
  pfo = false;
  /** Index of the record that made PPF go from 0 to 1. */
  fri = 0;
  #next = 0;
  /** Register of the last fault recorded and not yet taken; -1 without one. */
  #last = -1;

  constructor(registers: number) {
    this.registers = Array.from({ length: registers }, () => null);
  }

  /** FSTS.IQE. */
  #iqe = false;
  readonly interrupt = new EventInterrupt();

  /** The invalidation queue has stopped, or goes on. */
  setQueueError(on: boolean): void {
    // An interrupt announces what has come up where nothing was before (VT-d 7.3).
    if (on && this.status === 0n) this.interrupt.raise();
    this.#iqe = on;
  }

  get queueError(): boolean {
    return this.#iqe;
  }

  /** Primary pending fault: some register holds one. */
  get ppf(): boolean {
    return this.registers.some((record) => record !== null);
  }

  /** FSTS_REG as software reads it. */
  get status(): bigint {
    return (this.pfo ? 1n : 0n) | (this.ppf ? 2n : 0n) | (this.#iqe ? 0x10n : 0n) | (BigInt(this.fri) << 8n);
  }

  record(event: FaultEvent): 'recorded' | 'merged' | 'lost' {
    if (this.pfo || this.registers[this.#next] !== null) {
      this.dropped++;
      if (
        !this.pfo &&
        this.registers.some((held) => held !== null && decodeFaultRecord(held)['SID'] === BigInt(event.sid))
      )
        return 'merged';
      this.pfo = true;
      return 'lost';
    }
    if (!this.ppf) {
      this.fri = this.#next;
      if (!this.#iqe) this.interrupt.raise();
    }
    this.registers[this.#next] = encodeFaultRecord(event);
    this.#last = this.#next;
    this.#next = (this.#next + 1) % this.registers.length;
    this.recorded++;
    return 'recorded';
  }

  /** The record of the last fault, once. @param free whether F is cleared, as a driver does after reading */
  takeLast(free: boolean): readonly bigint[] | undefined {
    const at = this.#last;
    this.#last = -1;
    const record = at < 0 ? null : this.registers[at];
    if (free && at >= 0) this.clear(at);
    return record ?? undefined;
  }

  /** Software writes 1 to F of one register. */
  clear(index: number): void {
    if (index < this.registers.length) this.registers[index] = null;
  }

  /** Software writes 1 to PFO. */
  clearOverflow(): void {
    this.pfo = false;
  }
}
