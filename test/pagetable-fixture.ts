import { PhysMem } from '../engine/memory/phys-mem.ts';
import {
  type Format,
  type FormatLimits,
  type Granule,
  PageTable,
  rootSize,
  vmsaStage1,
  vmsaStage2,
  vtdFirstStage,
  vtdSecondStage,
  WIDEST_LIMITS,
} from '../engine/pagetable/index.ts';
import type { SlowFormat, SlowVmsa } from './oracle/slow-walk.ts';

export const [K4, K16, K64] = [4096n, 2n ** 14n, 2n ** 16n] as const;
export const [M2, M32, M512] = [2n ** 21n, 2n ** 25n, 2n ** 29n] as const;
export const [G1, G64, G512, T4] = [2n ** 30n, 2n ** 36n, 2n ** 39n, 2n ** 42n] as const;

/** One format with everything decided, and the same said to the oracle. */
export interface Configuration {
  readonly title: string;
  readonly stage: 1 | 2;
  readonly format: Format;
  readonly slow: SlowFormat;
  /** Leaf sizes and width of output addresses, by hand from the specifications. */
  readonly sizes: readonly bigint[];
  readonly outputBits: number;
  /** Whether input addresses are canonical, so that there is a high half. */
  readonly signed: boolean;
}

const NOTHING_OPTIONAL: FormatLimits = {
  haw: 39,
  twoMeg: false,
  oneGig: false,
  nxe: false,
  snoopControl: false,
  deviceTlb: false,
  accessedDirty: false,
};
/** The VT-d machines that every format is asked about. */
const LIMITS: Readonly<Record<string, FormatLimits>> = {
  everything: WIDEST_LIMITS,
  'a real host': { ...WIDEST_LIMITS, haw: 46, deviceTlb: false },
  'no 1G leaves': { ...WIDEST_LIMITS, haw: 48, oneGig: false, snoopControl: false },
  'nothing optional': NOTHING_OPTIONAL,
};

/** T0SZ of stage 1, one for each start level and each end of its range. */
const STAGE1: Readonly<Record<SlowVmsa['granule'], readonly number[]>> = {
  '4K': [16, 24, 25, 33, 34, 39, 42, 43, 48],
  '16K': [16, 17, 27, 28, 38, 39, 48],
  '64K': [16, 21, 22, 34, 35, 47],
};
/** Start level and S2T0SZ of stage 2: one table, and every number of joined ones. */
const STAGE2: Readonly<Record<SlowVmsa['granule'], readonly (readonly [startLevel: number, t0sz: number])[]>> = {
  '4K': [
    ...[16, 24].map((t) => [0, t] as const),
    ...[33, 25, 24, 23, 22, 21].map((t) => [1, t] as const),
    ...[39, 34, 33, 32, 31, 30].map((t) => [2, t] as const),
    [3, 43],
  ],
  '16K': [
    ...[27, 17, 16].map((t) => [1, t] as const),
    ...[38, 28, 27, 26, 25, 24].map((t) => [2, t] as const),
    ...[39, 38, 37, 36, 35].map((t) => [3, t] as const),
  ],
  '64K': [
    ...[21, 16].map((t) => [1, t] as const),
    ...[34, 22, 21, 20, 19, 18].map((t) => [2, t] as const),
    ...[39, 35, 34, 33, 32, 31].map((t) => [3, t] as const),
  ],
};
/** Configurations with 52-bit addresses: T0SZ, and the start level of stage 2. */
const WIDE: Readonly<Record<SlowVmsa['granule'], readonly (readonly [t0sz: number, startLevel: number])[]>> = {
  '4K': [
    [12, -1],
    [16, 0],
    [30, 1],
  ],
  '16K': [
    [12, 0],
    [16, 1],
  ],
  '64K': [
    [12, 1],
    [16, 1],
    [22, 2],
  ],
};
const GRANULE: Readonly<Record<SlowVmsa['granule'], Granule>> = { '4K': 12, '16K': 14, '64K': 16 };
const VMSA_SIZES = { '4K': [K4, M2, G1], '16K': [K16, M32], '64K': [K64, M512] } as const;
const WIDE_SIZE = { '4K': G512, '16K': G64, '64K': T4 } as const;

function vtd(): Configuration[] {
  return Object.entries(LIMITS).flatMap(([which, limits]) => {
    const { haw, twoMeg, oneGig } = limits;
    const large = oneGig ? [G1] : [];
    return [
      ...([4, 5] as const).map((levels): Configuration => {
        const format = vtdFirstStage({ ...limits, levels });
        const slow = { vtd: 'first', levels, limits } as const;
        const sizes = [K4, M2, ...large];
        return { title: `${format.name}, ${which}`, stage: 1, format, slow, sizes, outputBits: haw, signed: true };
      }),
      ...([3, 4, 5] as const).map((levels): Configuration => {
        const format = vtdSecondStage({ ...limits, levels });
        const slow = { vtd: 'second', levels, limits } as const;
        const sizes = [K4, ...(twoMeg ? [M2] : []), ...large];
        return { title: `${format.name}, ${which}`, stage: 2, format, slow, sizes, outputBits: haw, signed: false };
      }),
    ];
  });
}

function vmsa(slow: SlowVmsa): Configuration {
  const { stage, granule, t0sz, startLevel = 0, wide = false } = slow;
  const outputBits = wide ? 52 : 48;
  const limits = { granule: GRANULE[granule], inputBits: 64 - t0sz, outputBits } as const;
  const format = stage === 1 ? vmsaStage1(limits) : vmsaStage2({ ...limits, startLevel });
  const start = stage === 1 ? '' : ` from level ${startLevel}`;
  const title = `${format.name}, T0SZ ${t0sz}${start}${wide ? ', 52-bit addresses' : ''}`;
  // Large leaves need a level that the region has.
  const all: readonly bigint[] = [...VMSA_SIZES[granule], ...(wide ? [WIDE_SIZE[granule]] : [])];
  const sizes = all.filter((size) => size < 2n ** BigInt(format.inputBits) && levelsUpTo(format, size));
  return { title, stage, format, slow: { vmsa: slow }, sizes, outputBits, signed: false };
}

const levelsUpTo = (format: Format, size: bigint): boolean =>
  size < 1n << BigInt(format.granuleLg2 + format.bitsPerLevel * format.levels);

const GRANULES = ['4K', '16K', '64K'] as const;

/** Every format, on every machine: the suite asks them all the same questions. */
export const CONFIGURATIONS: readonly Configuration[] = [
  ...vtd(),
  ...GRANULES.flatMap((granule) => [
    ...STAGE1[granule].map((t0sz) => vmsa({ stage: 1, granule, t0sz })),
    ...STAGE2[granule].map(([startLevel, t0sz]) => vmsa({ stage: 2, granule, t0sz, startLevel })),
    ...WIDE[granule].map(([t0sz]) => vmsa({ stage: 1, granule, t0sz, wide: true })),
    ...WIDE[granule].map(([t0sz, startLevel]) => vmsa({ stage: 2, granule, t0sz, startLevel, wide: true })),
  ]),
];

/** Aligned to any root: 16 joined tables of 64K. */
export const ROOT = 2n ** 20n;

/** A machine of one table: host memory whose free pages hold garbage, so that an editor which trusts them is caught. */
export function setUp(format: Format, tables = 400) {
  const mem = new PhysMem();
  let end = ROOT + rootSize(format);
  let left = tables;
  const allocate = (bytes: bigint): bigint | undefined => {
    if (left-- <= 0) return undefined;
    const at = (end + bytes - 1n) & ~(bytes - 1n);
    end = at + bytes;
    for (let page = at; page < end; page += K4)
      for (const word of [0n, 7n, 511n]) mem.write64(page + word * 8n, 0xdead_beef_0000_0007n + word);
    return at;
  };
  return { mem, allocate, table: new PageTable(format, mem, ROOT, allocate) };
}

/** The rights of an ordinary mapping. */
export const user = { read: true, write: true, execute: false, user: true };
