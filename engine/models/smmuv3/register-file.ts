import { hi32, lo32, U64_MASK } from '../../base/addr.ts';
import { decode } from '../bit-layout.ts';
import { type IdValues, idRegister } from './ids.ts';
import { REGISTERS } from './registers.ts';

/** CR0 */
const SMMUEN = 1;
const PRIQEN = 2;
const EVENTQEN = 4;
const CMDQEN = 8;
const ATSCHK = 16;
const VMW_LO = 6;
/** CR2 */
const E2H = 1;
const RECINVSID = 2;
const PTM = 4;
const REC_CFG_ATS = 8;
const GBPA_ABORT = 1 << 20;
const GBPA_UPDATE = 1n << 31n;
const TWO_LEVEL = 1;

/** Reset values that are not 0: what a register that nobody wrote does not forbid is on. */
const RESET: Readonly<Record<string, bigint>> = {
  CR0: BigInt(SMMUEN | PRIQEN | EVENTQEN | CMDQEN | ATSCHK),
  CR2: BigInt(RECINVSID | PTM),
};

/** Registers that a walk depends on. */
const DECISIVE = new Set(['CR0', 'CR2', 'GBPA', 'STRTAB_BASE', 'STRTAB_BASE_CFG']);
/** Fields that have the same name in no two registers, so that the name alone says which is meant. */
const BY_FIELD = new Set(['CR0', 'CR2', 'GERROR']);

/** Programmable registers as values, and decoded for the hot path. */
export class RegisterFile {
  readonly #values = new Map<string, bigint>();
  readonly #ids: IdValues;
  /** Times at which registers that a walk depends on were written. */
  readonly changes: { readonly register: string; readonly at: number }[] = [];
  enabled = true;
  /** With CR0.SMMUEN = 0: accesses are aborted, not passed. */
  abortsAll = false;
  /** CR0.ATSCHK: translated accesses are held against the stream table. */
  checksTranslated = true;
  eventsEnabled = true;
  priEnabled = true;
  commandsEnabled = true;
  recordsInvalidSid = true;
  recordsAtsConfig = false;
  el2Host = false;
  /** Bits of a VMID that commands compare. */
  vmidMask = 0xffff;
  baseHi = 0;
  baseLo = 0;
  log2Size = 0;
  split = 6;
  twoLevel = false;

  constructor(ids: IdValues) {
    this.#ids = ids;
    for (const { name, access } of REGISTERS) if (access !== 'ro') this.#values.set(name, RESET[name] ?? 0n);
    this.#values.set('GERROR', 0n);
  }

  get(name: string): bigint {
    return this.#values.get(name) ?? 0n;
  }

  /** What hardware changes by itself. */
  set(name: string, value: bigint): void {
    this.#values.set(name, value);
  }

  /** A register, or a field that only one register has, by name. */
  read(name: string): bigint | undefined {
    const whole = idRegister(this.#ids, name) ?? this.#values.get(name);
    if (whole !== undefined) return whole;
    for (const { name: register, layout } of REGISTERS)
      if (layout && BY_FIELD.has(register)) {
        const value = decode(layout, [this.get(register)])[name];
        if (value !== undefined) return value;
      }
    return undefined;
  }

  /** Software writes a register that is not read-only. @returns whether a walk may depend on it */
  write(name: string, value: bigint, now: number): boolean {
    const width = REGISTERS.find((register) => register.name === name)?.width ?? 64;
    const kept = value & (width === 32 ? 0xffff_ffffn : U64_MASK);
    this.#values.set(name, name === 'GBPA' ? kept & ~GBPA_UPDATE : kept);
    if (!DECISIVE.has(name)) return false;
    if (now !== 0) this.changes.push({ register: name, at: now });
    this.#decode();
    return true;
  }

  #decode(): void {
    const cr0 = Number(this.get('CR0'));
    const cr2 = Number(this.get('CR2'));
    const base = this.get('STRTAB_BASE');
    const config = Number(this.get('STRTAB_BASE_CFG'));
    this.enabled = (cr0 & SMMUEN) !== 0;
    this.checksTranslated = (cr0 & ATSCHK) !== 0;
    this.eventsEnabled = (cr0 & EVENTQEN) !== 0;
    this.priEnabled = (cr0 & PRIQEN) !== 0;
    this.commandsEnabled = (cr0 & CMDQEN) !== 0;
    // Wildcards of 0 to 4 bits; larger values are reserved.
    const wildcard = (cr0 >> VMW_LO) & 7;
    this.vmidMask = 0xffff & (-1 << (4 < wildcard ? 0 : wildcard));
    this.el2Host = (cr2 & E2H) !== 0;
    this.recordsInvalidSid = (cr2 & RECINVSID) !== 0;
    this.recordsAtsConfig = (cr2 & REC_CFG_ATS) !== 0;
    this.abortsAll = (Number(this.get('GBPA')) & GBPA_ABORT) !== 0;
    this.baseHi = hi32(base) & 0xff_ffff;
    this.baseLo = lo32(base) & ~0x3f;
    this.log2Size = config & 0x3f;
    const split = (config >> 6) & 0x1f;
    this.split = split === 8 || split === 10 ? split : 6;
    this.twoLevel = ((config >> 16) & 3) === TWO_LEVEL;
  }
}
