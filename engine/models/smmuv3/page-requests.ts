import type { PhysMem } from '../../memory/phys-mem.ts';
import { decode, encode } from '../bit-layout.ts';
import { Access, type Request } from '../translation.ts';
import { type CommandOutcome, DROPPED } from '../unit.ts';
import { PRIQ_ENTRY } from './event-record.ts';
import { Event } from './events.ts';
import type { Features } from './features.ts';
import type { RegisterFile } from './register-file.ts';
import { Ring } from './ring.ts';

const ENTRY_WORDS = 2;
const GROUPS = 1 << 9;
const FULL = 'FULL';

/** The queue of page requests: in memory once PRIQ_BASE is set. Each request is a group of its own (IHI 0070, 8). */
export class PageRequestQueue {
  readonly #ring: Ring;
  readonly #registers: RegisterFile;
  #group = 0;

  constructor(mem: PhysMem, registers: RegisterFile, features: Features) {
    this.#ring = new Ring(mem, registers, 'PRIQ', ENTRY_WORDS, features.priQueueLg2);
    this.#registers = registers;
  }

  /**
   * Takes a request of a device.
   * @returns 0, `DROPPED`, or an event where the queue is switched off
   */
  take({ sid, pasid, address, access, privileged }: Request): number {
    const outcome = this.put(
      encode(PRIQ_ENTRY, {
        StreamID: sid,
        SubstreamID: Math.max(0, pasid),
        SSV: pasid >= 0 ? 1 : 0,
        Priv: privileged ? 1 : 0,
        Exec: access === Access.Exec ? 1 : 0,
        Read: access === Access.Write ? 0 : 1,
        Write: access === Access.Write ? 1 : 0,
        Last: 1,
        PRGIndex: this.#group,
        PageAddr: address & ~0xfffn,
      }),
    );
    this.#group = (this.#group + 1) % GROUPS;
    if (outcome.ok) return Event.None;
    return outcome.error === FULL ? DROPPED : Event.F_UUT;
  }

  /**
   * Queues an entry. A queue that is full answers the last request of a group by itself with success, so that the device
   * tries again, and drops the others; one that is switched off answers with failure.
   */
  put(words: readonly bigint[]): CommandOutcome {
    if (!this.#registers.priEnabled)
      return { ok: false, error: 'PRIQEN', why: 'CR0.PRIQEN is 0: the device is answered with failure', removed: [] };
    if (!this.#ring.isSet) return { ok: true, removed: [] };
    if (this.#ring.isFull) {
      this.#ring.overflow();
      const isLast = decode(PRIQ_ENTRY, words)['Last'] === 1n;
      const why = isLast ? 'the device is answered with success, to try again' : 'the request is lost';
      return { ok: false, error: FULL, why: `the queue is full: ${why}`, removed: [] };
    }
    this.#ring.push(words);
    return { ok: true, removed: [] };
  }
}
