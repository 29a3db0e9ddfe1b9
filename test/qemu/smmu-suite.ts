import { execFileSync } from 'node:child_process';
import { runSmmuCase } from './smmu-compare.ts';
import { WORDING } from './smmu-deviations.ts';
import { makeSmmuCase } from './smmu-generate.ts';
import { featuresOf } from './smmu-model.ts';
import { QemuSmmu } from './smmu-qemu.ts';
import { SMMU_VARIANTS, type SmmuMachine } from './smmu-variants.ts';
import { Tally } from './tally.ts';

export interface SmmuSuiteOptions {
  /** `qemu-system-aarch64`, wherever it is. */
  readonly binary: string;
  readonly cases: number;
  readonly seed: number;
  /** `name of a variant, seed N`, as a difference is headed: that case alone. */
  readonly only: string | undefined;
}

/** Processes at once; one of a pair waits while the engine works. */
const WORKERS = 2;

/** Holds the engine against QEMU's arm-smmuv3. True when nothing is left unexplained. */
export async function runSmmu({ binary, cases, seed, only }: SmmuSuiteOptions): Promise<boolean> {
  const began = Date.now();
  const version = ask(binary, '--version').match(/version (\S+)/)?.[1] ?? '';
  if (Number.parseFloat(version) < 9.1) {
    console.log(`SMMUv3: skipped: QEMU ${version} is older than 9.1, where nesting came and much of the rest changed`);
    return true;
  }
  const shares = SMMU_VARIANTS.reduce((sum, { share }) => sum + share, 0);
  const one = only?.match(/^(.*), seed (\d+)$/);
  const jobs = SMMU_VARIANTS.filter(({ name }) => !one || name === one[1]).map((variant) => ({
    variant,
    from: one ? Number(one[2]) : seed * 1_000_000,
    count: one ? 1 : Math.ceil((cases * variant.share) / shares),
  }));
  const tally = new Tally(WORDING);
  const work = async (): Promise<void> => {
    for (let job = jobs.shift(); job; job = jobs.shift()) {
      const qemu = await started(binary, job.variant);
      if (typeof qemu === 'string') {
        console.log(`SMMUv3, ${job.variant.name}: skipped: ${qemu}`);
        continue;
      }
      try {
        const features = featuresOf(qemu.ids);
        for (let i = 0; i < job.count; i++)
          tally.add(await runSmmuCase(qemu, makeSmmuCase(qemu.variant, features, job.from + i)));
      } finally {
        await qemu.stop();
      }
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  tally.print(`SMMUv3 against QEMU ${version}`, (Date.now() - began) / 1000);
  return tally.differing === 0;
}

/** The machine of a variant, or why there is none. */
async function started(binary: string, variant: SmmuMachine): Promise<QemuSmmu | string> {
  const known = ask(binary, '-machine', 'help');
  const machine = variant.machines.find((name) => new RegExp(`^${name}\\s`, 'm').test(known));
  if (machine === undefined) return `this QEMU has no machine ${variant.machines.join(' or ')}`;
  if (variant.option && !ask(binary, '-machine', machine, '-device', 'arm-smmuv3,help').includes('stage='))
    return 'the SMMUv3 of this QEMU has stage 1 alone';
  const qemu = await QemuSmmu.start(binary, { ...variant, machine });
  const { s1, s2 } = featuresOf(qemu.ids);
  if (s1 === variant.s1 && s2 === variant.s2) return qemu;
  await qemu.stop();
  return `the SMMUv3 of this QEMU has ${[s1 && 'stage 1', s2 && 'stage 2'].filter(Boolean).join(' and ')}`;
}

const ask = (binary: string, ...args: string[]): string => execFileSync(binary, args, { encoding: 'utf8' });
