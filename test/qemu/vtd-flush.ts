import type { Step } from './vtd-case.ts';
import type { Path } from './vtd-walk.ts';

const bits = (value: bigint, low: number, width: number): number =>
  Number((value >> BigInt(low)) & ((1n << BigInt(width)) - 1n));

const GLOBAL = 1;
const DOMAIN = 2;
const WHOLE_PASID = 2;
const LEAF_ONLY = 0x40n;

/** What a step must remove of one address's translation, by the table of VT-d 6.5.2: the translation itself, and tables. */
export function removes(
  step: Step,
  { did, type, rid }: Pick<Path, 'did' | 'type' | 'rid'>,
  address: bigint,
  pageBits: number,
): { readonly translation: boolean; readonly tables: boolean } {
  const nothing = { translation: false, tables: false };
  const all = { translation: true, tables: true };
  if (step.do !== 'invalidate') return nothing;
  const [low, high] = [step.words[0]!, step.words[1]!];
  const kind = low & 0xe0fn;
  const granularity = bits(low, 4, 2);
  const first = type === 'first';
  if (kind === 2n && granularity === GLOBAL) return all;
  if ((kind !== 2n && kind !== 6n) || bits(low, 16, 16) !== did) return nothing;
  const order = BigInt(Math.max(pageBits, 12 + bits(high, 0, 6)));
  const overlaps = BigInt.asUintN(64, address) >> order === (high & ~0xfffn) >> order;
  const structures = (high & LEAF_ONLY) === 0n;
  if (kind === 2n) {
    if (granularity === DOMAIN) return all;
    // Of first-stage tables only those go that a second stage was asked for.
    if (first) return { translation: true, tables: false };
    return { translation: overlaps, tables: overlaps && structures };
  }
  if (!first || bits(low, 32, 20) !== rid) return nothing;
  if (granularity === WHOLE_PASID) return all;
  return { translation: overlaps, tables: overlaps && structures };
}
