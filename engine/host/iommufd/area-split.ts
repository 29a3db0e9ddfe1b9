import { hex } from '../../base/text.ts';
import { type Refusal, refuse } from '../check.ts';
import type { Call } from './driver.ts';
import type { Area } from './io-pagetable.ts';
import { IOPT_CHECKS as CHECKS } from './io-pagetable-checks.ts';

/** `iopt_area_split`. @param at becomes the last address of the first part */
export function splitArea(area: Area, at: bigint, alignment: bigint, call: Call): readonly Area[] | Refusal {
  // An area whose first byte it is stays whole: the kernel compares it with both ends.
  if (at === area.start || at === area.last) return [area];
  const next = at + 1n;
  const into = next - area.start;
  const odd = next | (area.pages.base + area.offset + into);
  if ((odd & (alignment - 1n)) !== 0n)
    return refuse(CHECKS.cut, { path: 'iova', found: hex(next), wanted: `a multiple of ${alignment}` });
  // Both parts are allocated before the old one is let go.
  for (let part = 0; part < 2; part++) if (call.fail.hit()) return { ...refuse(CHECKS.noMemoryArea), injected: true };
  if (area.locks !== 0) return refuse(CHECKS.cutInUse, { path: 'iova', found: hex(area.start) });
  return [
    { ...area, last: at },
    { ...area, start: next, offset: area.offset + into },
  ];
}
