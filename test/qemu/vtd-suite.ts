import { execFileSync } from 'node:child_process';
import { Tally, type Verdict } from './tally.ts';
import { runCase } from './vtd-compare.ts';
import { SPELLINGS } from './vtd-deviations.ts';
import { makeCase } from './vtd-generate.ts';
import { QemuVtd } from './vtd-qemu.ts';
import { VARIANTS } from './vtd-variants.ts';

export interface SuiteOptions {
  /** `qemu-system-x86_64`, wherever it is. */
  readonly binary: string;
  readonly cases: number;
  readonly seed: number;
  /** `name of a variant, seed N`, as a difference is headed: that case alone. */
  readonly only: string | undefined;
}

/** Processes at once; one of a pair waits while the engine works. */
const WORKERS = 2;

/**
 * With a cached context entry QEMU walks a PASID entry that it has not validated (see `fpd-skips-pasid-structures`), and
 * stops at an assertion of its own when that asks for five levels. Nothing can be compared then.
 */
const ABORTS = 'emulator-aborts';
const ASSERTION = /vtd_[fs]lpte_nonzero_rsvd: Assertion/;

function aborted(error: Error): Verdict {
  if (!ASSERTION.test(error.message)) throw error;
  return { kind: 'deviates', names: [ABORTS], compared: 0 };
}

/** Holds the engine against QEMU's intel-iommu. True when nothing is left unexplained. */
export async function runVtd({ binary, cases, seed, only }: SuiteOptions): Promise<boolean> {
  const began = Date.now();
  const help = execFileSync(binary, ['-M', 'q35', '-device', 'intel-iommu,help'], { encoding: 'utf8' });
  const properties = new Set(Array.from(help.matchAll(/^\s+([\w-]+)=/gm), (match) => match[1]!));
  const variants = VARIANTS.filter(({ needs }) => needs.every((name) => properties.has(name)));
  for (const { name, needs } of VARIANTS) {
    const missing = needs.filter((property) => !properties.has(property));
    if (missing.length > 0) console.log(`VT-d, ${name}: skipped: this QEMU has no ${missing.join(', ')}`);
  }
  const shares = variants.reduce((sum, { share }) => sum + share, 0);
  const jobs = variants.map((variant) => ({
    variant,
    from: seed * 1_000_000,
    count: Math.ceil((cases * variant.share) / shares),
  }));
  const one = only?.match(/^(.*), seed (\d+)$/);
  if (one) {
    const named = variants.filter(({ name }) => name === one[1]);
    jobs.splice(0, jobs.length, ...named.map((variant) => ({ variant, from: Number(one[2]), count: 1 })));
  }
  const tally = new Tally(SPELLINGS.map(({ name }) => name));
  const work = async (): Promise<void> => {
    for (let job = jobs.shift(); job; job = jobs.shift()) {
      let qemu = await QemuVtd.start(binary, job.variant);
      try {
        for (let i = 0; i < job.count; i++) {
          const made = makeCase(job.variant, job.from + i);
          const verdict = await runCase(qemu, made).catch((error: Error) => aborted(error));
          tally.add(verdict);
          if (verdict.kind === 'deviates' && verdict.names.includes(ABORTS)) {
            await qemu.stop();
            qemu = await QemuVtd.start(binary, job.variant);
          }
        }
      } finally {
        await qemu.stop();
      }
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  const version = execFileSync(binary, ['--version'], { encoding: 'utf8' }).match(/version (\S+)/)?.[1] ?? '';
  tally.print(`VT-d against QEMU ${version}`, (Date.now() - began) / 1000);
  return tally.differing === 0;
}
