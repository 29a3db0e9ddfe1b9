import { describe, expect, test } from 'vitest';
import { defaultMachine, modelById } from '../engine/index.ts';
import { ID_FIELDS } from '../engine/models/smmuv3/id-fields.ts';
import { DEFAULT_IDS, ID_LAYOUTS, idRegister, SmmuIds, validateIds } from '../engine/models/smmuv3/ids.ts';
import { runText } from './run-text.ts';

const machine = (text: string, steps = '', uapi = 'vfio-arm-2020') =>
  runText(`uapi ${uapi}\nmachine { ${text} }\nscenario "s" {\n${steps}\n}`);
const complaints = (text: string, uapi?: string): string[] =>
  machine(text, 'note "-"', uapi)
    .diagnostics.filter((d) => d.severity === 'error')
    .map((d) => d.message);
const holds = (text: string, steps: string, uapi?: string): void => {
  const { diagnostics, scenarios } = machine(text, steps, uapi);
  expect(diagnostics.filter((d) => d.severity === 'error').map((d) => d.message)).toEqual([]);
  expect(scenarios[0]!.steps.filter((s) => s.status !== 'passed').map((s) => s.message)).toEqual([]);
};

describe('identification registers', () => {
  test('no two fields of a register overlap, and all have 32 bits', () => {
    for (const { fields, bits } of Object.values(ID_LAYOUTS)) {
      let seen = 0n;
      for (const { lo, width, name } of fields) {
        const mask = ((1n << BigInt(width)) - 1n) << BigInt(lo);
        expect([name, seen & mask, lo + width <= bits]).toEqual([name, 0n, true]);
        seen |= mask;
      }
    }
  });

  test('places, worked by hand', () => {
    const ids = new SmmuIds({
      IDR0: 0x0a0f_5a5b,
      IDR1: (20 << 6) | 32,
      IDR3: 1 << 10,
      IDR5: (1 << 16) | (1 << 10) | 5,
    });
    const names = [
      'S1P',
      'S2P',
      'TTF',
      'HTTU',
      'ATS',
      'ASID16',
      'CD2L',
      'STALL_MODEL',
      'ST_LEVEL',
      'SIDSIZE',
      'SSIDSIZE',
      'RIL',
      'OAS',
      'VAX',
    ];
    expect(names.map((name) => ids.get(name))).toEqual([1, 1, 2, 1, 0, 1, 1, 2, 1, 32, 20, 1, 5, 1]);
  });

  test('the default unit is one that could exist, and has what the kernels ask for', () => {
    expect(validateIds(DEFAULT_IDS)).toEqual([]);
    expect(defaultMachine('smmuv3').idr).toBe(DEFAULT_IDS);
    const ids = new SmmuIds(DEFAULT_IDS);
    expect([ids.asidBits, ids.ssidBits, ids.vmidBits, ids.outputBits]).toEqual([16, 20, 16, 52]);
    for (const name of ['S1P', 'S2P', 'FWB', 'ATS', 'CD2L', 'RIL']) expect(ids.has(name), name).toBe(true);
  });

  test('every field is explained', () => {
    for (const { name, doc } of ID_FIELDS) expect(doc, name).toMatch(/^[A-Z].*\.$/);
    expect(modelById('smmuv3')!.capabilities).toBe(ID_LAYOUTS);
  });

  test('a field can be read by its name, as can a register', () => {
    expect([
      idRegister(DEFAULT_IDS, 'SSIDSIZE'),
      idRegister(DEFAULT_IDS, 'IDR4'),
      idRegister(DEFAULT_IDS, 'none'),
    ]).toEqual([20n, 0n, undefined]);
  });
});

describe('iommu smmuv3', () => {
  test('fields by name over the usual ones, registers as a machine prints them', () => {
    holds(
      'iommu smmuv3 { SSIDSIZE = 8, RIL = 0 }',
      'expect iommu0.SSIDSIZE == 8 && iommu0.RIL == 0 && iommu0.S1P == 1',
    );
    holds(
      'iommu smmuv3 { IDR1 = 0x0e73_9d10, IDR4 = 0xdead_beef }',
      'expect iommu0.SIDSIZE == 16 && iommu0.IDR4 == 0xdead_beef',
    );
  });

  test('what a default rests on goes with it', () => {
    holds('iommu smmuv3 { SSIDSIZE = 0 }', 'expect iommu0.CD2L == 0');
    holds('iommu smmuv3 { ATS = 0 }', 'expect iommu0.PRI == 0 && iommu0.SSIDSIZE == 20');
    holds('iommu smmuv3 { S2P = 0 }', 'expect iommu0.VMID16 == 0 && iommu0.FWB == 0');
  });

  test.each([
    ['iommu smmuv3 { SSIDSIZE = 21 }', 'no hardware reports this: SSIDSIZE is 21, at most 20'],
    ['iommu smmuv3 { SSIDSIZE = 32 }', '32 does not fit SSIDSIZE, which has 5 bits'],
    [
      'iommu smmuv3 { SSIDSIZE = 0, CD2L = 1 }',
      'no hardware reports this: CD2L is 1, but it needs SSIDSIZE, which is 0',
    ],
    ['iommu smmuv3 { ATS = 0, PRI = 1 }', 'no hardware reports this: PRI is 1, but it needs ATS, which is 0'],
    [
      'iommu smmuv3 { SSIDSIZE = 0, PASIDTT = 1 }',
      'no hardware reports this: PASIDTT is 1, but it needs SSIDSIZE, which is 0',
    ],
    ['iommu smmuv3 { S2P = 0, S2PI = 1 }', 'no hardware reports this: S2PI is 1, but it needs S2P, which is 0'],
    ['iommu smmuv3 { BA_VATOS = 4 }', 'no hardware reports this: BA_VATOS is 4, but it needs VATOS, which is 0'],
    [
      'iommu smmuv3 { OAS = 7 }',
      'no hardware reports this: OAS is 7, 56 bits, which no descriptor without D128 can hold',
    ],
    ['iommu smmuv3 { TTF = 0 }', 'no hardware reports this: TTF is 0, which is reserved'],
    ['iommu smmuv3 { IDR0 = 0x1_0000_0000 }', 'IDR0 has 32 bits'],
    ['iommu smmuv3 { S1PP = 1 }', 'the SMMUv3 has no S1PP; did you mean S1P?'],
    ['iommu smmuv3 { asid_bits = 12 }', 'asid_bits is 8, 16, not 12'],
    ['iommu smmuv3 { btm = sometimes }', 'btm is disabled, enabled, not sometimes'],
    ['iommu smmuv3 { model = 1 }', 'model is 1, which is iommu vtd, where iommu smmuv3 is 2'],
    ['iommu smmuv3 { model = 7 }', 'model is 7, which is no model, where iommu smmuv3 is 2'],
    ['iommu vtd { }', 'vfio-arm-2020 does not run on vtd; it runs on smmuv3'],
    ['iommu smmuv2 { }', 'smmuv2 is not a model; did you mean smmuv3?'],
  ])('%s', (text, message) => {
    expect(complaints(text)).toEqual([message]);
  });
});

describe('the sysfs description of 2018', () => {
  test('each file by itself is a name for a field', () => {
    const text =
      'iommu smmuv3 { ssid_bits = 6, asid_bits = 8, input_bits = 48, output_bits = 44, btm = disabled, httu = access, stall = force }';
    holds(
      text,
      `expect iommu0.SSIDSIZE == 6 && iommu0.ASID16 == 0 && iommu0.VAX == 0 && iommu0.OAS == 4
       expect iommu0.BTM == 0 && iommu0.HTTU == 1 && iommu0.STALL_MODEL == 2
       expect iommu0.ssid_bits == 6 && iommu0.asid_bits == 8 && iommu0.output_bits == 44 && iommu0.model == 2`,
    );
  });

  test.each(['access+dirty', '"access+dirty"', '2'])('httu = %s', (value) => {
    holds(`iommu smmuv3 { httu = ${value} }`, 'expect iommu0.HTTU == 2');
  });

  test('with a model number, a file that is not there has its documented default', () => {
    holds(
      'iommu smmuv3 { model = 2, asid_bits = 16 }',
      'expect iommu0.ssid_bits == 0 && iommu0.asid_bits == 16 && iommu0.btm == 0 && iommu0.httu == 0 && iommu0.stall == 1',
    );
    holds('iommu smmuv3 { asid_bits = 16 }', 'expect iommu0.ssid_bits == 20 && iommu0.btm == 1 && iommu0.httu == 2');
  });

  test('VT-d has some of it', () => {
    const on = 'iommu-2018-05';
    holds(
      'iommu vtd { ssid_bits = 16, input_bits = 48, output_bits = 46 }',
      'expect iommu0.PSS == 15 && iommu0.MGAW == 47 && iommu0.output_bits == 46',
      on,
    );
    holds('iommu vtd { model = 1 }', 'expect iommu0.PASID == 0 && iommu0.ssid_bits == 0 && iommu0.model == 1', on);
    expect(complaints('iommu vtd { model = 2 }', on)).toEqual([
      'model is 2, which is iommu smmuv3, where iommu vtd is 1',
    ]);
    expect(complaints('iommu vtd { btm = enabled }', on)[0]).toMatch(/enabled is not known|no btm/);
  });
});
