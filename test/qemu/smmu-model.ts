import { isDevice, isSmmuRam, type SmmuAccess, type SmmuEvent, type SmmuRegisters } from './smmu-case.ts';
import type { DeviationName } from './smmu-deviations.ts';

export const bits = (value: bigint, low: number, width: number): number =>
  Number((value >> BigInt(low)) & ((1n << BigInt(width)) - 1n));
export const bit = (value: bigint, at: number): boolean => ((value >> BigInt(at)) & 1n) === 1n;
/** Bits below `width`. */
export const ones = (width: number): bigint => (1n << BigInt(width)) - 1n;
const field = (value: bigint, low: number, high: number): bigint => value & (ones(high + 1) ^ ones(low));

export const CODE = {
  C_BAD_STREAMID: 0x02,
  F_STE_FETCH: 0x03,
  C_BAD_STE: 0x04,
  F_CD_FETCH: 0x09,
  C_BAD_CD: 0x0a,
  F_WALK_EABT: 0x0b,
  F_TRANSLATION: 0x10,
  F_ADDR_SIZE: 0x11,
  F_ACCESS: 0x12,
  F_PERMISSION: 0x13,
} as const;
/** CLASS of an event: what was being translated. */
export const CLASS = { CD: 0, TT: 1, IN: 2 } as const;
export type Class = (typeof CLASS)[keyof typeof CLASS];
const OUTPUT_BITS = [32, 36, 40, 42, 44, 48, 52, 56] as const;

/** Why an access does not get through. Thrown on the way, so that a walk reads from top to bottom. */
export class Stop {
  readonly code: number;
  readonly recorded: boolean;
  readonly stage2: boolean;
  readonly cls: Class;
  /** IPA or FetchAddr. */
  readonly address: bigint;
  /** QEMU takes the way to the tables for a read. */
  readonly asRead: boolean;
  /** QEMU puts the address of the fetch where that of the access is. */
  readonly asInput: boolean;

  constructor(code: number, details: Partial<Omit<Stop, 'code'>> = {}) {
    this.code = code;
    this.recorded = details.recorded ?? true;
    this.stage2 = details.stage2 ?? false;
    this.cls = details.cls ?? CLASS.CD;
    this.address = details.address ?? 0n;
    this.asRead = details.asRead ?? false;
    this.asInput = details.asInput ?? false;
  }
}

/** One half of the address space, as a CD describes it. */
export interface TableHalf {
  readonly granule: number;
  readonly tsz: number;
  readonly ttb: bigint;
  readonly had: boolean;
}

export interface SecondStage {
  readonly granule: number;
  readonly tsz: number;
  readonly startLevel: number;
  readonly ttb: bigint;
  readonly outputBits: number;
  readonly affd: boolean;
  readonly records: boolean;
}

export interface Stream {
  readonly kind: 'abort' | 'bypass' | 'translate';
  readonly stage1: boolean;
  readonly stage2: SecondStage | null;
  readonly vmid: number;
  readonly contextPtr: bigint;
}

export interface Context {
  readonly asid: number;
  readonly outputBits: number;
  readonly affd: boolean;
  readonly records: boolean;
  readonly tbi: readonly [boolean, boolean];
  /** Null: switched off. */
  readonly halves: readonly [TableHalf | null, TableHalf | null];
}

export type Memory = (address: bigint) => bigint;

/** What the identification registers decide here. The rest is the same in every QEMU: no HTTU, no stalls, no substreams. */
export interface UnitFeatures {
  readonly s1: boolean;
  readonly s2: boolean;
  readonly outputBits: number;
  readonly sidSize: number;
  readonly granules: readonly number[];
}

export function featuresOf(ids: Readonly<Record<string, number>>): UnitFeatures {
  const [idr0, idr1, idr5] = [ids['IDR0']!, ids['IDR1']!, ids['IDR5']!];
  return {
    s1: (idr0 & 2) !== 0,
    s2: (idr0 & 1) !== 0,
    outputBits: OUTPUT_BITS[idr5 & 7]!,
    sidSize: idr1 & 0x3f,
    granules: [idr5 & 0x10 ? 12 : 0, idr5 & 0x20 ? 14 : 0, idr5 & 0x40 ? 16 : 0].filter((granule) => granule > 0),
  };
}

/**
 * Configuration structures by the text of the architecture, and as QEMU reads them. Wherever the two part, `either` is
 * asked, which takes the side this object is on and remembers the deviation: the only difference between the two.
 */
export class ConfigModel {
  readonly features: UnitFeatures;
  /** Deviations that came into play since they were last cleared. */
  readonly met = new Set<DeviationName>();
  /** Flash or device registers were read as tables, or QEMU would end itself by an assertion (S2AA64 0, IPS 6 and 7). */
  unfit = false;
  protected readonly asQemu: boolean;
  protected readonly memory: Memory;

  constructor(asQemu: boolean, features: UnitFeatures, memory: Memory) {
    this.asQemu = asQemu;
    this.features = features;
    this.memory = memory;
  }

  protected either<T>(name: DeviationName, architecture: T, qemu: T): T {
    if (architecture === qemu) return architecture;
    this.met.add(name);
    return this.asQemu ? qemu : architecture;
  }

  /** A word of memory; where there is none, QEMU's bus answers with an error, while the engine's memory has no holes. */
  protected read(address: bigint, failed: () => Stop): bigint {
    if (isDevice(address)) this.unfit = true;
    if (this.either('no-memory', true, isSmmuRam(address))) return this.memory(address);
    throw failed();
  }

  /** The stream table (IHI 0070, 5.1 and 5.2). */
  stream({ strtabBase, strtabBaseCfg }: SmmuRegisters, sid: number): Stream {
    const log2Size = strtabBaseCfg & 0x3f;
    if (sid >= 2 ** Math.min(log2Size, this.features.sidSize)) throw new Stop(CODE.C_BAD_STREAMID);
    const base = field(strtabBase, 6, 51);
    if (((strtabBaseCfg >> 16) & 3) !== 1) return this.#entry((base & ~ones(log2Size + 6)) + BigInt(sid * 64));
    const split = (strtabBaseCfg >> 6) & 0x1f;
    const align = Math.max(6, log2Size - split + 3);
    const at = (base & ~ones(align)) + BigInt((sid >> split) * 8);
    const l1 = this.read(at, () => new Stop(CODE.F_STE_FETCH, { address: at }));
    const span = bits(l1, 0, 5);
    const index = sid & (2 ** split - 1);
    if (span === 0) throw new Stop(CODE.C_BAD_STREAMID);
    const tooLarge = this.either('span', span > split + 1, false);
    if (tooLarge || this.either('span', index >= 2 ** (span - 1), index >= 2 ** span))
      throw new Stop(this.either('span', CODE.C_BAD_STREAMID, tooLarge ? CODE.C_BAD_STREAMID : CODE.C_BAD_STE));
    const array = field(l1, 6, 51);
    return this.#entry(this.either('level-2-unaligned', array & ~ones(span + 5), array) + BigInt(index * 64));
  }

  #entry(at: bigint): Stream {
    const words = [0, 1, 2, 3].map((i) =>
      this.read(at + BigInt(8 * i), () => new Stop(CODE.F_STE_FETCH, { address: at })),
    );
    const [d0, d1, d2, d3] = words as [bigint, bigint, bigint, bigint];
    const bad = (is: boolean): void => {
      if (is) throw new Stop(CODE.C_BAD_STE);
    };
    const config = bits(d0, 1, 3);
    bad(!bit(d0, 0));
    const contextPtr = field(d0, 6, 51);
    const stream = { stage1: false, stage2: null, vmid: 0, contextPtr };
    if (config < 4) return { ...stream, kind: 'abort' };
    if (config === 4) return { ...stream, kind: 'bypass' };
    const { s1, s2, outputBits } = this.features;
    const [stage1, stage2] = [(config & 1) !== 0, (config & 2) !== 0];
    bad((stage1 && !s1) || (stage2 && !s2));
    const second = stage2 ? this.#second(d2, d3, bad) : null;
    const strw = bits(d1, 30, 2);
    bad(this.either('strw-unchecked', stage1 && ((strw & 1) !== 0 || (strw === 2 && !stage2)), false));
    bad(this.either('one-context', false, bits(d0, 59, 5) !== 0));
    bad(this.either('stalld-without-stage-1', stage1 && bit(d1, 27), bit(d1, 27)));
    bad(this.either('context-pointer-size', stage1 && !stage2 && contextPtr > ones(outputBits), false));
    return { ...stream, kind: 'translate', stage1, stage2: second, vmid: s2 ? bits(d2, 0, 16) : 0 };
  }

  #second(d2: bigint, d3: bigint, bad: (is: boolean) => void): SecondStage {
    this.unfit ||= !bit(d2, 51);
    bad(!bit(d2, 51));
    const granule = [12, 16, 14, 0][bits(d2, 46, 2)]!;
    bad(!this.features.granules.includes(granule));
    const tsz = bits(d2, 32, 6);
    const sl0 = bits(d2, 38, 2);
    bad(sl0 === 3);
    const { outputBits } = this.features;
    const physical = Math.min(OUTPUT_BITS[bits(d2, 48, 3)]!, outputBits);
    const ttb = field(d3, 4, 51);
    bad(ttb > ones(physical));
    const least = granule === 16 ? 12 : 16;
    bad(tsz > 39);
    bad(this.either('s2t0sz-by-s2ps', tsz < Math.max(64 - outputBits, least), tsz < Math.max(64 - physical, least)));
    const startLevel = granule === 12 ? 2 - sl0 : 3 - sl0;
    const shift = shiftOf(startLevel, granule);
    // At most 16 tables side by side, and a start level that has something to translate.
    bad(64 - tsz > shift + granule - 3 + 4);
    bad(this.either('start-level-too-high', 64 - tsz <= shift, false));
    bad(bit(d2, 52) || bit(d2, 57));
    bad(this.either('httu-unchecked', bit(d2, 55) || bit(d2, 56), false));
    return { granule, tsz, startLevel, ttb, outputBits: physical, affd: bit(d2, 53), records: bit(d2, 58) };
  }

  /**
   * A CD (IHI 0070, 5.4).
   * @param at where it lies, as a physical address
   * @param found is told of each half as soon as it is known to be good
   */
  context(at: bigint, found: (half: TableHalf | null) => void): Context {
    const aborted = (): Stop =>
      new Stop(CODE.F_CD_FETCH, { address: at, asInput: this.either('cd-fetch-address', false, true) });
    const [d0, d1, d2] = [0n, 8n, 16n].map((offset) => this.read(at + offset, aborted)) as [bigint, bigint, bigint];
    const bad = (is: boolean): void => {
      if (is) throw new Stop(CODE.C_BAD_CD);
    };
    bad(!bit(d0, 31) || !bit(d0, 41) || !bit(d0, 46) || bit(d0, 44));
    bad(bit(d0, 42) || bit(d0, 43));
    bad(this.either('httu-unchecked', bit(d1, 3), false));
    this.unfit ||= bits(d0, 32, 3) > 5;
    const outputBits = Math.min(OUTPUT_BITS[bits(d0, 32, 3)]!, this.features.outputBits);
    const half = (
      epd: number,
      tsz: number,
      tg: number,
      granules: readonly number[],
      word: bigint,
    ): TableHalf | null => {
      if (bit(d0, epd)) {
        found(null);
        return null;
      }
      const read = { granule: granules[tg]!, tsz, ttb: field(word, 4, 51), had: bit(word, 1) };
      bad(tsz < 16 || tsz > 39 || !this.features.granules.includes(read.granule) || bit(d0, 15));
      bad(read.ttb > ones(outputBits));
      found(read);
      return read;
    };
    return {
      asid: bits(d0, 48, 16),
      outputBits,
      affd: bit(d0, 35),
      records: bit(d0, 45),
      tbi: [bit(d0, 38), bit(d0, 39)],
      halves: [
        half(14, bits(d0, 0, 6), bits(d0, 6, 2), [12, 16, 14, 0], d1),
        half(30, bits(d0, 16, 6), bits(d0, 22, 2), [0, 14, 12, 16], d2),
      ],
    };
  }
}

/** log2 of what an entry of this level covers. */
export const shiftOf = (level: number, granule: number): number => granule + (3 - level) * (granule - 3);

/** The event queue's record of a stop, or null where none is written. */
export function eventOf(stop: Stop, { sid, address, write }: SmmuAccess): SmmuEvent | null {
  if (!stop.recorded) return null;
  const walked = stop.code >= CODE.F_WALK_EABT;
  return {
    code: stop.code,
    sid,
    read: walked && (!write || stop.asRead),
    stage2: stop.stage2,
    cls: walked ? stop.cls : 0,
    input: walked ? address : stop.asInput ? stop.address : 0n,
    address: stop.asInput ? 0n : stop.code >= CODE.F_TRANSLATION ? stop.address & ~0xfffn : stop.address,
  };
}
