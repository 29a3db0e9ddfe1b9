import { Context, PasidEntry } from '../../cache/config-cache.ts';
import { type BitLayout, decode, encode } from '../bit-layout.ts';
import { Access, Request } from '../translation.ts';
import { type CommandOutcome, DROPPED } from '../unit.ts';
import { isLegacy } from './config.ts';
import { EventInterrupt } from './event-interrupt.ts';
import { Fault } from './faults.ts';
import { forgetPage } from './invalidate.ts';
import { contextLineFault, Flag, pasidLineFault } from './line.ts';
import type { VtdUnit } from './unit.ts';

/** A page request as the unit queues it (VT-d 7.4.1). */
export const PAGE_REQ_DSC: BitLayout = {
  name: 'page_req_dsc',
  doc: 'One page that a device asks for.',
  source: 'VT-d 7.4.1',
  bits: 256,
  fields: [
    { name: 'TYPE', lo: 0, width: 8, doc: 'Type of the descriptor: 1.' },
    { name: 'PP', lo: 8, width: 1, doc: 'The request carries a PASID.' },
    { name: 'PDP', lo: 9, width: 1, doc: 'Private data is there; reserved in later revisions.' },
    { name: 'RID', lo: 16, width: 16, doc: 'Source id of the device.' },
    { name: 'PASID', lo: 32, width: 20, doc: 'PASID of the request; valid with PP.' },
    { name: 'EXE', lo: 52, width: 1, doc: 'The device wants to execute.' },
    { name: 'PMR', lo: 53, width: 1, doc: 'The request is privileged.' },
    { name: 'R', lo: 64, width: 1, doc: 'The device wants to read.' },
    { name: 'W', lo: 65, width: 1, doc: 'The device wants to write.' },
    { name: 'LPIG', lo: 66, width: 1, doc: 'Last page of its group: the group wants a response.' },
    { name: 'PRGI', lo: 67, width: 9, doc: 'Index of the page request group.' },
    { name: 'ADDR', lo: 76, width: 52, addressLg2: 12, doc: 'The page.' },
    { name: 'PRIV_DATA_LO', lo: 128, width: 64, doc: 'Private data, which the response must repeat.' },
    { name: 'PRIV_DATA_HI', lo: 192, width: 64, doc: 'Its upper half.' },
  ],
};

/** A queued record as the request that a device sends. */
export function pageRequestOf(words: readonly bigint[]): Request {
  const { PP, PASID, RID, W, EXE, PMR, ADDR } = decode(PAGE_REQ_DSC, words) as Record<string, bigint>;
  return new Request({
    sid: Number(RID),
    pasid: PP ? Number(PASID) : -1,
    address: ADDR!,
    access: W ? Access.Write : EXE ? Access.Exec : Access.Read,
    privileged: PMR === 1n,
  });
}

/** PQA_REG (VT-d 11.4.11.3). */
export const PQA_REG: BitLayout = {
  name: 'PQA_REG',
  doc: 'Where the page request queue lies.',
  source: 'VT-d 11.4.11.3',
  bits: 64,
  fields: [
    { name: 'PQS', lo: 0, width: 3, doc: 'The queue takes 2^PQS pages of 128 requests.' },
    { name: 'PQA', lo: 12, width: 52, addressLg2: 12, doc: 'Host physical address of the queue.' },
  ],
};

/** A group that waits for its response. */
interface Group {
  readonly rid: bigint;
  readonly pasid: bigint | undefined;
  readonly prgi: bigint;
}

const ENTRY = 32;
const PAGE = 4096;
const BASE = ~0xfffn;
/** Groups a device can have open: PRGI has 9 bits. */
const GROUPS = 512n;
/** RC of a page group response; what it does not name means failure (VT-d 7.4.3). */
const RESPONSES: Readonly<Record<string, string>> = { 0: 'success', 1: 'invalid request' };

/** The page request queue as memory and registers, and the groups that wait for an answer (VT-d 7.4). */
export class PageRequestQueue {
  /** PQA_REG; 0: software has not given the queue a place, and a kernel model takes the requests by itself. */
  pqa = 0n;
  head = 0;
  tail = 0;
  /** PRS.PPR: a request that wants attention has been queued. */
  pending = false;
  /** PRS.PRO: the queue was full; nothing is queued until software clears it. */
  overflow = false;
  readonly interrupt = new EventInterrupt();
  readonly waiting: Group[] = [];
  #nextGroup = 0n;
  readonly #unit: VtdUnit;

  constructor(unit: VtdUnit) {
    this.#unit = unit;
  }

  get size(): number {
    return PAGE << Number(this.pqa & 7n);
  }

  place(pqa: bigint): void {
    this.pqa = pqa;
    this.head = 0;
    this.tail = 0;
  }

  /**
   * Takes a page request message (VT-d 7.5): 0, `DROPPED`, or a fault code. What the IOTLB holds of the page goes first
   * (VT-d 6.5.3.1), so that the device's next attempt finds what software has changed.
   */
  accept(request: Request): number {
    return this.admit(request) || (this.ask(request).ok ? Fault.None : DROPPED);
  }

  /** Leads a page request to its PASID entry: 0, or the code of the fault, which is logged. */
  admit(request: Request): number {
    const unit = this.#unit;
    const { present, contextCache, pasidCache } = unit;
    if (isLegacy(unit.rtaLo)) return this.#refuse(request, Fault.RTA_3, 0);
    present.walk(request);
    const cached = unit.contextOf(request.sid);
    if (cached < 0 && !present.contextRead) return this.#refuse(request, present.result.fault, present.reader.fpd);
    const [lines, context] = cached < 0 ? [present.reader.context, 0] : [contextCache.lines, cached];
    const flags = lines[context + Context.Flags]!;
    const held = contextLineFault(lines, context);
    if (held !== 0) return this.#refuse(request, held, flags);
    if ((flags & Flag.PRE) === 0) return this.#refuse(request, Fault.SCT_8, flags);

    const pasid = request.pasid >= 0 ? request.pasid : lines[context + Context.RidPasid]!;
    const at = pasidCache.find(request.sid, pasid);
    if (at < 0 && !present.pasidRead) return this.#refuse(request, present.result.fault, present.reader.fpd);
    const [entries, entry] = at < 0 ? [present.reader.pasid, 0] : [pasidCache.lines, at];
    const fault = pasidLineFault(entries, entry);
    if (fault !== 0) return this.#refuse(request, fault, entries[entry + PasidEntry.Flags]!);
    forgetPage(unit, entries, entry, pasid, request);
    return Fault.None;
  }

  #refuse(request: Request, fault: number, flags: number): number {
    this.#unit.reporter.record(request, fault, flags, 'page-request');
    return fault;
  }

  /** The request a device makes of its own accord after a translation was refused: a group of one page. */
  ask(request: Request): CommandOutcome {
    const { sid, pasid, access, privileged, address } = request;
    const prgi = this.#nextGroup;
    this.#nextGroup = (prgi + 1n) % GROUPS;
    const words = encode(PAGE_REQ_DSC, {
      TYPE: 1,
      PP: pasid < 0 ? 0 : 1,
      RID: sid,
      PASID: Math.max(pasid, 0),
      EXE: access === Access.Exec ? 1 : 0,
      PMR: privileged ? 1 : 0,
      R: access === Access.Write ? 0 : 1,
      W: access === Access.Write ? 1 : 0,
      LPIG: 1,
      PRGI: prgi,
      ADDR: (address >> 12n) << 12n,
    });
    return this.put(words);
  }

  /** Queues a request as a device sends it. */
  put(given: readonly bigint[]): CommandOutcome {
    const request: Record<string, bigint> = { ...decode(PAGE_REQ_DSC, given), TYPE: 1n };
    const words = encode(PAGE_REQ_DSC, request);
    const last = request['LPIG'] === 1n;
    const stopMarker = last && request['R'] === 0n && request['W'] === 0n;
    if (!this.#store(words)) {
      const answered = last && !stopMarker;
      const note = answered
        ? 'the page request queue is full: hardware itself answers the group with success, so the device tries again'
        : 'the page request queue is full: the request is lost';
      return { ok: false, error: 'PRO', why: note, record: words, removed: [] };
    }
    if (stopMarker) return { ok: true, record: words, removed: [], notes: ['a stop marker: nobody answers it'] };
    if (last) {
      const pasid = request['PP'] ? request['PASID']! : undefined;
      this.waiting.push({ rid: request['RID']!, pasid, prgi: request['PRGI']! });
    }
    const notes = this.pqa === 0n ? ['PQA is 0: no memory holds the request'] : [];
    return { ok: true, record: words, removed: [], notes };
  }

  /** A page_grp_resp descriptor reaches the device. */
  respond(fields: Readonly<Record<string, bigint>>): string {
    const { RID = 0n, PASID = 0n, PP = 0n, PRGI = 0n, RC = 0n } = fields;
    const at = this.waiting.findIndex(
      (g) => g.rid === RID && g.prgi === PRGI && g.pasid === (PP === 1n ? PASID : undefined),
    );
    const answer = RESPONSES[`${RC}`] ?? 'failure';
    const reserved = RC > 1n && RC < 15n ? ` (RC ${RC} is reserved, which devices take as failure)` : '';
    if (at < 0) return `no page request group ${PRGI} of SID ${RID} waits for a response`;
    this.waiting.splice(at, 1);
    return `page request group ${PRGI} of SID ${RID}: ${answer}${reserved}`;
  }

  #store(words: readonly bigint[]): boolean {
    if (this.pqa === 0n) return true;
    if (this.overflow) return false;
    const next = (this.tail + ENTRY) % this.size;
    if (next === this.head) {
      this.#announce();
      this.overflow = true;
      return false;
    }
    const at = (this.pqa & BASE) + BigInt(this.tail);
    for (let i = 0; i < 4; i++) this.#unit.mem.write64(at + BigInt(8 * i), words[i] ?? 0n);
    this.tail = next;
    this.#announce();
    this.pending = true;
    return true;
  }

  /** The event comes where neither PPR nor PRO was set. */
  #announce(): void {
    if (!this.pending && !this.overflow) this.interrupt.raise();
  }
}
