import { type Kind, Request } from '../translation.ts';

/** An access that waits in the SMMU for software to end it. */
export interface Stalled {
  readonly stag: number;
  readonly request: Request;
}

/** Stalled accesses by StreamID and STAG; a STAG is not used again before its access has ended (IHI 0070, 3.12.2). */
export class Stalls {
  readonly #waiting: Stalled[] = [];
  #next = 0;

  get all(): readonly Stalled[] {
    return this.#waiting;
  }

  /** Keeps a copy of the request. @returns its STAG */
  add(request: Request): number {
    const stag = this.#next;
    this.#next = (stag + 1) & 0xffff;
    const { sid, pasid, address, access, privileged } = request;
    const kind: Kind = request.kind;
    this.#waiting.push({ stag, request: new Request({ sid, pasid, address, access, privileged, kind }) });
    return stag;
  }

  /** Takes the accesses of a stream out, all of them or the one with a STAG. */
  take(sid: number, stag?: number): Stalled[] {
    const taken = this.#waiting.filter(
      (each) => each.request.sid === sid && (stag === undefined || each.stag === stag),
    );
    for (const each of taken) this.#waiting.splice(this.#waiting.indexOf(each), 1);
    return taken;
  }

  /** Takes out every access. */
  clear(): Stalled[] {
    return this.#waiting.splice(0);
  }
}
