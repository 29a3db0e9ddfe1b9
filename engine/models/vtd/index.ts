/**
 * Intel VT-d in scalable and legacy mode. How it is used:
 *
 *     const unit = new VtdUnit(mem, makeCaps({ NEST: 1 }))      // or decodeCaps(cap, ecap, haw)
 *     unit.rtaddr = tables | 0x400n                             // TTM 01 (00 legacy); counts as an edit at `now`
 *     unit.now = mem.now = 3                                    // before each step
 *     const r = unit.translate(new Request({ sid: 0x10, pasid: 7, address: 0x7f00n, access: Access.Read }))
 *     r.ok, r.interrupt, r.fault (code), r.reason, r.hpa, r.gpa, r.lg2, r.grants, r.refs, r.config,
 *     r.hit (Hit), r.stale (Stale), r.source (Source), r.filledAt, r.answer (Answer), r.logged   // r is reused
 *     unit.invalidate(encodeDescriptor('p_iotlb_inv', { G: 3, DID: 1, PASID: 7, ADDR: 0x7f00_0000n }))
 *     unit.peek(request)                                        // the walk now, without side effects; reused
 *     unit.wouldHit(request)                                    // no paging entry would be read
 *     explain(unit, request)                                    // its steps; culprit(unit, request, r.filledAt): the edit
 *     const device = new DeviceAccess(unit)                     // models/device.ts: ATS, device TLB, page requests
 *     device.access(request, { pri: true }); device.pending     // r.requested, r.hit === Hit.DeviceTlb
 *     unit.log.recorded, unit.log.registers, unit.log.pfo       // the fault log
 *     unit.iotlb.list(), unit.pasidCache.list(), unit.contextCache.list(), unit.deviceTlb.list()
 *     unit.trace = new Recorder()                               // entries that real walks read
 */
import type { Model } from '../model.ts';
import { CAP, ECAP } from './cap-fields.ts';
import { CAP_REG, decodeCaps, ECAP_REG } from './caps.ts';
import { DESCRIPTORS, describeDescriptor } from './descriptors.ts';
import { FAULT_RECORD } from './fault-log.ts';
import { FAULTS } from './faults.ts';
import { limitsOf, secondStage } from './limits.ts';
import { PAGE_REQ_DSC } from './page-requests.ts';
import { REGISTERS } from './registers.ts';
import { STRUCTURES } from './structures.ts';
import { VtdUnit } from './unit.ts';

export * from '../bit-layout.ts';
export { Recorder, TRACE_WORDS } from '../trace.ts';
export { Access, Answer, Hit, Kind, Request, type RequestFields, Source, Stale, Translation } from '../translation.ts';
export type { Culprit, Explanation, WalkStep } from '../unit.ts';
export * from './caps.ts';
export * from './descriptors.ts';
export { culprit, explain } from './explain.ts';
export * from './fault-log.ts';
export { FAULTS, Fault, faultByCode, faultByName, type VtdFault } from './faults.ts';
export type { Invalidation, Removed } from './invalidate.ts';
export * from './pasid-entry.ts';
export * from './structures.ts';
export { VtdUnit } from './unit.ts';

export const VTD: Model = {
  id: 'vtd',
  title: 'Intel VT-d, scalable and legacy mode',
  capabilities: { cap: CAP_REG, ecap: ECAP_REG },
  aliases: Object.fromEntries(
    [...CAP, ...ECAP].flatMap((field) => field.aliases.map((alias): [string, string] => [alias, field.name])),
  ),
  faults: FAULTS.map((fault) => fault.name),
  commands: DESCRIPTORS.map((descriptor) => descriptor.name),
  hardware: {
    commands: DESCRIPTORS,
    registers: REGISTERS,
    records: [PAGE_REQ_DSC],
    structures: STRUCTURES,
    faultRecord: FAULT_RECORD,
    commandErrors: ['IQE', 'QIE', 'FULL', 'PRO'],
    create: (mem, { cap, ecap, haw, psc }) => new VtdUnit(mem, decodeCaps(cap, ecap, haw), { cap, ecap }, psc),
    limits: limitsOf,
    secondStage,
    completion: [{ name: 'inv_wait', fields: {} }],
    describe: describeDescriptor,
  },
};
