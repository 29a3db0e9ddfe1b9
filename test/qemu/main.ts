import { runSmmu } from './smmu-suite.ts';
import { SMMU_VARIANTS } from './smmu-variants.ts';
import { runVtd } from './vtd-suite.ts';

// Emulators are stopped when the process ends, also when it is asked to.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

/** Runs when scripts/test-oracle.mjs has found the emulators: their paths and the rest come by the environment. */
const number = (name: string, fallback: number): number => Number(process.env[name] || fallback);
const options = {
  seed: number('VSVA_ORACLE_SEED', 1),
  only: process.env['VSVA_ORACLE_ONLY'],
};
// A single case is headed by its machine, which only one of the two has.
const wantsSmmu = SMMU_VARIANTS.some(({ name }) => options.only?.startsWith(`${name}, seed `));
let good = true;
const x86 = process.env['VSVA_QEMU_X86'];
if (x86 && !wantsSmmu)
  good = (await runVtd({ binary: x86, cases: number('VSVA_ORACLE_CASES', 3000), ...options })) && good;
const aarch64 = process.env['VSVA_QEMU_AARCH64'];
if (aarch64 && (wantsSmmu || !options.only))
  good = (await runSmmu({ binary: aarch64, cases: number('VSVA_ORACLE_CASES', 9000), ...options })) && good;
process.exit(good ? 0 : 1);
