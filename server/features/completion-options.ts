import type { Generation } from '../../engine/index.ts';
import { STEP_OPTIONS, type StepWord } from '../language/words.ts';
import { TARGETS } from './completion-ids.ts';
import type { Offers, Wanted } from './completion-offers.ts';
import { outcomes } from './completion-outcomes.ts';
import { device } from './completion-parts.ts';
import type { Reader } from './completion-reader.ts';
import { hasIommufd } from './members.ts';

/** Options that the parser reads for other generations. */
function idleOptions(step: StepWord, { generation }: Offers): readonly string[] {
  if (step === 'submit') return hasDeviceCalls(generation) ? [] : ['on'];
  return hasIommufd(generation) ? [] : (IOMMUFD_OPTIONS[step] ?? []);
}

const IOMMUFD_OPTIONS: Readonly<Partial<Record<StepWord, readonly string[]>>> = {
  attach: ['to', 'pasid', 'as'],
  detach: ['pasid'],
};

/** Whether a call can be about one device: an ioctl of its own file descriptor, or a call inside the kernel. */
const hasDeviceCalls = ({ calls, ioctls }: Generation): boolean =>
  calls.size > 0 || [...ioctls.keys()].some((name) => name.startsWith('VFIO_DEVICE_'));

/** What each option is followed by. */
const OPERANDS: Readonly<Record<string, Wanted | 'call' | 'device' | 'name' | 'none'>> = {
  to: 'call',
  on: 'device',
  mapped: { prefer: 'sizeof' },
  fail_nth: {},
  as: 'name',
  pasid: { prefer: 'pasids' },
  at: {},
  size: {},
  priv: 'none',
  ats: 'none',
};

const OF_ATTACH: ReadonlySet<string> = new Set(['to', 'pasid']);
const DUE: ReadonlySet<string> = new Set(['at', 'pasid', 'to']);

/** Options in any order, `= V` of a dma, and `expect`. */
export function options(r: Reader, step: StepWord, known: readonly string[] = STEP_OPTIONS[step]): void {
  const { offers } = r;
  const idle = idleOptions(step, offers);
  const given = new Set<string>();
  while (!r.end) {
    const { word } = r;
    if (word === 'expect') {
      r.next();
      outcomes(r, step);
      return;
    }
    r.next();
    if (word === '') {
      if (r.expression()) return;
      continue;
    }
    if (!known.includes(word)) return;
    given.add(word);
    const operand = OPERANDS[word] ?? 'none';
    if (operand === 'none') continue;
    if (operand === 'name') {
      if (r.end) return;
      r.next();
    } else if (operand === 'device') {
      if (device(r)) return;
    } else if (operand === 'call') {
      if (step === 'submit' ? r.expression({}, () => offers.ioctls()) : r.expression({ ids: TARGETS })) return;
    } else if (r.expression(operand)) return;
  }
  const behind = optionsBehind(offers, known);
  const free = known.filter((word) => !given.has(word) && !idle.includes(word) && !behind.has(word));
  // A dma without `at` is no step, so that comes first once the PASID is said.
  const place = step === 'attach' || step === 'replace' || step === 'detach' ? 'attach' : 'option';
  for (const word of free)
    offers.keywords([word], OF_ATTACH.has(word) ? place : 'option', {
      rank: DUE.has(word) && step !== 'submit' ? 1 : 2,
    });
  if (!behind.has('expect')) offers.keywords(['expect'], 'step', { rank: 3 });
}

/** Options that follow the cursor on its line. A word behind an option is its operand: `pasid pasid`. */
function optionsBehind({ place: { rest, replace } }: Offers, known: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>();
  const isOption = (word: string): boolean => known.includes(word) && OPERANDS[word] !== 'none';
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i]!;
    const isTyped = i === 0 && replace.start < replace.end;
    // Behind `expect` the same words mean something else.
    if (word === 'expect' && !isTyped) {
      found.add(word);
      break;
    }
    if (!known.includes(word)) continue;
    if (!isTyped) found.add(word);
    if (isOption(word)) i++;
  }
  return found;
}
