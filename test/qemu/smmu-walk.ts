import type { SmmuAccess, SmmuRegisters } from './smmu-case.ts';
import {
  bit,
  bits,
  CLASS,
  type Class,
  CODE,
  ConfigModel,
  type Context,
  ones,
  type SecondStage,
  Stop,
  type Stream,
  shiftOf,
  type TableHalf,
} from './smmu-model.ts';

const AF = 10;
const READ = 1;
const WRITE = 2;

/** A translation of one page: where it begins on both sides, and what each stage allows. */
export interface Line {
  readonly from: bigint;
  readonly to: bigint;
  readonly lg2: number;
  readonly level: number;
  readonly granule: number;
  /** READ and WRITE of the stage the line is of, and of the stage below. */
  readonly rights: number;
  readonly below: number;
  /** Stage-1 leaf with nG=0. */
  readonly global: boolean;
}

/** A stream with its CD, and whatever of the tables was found out on the way. */
export interface Config {
  readonly stream: Stream;
  readonly context: Context | null;
  /** QEMU: physical addresses of both halves' tables. */
  readonly bases: readonly [bigint, bigint];
}

export const inside = ({ from, to, lg2 }: Line, address: bigint): bigint => to | ((address - from) & ones(lg2));

/** Walks of one access from memory alone, by the architecture or as QEMU does it. */
export class WalkModel extends ConfigModel {
  /** Stage 2 of one address that is not the access itself: a QEMU with a TLB overrides this. */
  protected tableLine(second: SecondStage, _vmid: number, ipa: bigint, cls: Class, _limitBits: number): Line {
    return this.secondStage(second, ipa, READ, cls);
  }

  config(registers: SmmuRegisters, sid: number): Config {
    const stream = this.stream(registers, sid);
    if (stream.kind !== 'translate' || !stream.stage1) return { stream, context: null, bases: [0n, 0n] };
    const ipa = stream.contextPtr;
    const at = stream.stage2 ? this.#atConfiguration(stream, stream.stage2, ipa, CLASS.CD) : ipa;
    const bases: bigint[] = [];
    const context = this.context(at, (half) => {
      const nested = half !== null && stream.stage2 !== null && this.asQemu;
      bases.push(nested ? this.#atConfiguration(stream, stream.stage2!, half.ttb, CLASS.TT) : (half?.ttb ?? 0n));
    });
    return { stream, context, bases: [bases[0]!, bases[1]!] };
  }

  /** CD and, in QEMU, TTBs go through stage 2 when the configuration is read; QEMU's event then says that it was a read. */
  #atConfiguration(stream: Stream, second: SecondStage, ipa: bigint, cls: Class): bigint {
    try {
      return inside(this.tableLine(second, stream.vmid, ipa, cls, this.features.outputBits), ipa);
    } catch (stop) {
      if (!(stop instanceof Stop)) throw stop;
      if (!stop.stage2) this.met.add('context-pointer-size');
      if (cls === CLASS.TT) this.met.add('table-bases-alone');
      throw new Stop(stop.code, { ...stop, asRead: this.either('fetch-as-read', false, true) });
    }
  }

  /** The page of an input address; throws a `Stop`. */
  translate({ stream, context, bases }: Config, { address, write }: SmmuAccess): Line {
    const need = write ? WRITE : READ;
    const second = stream.stage2;
    if (!context) return this.#withoutStage1(second, address, need);
    const stop = (code: number): Stop => new Stop(code, { cls: CLASS.IN, recorded: context.records });
    const upper = bit(address, 55);
    const ignored = this.either('tbi1-as-tbi0', context.tbi[upper ? 1 : 0], context.tbi[0]);
    const half = context.halves[upper ? 1 : 0];
    if (!half) throw stop(CODE.F_TRANSLATION);
    const top = ones(ignored ? 56 : 64) ^ ones(64 - half.tsz);
    if ((address & top) !== (upper ? top : 0n)) throw stop(CODE.F_TRANSLATION);
    const line = this.#firstStage(stream, context, half, bases[upper ? 1 : 0], address, need);
    if (!second) return line;
    const ipa = inside(line, address);
    const last = this.secondStage(second, ipa, need, CLASS.IN);
    const smaller = last.lg2 < line.lg2 ? last : line;
    const { lg2, level, granule } = smaller;
    return {
      ...{ lg2, level, granule, rights: line.rights, below: last.rights, global: line.global },
      from: address & ~ones(lg2),
      to: inside(last, ipa) & ~ones(lg2),
    };
  }

  #withoutStage1(second: SecondStage | null, address: bigint, need: number): Line {
    const wide = address > ones(this.features.outputBits);
    if (!second) {
      if (this.either('bypass-of-any-size', wide, false)) throw new Stop(CODE.F_ADDR_SIZE, { cls: CLASS.IN });
      return {
        from: 0n,
        to: 0n,
        lg2: 64,
        level: 0,
        granule: 12,
        rights: READ | WRITE,
        below: READ | WRITE,
        global: false,
      };
    }
    // No CD says whether this one is recorded.
    if (wide)
      throw new Stop(CODE.F_ADDR_SIZE, { cls: CLASS.IN, recorded: this.either('input-size-unrecorded', true, false) });
    return this.secondStage(second, address, need, CLASS.IN);
  }

  #firstStage(
    stream: Stream,
    context: Context,
    half: TableHalf,
    translatedBase: bigint,
    address: bigint,
    need: number,
  ): Line {
    const { granule, tsz, had } = half;
    const stop = (code: number): Stop => new Stop(code, { cls: CLASS.IN, recorded: context.records });
    const inputBits = 64 - tsz;
    const stride = granule - 3;
    let level = 4 - Math.ceil((inputBits - granule) / stride);
    const topBits = inputBits - shiftOf(level, granule);
    const second = stream.stage2;
    const nested = second !== null;
    const aligned = (lg2: number): bigint => half.ttb & ~ones(lg2);
    let table = this.either('small-table-alignment', aligned(Math.max(6, topBits + 3)), aligned(topBits + 3));
    // QEMU has translated the base already, and cuts it to the width of stage-1 outputs.
    let physical = nested ? translatedBase & ones(context.outputBits) & ~ones(topBits + 3) : table;
    let readOnlyAbove = false;
    for (; ; level++) {
      const shift = shiftOf(level, granule);
      const index = ((address & ones(inputBits)) >> BigInt(shift)) & ones(stride);
      const at = this.#descriptorAt(stream, table + index * 8n, physical + index * 8n);
      const entry = this.read(at, () => new Stop(CODE.F_WALK_EABT, { cls: CLASS.TT, address: at }));
      const kind = this.#kindOf(entry, level, granule);
      if (kind === 'invalid') throw stop(CODE.F_TRANSLATION);
      const output = entry & (ones(48) ^ ones(kind === 'table' ? granule : shift));
      const wide = output > ones(context.outputBits);
      if (kind === 'table') {
        if (this.either('table-size-unchecked', wide, false)) throw stop(CODE.F_ADDR_SIZE);
        const denied = !had && bit(entry, 62);
        if (this.either('table-rights-at-once', false, denied && need === WRITE)) throw stop(CODE.F_PERMISSION);
        readOnlyAbove ||= denied;
        table = output;
        physical = output;
        if (second && this.asQemu) physical = inside(this.#nextTable(stream, context, second, output), output);
        continue;
      }
      if (wide && this.either('leaf-size-last', true, false)) throw stop(CODE.F_ADDR_SIZE);
      if (!bit(entry, AF) && !context.affd) throw stop(CODE.F_ACCESS);
      // Above a leaf that grants more, tables take away in the end; QEMU has done so already, or keeps them out of the line.
      const rights = bit(entry, 7) ? READ : READ | WRITE;
      const effective = this.either('table-rights-at-once', readOnlyAbove ? READ : rights, rights);
      if ((effective & need) === 0) throw stop(CODE.F_PERMISSION);
      if (wide) throw stop(CODE.F_ADDR_SIZE);
      return {
        from: address & ~ones(shift),
        to: output,
        lg2: shift,
        level,
        granule,
        rights: effective,
        below: READ | WRITE,
        global: !bit(entry, 11),
      };
    }
  }

  /** The architecture translates the address of every stage-1 descriptor. */
  #descriptorAt(stream: Stream, ipa: bigint, physical: bigint): bigint {
    const second = stream.stage2;
    if (!second || this.asQemu) {
      if (second) this.#noteDescriptor(second, ipa, physical);
      return physical;
    }
    return inside(this.tableLine(second, stream.vmid, ipa, CLASS.TT, 64), ipa);
  }

  /** Notes where that makes a difference. */
  #noteDescriptor(second: SecondStage, ipa: bigint, physical: bigint): void {
    try {
      const now = this.secondStage(second, ipa, READ, CLASS.TT);
      if (inside(now, ipa) !== physical) this.met.add('table-bases-alone');
    } catch (stop) {
      if (!(stop instanceof Stop)) throw stop;
      this.met.add('table-bases-alone');
    }
  }

  /** Where QEMU finds the next table. What goes wrong there it takes for a fault of stage 1. */
  #nextTable(stream: Stream, context: Context, second: SecondStage, ipa: bigint): Line {
    const asFirst = { cls: CLASS.TT, recorded: context.records, address: ipa };
    try {
      return this.tableLine(second, stream.vmid, ipa, CLASS.TT, context.outputBits);
    } catch (stop) {
      if (!(stop instanceof Stop)) throw stop;
      this.met.add('table-fault-as-stage-1');
      throw new Stop(stop.code, { ...asFirst, recorded: stop.code === CODE.F_WALK_EABT || context.records });
    }
  }

  #kindOf(entry: bigint, level: number, granule: number): 'invalid' | 'table' | 'leaf' {
    const type = bits(entry, 0, 2);
    if ((type & 1) === 0 || (level === 3 && type === 1)) return 'invalid';
    if (level === 3) return 'leaf';
    if (type === 3) return 'table';
    const allowed = granule === 12 ? level >= 1 : level === 2;
    return this.either('block-at-any-level', allowed, true) ? 'leaf' : 'invalid';
  }

  /** Stage 2 of one address (IHI 0070, 3.4; Arm ARM, D8.2). */
  protected secondStage(second: SecondStage, ipa: bigint, need: number, cls: Class): Line {
    const { granule, tsz, ttb, outputBits } = second;
    const stop = (code: number): Stop => new Stop(code, { stage2: true, cls, address: ipa, recorded: second.records });
    const inputBits = 64 - tsz;
    if (ipa > ones(inputBits)) throw stop(CODE.F_TRANSLATION);
    const stride = granule - 3;
    let level = second.startLevel;
    const topBits = inputBits - shiftOf(level, granule);
    // Tables side by side are one array, aligned to its size.
    // For less than nothing (`start-level-too-high`) QEMU shifts by as much less than 64, and nothing is left of the base.
    const alignLg2 = topBits + 3 >= 0 ? topBits + 3 : 64 + topBits + 3;
    let table = this.either('small-table-alignment', ttb & ~ones(Math.max(6, alignLg2)), ttb & ~ones(alignLg2));
    const whole = ipa >> BigInt(shiftOf(level, granule));
    let index = this.either('joined-tables', whole, whole & ones(stride));
    for (; ; level++) {
      const shift = shiftOf(level, granule);
      const at = table + index * 8n;
      const entry = this.read(at, () => new Stop(CODE.F_WALK_EABT, { stage2: true, cls, address: at }));
      const kind = this.#kindOf(entry, level, granule);
      if (kind === 'invalid') throw stop(CODE.F_TRANSLATION);
      const output = entry & (ones(48) ^ ones(kind === 'table' ? granule : shift));
      const wide = output > ones(outputBits);
      if (kind === 'table') {
        if (this.either('table-size-unchecked', wide, false)) throw stop(CODE.F_ADDR_SIZE);
        table = output;
        index = (ipa >> BigInt(shift - stride)) & ones(stride);
        continue;
      }
      if (wide && this.either('leaf-size-last', true, false)) throw stop(CODE.F_ADDR_SIZE);
      if (!bit(entry, AF) && !second.affd) throw stop(CODE.F_ACCESS);
      const rights = bits(entry, 6, 2);
      if ((rights & need) === 0) throw stop(CODE.F_PERMISSION);
      if (wide) throw stop(CODE.F_ADDR_SIZE);
      const lg2 = shift;
      return { from: ipa & ~ones(lg2), to: output, lg2, level, granule, rights, below: READ | WRITE, global: false };
    }
  }
}
