import { Access, type Request } from '../translation.ts';
import type { StreamEntry } from './stream-entry.ts';

const OFF = 2;
const ON = 3;

/** Whether an access counts as privileged, after PRIVCFG. */
export const isPrivileged = ({ privCfg }: Pick<StreamEntry, 'privCfg'>, request: Request): boolean =>
  privCfg === ON || (privCfg !== OFF && request.privileged);

/** What an access wants, after INSTCFG; writes are never of instructions. */
export function accessOf({ instCfg }: Pick<StreamEntry, 'instCfg'>, request: Request): Access {
  if (request.access === Access.Write) return Access.Write;
  if (instCfg === ON) return Access.Exec;
  return instCfg === OFF ? Access.Read : request.access;
}
