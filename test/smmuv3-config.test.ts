import { describe, expect, test } from 'vitest';
import type { FieldValues } from '../engine/models/bit-layout.ts';
import { encode } from '../engine/models/bit-layout.ts';
import { CD, L1CD, L1STD, REGISTERS, STE } from '../engine/models/smmuv3/index.ts';
import { Access } from '../engine/models/translation.ts';
import { AT, nestedSte, put, SHIFT, SID, SmmuMachine, usualCd, usualStage2, VA } from './smmuv3-machine.ts';

type Ids = Readonly<Record<string, number>>;

const s1Ste: FieldValues = { V: 1, Config: 5, S1ContextPtr: AT.cd + SHIFT };
const s2Ste: FieldValues = { V: 1, Config: 6, ...usualStage2 };
/** A CD that is legal and translates nothing. */
const emptyCd: FieldValues = { V: 1, AA64: 1, EPD0: 1, EPD1: 1, R: 1, A: 1 };

const ofSte = (ste: FieldValues, ids: Ids = {}): string => new SmmuMachine(ids, ste).outcome();
const ofCd = (cd: FieldValues, ids: Ids = {}): string => new SmmuMachine(ids, s1Ste, cd).outcome();

describe('layouts', () => {
  test.each([STE, CD, L1STD, L1CD, ...REGISTERS.flatMap((register) => register.layout ?? [])])(
    '$name: no two fields overlap, and all fit',
    ({ fields, bits }) => {
      let seen = 0n;
      for (const { name, lo, width } of fields) {
        const mask = ((1n << BigInt(width)) - 1n) << BigInt(lo);
        expect([name, seen & mask, lo + width <= bits]).toEqual([name, 0n, true]);
        seen |= mask;
      }
    },
  );
});

describe('a stream table entry that is ILLEGAL', () => {
  const cases: readonly [string, FieldValues, Ids?][] = [
    ['is not valid', { ...s1Ste, V: 0 }],
    ['uses a stage 1 that does not exist', s1Ste, { S1P: 0, SSIDSIZE: 0, CD2L: 0 }],
    ['uses a stage 2 that does not exist', s2Ste, { S2P: 0 }],
    ['nests without stage 2', nestedSte, { S2P: 0 }],
    ['has the reserved STRW 1', { ...s1Ste, STRW: 1 }],
    ['has the reserved STRW 3', { ...s1Ste, STRW: 3 }],
    ['is of EL2, which does not exist', { ...s1Ste, STRW: 2 }, { HYP: 0 }],
    ['forbids stalls where the SMMU says how they are', { ...s1Ste, S1STALLD: 1 }, { STALL_MODEL: 2 }],
    ['has more CDs than SubstreamIDs', { ...s1Ste, S1CDMax: 9 }, { SSIDSIZE: 8 }],
    ['has two levels of CDs without CD2L', { ...s1Ste, S1CDMax: 4, S1Fmt: 1 }, { CD2L: 0 }],
    ['has CDs above the output addresses', { ...s1Ste, S1ContextPtr: 1n << 44n }, { OAS: 4 }],
    ['has a VMID of 16 bits without VMID16', { ...s1Ste, S2VMID: 0x100 }, { VMID16: 0 }],
    ['has tables of VMSAv8-32', { ...s2Ste, S2AA64: 0 }],
    ['has the reserved granule', { ...s2Ste, S2TG: 3 }],
    ['has a granule that does not exist', { ...s2Ste, S2TG: 2, S2SL0: 1 }, { GRAN16K: 0 }],
    ['has an IPA wider than IAS', { ...s2Ste, S2T0SZ: 19, S2SL0: 2 }, { OAS: 4 }],
    ['has an IPA wider than 48 bits', { ...s2Ste, S2T0SZ: 15, S2SL0: 2 }],
    ['has a small IPA without STT', { ...s2Ste, S2T0SZ: 40, S2SL0: 0 }, { STT: 0 }],
    ['starts where S2T0SZ cannot', { ...s2Ste, S2T0SZ: 34, S2SL0: 1 }],
    ['would join too many tables', { ...s2Ste, S2T0SZ: 20, S2SL0: 1 }],
    ['has tables above S2PS', { ...s2Ste, S2PS: 0, S2TTB: 1n << 32n }],
    ['has tables above 48 bits', { ...s2Ste, S2PS: 6, S2TTB: 1n << 48n }],
    ['sets access flags without HTTU', { ...s2Ste, S2HA: 1 }, { HTTU: 0 }],
    ['keeps dirty state where only access flags are', { ...s2Ste, S2HA: 1, S2HD: 1 }, { HTTU: 1 }],
    ['has S2HAFT without S2HA', { ...s2Ste, S2HAFT: 1 }],
    ['stalls where nothing stalls', { ...s2Ste, S2S: 1 }, { STALL_MODEL: 1 }],
    ['does not stall where everything does', { ...s2Ste, S2S: 0 }, { STALL_MODEL: 2 }],
    ['is big-endian', { ...s2Ste, S2ENDI: 1 }],
    ['has full ATS with stalls of stage 2', { ...s2Ste, EATS: 1, S2S: 1 }],
    ['has split ATS without stage 1', { ...s2Ste, EATS: 2 }],
    ['has split ATS where that does not exist', { ...nestedSte, EATS: 2 }, { NS1ATS: 1 }],
  ];
  test.each(cases)('%s', (_why, ste, ids = {}) => {
    const machine = new SmmuMachine(ids, ste);
    expect(machine.outcome()).toBe('C_BAD_STE');
    expect(machine.event()).toMatchObject({ Code: 4n, StreamID: BigInt(SID), SSV: 0n, InputAddr: 0n });
  });

  const legal: readonly [string, FieldValues, Ids?][] = [
    ['S1CDMax beyond SSIDSIZE where there are no SubstreamIDs', { ...s1Ste, S1CDMax: 9 }, { SSIDSIZE: 0, CD2L: 0 }],
    ['two levels of one CD', { ...s1Ste, S1Fmt: 1 }, { CD2L: 0 }],
    ['S1Fmt 3 means linear', { ...s1Ste, S1Fmt: 3 }],
    ['S2TG 3 with stage 1 only', { ...s1Ste, S2TG: 3 }],
    ['split ATS', { ...nestedSte, EATS: 2 }],
    ['EATS where there is no ATS', { ...s2Ste, EATS: 2 }, { ATS: 0, NS1ATS: 0 }],
  ];
  test.each(legal)('but not: %s', (_why, ste, ids = {}) => {
    expect(ofSte(ste, ids)).not.toBe('C_BAD_STE');
  });

  test('Config 0 to 3 abort without an event, whatever else they say', () => {
    for (const Config of [0, 1, 2, 3]) {
      const machine = new SmmuMachine({}, { V: 1, Config, S2TG: 3, STRW: 1 });
      expect(machine.outcome()).toBe('abort');
      expect(machine.event()).toBeUndefined();
    }
  });
});

describe('a context descriptor that is ILLEGAL', () => {
  const cases: readonly [string, FieldValues, Ids?][] = [
    ['is not valid', { ...usualCd, V: 0 }],
    ['has tables of VMSAv8-32', { ...usualCd, AA64: 0 }],
    ['stalls where nothing stalls', { ...usualCd, S: 1 }, { STALL_MODEL: 1 }],
    ['does not stall where everything does', { ...usualCd, S: 0 }, { STALL_MODEL: 2 }],
    ['does not abort where everything has to', { ...usualCd, A: 0 }, { TERM_MODEL: 1 }],
    ['is big-endian', { ...usualCd, ENDI: 1 }],
    ['has an ASID of 16 bits without ASID16', { ...usualCd, ASID: 0x100 }, { ASID16: 0 }],
    ['sets access flags without HTTU', { ...usualCd, HA: 1 }, { HTTU: 0 }],
    ['keeps dirty state where only access flags are', { ...usualCd, HA: 1, HD: 1 }, { HTTU: 1 }],
    ['has HAFT without HA', { ...usualCd, HAFT: 1 }],
    ['has more than 48 bits', { ...usualCd, T0SZ: 15 }],
    ['has too few bits', { ...usualCd, T0SZ: 40 }, { STT: 0 }],
    ['has too few bits for small tables', { ...usualCd, T0SZ: 49 }],
    ['has the reserved granule below', { ...usualCd, TG0: 3 }],
    ['has the reserved granule above', { ...usualCd, EPD1: 0, TG1: 0, T1SZ: 25 }],
    ['has a granule that does not exist', { ...usualCd, TG0: 2 }, { GRAN16K: 0 }],
    ['has tables above IPS', { ...usualCd, TTB0: 1n << 40n }],
    ['has upper tables above IPS', { ...usualCd, EPD1: 0, TG1: 2, T1SZ: 25, TTB1: 1n << 40n }],
    ['has tables above the output addresses', { ...usualCd, IPS: 5, TTB0: 1n << 44n }, { OAS: 4 }],
  ];
  test.each(cases)('%s', (_why, cd, ids = {}) => {
    const machine = new SmmuMachine(ids, s1Ste, cd);
    expect(machine.outcome()).toBe('C_BAD_CD');
    expect(machine.event()).toMatchObject({ Code: 0x0an, StreamID: BigInt(SID), SSV: 0n, InputAddr: 0n });
  });

  test('it stalls although its stream must not', () => {
    const ste = { ...s1Ste, S1STALLD: 1 };
    expect(new SmmuMachine({}, ste, { ...emptyCd, S: 1 }).outcome()).toBe('C_BAD_CD');
    expect(new SmmuMachine({}, ste, emptyCd).outcome()).toBe('F_TRANSLATION');
  });

  test('fields of a half without tables do not count', () => {
    expect(ofCd({ ...emptyCd, T0SZ: 0, TG0: 3, TG1: 0, T1SZ: 63, ENDI: 1 })).toBe('F_TRANSLATION');
  });

  test('all checks passed, the access translates', () => {
    expect(ofCd({ ...usualCd, TTB0: AT.tables1 + SHIFT })).toBe('F_TRANSLATION');
    expect(new SmmuMachine().outcome()).toBe('0xa0100000');
  });
});

describe('the stream table', () => {
  const twoLevel = (l1: FieldValues, split = 8n, log2Size = 16n): SmmuMachine => {
    const machine = new SmmuMachine();
    machine.unit.writeRegister('STRTAB_BASE_CFG', log2Size | (split << 6n) | (1n << 16n));
    machine.putL1Std(AT.streamTable + 8n * BigInt(0x1234 >> Number(split)), l1);
    machine.putSte({ V: 1, Config: 4 }, 0x8100_0000n + 64n * BigInt(0x1234 % 2 ** Number(split)));
    return machine;
  };
  const at = { sid: 0x1234, address: 0x5000n };

  test('two levels: both are read, and only once', () => {
    const machine = twoLevel({ Span: 9, L2Ptr: 0x8100_0000n });
    expect([machine.outcome(at), machine.unit.result.config]).toEqual(['0x5000', 2]);
    expect([machine.outcome(at), machine.unit.result.config]).toEqual(['0x5000', 0]);
    expect([machine.outcome({ ...at, sid: 0x1235 }), machine.unit.result.config]).toEqual(['C_BAD_STE', 1]);
  });

  test.each([0, 5, 10, 12, 31])('Span %i does not reach', (Span) => {
    expect(twoLevel({ Span, L2Ptr: 0x8100_0000n }).outcome(at)).toBe('C_BAD_STREAMID');
  });

  test.each([6n, 8n, 10n])('SPLIT %s', (split) => {
    const Span = Number(split) + 1;
    expect(twoLevel({ Span, L2Ptr: 0x8100_0000n }, split).outcome(at)).toBe('0x5000');
    expect(twoLevel({ Span: Span + 1, L2Ptr: 0x8100_0000n }, split).outcome(at)).toBe('C_BAD_STREAMID');
  });

  test('an SMMU without levels takes every table as linear', () => {
    const machine = new SmmuMachine({ ST_LEVEL: 0 });
    machine.unit.writeRegister('STRTAB_BASE_CFG', 8n | (6n << 6n) | (1n << 16n));
    expect(machine.outcome()).toBe('0xa0100000');
  });

  test('low bits of the base are ignored', () => {
    const machine = new SmmuMachine();
    machine.unit.writeRegister('STRTAB_BASE', AT.streamTable | 0x3fc0n);
    expect(machine.outcome()).toBe('0xa0100000');
  });

  test('a StreamID outside is recorded only with RECINVSID', () => {
    const machine = new SmmuMachine();
    expect(machine.outcome({ sid: 0x100 })).toBe('C_BAD_STREAMID');
    expect(machine.event()).toMatchObject({ Code: 2n, StreamID: 0x100n });
    machine.unit.writeRegister('CR2', 0n);
    expect(machine.outcome({ sid: 0x100 })).toBe('abort');
    expect(machine.event()).toBeUndefined();
  });

  test('a table outside of the output addresses cannot be read', () => {
    const machine = new SmmuMachine({ OAS: 4 });
    machine.unit.writeRegister('STRTAB_BASE', 1n << 44n);
    expect(machine.outcome()).toBe('F_STE_FETCH');
    expect(machine.unit.takeRecord(false)![3]).toBe((1n << 44n) + 64n * BigInt(SID));
    expect(machine.unit.lookup.caches.stes.size).toBe(0);
  });

  test('nothing is programmed: every access ends', () => {
    const machine = new SmmuMachine();
    machine.unit.writeRegister('STRTAB_BASE', 0n);
    machine.unit.writeRegister('STRTAB_BASE_CFG', 0n);
    expect(machine.outcome()).toBe('C_BAD_STREAMID');
    expect(machine.outcome({ sid: 0 })).toBe('C_BAD_STE');
  });
});

describe('CR0.SMMUEN = 0', () => {
  test('GBPA passes or aborts, and nothing is read', () => {
    const machine = new SmmuMachine();
    machine.unit.writeRegister('CR0', 0n);
    expect([machine.outcome(), machine.unit.result.config]).toEqual([`0x${VA.toString(16)}`, 0]);
    machine.unit.writeRegister('GBPA', (1n << 20n) | (1n << 31n));
    expect(machine.outcome()).toBe('abort');
    expect(machine.unit.register('GBPA')).toBe(1n << 20n);
    machine.unit.writeRegister('CR0', 1n);
    expect(machine.outcome()).toBe('0xa0100000');
  });
});

describe('bypass and stage 2 alone', () => {
  test('bypass is limited by the output addresses', () => {
    const machine = new SmmuMachine({ OAS: 4 }, { V: 1, Config: 4 });
    expect(machine.outcome({ address: 0xfff_ffff_f000n })).toBe('0xffffffff000');
    expect(machine.outcome({ address: 1n << 44n })).toBe('F_ADDR_SIZE');
    expect(machine.event()).toMatchObject({ Code: 0x11n, S2: 0n, CLASS: 2n, InputAddr: 1n << 44n });
    expect(machine.outcome({ pasid: 0 })).toBe('C_BAD_SUBSTREAMID');
  });

  test('stage 2 alone: IAS first, then S2T0SZ', () => {
    const machine = new SmmuMachine({ OAS: 4 }, { ...s2Ste, S2R: 0 });
    expect(machine.outcome({ address: AT.data })).toBe('0xa0100000');
    expect(machine.outcome({ address: 1n << 39n })).toBe('abort');
    expect(machine.unit.result.reason?.name).toBe('F_TRANSLATION');
    // Beyond IAS it is stage 1 that faults, which is always an abort with a record.
    expect(machine.outcome({ address: 1n << 44n })).toBe('F_ADDR_SIZE');
    expect(machine.event()).toMatchObject({ S2: 0n, CLASS: 2n, Stall: 0n });
  });
});

describe('substreams', () => {
  const table = (fields: FieldValues, ids: Ids = {}): SmmuMachine => {
    const machine = new SmmuMachine(ids, { ...nestedSte, ...fields });
    for (const ssid of [0n, 1n, 5n]) machine.putCd(usualCd, machine.host(AT.cd) + 64n * ssid);
    return machine;
  };

  test('a linear table', () => {
    const machine = table({ S1CDMax: 4, S1DSS: 2 });
    expect(machine.outcome({ pasid: 5 })).toBe('0xa0100000');
    expect(machine.outcome({ pasid: 2 })).toBe('C_BAD_CD');
    expect(machine.event()).toMatchObject({ SSV: 1n, SubstreamID: 2n });
    expect(machine.outcome({ pasid: 16 })).toBe('C_BAD_SUBSTREAMID');
    expect(machine.event()).toMatchObject({ SSV: 0n, SubstreamID: 16n });
    expect(machine.outcome()).toBe('0xa0100000');
    expect(machine.outcome({ pasid: 0 })).toBe('F_STREAM_DISABLED');
    expect(machine.event()).toMatchObject({ SSV: 0n, SubstreamID: 0n });
  });

  test.each([
    [1, 5n, 64],
    [2, 0n, 1024],
  ] as const)('two levels, S1Fmt %i', (S1Fmt, index, leaf) => {
    const machine = table({ S1CDMax: 10, S1Fmt });
    const pasid = Number(index) * leaf + 7;
    machine.putL1Cd(machine.host(AT.cd) + 8n * index, { V: 1, L2Ptr: 0x4001_0000n });
    machine.putCd(usualCd, machine.host(0x4001_0000n) + 64n * 7n);
    expect([machine.outcome({ pasid }), machine.unit.result.config]).toEqual(['0xa0100000', 1 + 2 * 4]);
    expect(machine.outcome({ pasid: pasid + leaf })).toBe('C_BAD_SUBSTREAMID');
    // The level-1 descriptor is known by now: only the CD is read, behind stage 2.
    machine.outcome({ pasid: pasid + 1 });
    expect(machine.unit.result.config).toBe(4);
  });

  test('a level-1 descriptor outside of the addresses', () => {
    const machine = table({ S1CDMax: 10, S1Fmt: 1 }, { OAS: 4 });
    machine.putL1Cd(machine.host(AT.cd), { V: 1, L2Ptr: 1n << 44n });
    expect(machine.outcome({ pasid: 1 })).toBe('C_BAD_SUBSTREAMID');
    expect(machine.unit.lookup.caches.l1Cds.size).toBe(0);
  });
});

describe('attributes of the entry', () => {
  test('PRIVCFG and INSTCFG replace what the device says', () => {
    // Privileged only, and readable only.
    const leaf = AT.data | 0xf83n;
    const privileged = new SmmuMachine({}, { ...nestedSte, PRIVCFG: 3 });
    privileged.putLeaf(leaf);
    expect(privileged.outcome()).toBe('0xa0100000');
    const not = new SmmuMachine({}, { ...nestedSte, PRIVCFG: 2 });
    not.putLeaf(leaf);
    expect(not.outcome({ privileged: true })).toBe('F_PERMISSION');
    expect(not.event()).toMatchObject({ PnU: 0n, RnW: 1n });
    const instruction = new SmmuMachine({}, { ...nestedSte, INSTCFG: 3 });
    instruction.putLeaf(AT.data | 0xf43n | (1n << 54n));
    expect(instruction.outcome()).toBe('F_PERMISSION');
    expect(instruction.event()).toMatchObject({ InD: 1n, RnW: 1n });
    expect(instruction.outcome({ access: Access.Write })).toBe('0xa0100000');
    const ignored = new SmmuMachine({ ATTR_PERMS_OVR: 0 }, { ...nestedSte, PRIVCFG: 3 });
    ignored.putLeaf(leaf);
    expect(ignored.outcome()).toBe('F_PERMISSION');
  });
});

test('the encoder writes what the unit decodes', () => {
  const machine = new SmmuMachine();
  put(machine.mem, AT.streamTable, encode(STE, nestedSte));
  expect(machine.outcome({ sid: 0 })).toBe('0xa0100000');
});
