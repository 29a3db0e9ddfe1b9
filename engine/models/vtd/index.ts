/**
 * Intel VT-d in scalable mode. How it is used:
 *
 *     const unit = new VtdUnit(mem, makeCaps({ NEST: 1 }))      // or decodeCaps(cap, ecap, haw)
 *     unit.rtaddr = tables | 0x400n                             // TTM 01; counts as an edit at `now`
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
import { CAP_REG, ECAP_REG } from './caps.ts';
import { DESCRIPTORS } from './descriptors.ts';
import { FAULTS } from './faults.ts';

export * from './bit-layout.ts';
export * from './caps.ts';
export * from './descriptors.ts';
export { type Culprit, culprit, type Explanation, explain, type WalkStep } from './explain.ts';
export * from './fault-log.ts';
export { FAULTS, Fault, type FaultReason, faultByCode, faultByName } from './faults.ts';
export type { Invalidation, Removed } from './invalidate.ts';
export * from './pasid-entry.ts';
export * from './structures.ts';
export { Access } from './tables.ts';
export { Recorder, TRACE_WORDS } from './trace.ts';
export { VtdUnit } from './translate.ts';
export { Answer, Hit, Kind, Request, type RequestFields, Source, Stale, Translation } from './translation.ts';

export const VTD: Model = {
  id: 'vtd',
  title: 'Intel VT-d, scalable mode',
  capabilities: { cap: CAP_REG, ecap: ECAP_REG },
  aliases: Object.fromEntries(
    [...CAP, ...ECAP].flatMap((field) => field.aliases.map((alias): [string, string] => [alias, field.name])),
  ),
  faults: FAULTS.map((fault) => fault.name),
  commands: DESCRIPTORS.map((descriptor) => descriptor.name),
};
