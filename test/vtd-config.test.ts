import { describe, expect, test } from 'vitest';
import { CAP, ECAP } from '../engine/models/vtd/cap-fields.ts';
import {
  type CapName,
  decodeCaps,
  encodeCaps,
  makeCaps,
  NEEDS,
  rawCaps,
  validateCaps,
} from '../engine/models/vtd/index.ts';
import { runText } from './trace.ts';

/** Registers as machines print them (dmesg `DMAR: .. reg_base_addr .. cap .. ecap ..`). */
const PRINTED = [
  {
    what: 'a server with scalable mode',
    cap: 0x19ed_008c_4078_0c66n,
    ecap: 0x3e_e9e8_6f05_0dfn,
    fields: { ND: 6, SAGAW: 0b01100, MGAW: 56, SSLPS: 3, NFR: 0, FS1GP: 1, FS5LP: 1, SMTS: 1, NEST: 1, PSS: 19 },
  },
  {
    what: 'a desktop without it',
    cap: 0xd2_008c_4066_0462n,
    ecap: 0xf0_50dan,
    fields: { ND: 2, SAGAW: 0b00100, MGAW: 38, SSLPS: 3, CM: 0, MAMV: 18, PT: 1, SMTS: 0, DT: 0, IRO: 0x50 },
  },
] as const;

describe('registers', () => {
  test.each(PRINTED)('of $what decode, and encode to what they were', ({ cap, ecap, fields }) => {
    const caps = decodeCaps(cap, ecap);
    expect(caps).toMatchObject(fields);
    const known = (list: readonly { lo: number; width: number }[]) =>
      list.reduce((sum, { lo, width }) => sum | (((1n << BigInt(width)) - 1n) << BigInt(lo)), 0n);
    expect(rawCaps(caps)).toEqual({ cap: cap & known(CAP), ecap: ecap & known(ECAP) });
  });

  test.each(PRINTED)('of $what contradict nothing', ({ cap, ecap }) => {
    expect(validateCaps(decodeCaps(cap, ecap, 46))).toEqual([]);
  });

  test('no two fields of a register overlap', () => {
    for (const list of [CAP, ECAP]) {
      const bits = list.flatMap(({ lo, width }) => Array.from({ length: width }, (_, i) => lo + i));
      expect(new Set(bits).size).toBe(bits.length);
    }
  });

  test('a field by an older name, one that does not exist, and one that is too small', () => {
    expect(encodeCaps({ SLADS: 1 })).toEqual(encodeCaps({ SSADS: 1 }));
    expect(() => encodeCaps({ SLOW: 1 })).toThrow('VT-d has no capability field SLOW');
    expect(() => encodeCaps({ ND: 8 })).toThrow('ND does not fit: 8');
  });
});

describe('what no unit reports', () => {
  const conflicts = (fields: Partial<Record<CapName, number>>, haw?: number): string[] =>
    validateCaps(makeCaps(fields, haw)).map(({ message }) => message);

  test.each(
    NEEDS.filter(({ strict }) => strict).flatMap(({ field, needs }) => needs.map((name) => [field, name] as const)),
  )('%s without %s', (field, name) => {
    expect(conflicts({ [name]: 0 })).toContainEqual(
      expect.stringMatching(new RegExp(`^${field} is 1, but it needs .*${name}`)),
    );
    expect(conflicts({ [name]: 0, [field]: 0 })).not.toContainEqual(expect.stringMatching(new RegExp(`^${field} is`)));
  });

  test.each<[Partial<Record<CapName, number>>, string]>([
    [{ SAGAW: 0b00001 }, 'SAGAW is 1, but only bits 1 to 3 name a width'],
    [{ SAGAW: 0b10100 }, 'SAGAW is 20, but only bits 1 to 3 name a width'],
    [{ SAGAW: 0 }, 'SSTS is 1, but SAGAW names no second-stage width'],
    [{ MGAW: 57 }, 'MGAW is 57, but no table decodes more than 57 bits'],
    [{ ND: 7 }, 'ND is 7, but domain ids have at most 16 bits'],
    [{ PSS: 20 }, 'PSS is 20, but a PASID has at most 20 bits'],
    [{ SSLPS: 0b0100 }, 'SSLPS is 4, but only 2M (1) and 1G (2) exist'],
    [
      { IRO: 0x67 },
      'the IOTLB registers are at 103 (IRO), among the fault registers of 16 bytes from 96 to 103 (FRO, NFR)',
    ],
  ])('%o', (fields, message) => {
    expect(conflicts(fields)).toContain(message);
  });

  test('what lies just beside is possible', () => {
    expect(conflicts({ IRO: 0x68 })).toEqual([]);
    expect(conflicts({ IRO: 0x5f })).toEqual([]);
    expect(conflicts({ MGAW: 56, ND: 0, SSLPS: 0 })).toEqual([]);
    expect([32, 52].map((haw) => conflicts({}, haw))).toEqual([[], []]);
    expect([31, 53].flatMap((haw) => conflicts({}, haw)).length).toBe(2);
  });
});

describe('in a file', () => {
  const complaints = (items: string): readonly string[] =>
    runText('machine.vsva', `uapi vfio-2020-07\nmachine { iommu vtd { ${items} } }\n`).findings;

  test('whole registers are taken as printed, also where they contradict themselves', () => {
    const { cap, ecap } = encodeCaps({ SAGAW: 0b10000, NEST: 1, PRS: 1 });
    expect(complaints(`cap = 0x${cap.toString(16)}, ecap = 0x${ecap.toString(16)}`)).toEqual([]);
  });

  test('a field that contradicts another one is refused with both', () => {
    expect(complaints('QI = 0, DT = 1')).toEqual([
      expect.stringContaining('machine-impossible: no hardware reports this: DT is 1, but it needs QI, which is 0'),
    ]);
    expect(complaints('QI = 0')).toEqual([]);
  });
});
