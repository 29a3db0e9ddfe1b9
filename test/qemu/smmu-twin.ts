import { SMMU_SIDS, type SmmuAccess, type SmmuEvent, type SmmuRegisters } from './smmu-case.ts';
import type { DeviationName } from './smmu-deviations.ts';
import {
  bit,
  bits,
  CLASS,
  type Class,
  CODE,
  eventOf,
  type Memory,
  ones,
  type SecondStage,
  Stop,
  type UnitFeatures,
} from './smmu-model.ts';
import { type Kept, NO_ASID, TwinTlb } from './smmu-twin-tlb.ts';
import { type Config, inside, type Line, WalkModel } from './smmu-walk.ts';

/** What an access is to come to: `at` is null where it ends. */
export interface Foreseen {
  readonly at: bigint | null;
  readonly event: SmmuEvent | null;
}

const WRITE = 2;
const READ = 1;

/** What an access used of QEMU's caches, and whether its configuration is cached afterwards. */
export interface CacheUse {
  readonly config: boolean;
  /** The step that read the configuration that is cached afterwards. */
  readonly configReadBy: number;
  readonly line: boolean;
  readonly keepsConfig: boolean;
  /** The line is of a global leaf. */
  readonly global: boolean;
  /** There is a line of these tags for the address, but it is of another granule, or above the level to start from. */
  readonly missed: boolean;
  /** log2 of what the line covers; 0 without. */
  readonly lg2: number;
  /** The step that filled it; -1 without. */
  readonly filledBy: number;
}

/** What the architecture makes of an access, from memory alone, and whether a global leaf answers. */
export function architecture(
  features: UnitFeatures,
  memory: Memory,
  registers: SmmuRegisters,
  access: SmmuAccess,
): { readonly text: Foreseen; readonly global: boolean } {
  const model = new WalkModel(false, features, memory);
  let global = false;
  const text = outcome(access, registers, () => {
    const config = model.config(registers, access.sid);
    if (config.stream.kind === 'abort') return null;
    const line = model.translate(config, access);
    global = line.global;
    return inside(line, access.address);
  });
  return { text, global };
}

function outcome(access: SmmuAccess, registers: SmmuRegisters, run: () => bigint | null): Foreseen {
  try {
    return { at: run(), event: null };
  } catch (stop) {
    if (!(stop instanceof Stop)) throw stop;
    const unwanted = stop.code === CODE.C_BAD_STREAMID && (registers.cr2 & 2) === 0;
    return { at: null, event: unwanted ? null : eventOf(stop, access) };
  }
}

/** A QEMU of our own: the walks of `WalkModel`, its configuration cache and its TLB. Foretells the real one. */
export class QemuTwin extends WalkModel {
  readonly registers: SmmuRegisters;
  /** Number of the step that is being done. */
  step = 0;
  readonly #configs = new Map<
    number,
    { readonly config: Config; readonly readBy: number; readonly met: readonly DeviationName[] }
  >();
  readonly #tlb = new TwinTlb();
  #sid = 0;
  #usedConfig = false;
  #usedLine = false;
  #usedGlobal = false;
  #missed = false;
  #lg2 = 0;
  #filledBy = -1;

  constructor(features: UnitFeatures, memory: Memory, registers: SmmuRegisters) {
    super(true, features, memory);
    this.registers = registers;
  }

  /** What the last access used. */
  get used(): CacheUse {
    return {
      config: this.#usedConfig,
      configReadBy: this.#configs.get(this.#sid)?.readBy ?? this.step,
      line: this.#usedLine,
      keepsConfig: this.#configs.has(this.#sid),
      global: this.#usedGlobal,
      missed: this.#missed,
      lg2: this.#lg2,
      filledBy: this.#filledBy,
    };
  }

  /** What QEMU would do without anything cached. */
  walk(access: SmmuAccess): Foreseen {
    return new QemuTwin(this.features, this.memory, this.registers).access(access);
  }

  access(access: SmmuAccess): Foreseen {
    this.met.clear();
    this.#sid = access.sid;
    this.#usedConfig = this.#configs.has(access.sid);
    this.#usedLine = false;
    this.#missed = false;
    this.#lg2 = 0;
    this.#filledBy = -1;
    // QEMU records a bad StreamID whatever CR2.RECINVSID says.
    const always = { ...this.registers, cr2: this.registers.cr2 | 2 };
    const foreseen = outcome(access, always, () => {
      const config = this.#configure(access.sid);
      const { kind } = config.stream;
      if (kind === 'abort') return null;
      if (kind === 'bypass') return inside(this.translate(config, access), access.address);
      return this.#through(config, access);
    });
    if (foreseen.event?.code === CODE.C_BAD_STREAMID && (this.registers.cr2 & 2) === 0)
      this.met.add('bad-streamid-recorded');
    return foreseen;
  }

  #configure(sid: number): Config {
    const known = this.#configs.get(sid);
    for (const name of known?.met ?? []) this.met.add(name);
    if (known) return known.config;
    const config = this.config(this.registers, sid);
    this.#configs.set(sid, { config, readBy: this.step, met: [...this.met] });
    return config;
  }

  #through(config: Config, access: SmmuAccess): bigint | null {
    const { stream, context } = config;
    const { address, write } = access;
    const asid = context ? context.asid : NO_ASID;
    const kept = this.#find(config, asid, address);
    if (!kept) {
      this.#missed = this.#tlb.all.some(
        (one) => one.asid === asid && one.vmid === stream.vmid && (address & ~ones(one.line.lg2)) === one.line.from,
      );
      const line = this.translate(config, access);
      this.#tlb.keep({ asid, vmid: stream.vmid, line, ofTable: false, filledBy: this.step, met: [...this.met] });
      return inside(line, address);
    }
    const known = kept.line;
    this.#usedLine = true;
    this.#usedGlobal = known.global;
    this.#lg2 = known.lg2;
    this.#filledBy = kept.filledBy;
    for (const name of kept.met) this.met.add(name);
    if (kept.ofTable) this.met.add('stage-2-lines-of-tables');
    const inFirst = context !== null;
    if (write) {
      if ((known.rights & known.below & WRITE) !== 0) return inside(known, address);
      // What a line of stage 2 alone denies counts as a fault of the stage 1 that there is not.
      const stage2 = (known.rights & WRITE) !== 0;
      const recorded = stage2 ? stream.stage2!.records : (context?.records ?? false);
      if (stage2) this.met.add('tlb-denial-without-ipa');
      else if (!inFirst) this.met.add('tlb-denial-as-stage-1');
      throw new Stop(CODE.F_PERMISSION, { cls: CLASS.IN, stage2, recorded });
    }
    if (!inFirst && (known.rights & READ) === 0) {
      this.met.add('tlb-denial-of-reads');
      return null;
    }
    if ((known.below & READ) === 0) this.met.add('tlb-denial-of-reads');
    return inside(known, address);
  }

  /** An IPA of more than `limitBits` bits is a fault of stage 1 that no CD says anything about yet. */
  protected override tableLine(second: SecondStage, vmid: number, ipa: bigint, cls: Class, limitBits: number): Line {
    const known = this.#tlb.look(NO_ASID, vmid, second.granule, second.tsz, ipa)?.line;
    if (known) {
      this.#noteLine(second, ipa, cls, inside(known, ipa));
      return known;
    }
    if (ipa > ones(limitBits)) throw new Stop(CODE.F_ADDR_SIZE, { cls, recorded: false });
    const line = this.secondStage(second, ipa, READ, cls);
    this.#tlb.keep({ asid: NO_ASID, vmid, line, ofTable: true, filledBy: this.step, met: [] });
    return line;
  }

  /** Notes where a line for a table leads elsewhere than tables do now. */
  #noteLine(second: SecondStage, ipa: bigint, cls: Class, at: bigint): void {
    try {
      if (inside(this.secondStage(second, ipa, READ, cls), ipa) !== at) this.met.add('stage-2-lines-of-tables');
    } catch (stop) {
      if (!(stop instanceof Stop)) throw stop;
      this.met.add('stage-2-lines-of-tables');
    }
  }

  #find({ stream, context }: Config, asid: number, address: bigint): Kept | undefined {
    const second = stream.stage2;
    if (!context) return this.#tlb.look(asid, stream.vmid, second!.granule, second!.tsz, address);
    const half = this.#halfOf(context, address);
    if (!half) return undefined;
    const found = this.#tlb.look(asid, stream.vmid, half.granule, half.tsz, address);
    if (found || !second || second.granule === half.granule) return found;
    return this.#tlb.look(asid, stream.vmid, second.granule, half.tsz, address);
  }

  /** The half in whose range an address is. */
  #halfOf(context: NonNullable<Config['context']>, address: bigint): { granule: number; tsz: number } | null {
    const width = context.tbi[0] ? 56 : 64;
    const [lower, upper] = context.halves;
    const top = (tsz: number): bigint => ones(width) ^ ones(64 - tsz);
    if (lower && (address & top(lower.tsz)) === 0n) return lower;
    if (upper && (address & top(upper.tsz)) === top(upper.tsz)) return upper;
    return null;
  }

  /** CMDQ_CONS.ERR that the command brings about; 0 for none. */
  command(words: readonly bigint[]): number {
    const [low, high] = words as [bigint, bigint];
    const op = bits(low, 0, 8);
    const { s1, s2 } = this.features;
    const vmid = bits(low, 32, 16);
    const asid = bits(low, 48, 16);
    const sid = bits(low, 32, 32);
    const ofVmid = (kept: Kept): boolean => !s2 || kept.vmid === vmid;
    const isFirst = op >= 0x10 && op <= 0x13;
    if ((isFirst && !s1) || ((op === 0x28 || op === 0x2a) && !s2)) return 1;
    if (op >= 0x03 && op <= 0x06 && bit(low, 10)) return 1;
    switch (op) {
      case 0x03:
      case 0x05:
      case 0x06:
        this.#configs.delete(sid);
        return 0;
      case 0x04: {
        const span = 2n ** BigInt(bits(high, 0, 5) + 1);
        const first = BigInt(sid) & ~(span - 1n);
        for (const one of SMMU_SIDS) if (first <= one && BigInt(one) < first + span) this.#configs.delete(one);
        return 0;
      }
      case 0x10:
        if (s2) this.#tlb.remove((kept) => kept.vmid === vmid && kept.asid >= 0);
        else this.#tlb.clear();
        return 0;
      case 0x11:
        this.#tlb.remove((kept) => kept.asid === asid && ofVmid(kept));
        return 0;
      case 0x12:
        this.#tlb.removeRange(words, (kept) => kept.asid === asid && ofVmid(kept));
        return 0;
      case 0x13:
        this.#tlb.removeRange(words, ofVmid);
        return 0;
      case 0x28:
        this.#tlb.remove((kept) => kept.vmid === vmid);
        return 0;
      case 0x2a:
        this.#tlb.removeRange(words, (kept) => kept.vmid === vmid && kept.asid === NO_ASID);
        return 0;
      case 0x30:
        this.#tlb.clear();
        return 0;
    }
    return ACCEPTED.has(op) ? 0 : 1;
  }
}

/** Commands that QEMU takes and that do nothing: prefetches, SYNC, and what it does not have. */
const ACCEPTED = new Set([0x01, 0x02, 0x46, 0x18, 0x1a, 0x20, 0x21, 0x22, 0x23, 0x40, 0x41, 0x44, 0x45]);
