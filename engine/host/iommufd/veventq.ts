import type { Struct } from '../../uapi/index.ts';
import { type CallResult, refuse } from '../check.ts';
import type { FdRead } from '../kernel.ts';
import { concat } from './fault-queue.ts';
import type { ViommuObject } from './objects.ts';
import { QUEUE_CHECKS as CHECKS, Queue, readDone, readFailed } from './queue.ts';
import { failed } from './result.ts';
import { View } from './user-data.ts';

/** `IOMMU_VEVENTQ_FLAG_LOST_EVENTS`. */
const LOST = 1;
const INT_MAX = 0x7fff_ffff;

interface Event {
  sequence: number;
  readonly bytes: Uint8Array;
}

/** `struct iommufd_veventq`: events of one type, each with a header that counts them, lost ones included. */
export class EventQueue extends Queue {
  readonly type = 'vEVENTQ';
  readonly eventType: number;
  readonly depth: number;
  readonly #viommu: ViommuObject;
  readonly #header: Struct;
  readonly #shortReadRefused: boolean;
  #sequence = 0;
  /** Events that wait; `lost` stands behind the last one where some did not fit. */
  #deliver: Event[] = [];
  #lost: Event | undefined;

  constructor(
    fd: number,
    viommu: ViommuObject,
    {
      eventType,
      depth,
      header,
      shortReadRefused,
    }: { eventType: number; depth: number; header: Struct; shortReadRefused: boolean },
  ) {
    super(fd);
    this.eventType = eventType;
    this.depth = depth;
    this.#viommu = viommu;
    this.#header = header;
    this.#shortReadRefused = shortReadRefused;
    viommu.users++;
    viommu.veventqs.push(this);
  }

  /** `iommufd_vevent_handler`: a new event takes the place of a note of loss that nobody has read, if one is last. */
  push(bytes: Uint8Array): void {
    const sequence = this.#sequence;
    this.#sequence = (this.#sequence + 1) & INT_MAX;
    if (this.#deliver.length === this.depth) {
      this.#lost = { sequence, bytes: new Uint8Array(0) };
      return;
    }
    this.#lost = undefined;
    this.#deliver.push({ sequence, bytes });
  }

  read(size: number): FdRead {
    const header = this.#header.size;
    const chunks: Uint8Array[] = [];
    const before = { deliver: [...this.#deliver], lost: this.#lost };
    let left = size;
    const short = (wanted: number): FdRead | undefined =>
      chunks.length === 0 && this.#shortReadRefused
        ? readFailed(refuse(CHECKS.readShort, { found: `${size} bytes`, wanted: `at least ${wanted}` }))
        : undefined;
    if (size < header && this.#shortReadRefused) return short(header)!;
    for (;;) {
      const event = this.#deliver[0] ?? this.#lost;
      if (!event) break;
      const needs = header + event.bytes.length;
      if (left < needs) {
        const refused = short(needs);
        if (refused) return refused;
        break;
      }
      const view = new View(this.#header);
      view.set('flags', event === this.#lost ? LOST : 0);
      view.set('sequence', event.sequence);
      chunks.push(view.bytes, event.bytes);
      left -= needs;
      if (event === this.#lost) this.#lost = undefined;
      else this.#deliver.shift();
    }
    return readDone(concat(chunks), () => {
      this.#deliver = before.deliver;
      this.#lost = before.lost;
    });
  }

  write(): CallResult {
    return failed(refuse(CHECKS.writeNoOp));
  }

  destroy(): void {
    const at = this.#viommu.veventqs.indexOf(this);
    if (0 <= at) this.#viommu.veventqs.splice(at, 1);
    this.#viommu.users--;
    this.#deliver = [];
    this.#lost = undefined;
  }
}
