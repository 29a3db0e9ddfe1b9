import { Tlb } from '../../cache/iotlb.ts';
import { Access, type Request, Stages } from '../translation.ts';
import { ABORT, admit, stagesOf } from './admit.ts';
import { accessOf, isPrivileged } from './attributes.ts';
import { deniedBy } from './rights.ts';
import { BYPASS } from './substream.ts';
import { isDirty, rightsOf } from './tlb.ts';
import { findLine, partOf } from './tlb-line.ts';
import type { SmmuUnit } from './unit.ts';

/** Whether a request would now be answered without a paging entry being read. No side effects. */
export function wouldHit(unit: SmmuUnit, request: Request): boolean {
  if (!unit.registers.enabled) return false;
  const { caches } = unit.lookup;
  unit.present.walk(request);
  const ste = caches.stes.get(request.sid) ?? unit.present.ste;
  if (ste?.fault !== 0) return false;
  const substream = admit(ste, request, unit.features);
  if (substream === ABORT || (substream < 0 && substream !== BYPASS)) return false;
  const stages = stagesOf(ste, substream);
  if (stages === Stages.PassThrough) return true;
  const cd = substream === BYPASS ? null : (caches.cd(request.sid, substream) ?? unit.present.cd);
  if (cd !== null && cd.fault !== 0) return false;
  const tlb = partOf(unit.tlb, cd);
  const line = findLine(tlb, ste, cd, request);
  if (line < 0) return false;
  const access = accessOf(ste, request);
  const facts = tlb.lines[line + Tlb.Flags]!;
  const isDenied = deniedBy(rightsOf(facts), access, isPrivileged(ste, request)) !== 0;
  return isDenied || access !== Access.Write || isDirty(facts);
}
