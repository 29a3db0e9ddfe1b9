import { EXEC, READ, Tlb, WRITE } from '../../cache/iotlb.ts';
import { Access, Kind, type Request } from '../translation.ts';
import { Fault } from './faults.ts';
import { legacyFault } from './legacy-config.ts';
import { Flag } from './line.ts';
import { inInterruptRange } from './tables.ts';

/** The fault of a request that an IOTLB line answers, or 0. A line of a large page can reach into the interrupt range. */
export function lineFault(lines: Int32Array, line: number, lo: number, access: Access, flags: number): number {
  const denied = deniedBy(lines[line + Tlb.Flags]!, access, flags);
  if (denied !== 0) return denied;
  const offset = (1 << lines[line + Tlb.Lg2]!) - 1;
  if (!inInterruptRange(lines[line + Tlb.HpaHi]!, (lines[line + Tlb.HpaLo]! & ~offset) | (lo & offset))) return 0;
  return (flags & Flag.LEGACY) !== 0 ? legacyFault(Fault.SGN_8, access) : Fault.SGN_8;
}

/** The fault of a request that the entry's rights forbid, as a walk would report it, or 0. */
export function deniedBy(grants: number, access: Access, flags: number): number {
  const fault = missingRight(grants, access);
  return fault !== 0 && (flags & Flag.LEGACY) !== 0 ? legacyFault(fault, access) : fault;
}

function missingRight(grants: number, access: Access): number {
  if (access === Access.Write) return (grants & WRITE) === 0 ? Fault.SGN_6 : 0;
  if (access === Access.Exec && (grants & EXEC) === 0) return (grants & READ) === 0 ? Fault.SGN_7 : Fault.SGN_3;
  return (grants & READ) === 0 ? Fault.SGN_7 : 0;
}

/** What a context entry forbids (VT-d 7.1.3, SCT.5 to SCT.9, LCT.5). */
export function contextFault(flags: number, limit: number, ridPasid: number, request: Request): number {
  const legacy = (flags & Flag.LEGACY) !== 0;
  if (request.kind !== Kind.Untranslated && (flags & Flag.DTE) === 0) return legacy ? Fault.LCT_5 : Fault.SCT_5;
  if (legacy) return 0;
  if (request.pasid < 0) return ridPasid >= limit ? Fault.SCT_9 : 0;
  if ((flags & Flag.PASIDE) === 0) return Fault.SCT_6;
  return request.pasid >= limit ? Fault.SCT_7 : 0;
}
