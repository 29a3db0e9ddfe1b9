import { describe, expect, test } from 'vitest';
import { Hit, Source, Stale, type Translation } from '../engine/models/vtd/index.ts';
import { DATA, HOST, nested, SID, VtdMachine } from './vtd-machine.ts';

const outcome = ({ reason, refs, config, hit, stale }: Translation) => ({
  fault: reason?.name,
  refs,
  config,
  hit,
  stale,
});

describe('caching mode', () => {
  const withCm = () => {
    const m = new VtdMachine({ CM: 1 });
    m.ss(DATA, 0n);
    return m;
  };

  test('keeps that the second stage had no page, and a missing invalidation shows', () => {
    const m = withCm();
    expect(outcome(m.read(0n))).toMatchObject({ fault: 'SSS.2', hit: Hit.None });
    expect(outcome(m.read(0n))).toMatchObject({ fault: 'SSS.2', refs: 0, hit: Hit.Iotlb, stale: 0 });
    m.tick();
    m.ss(DATA, (HOST + DATA * 0x1000n) | 3n);
    expect(outcome(m.read(0n))).toMatchObject({ fault: 'SSS.2', hit: Hit.Iotlb, stale: Stale.Fault });
    expect(m.unit.log.recorded).toBe(3);
    m.invalidate('iotlb_inv', { G: 3, DID: 1, ADDR: DATA << 12n });
    expect(outcome(m.read(0n))).toMatchObject({ fault: undefined, stale: 0 });
  });

  test('but not that the first stage had none', () => {
    const m = new VtdMachine({ CM: 1 });
    m.fs(0n, 0n);
    m.read(0n);
    expect(m.unit.iotlb.size).toBe(0);
    m.fs(0n, (DATA << 12n) | 7n);
    expect(outcome(m.read(0n))).toMatchObject({ fault: undefined, stale: 0 });
  });

  test('without it nothing of the kind is kept', () => {
    const m = new VtdMachine();
    m.ss(DATA, 0n);
    m.read(0n);
    m.read(0n, { sid: 0x20 });
    m.read(0n, { pasid: 9 });
    expect([m.unit.iotlb.size, m.unit.contextCache.size, m.unit.pasidCache.size]).toEqual([0, 1, 1]);
  });

  test('keeps that a PASID entry was not present, whatever domain the new one has', () => {
    const m = new VtdMachine({ CM: 1 });
    const read = () => outcome(m.read(0n, { pasid: 9 }));
    expect(read()).toMatchObject({ fault: 'SPT.2', config: 4, stale: 0 });
    expect(read()).toMatchObject({ fault: 'SPT.2', config: 0, stale: 0 });
    m.tick();
    m.pasid(nested(3), 9);
    expect(read()).toMatchObject({ fault: 'SPT.2', config: 0, stale: Stale.Fault });
    expect(m.unit.result).toMatchObject({ source: Source.Pasid, filledAt: 1 });
    expect(m.unit.wouldHit(m.request(0n, { pasid: 9 }))).toBe(false);
    m.invalidate('pc_inv', { G: 1, DID: 3, PASID: 8 });
    expect(read()).toMatchObject({ stale: Stale.Fault });
    m.invalidate('pc_inv', { G: 1, DID: 3, PASID: 9 });
    expect(read()).toMatchObject({ fault: undefined, stale: 0 });
  });

  test('keeps that a directory entry was not present, for each PASID that asked', () => {
    const m = new VtdMachine({ CM: 1 });
    const far = 7 * 64 + 1;
    expect(outcome(m.read(0n, { pasid: far }))).toMatchObject({ fault: 'SPD.2', config: 3 });
    m.tick();
    m.mem.write64(0x10_2000n + 7n * 8n, 0x10_3001n);
    m.pasid(nested(), 1);
    expect(outcome(m.read(0n, { pasid: far }))).toMatchObject({ fault: 'SPD.2', stale: Stale.Fault });
    m.invalidate('pc_inv', { G: 0, DID: 1 });
    expect(outcome(m.read(0n, { pasid: far }))).toMatchObject({ fault: undefined, stale: 0 });
  });

  test('keeps that a context entry was not present, until its device is flushed', () => {
    const m = new VtdMachine({ CM: 1 });
    const read = () => outcome(m.read(0n, { sid: 0x20 }));
    expect(read()).toMatchObject({ fault: 'SCT.2', config: 2 });
    m.tick();
    m.context(0x20);
    expect(read()).toMatchObject({ fault: 'SCT.2', config: 0, stale: Stale.Fault });
    expect(m.unit.result).toMatchObject({ source: Source.Context, filledAt: 1 });
    m.invalidate('cc_inv', { G: 3, SID: 0x21 });
    expect(read()).toMatchObject({ stale: Stale.Fault });
    m.invalidate('cc_inv', { G: 3, SID: 0x20 });
    expect(read()).toMatchObject({ fault: undefined, stale: 0 });
  });

  test('a PASID entry in the cache is no way around a context entry that faults there', () => {
    const m = new VtdMachine({ CM: 1 });
    m.read(0n);
    m.context(SID, { P: 0 });
    m.invalidate('cc_inv', { G: 3, SID });
    expect(outcome(m.read(0n)).fault).toBe('SCT.2');
    m.tick();
    m.context(SID);
    expect(outcome(m.read(0n))).toMatchObject({ fault: 'SCT.2', stale: Stale.Fault });
  });

  test('FPD of an entry that is not present counts from the cache as well', () => {
    const m = new VtdMachine({ CM: 1 });
    m.mem.write64(m.pasidAddress(9), 2n);
    m.read(0n, { pasid: 9 });
    expect(m.read(0n, { pasid: 9 })).toMatchObject({ fault: 0x59, config: 0, logged: false });
  });
});
