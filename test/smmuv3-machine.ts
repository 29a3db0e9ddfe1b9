import { PhysMem } from '../engine/memory/phys-mem.ts';
import { encode, type FieldValues } from '../engine/models/bit-layout.ts';
import { DEFAULT_IDS, idField, writeField } from '../engine/models/smmuv3/ids.ts';
import { CD, EVENT_RECORD, L1CD, L1STD, SmmuUnit, STE } from '../engine/models/smmuv3/index.ts';
import { Access, Request, type RequestFields } from '../engine/models/translation.ts';

/** Identification registers that differ from the default in the fields given by name. */
export function makeIds(fields: Readonly<Record<string, number>> = {}): Readonly<Record<string, number>> {
  return Object.entries(fields).reduce<Readonly<Record<string, number>>>(
    (values, [name, value]) => writeField(values, idField(name)!, value),
    DEFAULT_IDS,
  );
}

export const SID = 0x10;
/** Where things lie in host memory, and the IPAs that stage 2 maps onto them. */
export const AT = {
  streamTable: 0x8000_0000n,
  stage2: 0x9000_0000n,
  cd: 0x4000_0000n,
  tables1: 0x4000_1000n,
  data: 0x4010_0000n,
} as const;
/** Stage 2 maps 2M from here, page by page, to 0x6000_0000 above. */
export const SHIFT = 0x6000_0000n;
export const VA = 0x1_2345_6000n;

/** A CD of 39 bits of 4K pages with the upper half off. */
export const usualCd: FieldValues = {
  T0SZ: 25,
  TG0: 0,
  EPD1: 1,
  V: 1,
  IPS: 2,
  AA64: 1,
  R: 1,
  A: 1,
  ASID: 1,
  TTB0: AT.tables1,
};
/** Stage 2 of 39 bits of 4K pages. */
export const usualStage2: FieldValues = {
  S2VMID: 7,
  S2T0SZ: 25,
  S2SL0: 1,
  S2TG: 0,
  S2PS: 4,
  S2AA64: 1,
  S2R: 1,
  S2TTB: AT.stage2,
};
export const nestedSte: FieldValues = { V: 1, Config: 7, S1ContextPtr: AT.cd, ...usualStage2 };

/** An SMMU with a linear stream table of 256 streams, one nested stream, and a page of each stage. */
export class SmmuMachine {
  readonly mem = new PhysMem();
  readonly unit: SmmuUnit;

  /** @param psc whether walks are cached besides translations */
  constructor(
    ids: Readonly<Record<string, number>> = {},
    ste: FieldValues = nestedSte,
    cd: FieldValues = usualCd,
    psc = false,
  ) {
    this.unit = new SmmuUnit(this.mem, makeIds(ids), psc);
    this.unit.writeRegister('STRTAB_BASE', AT.streamTable);
    this.unit.writeRegister('STRTAB_BASE_CFG', 8n);
    this.putSte(ste);
    this.putCd(cd);
    // Stage 2: three levels from 0x9000_0000, and 512 pages.
    this.mem.write64(AT.stage2 + 8n, 0x9000_1003n);
    this.mem.write64(0x9000_1000n, 0x9000_2003n);
    for (let page = 0n; page < 512n; page++) this.putPage2(AT.cd + (page << 12n), 0x7ffn);
    // Stage 1: three levels from 0x4000_1000.
    this.mem.write64(this.host(AT.tables1) + 8n * 4n, 0x4000_2003n);
    this.mem.write64(this.host(0x4000_2000n) + 8n * 0x11an, 0x4000_3003n);
    this.putLeaf(AT.data | 0xf43n);
    this.tick();
  }

  host(ipa: bigint): bigint {
    return ipa + SHIFT;
  }

  /** The stage-2 leaf of an IPA in the first 2M. */
  slot2(ipa: bigint): bigint {
    return 0x9000_2000n + 8n * ((ipa >> 12n) & 511n);
  }

  putPage2(ipa: bigint, attributes: bigint): void {
    this.mem.write64(this.slot2(ipa), this.host(ipa) | attributes);
  }

  /** The stage-1 leaf of `VA`. */
  get slot1(): bigint {
    return this.host(0x4000_3000n) + 8n * ((VA >> 12n) & 511n);
  }

  putLeaf(leaf: bigint): void {
    this.mem.write64(this.slot1, leaf);
  }

  putSte(fields: FieldValues, at = AT.streamTable + BigInt(64 * SID)): void {
    put(this.mem, at, encode(STE, fields));
  }

  putCd(fields: FieldValues, at = this.host(AT.cd)): void {
    put(this.mem, at, encode(CD, fields));
  }

  putL1Std(at: bigint, fields: FieldValues): void {
    put(this.mem, at, encode(L1STD, fields));
  }

  putL1Cd(at: bigint, fields: FieldValues): void {
    put(this.mem, at, encode(L1CD, fields));
  }

  /** A new step begins. */
  tick(): void {
    this.unit.now = this.mem.now = this.mem.now + 1;
  }

  request(more: Partial<RequestFields> = {}): Request {
    return new Request({ sid: SID, address: VA, access: Access.Read, ...more });
  }

  translate(more: Partial<RequestFields> = {}) {
    return this.unit.translate(this.request(more));
  }

  /** The name of the event, `abort` without one, or the address. */
  outcome(more: Partial<RequestFields> = {}): string {
    const r = this.translate(more);
    if (r.ok) return `0x${r.hpa.toString(16)}`;
    return r.silent ? 'abort' : (r.reason?.name ?? '');
  }

  /** The last event by fields, or undefined. */
  event(): Record<string, bigint> | undefined {
    const words = this.unit.takeRecord(true);
    if (!words) return undefined;
    const whole = words.reduce((sum, word, i) => sum | (word << BigInt(64 * i)), 0n);
    return Object.fromEntries(
      EVENT_RECORD.fields.map(({ name, lo, width, addressLg2 = 0 }) => [
        name,
        ((whole >> BigInt(lo)) & ((1n << BigInt(width)) - 1n)) << BigInt(addressLg2),
      ]),
    );
  }
}

export function put(mem: PhysMem, at: bigint, words: readonly bigint[]): void {
  words.forEach((word, i) => {
    mem.write64(at + BigInt(8 * i), word);
  });
}
