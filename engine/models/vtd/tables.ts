import { PasidEntry } from '../../cache/config-cache.ts';
import { DIRTY, EXEC, READ, WRITE } from '../../cache/iotlb.ts';
import type { PhysMem } from '../../memory/phys-mem.ts';
import type { Format } from '../../pagetable/format.ts';
import { vtdFirstStage } from '../../pagetable/formats/vtd-first-stage.ts';
import { vtdSecondStage } from '../../pagetable/formats/vtd-second-stage.ts';
import { exceeds, STEP_WORDS, Stop, stepLevel, stepStage, Walker } from '../../pagetable/walk.ts';
import { Access } from '../translation.ts';
import type { VtdCaps } from './caps.ts';
import { Fault } from './faults.ts';
import { legacyFault } from './legacy-config.ts';
import { Flag, shapeFormat1, shapeFormat2, shapeInputBits } from './line.ts';
import type { VtdStructureCaches } from './structure-caches.ts';
import { PGTT } from './structures.ts';

const USER = 1 << 2;
const RW = 1 << 1;
const A = 1 << 5;
const D = 1 << 6;
const EA = 1 << 10;
const SS_READ = 1 << 0;
const SS_WRITE = 1 << 1;
const SS_EXEC = 1 << 2;
const SS_A = 1 << 8;
const SS_D = 1 << 9;

export const inInterruptRange = (hi: number, lo: number): boolean => hi === 0 && (lo & 0xfff0_0000) === INTERRUPTS;
const INTERRUPTS = 0xfee0_0000 | 0;

/** Formats a unit's PASID entries can ask for, by the codes of a line's shape. */
export class FormatSet {
  readonly first: readonly Format[];
  readonly second: readonly Format[];

  constructor(caps: VtdCaps) {
    const haw = caps.haw;
    const oneGig = caps.FS1GP !== 0;
    this.first = ([4, 5] as const).flatMap((levels) =>
      [false, true].map((nxe) => vtdFirstStage({ levels, haw, oneGig, nxe })),
    );
    this.second = ([3, 4, 5] as const).flatMap((levels) =>
      [false, true].map((accessedDirty) =>
        vtdSecondStage({
          levels,
          haw,
          twoMeg: (caps.SSLPS & 1) !== 0,
          oneGig: (caps.SSLPS & 2) !== 0,
          snoopControl: caps.SC !== 0,
          deviceTlb: caps.DT !== 0,
          accessedDirty,
        }),
      ),
    );
  }
}

/**
 * The table walks of all translation types (VT-d 3.6 to 3.8), with VT-d's rights and faults over the generic walker.
 * Nothing is written before `applyUpdates`, so the same object serves side-effect-free walks.
 */
export class TableWalk {
  readonly walker: Walker;
  /** Whether the walker leaves its path behind; SSADE needs it in any case. */
  record = false;
  hpaHi = 0;
  hpaLo = 0;
  gpaHi = 0;
  gpaLo = 0;
  lg2 = 12;
  /** READ, WRITE, EXEC the translation grants this privilege; DIRTY when no write needs a dirty bit any more. */
  grants = 0;
  /** What shortens walks, or null: then every walk begins at the top. */
  readonly structures: VtdStructureCaches | null;
  readonly #formats: FormatSet;
  readonly #haw: number;
  #flags = 0;
  #write = false;

  constructor(mem: PhysMem, formats: FormatSet, haw: number, structures: VtdStructureCaches | null = null) {
    this.walker = new Walker(mem);
    this.walker.cache2 = structures;
    this.walker.keeping = structures !== null;
    this.structures = structures;
    this.#formats = formats;
    this.#haw = haw;
  }

  /** Translates under the PASID line at `at`; the answer is a fault code, or 0 with the result in the fields. */
  run(lines: Int32Array, at: number, hi: number, lo: number, access: Access, privileged: boolean): number {
    const fault = this.#translate(lines, at, hi, lo, access, privileged);
    return fault !== 0 && (this.#flags & Flag.LEGACY) !== 0 ? legacyFault(fault, access) : fault;
  }

  #translate(lines: Int32Array, at: number, hi: number, lo: number, access: Access, privileged: boolean): number {
    const w = this.walker;
    w.start();
    this.#flags = lines[at + PasidEntry.Flags]!;
    this.#write = access === Access.Write;
    w.recording = this.record || (this.#flags & Flag.SSADE) !== 0;
    const pgtt = lines[at + PasidEntry.Pgtt]!;
    if (pgtt === PGTT.passThrough) return this.#passThrough(hi, lo);
    const shape = lines[at + PasidEntry.Shape]!;
    if (pgtt !== PGTT.firstStage) {
      w.format2 = this.#formats.second[shapeFormat2(shape)]!;
      w.root2Hi = lines[at + PasidEntry.SsHi]!;
      w.root2Lo = lines[at + PasidEntry.SsLo]!;
      w.inputBits2 = shapeInputBits(shape);
      if (pgtt === PGTT.secondStage) return this.#secondStage(hi, lo, access);
    } else {
      w.format2 = null;
    }
    w.format1 = this.#formats.first[shapeFormat1(shape)]!;
    w.root1Hi = lines[at + PasidEntry.FsHi]!;
    w.root1Lo = lines[at + PasidEntry.FsLo]!;
    return this.#firstStage(hi, lo, access, privileged);
  }

  /** Sets the accessed and dirty bits the last successful run called for (VT-d 3.6.2, 3.7.2). */
  applyUpdates(): void {
    const w = this.walker;
    if (this.#keepsSecond() && w.format2 !== null) this.#updateBoth();
    else if (!this.#firstUpToDate()) {
      const words = w.mem.words;
      for (let level = w.startLevel1; level >= w.leafLevel1; level--) {
        const at = w.entries1[level]!;
        words[at] = words[at]! | this.#needed(level);
      }
    }
  }

  /** SSADE: every second-stage entry used was accessed, and those of pages that were written are dirty, table pages too. */
  #updateBoth(): void {
    const { path, mem, steps } = this.walker;
    const words = mem.words;
    let leaf2 = -1;
    for (let step = 0; step < steps; step++) {
      const what = path[step * STEP_WORDS]!;
      const at = path[step * STEP_WORDS + 3]!;
      if (stepStage(what) === 2) {
        words[at] = words[at]! | SS_A;
        leaf2 = at;
      } else {
        const value = words[at]! | this.#needed(stepLevel(what));
        if (value === words[at]) continue;
        words[at] = value;
        words[leaf2] = words[leaf2]! | SS_D;
      }
    }
    if (this.#write && leaf2 >= 0) words[leaf2] = words[leaf2]! | SS_D;
  }

  #passThrough(hi: number, lo: number): number {
    if (exceeds(hi, this.#haw)) return Fault.SGN_4;
    if (inInterruptRange(hi, lo)) return Fault.SGN_8;
    this.walker.format2 = null;
    this.gpaHi = this.hpaHi = hi;
    this.gpaLo = this.hpaLo = lo;
    this.lg2 = 12;
    this.grants = READ | WRITE | DIRTY | (this.#flags & Flag.ERE ? EXEC : 0);
    return Fault.None;
  }

  #secondStage(hi: number, lo: number, access: Access): number {
    const w = this.walker;
    if (!w.second(hi, lo)) {
      return w.stop === Stop.OutOfRange ? Fault.SGN_4 : w.stop === Stop.NotPresent ? Fault.SSS_2 : Fault.SSS_3;
    }
    this.gpaHi = hi;
    this.gpaLo = lo;
    const fault = this.#finishSecond(access, READ | WRITE | (this.#flags & Flag.ERE ? EXEC : 0));
    if (fault !== 0) return fault;
    this.lg2 = w.lg2;
    return inInterruptRange(this.hpaHi, this.hpaLo) ? Fault.SGN_8 : Fault.None;
  }

  /** First-stage-only and nested: what differs is whether the walker has a second stage. */
  #firstStage(hi: number, lo: number, access: Access, privileged: boolean): number {
    const { structures, walker } = this;
    if (structures === null) return this.#throughFirst(hi, lo, access, privileged);
    structures.resume(walker, hi, lo);
    const fault = this.#throughFirst(hi, lo, access, privileged);
    if (walker.startLevel1 === walker.format1!.levels - 1 || !this.#mustFindTables(fault)) return fault;
    structures.restart();
    walker.start();
    return this.#throughFirst(hi, lo, access, privileged);
  }

  /**
   * A walk that began below the top knows where its first table is, not what maps it: an accessed or dirty bit that the
   * second stage forbids, or has to be told of (SSADE), takes a walk from the top.
   */
  #mustFindTables(fault: number): boolean {
    if (fault === Fault.SFS_8) return true;
    const w = this.walker;
    if (fault !== 0 || w.format2 === null || !this.#keepsSecond()) return false;
    const needed = this.#needed(w.startLevel1);
    return (w.mem.words[w.entries1[w.startLevel1]!]! & needed) !== needed;
  }

  #throughFirst(hi: number, lo: number, access: Access, privileged: boolean): number {
    const w = this.walker;
    const format = w.format1!;
    const sign = hi >> (format.levels === 5 ? 24 : 15);
    if (sign !== 0 && sign !== -1) return Fault.SGN_1;
    if (!w.first(hi, lo)) return this.#firstFault(format.levels - 1);

    const flags = this.#flags;
    const user = (w.and1 & USER) !== 0;
    if (!privileged && !user) return Fault.SGN_2;
    const writable = (w.and1 & RW) !== 0 || (privileged && (flags & Flag.WPE) === 0);
    const executable =
      (flags & Flag.ERE) !== 0 &&
      !((flags & Flag.NXE) !== 0 && w.or1Hi < 0) &&
      !(privileged && (flags & Flag.SMEP) !== 0 && user);
    if (access === Access.Write && !writable) return Fault.SGN_6;
    if (access === Access.Exec && !executable) return Fault.SGN_3;
    const rights = READ | (writable ? WRITE : 0) | (executable ? EXEC : 0);

    this.gpaHi = w.out1Hi;
    this.gpaLo = w.out1Lo;
    this.lg2 = w.lg1;
    if (w.format2 === null) {
      this.hpaHi = w.out1Hi;
      this.hpaLo = w.out1Lo;
      this.grants = rights | (this.#write || w.leaf1 & D ? DIRTY : 0);
    } else {
      if (!w.second(w.out1Hi, w.out1Lo)) {
        return w.stop === Stop.OutOfRange ? Fault.SGN_5 : w.stop === Stop.NotPresent ? Fault.SSS_2 : Fault.SSS_3;
      }
      const fault = this.#finishSecond(access, rights);
      if (fault !== 0) return fault;
      if (w.lg2 < this.lg2) this.lg2 = w.lg2;
      if (!this.#write && (w.leaf1 & D) === 0) this.grants &= ~DIRTY;
      if (!this.#canUpdate()) return Fault.SFS_8;
    }
    return inInterruptRange(this.hpaHi, this.hpaLo) ? Fault.SGN_8 : Fault.None;
  }

  #firstFault(top: number): number {
    const w = this.walker;
    if (w.stopStage === 1) return w.stop === Stop.NotPresent ? Fault.SFS_2 : Fault.SFS_3;
    if (w.stop === Stop.OutOfRange) return Fault.SFS_5;
    if (w.stop === Stop.TableUnreadable) return w.stopLevel === top ? Fault.SFS_6 : Fault.SFS_7;
    return w.stop === Stop.NotPresent ? Fault.SSS_2 : Fault.SSS_3;
  }

  /** Rights and address of the page behind the second stage; `rights` is what is left to grant. */
  #finishSecond(access: Access, rights: number): number {
    const w = this.walker;
    const and = w.and2;
    const readable = (and & SS_READ) !== 0;
    const executable = (this.#flags & Flag.SSEE) === 0 || (and & SS_EXEC) !== 0;
    if (access === Access.Write) {
      if ((and & SS_WRITE) === 0) return Fault.SGN_6;
    } else if (!readable) {
      return Fault.SGN_7;
    } else if (access === Access.Exec && !executable) {
      return Fault.SGN_3;
    }
    let left = rights;
    if (!readable) left &= ~(READ | EXEC);
    if ((and & SS_WRITE) === 0) left &= ~WRITE;
    if (!executable) left &= ~EXEC;
    const clean = this.#keepsSecond() && !this.#write && (w.leaf2 & SS_D) === 0;
    this.grants = left | (clean ? 0 : DIRTY);
    this.hpaHi = w.out2Hi;
    this.hpaLo = w.out2Lo;
    return Fault.None;
  }

  /** Bits this access sets in a first-stage entry. */
  #needed(level: number): number {
    const accessed = this.#flags & Flag.EAFE ? A | EA : A;
    return this.#write && level === this.walker.leafLevel1 ? accessed | D : accessed;
  }

  #keepsSecond(): boolean {
    return (this.#flags & Flag.SSADE) !== 0;
  }

  /** All first-stage entries of the walk, or none, have the bits this access sets. */
  #firstUpToDate(): boolean {
    const w = this.walker;
    const accessed = this.#flags & Flag.EAFE ? A | EA : A;
    return w.leafLevel1 < 0 || ((w.and1 & accessed) === accessed && (!this.#write || (w.leaf1 & D) !== 0));
  }

  /** Accessed and dirty bits that are missing are written to guest memory, which stage 2 must allow (SFS.8). */
  #canUpdate(): boolean {
    const w = this.walker;
    if ((w.andTables & SS_WRITE) !== 0 || this.#firstUpToDate()) return true;
    for (let level = w.startLevel1; level >= w.leafLevel1; level--) {
      const needed = this.#needed(level);
      const has = w.mem.words[w.entries1[level]!]!;
      if ((has & needed) !== needed && (w.tableRights[level]! & SS_WRITE) === 0) return false;
    }
    return true;
  }
}
