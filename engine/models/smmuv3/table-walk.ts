import { DIRTY } from '../../cache/iotlb.ts';
import type { PhysMem } from '../../memory/phys-mem.ts';
import { exceeds, Stop, TABLE_BANK, Walker } from '../../pagetable/walk.ts';
import { Access } from '../translation.ts';
import type { ContextEntry, Half } from './context-entry.ts';
import { EventClass } from './event-record.ts';
import { Event } from './events.ts';
import type { Features } from './features.ts';
import { ALL_STAGE_1, ALL_STAGE_2, cleared, deniedBy, isReadOnly, stageOneRights } from './rights.ts';
import { AF, DBM_HI, lastWord, StageTwo } from './stage-two.ts';
import type { WalkCaches } from './walk-caches.ts';

const NG = 1 << 11;
/** Pages of a translation that no table made. */
const BYPASS_LG2 = 12;
const NONE = -1;
/** In place of an event: the leaf needs an update, and a walk that began below the top does not know what maps it. */
const FROM_TOP = -1;

/**
 * The walks of one access, over the generic walker: stage 1, stage 2, or both, with the faults in the order of
 * IHI 0070, 3.4 and 7.3. Nothing is written before `applyUpdates`, so the same object serves walks without side effects.
 */
export class TableWalk {
  readonly walker: Walker;
  /** Whether the walker leaves its path behind; hardware updates need it in any case. */
  record = false;
  hpaHi = 0;
  hpaLo = 0;
  gpaHi = 0;
  gpaLo = 0;
  lg2 = BYPASS_LG2;
  /** `Right`s of both stages, and of `DIRTY`: no write needs to update a leaf any more. */
  rights = 0;
  dirty = 0;
  /** The stage-1 leaf holds for every ASID. */
  global = false;
  /** Arm's level and the granule of the leaf that commands by address mean: stage 1's where there is one. */
  leafLevel = 0;
  granule = 12;
  /** A fault: which stage, what was being translated, for which IPA, and whether a table entry was read or updated. */
  faultStage2 = false;
  faultClass: EventClass = EventClass.IN;
  faultIpaHi = 0;
  faultIpaLo = 0;
  faultTableRead = true;
  /** Steps of the walk that an update of the stage-1 leaf took, from `updateStep` on. */
  updateStep = 0;
  updateSteps = 0;
  /** What shortens walks, or null: then every walk begins at the top. */
  readonly caches: WalkCaches | null;
  readonly #features: Features;
  #newLeaf1 = 0;
  #stage2: StageTwo | null = null;
  /** Leaves of stage 2 that become dirty: of the page that holds the stage-1 leaf, and of the page itself. */
  #dirtyTable = NONE;
  #dirtyPage = NONE;

  constructor(mem: PhysMem, features: Features, caches: WalkCaches | null = null) {
    this.walker = new Walker(mem);
    this.caches = caches;
    caches?.attach(this.walker);
    this.#features = features;
  }

  /** Forgets the last walk, for answers that take none. */
  start(): void {
    this.walker.start();
    this.walker.format1 = null;
    this.walker.format2 = null;
    this.updateSteps = 0;
    this.#stage2 = null;
  }

  /**
   * Translates; the answer is an event code, or 0 with the result in the fields.
   * @param cd null where stage 1 is off
   */
  run(
    cd: ContextEntry | null,
    stage2: StageTwo | null,
    hi: number,
    lo: number,
    access: Access,
    privileged: boolean,
  ): number {
    const { caches } = this;
    const fault = this.#translate(cd, stage2, hi, lo, access, privileged, caches);
    if (fault !== FROM_TOP) return fault;
    caches?.again();
    return this.#translate(cd, stage2, hi, lo, access, privileged, null);
  }

  /** @param caches where stage 1 may begin, or null for the top */
  #translate(
    cd: ContextEntry | null,
    stage2: StageTwo | null,
    hi: number,
    lo: number,
    access: Access,
    privileged: boolean,
    caches: WalkCaches | null,
  ): number {
    const w = this.walker;
    this.start();
    this.#stage2 = stage2;
    this.#dirtyTable = NONE;
    this.#dirtyPage = NONE;
    this.faultStage2 = false;
    this.faultClass = EventClass.IN;
    this.faultTableRead = true;
    w.recording = this.record || (stage2?.ha ?? false);
    if (stage2) stage2.install(w);
    if (!cd) return this.#bypassStage1(stage2, hi, lo, access, privileged);
    const half = this.#halfOf(cd, hi, lo, privileged);
    if (!half) return Event.F_TRANSLATION;
    w.format1 = half.format;
    w.root1Hi = half.rootHi;
    w.root1Lo = half.rootLo;
    w.outputLimit1Hi = cd.limitHi;
    if (caches !== null) caches.resume(w, cd.canonicalHi(hi), lo);
    if (!w.first(hi, lo)) return this.#stopped();
    const fault = this.#stage1Leaf(cd, half, access, privileged);
    if (fault !== 0) return fault;
    this.leafLevel = 3 - w.leafLevel1;
    this.granule = half.format.granuleLg2;
    this.global = (w.leaf1 & NG) === 0;
    this.gpaHi = w.out1Hi;
    this.gpaLo = w.out1Lo;
    this.lg2 = w.lg1;
    if (stage2) return this.#finishStage2(stage2, w.out1Hi, w.out1Lo, access, privileged);
    this.rights |= ALL_STAGE_2;
    this.hpaHi = w.out1Hi;
    this.hpaLo = w.out1Lo;
    return 0;
  }

  /** Sets the access flags and dirty states that the last successful run called for. */
  applyUpdates(): void {
    const w = this.walker;
    const words = w.mem.words;
    if (w.leafLevel1 >= 0 && this.#newLeaf1 !== w.leaf1) {
      const at = w.entries1[w.leafLevel1]!;
      words[at] = this.#newLeaf1;
    }
    if (!this.#stage2) return;
    this.#stage2.setAccessFlags(w);
    if (this.#dirtyTable !== NONE) StageTwo.setDirty(w, this.#dirtyTable);
    if (this.#dirtyPage !== NONE) StageTwo.setDirty(w, this.#dirtyPage);
  }

  #bypassStage1(stage2: StageTwo | null, hi: number, lo: number, access: Access, privileged: boolean): number {
    if (exceeds(hi, stage2 ? this.#features.intermediateBits : this.#features.outputBits)) return Event.F_ADDR_SIZE;
    this.rights = ALL_STAGE_1;
    this.dirty = DIRTY;
    this.global = true;
    this.gpaHi = this.hpaHi = hi;
    this.gpaLo = this.hpaLo = lo;
    this.lg2 = 64;
    if (stage2) {
      this.granule = stage2.format.granuleLg2;
      const fault = this.#finishStage2(stage2, hi, lo, access, privileged);
      this.leafLevel = 3 - Math.floor((this.lg2 - this.granule) / stage2.format.bitsPerLevel);
      return fault;
    }
    this.lg2 = BYPASS_LG2;
    this.rights |= ALL_STAGE_2;
    return 0;
  }

  /** The tables for an input address, or null where it lies outside of what is translated. */
  #halfOf(cd: ContextEntry, hi: number, lo: number, privileged: boolean): Half | null {
    const isUpper = ((hi >>> 23) & 1) !== 0;
    const half = cd.halfOf(hi);
    if (!half || (half.e0pd && !privileged)) return null;
    const top = cd.canonicalHi(hi);
    const sign = isUpper ? -1 : 0;
    const { inputBits } = half;
    const fits = inputBits >= 32 ? top >> (inputBits - 32) === sign : top === sign && lo >> inputBits === sign;
    return fits ? half : null;
  }

  #stopped(): number {
    const w = this.walker;
    if (w.stopStage === 1) return w.stop === Stop.AddressSize ? Event.F_ADDR_SIZE : Event.F_TRANSLATION;
    return this.#inStage2(this.#stage2!.stopped(w), EventClass.TT, w.faultIpaHi, w.faultIpaLo);
  }

  #inStage2(fault: number, cls: EventClass, ipaHi: number, ipaLo: number): number {
    this.faultStage2 = true;
    this.faultClass = cls;
    this.faultIpaHi = ipaHi;
    this.faultIpaLo = ipaLo;
    return fault;
  }

  /** Access flag, then rights, then what hardware has to write back. */
  #stage1Leaf(cd: ContextEntry, half: Half, access: Access, privileged: boolean): number {
    const w = this.walker;
    const { leaf1, leaf1Hi } = w;
    const isOld = (leaf1 & AF) === 0;
    if (isOld && !cd.ha && !cd.affd) return Event.F_ACCESS;
    const clean = cd.hd && (leaf1Hi & DBM_HI) !== 0 && isReadOnly(leaf1);
    this.rights = stageOneRights(leaf1, leaf1Hi, half.had ? 0 : w.orTablesHi, clean, cd);
    if (deniedBy(this.rights | ALL_STAGE_2, access, privileged) !== 0) return Event.F_PERMISSION;
    const dirties = clean && access === Access.Write;
    this.dirty = clean && !dirties ? 0 : DIRTY;
    const accessed = isOld && cd.ha ? leaf1 | AF : leaf1;
    this.#newLeaf1 = dirties ? cleared(accessed) : accessed;
    return this.#newLeaf1 === leaf1 || !this.#stage2 ? 0 : this.#mayUpdateLeaf(this.#stage2);
  }

  /** The update is a write to the leaf's IPA, which stage 2 has to allow. */
  #mayUpdateLeaf(stage2: StageTwo): number {
    const w = this.walker;
    if (w.startLevel1 !== w.format1!.levels - 1) return FROM_TOP;
    const { leaf1AtHi: atHi, leaf1AtLo: atLo } = w;
    this.updateStep = w.steps;
    const found = w.second(atHi, atLo, TABLE_BANK);
    this.updateSteps = w.steps - this.updateStep;
    this.faultTableRead = false;
    if (!found) return this.#inStage2(stage2.stopped(w), EventClass.TT, atHi, atLo);
    if (!stage2.mayWrite(w)) return this.#inStage2(Event.F_PERMISSION, EventClass.TT, atHi, atLo);
    this.#dirtyTable = stage2.mayDirty(w) ? lastWord(w) : NONE;
    return 0;
  }

  #finishStage2(stage2: StageTwo, hi: number, lo: number, access: Access, privileged: boolean): number {
    const w = this.walker;
    if (!w.second(hi, lo)) return this.#inStage2(stage2.stopped(w), EventClass.IN, hi, lo);
    const rights = stage2.rights(w);
    if (rights < 0) return this.#inStage2(-rights, EventClass.IN, hi, lo);
    this.rights |= rights;
    if (deniedBy(this.rights, access, privileged) !== 0)
      return this.#inStage2(Event.F_PERMISSION, EventClass.IN, hi, lo);
    if (stage2.mayDirty(w)) {
      if (access === Access.Write) this.#dirtyPage = lastWord(w);
      else this.dirty = 0;
    }
    this.hpaHi = w.out2Hi;
    this.hpaLo = w.out2Lo;
    if (w.lg2 < this.lg2) this.lg2 = w.lg2;
    return 0;
  }
}
