import type { ProcessConfig } from '../../../engine/index.ts';
import type { MachineItem } from '../syntax.ts';
import { type Report, type ToNumber, unknownKey } from './report.ts';

const PROCESS_KEYS = ['pid', 'mm', 'ptrace'];
const FIRST_PID = 1000;

/** `process NAME { pid = N, mm = 0|1, ptrace = 0|1 }`: by default with an address space and open to ptrace. */
export function processOf(item: MachineItem, n: number, number: ToNumber, report: Report): ProcessConfig {
  let process: ProcessConfig = { name: item.name?.text ?? `p${n}`, pid: FIRST_PID + n, mm: true, ptrace: true };
  for (const setting of item.settings) {
    const key = setting.key.text;
    if (!PROCESS_KEYS.includes(key)) {
      unknownKey(setting, 'a process', PROCESS_KEYS, report);
      continue;
    }
    const value = number(setting.value);
    if (value === undefined) continue;
    if (key === 'pid') process = { ...process, pid: Number(value) };
    else process = { ...process, [key]: value !== 0n };
  }
  return process;
}
