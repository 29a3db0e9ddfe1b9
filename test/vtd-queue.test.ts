import { describe, expect, test } from 'vitest';
import { PhysMem } from '../engine/memory/phys-mem.ts';
import { DeviceAccess } from '../engine/models/device.ts';
import { Access, encode, encodeDescriptor, makeCaps, Request, VtdUnit } from '../engine/models/vtd/index.ts';
import { PAGE_REQ_DSC } from '../engine/models/vtd/page-requests.ts';
import { SID, VA, VtdMachine } from './vtd-machine.ts';

const unitOf = (fields: Record<string, number> = {}): VtdUnit => new VtdUnit(new PhysMem(), makeCaps(fields));
const DW = 0x800n;
const QUEUE = 0x10_0000n;
const STATUS = 0x20_0000n;
const wait = (data: bigint, extra: Record<string, number> = {}): bigint[] =>
  encodeDescriptor('inv_wait', { SW: 1, STDATA: data, STADDR: STATUS, ...extra });

describe('the invalidation queue in memory', () => {
  test('a command is written at the tail, and head follows', () => {
    const unit = unitOf();
    unit.writeRegister('IQA', QUEUE | DW);
    expect(unit.command(wait(0xabcdn))).toMatchObject({ ok: true });
    expect(unit.mem.read64(QUEUE)).toBe(wait(0xabcdn)[0]);
    expect([unit.register('IQH'), unit.register('IQT')]).toEqual([32n, 32n]);
    expect(unit.mem.read64(STATUS)).toBe(0xabcdn);
  });

  test('128-bit descriptors take 16 bytes, and lose what does not fit', () => {
    const unit = unitOf();
    unit.writeRegister('IQA', QUEUE);
    const outcome = unit.command([...wait(1n).slice(0, 2), 5n, 0n]);
    expect(outcome.notes?.[0]).toContain('IQA.DW is 0');
    expect([unit.register('IQT'), unit.mem.read64(STATUS)]).toEqual([16n, 1n]);
  });

  test('software writes descriptors itself and moves the tail', () => {
    const unit = unitOf();
    unit.writeRegister('IQA', QUEUE | DW);
    for (const [i, data] of [3n, 4n].entries())
      for (const [word, value] of wait(data).entries()) unit.mem.write64(QUEUE + BigInt(32 * i + 8 * word), value);
    unit.writeRegister('IQT', 64n);
    expect([unit.register('IQH'), unit.mem.read64(STATUS)]).toEqual([64n, 4n]);
  });

  test('the tail wraps, and a full queue takes nothing', () => {
    const unit = unitOf();
    unit.writeRegister('IQA', QUEUE | DW);
    for (let i = 0; i < 130; i++) expect(unit.command(wait(BigInt(i))).ok).toBe(true);
    expect(unit.register('IQT')).toBe(64n);
    unit.writeRegister('GCMD', 1n << 31n);
    for (let i = 0; i < 3; i++) expect(unit.command(wait(1n))).toMatchObject({ ok: false, error: 'QIE' });
    expect(unit.register('IQT')).toBe(64n);
  });

  test.each([
    ['a type that does not exist', [0xen, 0n, 0n, 0n], 3n],
    ['a reserved bit', [encodeDescriptor('cc_inv', { G: 1 })[0]! | (1n << 60n), 0n, 0n, 0n], 4n],
    ['a reserved granularity', encodeDescriptor('pc_inv', { G: 2 }), 4n],
    ['a drain of page requests without ecap.PDS', wait(0n, { PD: 1 }), 4n],
  ] as const)('%s stops it with IQE until software clears that', (_what, words, iqei) => {
    const unit = unitOf({ PDS: 0 });
    unit.writeRegister('IQA', QUEUE | DW);
    expect(unit.command(words)).toMatchObject({ ok: false, error: 'IQE' });
    expect([unit.register('IQE'), unit.register('IQEI'), unit.register('IQH')]).toEqual([1n, iqei, 0n]);
    expect(unit.command(wait(7n))).toMatchObject({ ok: false, error: 'IQE' });
    expect(unit.mem.read64(STATUS)).toBe(0n);
    // Software repairs the descriptor as Linux does, with a wait, and the queue goes on.
    for (const [i, word] of wait(1n).entries()) unit.mem.write64(QUEUE + BigInt(8 * i), word);
    unit.writeRegister('FSTS', 0x10n);
    expect([unit.register('IQE'), unit.register('IQH'), unit.mem.read64(STATUS)]).toEqual([0n, 64n, 7n]);
  });

  test('a 256-bit descriptor in a 128-bit queue has the wrong width', () => {
    const unit = unitOf();
    unit.writeRegister('IQA', QUEUE);
    expect(unit.command(encodeDescriptor('p_iotlb_inv', { G: 2, DID: 1, PASID: 1 }))).toMatchObject({ error: 'IQE' });
    expect(unit.register('IQEI')).toBe(5n);
  });

  test.each([
    ['beyond the queue', 0x1000n, 1n],
    ['inside a descriptor', 0x10n, 6n],
  ])('a tail %s is an error', (_what, tail, iqei) => {
    const unit = unitOf();
    unit.writeRegister('IQA', QUEUE | DW);
    expect(unit.writeRegister('IQT', tail)).toMatchObject({ ok: false, error: 'IQE' });
    expect(unit.register('IQEI')).toBe(iqei);
  });

  test('a wait with IF is seen in ICS until it is cleared', () => {
    const unit = unitOf();
    unit.command(encodeDescriptor('inv_wait', { IF: 1 }));
    expect(unit.register('IWC')).toBe(1n);
    unit.writeRegister('ICS', 1n);
    expect(unit.register('ICS')).toBe(0n);
  });

  test('registers that only hardware writes refuse, unknown ones are not there', () => {
    const unit = unitOf();
    expect(unit.writeRegister('IQH', 0n)).toMatchObject({ ok: false, error: 'read-only' });
    expect(unit.writeRegister('NOPE', 0n)).toBeUndefined();
    expect(unit.register('NOPE')).toBeUndefined();
  });
});

describe('GCMD', () => {
  test('without TE requests pass as they are', () => {
    const m = new VtdMachine();
    m.unit.writeRegister('GCMD', 1n << 26n);
    const r = m.unit.translate(m.request(3n));
    expect([r.ok, r.hpa, r.refs, r.config]).toEqual([true, VA + 0x3010n, 0, 0]);
    expect(m.unit.register('TES')).toBe(0n);
    m.unit.writeRegister('GCMD', (1n << 31n) | (1n << 26n));
    expect(m.unit.translate(m.request(3n)).config).toBeGreaterThan(0);
  });
});

describe('fault records', () => {
  test('the interrupt waits for its mask, and comes once for what is pending', () => {
    const unit = unitOf({ NFR: 1 });
    const fault = (): unknown =>
      unit.translate(new Request({ sid: 8, pasid: 1, address: 0x1000n, access: Access.Read }));
    fault();
    expect([unit.register('PPF'), unit.register('IP'), unit.log.interrupt.delivered]).toEqual([1n, 1n, 0]);
    unit.writeRegister('FECTL', 0n);
    expect([unit.register('FECTL'), unit.log.interrupt.delivered]).toEqual([0n, 1]);
    fault();
    expect([unit.log.interrupt.delivered, unit.register('PFO')]).toEqual([1, 0n]);
    unit.translate(new Request({ sid: 9, address: 0n, access: Access.Read }));
    expect(unit.register('PFO')).toBe(1n);
  });

  test('software frees a record by writing F, and clears the overflow', () => {
    const unit = unitOf({ NFR: 0 });
    for (const sid of [8, 9]) unit.translate(new Request({ sid, pasid: 1, address: 0n, access: Access.Read }));
    expect([unit.register('FRCD0_HI')! & 0xffffn, unit.register('PFO')]).toEqual([8n, 1n]);
    unit.writeRegister('FRCD0_HI', 1n << 63n);
    unit.writeRegister('FSTS', 1n);
    expect([unit.register('FRCD0_HI'), unit.register('FSTS')]).toEqual([0n, 0n]);
    expect(unit.register('FRCD1_HI')).toBeUndefined();
  });
});

describe('the page request queue in memory', () => {
  const request = (fields: Record<string, number | bigint> = {}): bigint[] =>
    encode(PAGE_REQ_DSC, { TYPE: 1, PP: 1, RID: 0x10, PASID: 7, R: 1, LPIG: 1, PRGI: 5, ADDR: 0x7000, ...fields });
  const answer = (fields: Record<string, number>): bigint[] =>
    encodeDescriptor('page_grp_resp', { PP: 1, RID: 0x10, PASID: 7, LPIG: 1, PRGI: 5, RC: 0, ...fields });

  test('a request lies at the tail, and PPR says so', () => {
    const unit = unitOf();
    unit.writeRegister('PQA', QUEUE);
    expect(unit.pageRequests.put(request())).toMatchObject({ ok: true });
    expect([unit.mem.read64(QUEUE), unit.register('PQT'), unit.register('PRS')]).toEqual([request()[0], 32n, 1n]);
  });

  test('the interrupt waits for its mask, and comes once for what is pending', () => {
    const unit = unitOf();
    unit.writeRegister('PQA', QUEUE);
    unit.pageRequests.put(request());
    expect(unit.register('PECTL')).toBe(0xc000_0000n);
    unit.writeRegister('PECTL', 0n);
    unit.pageRequests.put(request());
    expect([unit.register('PECTL'), unit.pageRequests.interrupt.delivered]).toEqual([0n, 1]);
    unit.writeRegister('PRS', 1n);
    unit.pageRequests.put(request());
    expect(unit.pageRequests.interrupt.delivered).toBe(2);
  });

  test('a full queue sets PRO and loses what comes, until software clears it', () => {
    const unit = unitOf();
    unit.writeRegister('PQA', QUEUE);
    for (let i = 0; i < 127; i++) expect(unit.pageRequests.put(request()).ok).toBe(true);
    const lost = unit.pageRequests.put(request());
    expect(lost).toMatchObject({ ok: false, error: 'PRO' });
    expect(lost?.why).toContain('success');
    expect(unit.register('PRO')).toBe(1n);
    unit.writeRegister('PQH', 64n);
    expect(unit.pageRequests.put(request({ LPIG: 0 })).why).toContain('lost');
    unit.writeRegister('PRS', 2n);
    expect(unit.pageRequests.put(request()).ok).toBe(true);
  });

  test.each([
    [0, 'success'],
    [1, 'invalid request'],
    [15, 'failure'],
    [2, 'failure (RC 2 is reserved'],
  ])('a response with RC %i is told as %s', (RC, text) => {
    const unit = unitOf();
    unit.pageRequests.put(request());
    expect(unit.command(answer({ RC })).notes?.[0]).toContain(text);
    expect(unit.pageRequests.waiting).toEqual([]);
  });

  test('a stop marker waits for nobody, and a response without a group reaches nobody', () => {
    const unit = unitOf();
    expect(unit.pageRequests.put(request({ R: 0 })).notes?.[0]).toContain('stop marker');
    expect(unit.pageRequests.waiting).toEqual([]);
    expect(unit.command(answer({})).notes?.[0]).toContain('no page request group 5');
  });

  test('a DMA whose page is not present asks for it, and finds no room in a full queue', () => {
    const m = new VtdMachine();
    m.context(SID, { DTE: 1, PRE: 1 });
    m.fs(1n, 0n);
    const device = new DeviceAccess(m.unit);
    m.unit.writeRegister('PQA', QUEUE);
    const r = device.access(m.request(VA + 0x1000n), { pri: true });
    expect([r.requested, m.unit.register('PQT')]).toEqual([true, 32n]);
    m.unit.writeRegister('PQH', 64n);
    expect(m.unit.pageRequests.waiting).toHaveLength(1);
    expect(device.access(m.request(VA + 0x1000n), { pri: true }).requested).toBe(false);
    expect([m.unit.register('PRO'), m.unit.pageRequests.waiting.length]).toEqual([1n, 1]);
  });
});
