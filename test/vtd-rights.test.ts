import { describe, expect, test } from 'vitest';
import { DATA, firstStageOnly, hpaOf, nested, passThrough, secondStageOnly, VtdMachine } from './vtd-machine.ts';
import {
  both,
  context,
  exec,
  FS_PAGE,
  flip,
  fsRoot,
  fsTable,
  leaf1,
  leaf2,
  nameOf,
  only,
  PDE,
  pasid,
  privileged,
  type Refusal,
  ROOT,
  refusals,
  refused,
  tableLeaf2,
  withoutPasid,
  word,
  write,
} from './vtd-refusals.ts';

const REQUESTS: readonly Refusal[] = [
  { what: 'execute without ERE', fault: 'SPT.5', ask: exec },
  { what: 'execute and privileged', fault: 'SPT.5', ask: { ...exec, ...privileged } },
  { what: 'privileged without SRE', fault: 'SPT.6', ask: privileged },
  { what: 'RID_PRIV without SRE', fault: 'SPT.6', set: context({ RID_PRIV: 1 }), ask: withoutPasid },
  { what: 'not canonical, four levels', fault: 'SGN.1', address: 1n << 47n },
  { what: 'not canonical, five levels', fault: 'SGN.1', set: pasid({ FSPM: 1 }), address: 1n << 56n },
  { what: 'not canonical and SRE', fault: 'SPT.6', ask: privileged, address: 1n << 47n },
  { what: 'absent', fault: 'SFS.2', set: leaf1(6n) },
  { what: 'absent, reserved bit', fault: 'SFS.2', set: leaf1((1n << 63n) | 6n) },
  { what: 'XD without NXE', fault: 'SFS.3', set: leaf1((1n << 63n) | 7n) },
  { what: 'PS of the top table', fault: 'SFS.3', set: flip(fsRoot, 7) },
  { what: '1G page without FS1GP', fault: 'SFS.3', set: word(fsTable(2n), 0x87n), caps: { FS1GP: 0 } },
  { what: 'address bits of a 2M page', fault: 'SFS.3', set: word(fsTable(1n), 0x2087n) },
  { what: 'address bits of a 1G page', fault: 'SFS.3', set: word(fsTable(2n), 0x2000_0087n) },
  { what: 'reserved and user', fault: 'SFS.3', set: leaf1((1n << 63n) | 3n) },
  {
    what: 'table beyond AW',
    fault: 'SFS.5',
    set: both(pasid({ PGTT: 3 }), word(fsTable(1n), (1n << 48n) | 7n)),
  },
  { what: 'top table unreadable', fault: 'SFS.6', set: tableLeaf2(3n, 2n) },
  { what: 'next table unreadable', fault: 'SFS.7', set: tableLeaf2(2n, 2n) },
  { what: 'accessed bit to set', fault: 'SFS.8', set: tableLeaf2(0n, 1n) },
  { what: 'table absent in the second stage', fault: 'SSS.2', set: tableLeaf2(0n, 4n) },
  { what: 'page absent in the second stage', fault: 'SSS.2', set: leaf2(4n) },
  { what: 'SNP without SC', fault: 'SSS.3', set: leaf2(0x803n), caps: { SC: 0 } },
  {
    what: 'TM without DT',
    fault: 'SSS.3',
    set: both(context({ DTE: 0, PRE: 0 }), leaf2((1n << 62n) | 3n)),
    caps: { DT: 0 },
  },
  { what: 'supervisor page', fault: 'SGN.2', set: leaf1(3n) },
  { what: 'supervisor page, write', fault: 'SGN.2', set: leaf1(1n), ask: write },
  { what: 'read-only page', fault: 'SGN.6', set: leaf1(5n), ask: write },
  {
    what: 'read-only page, privileged with WPE',
    fault: 'SGN.6',
    set: both(pasid({ SRE: 1, WPE: 1 }), leaf1(5n)),
    ask: { ...write, ...privileged },
  },
  { what: 'XD with NXE', fault: 'SGN.3', set: both(pasid({ ERE: 1, NXE: 1 }), leaf1((1n << 63n) | 7n)), ask: exec },
  { what: 'XD of a table with NXE', fault: 'SGN.3', set: both(pasid({ ERE: 1, NXE: 1 }), flip(fsRoot, 63)), ask: exec },
  {
    what: 'user page with SMEP',
    fault: 'SGN.3',
    set: pasid({ ERE: 1, SRE: 1, SMEP: 1 }),
    ask: { ...exec, ...privileged },
  },
  { what: 'page beyond AW', fault: 'SGN.5', set: (m) => m.fs(0n, (1n << 48n) | 7n) },
  { what: 'read-only behind', fault: 'SGN.6', set: leaf2(1n), ask: write },
  { what: 'write-only behind', fault: 'SGN.7', set: leaf2(2n) },
  { what: 'leads to the interrupt range', fault: 'SGN.8', set: (m) => m.ss(DATA, 0xfee0_0003n) },
  { what: 'second stage alone beyond AW', fault: 'SGN.4', set: only(secondStageOnly()), address: 1n << 48n },
  {
    what: 'second stage alone beyond MGAW',
    fault: 'SGN.4',
    set: only(secondStageOnly()),
    address: 1n << 40n,
    caps: { MGAW: 39 },
  },
  { what: 'pass-through beyond HAW', fault: 'SGN.4', set: only(passThrough()), address: 1n << 46n, haw: 46 },
  { what: 'pass-through to the interrupt range', fault: 'SGN.8', set: only(passThrough()), address: 0xfee0_1000n },
];

refusals('requests and tables', REQUESTS);

test('without any of what the tables above do, the access succeeds', () => {
  const usual = nameOf(new VtdMachine().read(0n));
  expect(usual).toBe(`hpa 0x${hpaOf(0n).toString(16)}`);
  for (const ask of [write, { ...exec, privileged: true }]) expect(nameOf(withAll().read(0n, ask))).toBe(usual);
});

function withAll(): VtdMachine {
  const m = new VtdMachine();
  m.pasid(nested(1, { SRE: 1, ERE: 1 }));
  return m;
}

describe('what is not a fault', () => {
  const CASES: readonly Omit<Refusal, 'fault'>[] = [
    {
      what: 'pointers too wide that pass-through does not use',
      set: only(passThrough(), { SSPTPTR: 1n << 50n, FSPTPTR: 1n << 50n }),
      haw: 48,
    },
    { what: 'AW and FSPM that pass-through does not use', set: only(passThrough(), { AW: 7, FSPM: 3 }) },
    {
      what: 'AW that the first stage alone does not use',
      set: both(only(firstStageOnly(), { AW: 7, SSPTPTR: 1n << 50n }), word(FS_PAGE * 0x1000n + 0x1000n, 0x87n)),
      haw: 46,
    },
    {
      what: 'FSPM that the second stage alone does not use',
      set: only(secondStageOnly(), { FSPM: 3 }),
      address: 0x2000n,
    },
    { what: 'memory types without MTS', set: pasid({ CD: 1, EMTE: 1, EMT: 7, PWT: 1, PCD: 1, PAT: 0xffff_ffffn }) },
    { what: 'domain 0 without caching mode', set: only(passThrough(0)) },
    { what: 'the global and ignored bits of a first-stage page', set: leaf1((0x7ffn << 52n) | 0xf1fn) },
    { what: 'XD with NXE, read', set: both(pasid({ NXE: 1 }), leaf1((1n << 63n) | 7n)) },
    { what: 'a supervisor page, privileged', set: both(pasid({ SRE: 1 }), leaf1(3n)), ask: privileged },
    {
      what: 'a read-only page, privileged without WPE',
      set: both(pasid({ SRE: 1 }), leaf1(5n)),
      ask: { ...write, ...privileged },
    },
    {
      what: 'a supervisor page with SMEP, privileged execute',
      set: both(pasid({ SRE: 1, ERE: 1, SMEP: 1 }), leaf1(3n)),
      ask: { ...exec, ...privileged },
    },
    { what: 'execute without PASID is a read', ask: { ...exec, ...withoutPasid } },
    { what: 'privilege without PASID is RID_PRIV', ask: { ...privileged, ...withoutPasid } },
    {
      what: 'RID_PRIV with SRE reaches a supervisor page',
      set: both(context({ RID_PRIV: 1 }), pasid({ SRE: 1 }), leaf1(3n)),
      ask: withoutPasid,
    },
    {
      what: 'the last PASID of the directory',
      set: both(context({ PDTS: 0 }), word(PDE + 127n * 8n, ROOT + 0x3001n), (m) => m.pasid(passThrough(), 63)),
      ask: { pasid: (1 << 13) - 1 },
    },
    {
      what: 'a read-only table whose accessed bits are set',
      set: both(fsAccessed, tableLeaf2(0n, 1n), tableLeaf2(1n, 1n)),
    },
    {
      what: 'an input address in the interrupt range, with PASID',
      set: both(only(secondStageOnly()), word(ROOT + 0x11_018n, 0x1_4000_0083n)),
      address: 0xfee0_1000n,
    },
  ];

  test.each(CASES)('$what', (given) => {
    const { peeked, r } = refused({ fault: '', ...given });
    expect([peeked, r.ok]).toEqual([nameOf(r), true]);
  });
});

/** Sets the accessed bit of every first-stage entry. */
function fsAccessed(m: VtdMachine): void {
  for (const address of [fsRoot, fsTable(2n), fsTable(1n), fsTable(0n)])
    m.mem.write64(address, m.mem.read64(address) | 0x20n);
}
