import type { PhysMem } from '../../memory/phys-mem.ts';
import type { Features } from './features.ts';
import type { RegisterFile } from './register-file.ts';
import { Ring } from './ring.ts';

const EVENT_WORDS = 4;

/**
 * The event queue: in memory once EVENTQ_BASE is set, else only here. Records of stalls wait for room, others are lost
 * without it (IHI 0070, 3.5.3 and 7.4).
 */
export class EventQueue {
  /** Events that found their place. */
  recorded = 0;
  readonly #ring: Ring;
  readonly #registers: RegisterFile;
  readonly #waiting: (readonly bigint[])[] = [];
  #last: readonly bigint[] | undefined;

  constructor(mem: PhysMem, registers: RegisterFile, features: Features) {
    this.#ring = new Ring(mem, registers, 'EVENTQ', EVENT_WORDS, features.eventQueueLg2);
    this.#registers = registers;
  }

  /** @returns whether the record is in the queue, or will be */
  record(words: readonly bigint[], stall: boolean): boolean {
    if (!this.#registers.eventsEnabled && !stall) return false;
    if (!this.#registers.eventsEnabled || (this.#ring.isSet && this.#ring.isFull)) {
      if (stall) this.#waiting.push(words);
      else this.#ring.overflow();
      return stall;
    }
    this.#write(words);
    return true;
  }

  /** Lets waiting records of stalls in, after software has read some or has switched the queue on. */
  drain(): void {
    while (this.#waiting.length > 0 && this.#registers.eventsEnabled && !(this.#ring.isSet && this.#ring.isFull))
      this.#write(this.#waiting.shift()!);
  }

  /** The last record, once. @param free whether software reads the queue up to it, as a driver does */
  takeLast(free: boolean): readonly bigint[] | undefined {
    const last = this.#last;
    this.#last = undefined;
    if (free && this.#ring.isSet) {
      while (!this.#ring.isEmpty) this.#ring.pop();
      this.drain();
    }
    return last;
  }

  #write(words: readonly bigint[]): void {
    if (this.#ring.isSet) this.#ring.push(words);
    this.#last = words;
    this.recorded++;
  }
}
