import { hex } from '../../base/text.ts';
import { type Refusal, refuse } from '../check.ts';
import type { ProcessConfig } from '../machine-config.ts';
import { u32At } from '../vfio-container/bytes.ts';
import type { BIND, UNBIND } from './checks.ts';
import type { Container201802 } from './container.ts';

const HEADER = 8;
const PROCESS = 12;
const BIND_PROCESS = 1;
const BIND_PID = 1;

/** The address space that a call is about: of a process of the machine, or the caller's own. */
export type Mm = ProcessConfig | 'the caller';

export const nameOf = (mm: Mm): string => (mm === 'the caller' ? mm : mm.name);

/** What both calls read of vfio_iommu_type1_bind and of the process behind it, check by check. */
export function readRequest(
  container: Container201802,
  argument: bigint,
  checks: typeof BIND | typeof UNBIND,
): Mm | Refusal {
  const { user } = container;
  const header = user.copyFrom(argument, HEADER);
  if (!header) return refuse(checks.headerFault, { found: `${HEADER} bytes wanted` });
  const [argsz, operation] = [u32At(header, 0), u32At(header, 4)];
  if (argsz < HEADER)
    return refuse(checks.headerArgsz, { path: 'argsz', found: `${argsz}`, wanted: `at least ${HEADER}` });
  if (operation !== BIND_PROCESS)
    return refuse(checks.operation, {
      path: container.quirk('mode_not_flags') ? 'mode' : 'flags',
      found: hex(operation),
      wanted: 'VFIO_IOMMU_BIND_PROCESS (1)',
    });
  if (argsz < HEADER + PROCESS)
    return refuse(checks.payloadArgsz, { path: 'argsz', found: `${argsz}`, wanted: `at least ${HEADER + PROCESS}` });
  const process = user.copyFrom(argument + BigInt(HEADER), PROCESS);
  if (!process) return refuse(checks.payloadFault, { path: 'data', found: `${HEADER + PROCESS} bytes wanted` });
  const [flags, pid] = [u32At(process, 0), u32At(process, 8) | 0];
  if ((flags & ~BIND_PID) !== 0)
    return refuse(checks.payloadFlags, { path: 'data.flags', found: hex(flags), wanted: 'VFIO_IOMMU_BIND_PID only' });
  const mm = flags === BIND_PID ? mmOf(container, pid, checks) : 'the caller';
  if (typeof mm === 'object' && 'check' in mm) return mm;
  if (!container.hasDomain) return refuse(checks.noDomain, { found: 'no group attached', wanted: 'an attached group' });
  return mm;
}

function mmOf(container: Container201802, pid: number, checks: typeof BIND | typeof UNBIND): ProcessConfig | Refusal {
  const process = container.alive.find((each) => each.pid === pid);
  if (!process) return refuse(checks.noTask, { path: 'data.pid', found: `${pid}`, wanted: 'the pid of a process' });
  if (!process.ptrace)
    return refuse(checks.noAccess, { path: 'data.pid', found: `${process.name}, which may not be traced` });
  if (!process.mm) return refuse(checks.noMm, { path: 'data.pid', found: `${process.name}, which has no mm` });
  return process;
}
