import { PhysMem } from '../engine/memory/phys-mem.ts';
import {
  Access,
  CONTEXT_ENTRY_LEGACY,
  encode,
  encodeDescriptor,
  type FieldValues,
  type Kind,
  makeCaps,
  Request,
  ROOT_ENTRY_LEGACY,
  type Translation,
  VtdUnit,
} from '../engine/models/vtd/index.ts';
import { SID } from './vtd-machine.ts';

export const ROOT = 0x10_0000n;
export const CONTEXTS = ROOT + 0x1000n;
export const SS = ROOT + 0x10_000n;
export const HOST = 0x2_0000_0000n;
export const DID = 5;
export const OTHER = 0x1f8;

/** Legacy tables: page n of the input leads to HOST + n * 4 KiB, for two devices of two buses in one domain. */
export class LegacyMachine {
  readonly mem = new PhysMem();
  readonly unit: VtdUnit;
  alwaysFpd = false;
  time = 0;

  constructor(caps: Record<string, number> = {}, haw = 52, levels = 4) {
    this.unit = new VtdUnit(this.mem, makeCaps(caps, haw));
    for (let level = 1n; level < BigInt(levels); level++)
      this.write(SS + (level - 1n) * 0x1000n, (SS + level * 0x1000n) | 3n);
    for (let page = 0n; page < 64n; page++) this.write(this.leafAt(page, levels), (HOST + page * 0x1000n) | 3n);
    for (const bus of [0n, 1n]) this.root(bus, CONTEXTS + bus * 0x1000n);
    for (const sid of [SID, OTHER]) this.context({}, sid, levels);
    this.unit.rtaddr = ROOT;
    this.tick();
  }

  leafAt(page: bigint, levels = 4): bigint {
    return SS + BigInt(levels - 1) * 0x1000n + 8n * page;
  }

  tick(): void {
    this.time++;
    this.unit.now = this.time;
    this.mem.now = this.time;
  }

  write(at: bigint, value: bigint): void {
    this.mem.write64(at, BigInt.asUintN(64, value));
  }

  root(bus: bigint, table: bigint, more = 0n, high = 0n): void {
    const [lo, hi] = encode(ROOT_ENTRY_LEGACY, { P: 1, CTP: table });
    this.write(ROOT + bus * 16n, lo! ^ more);
    this.write(ROOT + bus * 16n + 8n, hi! ^ high);
  }

  contextAt(sid = SID): bigint {
    return CONTEXTS + BigInt(sid >> 8) * 0x1000n + BigInt(sid & 0xff) * 16n;
  }

  context(fields: FieldValues, sid = SID, levels = 4): void {
    const FPD = this.alwaysFpd ? 1 : 0;
    const [lo, hi] = encode(CONTEXT_ENTRY_LEGACY, { P: 1, FPD, SSPTPTR: SS, AW: levels - 2, DID, ...fields });
    this.write(this.contextAt(sid), lo!);
    this.write(this.contextAt(sid) + 8n, hi!);
  }

  flip(bit: number): void {
    const at = this.contextAt() + BigInt(bit >> 6) * 8n;
    this.write(at, this.mem.read64(at) ^ (1n << BigInt(bit & 63)));
  }

  request(address: bigint, options: { access?: Access; sid?: number; pasid?: number; kind?: Kind } = {}): Request {
    return new Request({ sid: SID, access: Access.Read, address, ...options });
  }

  access(address: bigint, options: Parameters<LegacyMachine['request']>[1] = {}): Translation {
    return this.unit.translate(this.request(address, options));
  }

  invalidate(name: string, fields: FieldValues): Readonly<Record<string, number>> {
    this.tick();
    const { ok, why, removed } = this.unit.invalidate(encodeDescriptor(name, fields));
    if (!ok) throw new Error(why);
    return { ...removed };
  }
}

/** Where an access went, or its fault. */
export const nameOf = (r: Translation): string => (r.ok ? `hpa 0x${r.hpa.toString(16)}` : r.reason!.name);
