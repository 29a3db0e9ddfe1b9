import { describe, expect, test } from 'vitest';
import {
  Access,
  Answer,
  encode,
  type FieldValues,
  faultByCode,
  Kind,
  PASID_ENTRY,
  type Request,
  type Translation,
} from '../engine/models/vtd/index.ts';
import { DATA, HOST, nested, PASID, SID, VtdMachine } from './vtd-machine.ts';

export const ROOT = 0x10_0000n;
export const CONTEXT = ROOT + 0x1000n + BigInt(SID) * 32n;
export const PDE = ROOT + 0x2000n;
export const FS_PAGE = 16n;

/** Where an access went, or its fault. */
export const nameOf = (r: Translation): string => (r.ok ? `hpa 0x${r.hpa.toString(16)}` : r.reason!.name);

export interface Refusal {
  readonly what: string;
  readonly fault: string;
  /** What is wrong with the machine. */
  readonly set?: (m: VtdMachine) => void;
  readonly caps?: Record<string, number>;
  readonly haw?: number;
  /** The request, where it is not a read of page 0 with the PASID. */
  readonly ask?: Parameters<VtdMachine['request']>[1];
  readonly address?: bigint;
}

/** Flips one bit of a structure. */
export const flip =
  (at: bigint, bit: number) =>
  (m: VtdMachine): void => {
    const word = at + BigInt(bit >> 6) * 8n;
    m.mem.write64(word, m.mem.read64(word) ^ (1n << BigInt(bit & 63)));
  };
/** Places and changes of the machine's structures; what takes a machine changes it. */
export const PASID_AT = ROOT + 0x3000n + BigInt(PASID) * 64n;
export const context = (fields: FieldValues) => (m: VtdMachine) => m.context(SID, fields);
export const pasid = (fields: FieldValues) => (m: VtdMachine) => m.pasid(nested(1, fields));
/** Another entry, whatever was in the first. */
export const only = (entry: readonly bigint[], fields: FieldValues = {}) => {
  const more = encode(PASID_ENTRY, fields);
  return (m: VtdMachine) => m.pasid(entry.map((word, i) => word | more[i]!));
};
export const both =
  (...sets: ((m: VtdMachine) => void)[]) =>
  (m: VtdMachine) => {
    for (const set of sets) set(m);
  };
export const word = (at: bigint, value: bigint) => (m: VtdMachine) => m.mem.write64(at, value);
export const rtaddr = (value: bigint) => (m: VtdMachine) => {
  m.unit.rtaddr = value;
};
export const fsTable = (level: bigint): bigint => HOST + (FS_PAGE + 3n - level) * 0x1000n;
export const fsRoot = fsTable(3n) + 8n * 0xfen;
export const leaf1 = (bits: bigint) => (m: VtdMachine) => m.fs(0n, (DATA << 12n) | bits);
export const leaf2 = (bits: bigint) => (m: VtdMachine) => m.ss(DATA, (HOST + DATA * 0x1000n) | bits);
export const tableLeaf2 = (level: bigint, bits: bigint) => (m: VtdMachine) =>
  m.ss(FS_PAGE + 3n - level, fsTable(level) | bits);
export const withoutPasid = { pasid: -1 } as const;
export const write = { access: Access.Write } as const;
export const exec = { access: Access.Exec } as const;
export const privileged = { privileged: true } as const;

/** The broken machine, what a walk without side effects gives, and what the access gave. */
export function refused({ set, caps, haw, ask = {}, address }: Refusal) {
  const m = new VtdMachine(caps, haw);
  set?.(m);
  const request = m.request(0n, ask);
  if (address !== undefined) at(request, address);
  return { m, peeked: nameOf(m.unit.peek(request)), r: m.unit.translate(request) };
}

/** The same request with another address. */
export function at(request: Request, address: bigint): Request {
  request.hi = Number(BigInt.asIntN(32, address >> 32n));
  request.lo = Number(BigInt.asIntN(32, address));
  return request;
}

/** Tests that each machine refuses its request, whoever asks, with the fault, the record and the answer it should. */
export function refusals(title: string, refusals: readonly Refusal[]): void {
  describe(title, () => {
    test.each(refusals)('$what: $fault', (refusal) => {
      const { m, peeked, r } = refused(refusal);
      const logged = r.answer !== Answer.Null;
      expect([peeked, nameOf(r), r.logged, m.unit.log.recorded]).toEqual([
        refusal.fault,
        refusal.fault,
        logged,
        logged ? 1 : 0,
      ]);
    });

    test.each(refusals)('as a translation request it has the answer of the table: $what', (refusal) => {
      const { r } = refused({ ...refusal, ask: { ...refusal.ask, kind: Kind.Translation } });
      if (nameOf(r) !== refusal.fault) return expect(nameOf(r)).toBe('SCT.5');
      const wanted = faultByCode(r.fault)!.ats === 'null' ? Answer.Null : Answer.Error;
      expect([r.answer, r.logged]).toEqual([wanted, wanted === Answer.Error]);
    });
  });
}
