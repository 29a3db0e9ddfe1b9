import { PhysMem } from '../engine/memory/phys-mem.ts';
import { type Format, type FormatLimits, PageTable, WIDEST_LIMITS } from '../engine/pagetable/index.ts';

const NOTHING_OPTIONAL: FormatLimits = {
  haw: 39,
  twoMeg: false,
  oneGig: false,
  nxe: false,
  snoopControl: false,
  deviceTlb: false,
  accessedDirty: false,
};
/** The machines that every format is asked about. */
export const LIMITS: Readonly<Record<string, FormatLimits>> = {
  everything: WIDEST_LIMITS,
  'a real host': { ...WIDEST_LIMITS, haw: 46, deviceTlb: false },
  'no 1G leaves': { ...WIDEST_LIMITS, haw: 48, oneGig: false, snoopControl: false },
  'nothing optional': NOTHING_OPTIONAL,
};

export const ROOT = 0x1000n;
export const [K4, M2, G1] = [4096n, 2n ** 21n, 2n ** 30n] as const;

/** A machine of one table: host memory whose free pages hold garbage, so that an editor which trusts them is caught. */
export function setUp(format: Format, pages = 400) {
  const mem = new PhysMem();
  let next = ROOT;
  const allocate = (): bigint | undefined => {
    next += K4;
    if (next > ROOT + BigInt(pages) * K4) return undefined;
    for (const word of [0n, 7n, 511n]) mem.write64(next + word * 8n, 0xdead_beef_0000_0007n + word);
    return next;
  };
  return { mem, allocate, table: new PageTable(format, mem, ROOT, allocate) };
}

/** The rights of an ordinary mapping. */
export const user = { read: true, write: true, execute: false, user: true };

/** Leaf sizes that the hardware has; the first stage always has 2 MiB. */
export const leafSizes = (stage: 1 | 2, { twoMeg, oneGig }: FormatLimits): bigint[] => [
  K4,
  ...(stage === 1 || twoMeg ? [M2] : []),
  ...(oneGig ? [G1] : []),
];
