import { DIRTY, Tlb } from '../../cache/iotlb.ts';
import type { LineTable } from '../../cache/lines.ts';
import { Access, Hit, Kind, type Request, Source, Stages, type Translation } from '../translation.ts';
import type { ConfigCaches } from './config-caches.ts';
import type { ConfigLookup } from './lookup.ts';
import { grantsOf, Right } from './rights.ts';
import { asidFor, DIRTY_BIT, isDirty, rightsOf, type SmmuTlb, smallKey, Tag } from './tlb.ts';

/** What a line has to grant for an access, without privilege and with it. */
const READS = Right.UR1 | Right.R2;
const READS_PRIVILEGED = Right.PR1 | Right.R2;
const WRITES = Right.UW1 | Right.W2 | DIRTY_BIT;
const WRITES_PRIVILEGED = Right.PW1 | Right.W2 | DIRTY_BIT;
const EXECUTES = Right.UX1 | Right.UX2;
const EXECUTES_PRIVILEGED = Right.PX1 | Right.PX2;

/**
 * The configuration of the last hit, unpacked. Most requests of a run repeat it and find a 4K line of their own ASID that is
 * known to be fresh; `answer` does that case alone, and leaves everything else to the way that handles everything.
 */
export class RecentConfig {
  #sid = -1;
  #pasid = -1;
  #changes = 0;
  #version = 0;
  #origin = 0;
  #key = 0;
  #asid = -1;
  #stages: Stages = Stages.None;
  #vmid = 0;
  /** Whether the answer still has what all hits under this configuration share, so that a hit writes only what differs. */
  #shaped = false;
  readonly #caches: ConfigCaches;
  readonly #table: LineTable;

  constructor(caches: ConfigCaches, tlb: SmmuTlb) {
    this.#caches = caches;
    this.#table = tlb.main.table;
  }

  /** The answer is about to be used for something else. */
  leave(): void {
    this.#shaped = false;
  }

  /** Takes over what a request was answered under from the TLB, where nothing about it is special. */
  remember(request: Request, { ste, cd }: ConfigLookup, r: Translation, origin: number, version: number): void {
    this.#sid = -1;
    if (ste === null || cd === null || ste.privCfg !== 0 || ste.instCfg !== 0) return;
    if (cd.ignoresTopByte0 || cd.ignoresTopByte1) return;
    const tag = ste.el2 ? Tag.El2 : Tag.Asid;
    this.#shaped = false;
    this.#sid = request.sid;
    this.#pasid = request.pasid;
    this.#changes = this.#caches.changes;
    this.#version = version;
    this.#origin = origin;
    this.#key = smallKey(tag, ste.vmid);
    this.#asid = asidFor(tag, cd.asid);
    this.#stages = r.stages;
    this.#vmid = ste.vmid;
  }

  /** Fills the answer and says true, or changes nothing. */
  answer(request: Request, version: number, r: Translation): boolean {
    if (request.sid !== this.#sid || request.pasid !== this.#pasid || this.#version !== version) return false;
    if (request.kind !== Kind.Untranslated || this.#caches.changes !== this.#changes) return false;
    const { lo } = request;
    const table = this.#table;
    const at = table.find(this.#key, this.#asid, request.hi, lo & -0x1000);
    if (at < 0) return false;
    const { lines } = table;
    const facts = lines[at + Tlb.Flags]!;
    const { access, privileged } = request;
    let needs: number = privileged ? READS_PRIVILEGED : READS;
    if (access === Access.Write) needs = privileged ? WRITES_PRIVILEGED : WRITES;
    else if (access === Access.Exec) needs = privileged ? EXECUTES_PRIVILEGED : EXECUTES;
    if ((facts & needs) !== needs) return false;
    if (lines[at + Tlb.Version] !== version || lines[at + Tlb.Origin] !== this.#origin) return false;
    if (!this.#shaped) this.#shape(r);
    r.hpaHi = lines[at + Tlb.HpaHi]!;
    r.hpaLo = (lines[at + Tlb.HpaLo]! & -0x1000) | (lo & 0xfff);
    r.gpaHi = lines[at + Tlb.GpaHi]!;
    r.gpaLo = (lines[at + Tlb.GpaLo]! & -0x1000) | (lo & 0xfff);
    r.grants = grantsOf(rightsOf(facts), privileged) | (isDirty(facts) ? DIRTY : 0);
    r.filledAt = lines[at + Tlb.FilledAt]!;
    r.since = lines[at + Tlb.Since]!;
    return true;
  }

  #shape(r: Translation): void {
    this.#shaped = true;
    r.clear();
    r.ok = true;
    r.lg2 = 12;
    r.hit = Hit.Iotlb;
    r.source = Source.Iotlb;
    r.stages = this.#stages;
    r.domain = this.#vmid;
    r.pasid = this.#asid;
  }
}
