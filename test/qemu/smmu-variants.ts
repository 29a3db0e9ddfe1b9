import type { SmmuVariant } from './smmu-case.ts';

/** A machine to compare on. */
export interface SmmuMachine extends Omit<SmmuVariant, 'machine'> {
  /** QEMU's machines that have these stages; the first that it knows is taken. */
  readonly machines: readonly string[];
  /** Of all cases. */
  readonly share: number;
}

/** Machines before `virt-9.2` are without nesting, whatever the QEMU. */
const STAGE1 = { machines: ['virt-9.1', 'virt'], s1: true, s2: false } as const;
const NESTED = { machines: ['virt'], s1: true, s2: true } as const;

/** Linear stream tables have machines of their own: QEMU does not go back to them from two levels. */
export const SMMU_VARIANTS: readonly SmmuMachine[] = [
  { name: 'nested', ...NESTED, twoLevel: false, share: 5 },
  { name: 'nested, two-level', ...NESTED, twoLevel: true, share: 3 },
  { name: 'stage 1', ...STAGE1, twoLevel: false, share: 2 },
  { name: 'stage 1, two-level', ...STAGE1, twoLevel: true, share: 1 },
  {
    name: 'stage 2',
    machines: ['virt-9.1', 'virt'],
    option: 'arm-smmuv3.stage=2',
    s1: false,
    s2: true,
    twoLevel: false,
    share: 1,
  },
];
