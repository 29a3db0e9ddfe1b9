import { type RamConfig, sizeText } from '../../../engine/index.ts';
import type { MachineItem } from '../syntax.ts';
import type { Report, ToNumber } from './report.ts';

/** Most 4K leaves a RAM range may need; beyond it a larger `page` is called for. */
const MAX_LEAVES = 1n << 22n;

export function ramOf(item: MachineItem, number: ToNumber, report: Report): RamConfig | undefined {
  if (!item.ram) return undefined;
  const [gpa, size, hpa] = [number(item.ram.gpa), number(item.ram.size), number(item.ram.hpa)];
  const page = item.ram.page ? number(item.ram.page) : 0x1000n;
  if (gpa === undefined || size === undefined || hpa === undefined || page === undefined) return undefined;
  if (page !== 0x1000n && page !== 0x20_0000n && page !== 0x4000_0000n) {
    report(item.ram.page!, 'machine-impossible', `a second-stage leaf is 4K, 2M or 1G, not ${sizeText(page)}`);
    return undefined;
  }
  for (const [expr, value] of [
    [item.ram.gpa, gpa] as const,
    [item.ram.hpa, hpa] as const,
    [item.ram.size, size] as const,
  ]) {
    if (value % page !== 0n || (expr === item.ram.size && value === 0n)) {
      report(
        expr,
        'machine-impossible',
        `0x${value.toString(16)} is not a multiple of the ${sizeText(page)} leaf${page === 0x1000n ? '' : '; a smaller page would fit'}`,
      );
      return undefined;
    }
  }
  if (MAX_LEAVES < size / page) {
    report(
      item.ram.size,
      'machine-impossible',
      `${sizeText(size)} in ${sizeText(page)} leaves are too many entries; use a larger page`,
    );
    return undefined;
  }
  return { gpa, hpa, size, page };
}
