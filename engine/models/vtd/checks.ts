import { EXEC, READ, WRITE } from '../../cache/iotlb.ts';
import { Flag } from './config.ts';
import { Fault } from './faults.ts';
import { Access } from './tables.ts';
import { Kind, type Request } from './translation.ts';

/** The fault of a request that the entry's rights forbid, as a walk would report it, or 0. */
export function deniedBy(grants: number, access: Access): number {
  if (access === Access.Write) return (grants & WRITE) === 0 ? Fault.SGN_6 : 0;
  if (access === Access.Exec && (grants & EXEC) === 0) return (grants & READ) === 0 ? Fault.SGN_7 : Fault.SGN_3;
  return (grants & READ) === 0 ? Fault.SGN_7 : 0;
}

/** What a context entry forbids (VT-d 7.1.3, SCT.5 to SCT.9). */
export function contextFault(flags: number, limit: number, ridPasid: number, request: Request): number {
  if (request.kind === Kind.Translation && (flags & Flag.DTE) === 0) return Fault.SCT_5;
  if (request.pasid < 0) return ridPasid >= limit ? Fault.SCT_9 : 0;
  if ((flags & Flag.PASIDE) === 0) return Fault.SCT_6;
  return request.pasid >= limit ? Fault.SCT_7 : 0;
}
