import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type Check, IOMMUFD_CHECKS, SELFTEST_CHECKS } from '../engine/index.ts';
import { type Ran, runText } from './run-text.ts';

/**
 * The kernel's own iommufd selftests as scenarios. Each file says in its first line which kernels it holds for, and runs
 * once for each: analysed and run as `vsva run` does.
 */
const FOLDER = fileURLToPath(new URL('./scenarios/iommufd', import.meta.url));
const KERNELS = ['iommufd-2023-07', 'iommufd-6.8', 'iommufd-6.12', 'iommufd-6.14', 'iommufd-6.17', 'iommufd-7.2'];

const files = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.vsva'))
  .sort()
  .map((name) => {
    const text = readFileSync(join(FOLDER, name), 'utf8');
    const kernels = /^\/\/! kernels: (.*)$/m.exec(text)?.[1]?.split(' ') ?? [];
    return { name, text, kernels };
  });

const cases = files.flatMap(({ name, text, kernels }) =>
  kernels.map((kernel) => ({ name, kernel, text: text.replace(/^uapi \S+/m, `uapi ${kernel}`) })),
);

const ran = new Map<string, Ran>();
const run = (text: string): Ran => {
  const known = ran.get(text) ?? runText(text);
  ran.set(text, known);
  return known;
};

test('every file says which kernels it is for', () => {
  for (const { name, kernels } of files) expect(KERNELS, name).toEqual(expect.arrayContaining(kernels));
  expect(files.filter((f) => f.kernels.length === 0)).toEqual([]);
  expect(new Set(cases.map((c) => c.kernel))).toEqual(new Set(KERNELS));
});

describe.each(cases)('$kernel $name', ({ text }) => {
  test('holds', () => {
    const { diagnostics, scenarios } = run(text);
    expect(diagnostics.filter((d) => d.severity === 'error').map((d) => d.message)).toEqual([]);
    expect(scenarios.length).toBeGreaterThan(0);
    const failed = scenarios.flatMap(({ name, steps }) =>
      steps.filter((s) => s.status !== 'passed').map((s) => `${name}: ${s.message}`),
    );
    expect(failed).toEqual([]);
    expect(scenarios.filter((s) => s.status !== 'passed').map((s) => `${s.name}: ${s.message}`)).toEqual([]);
  });
});

/** Checks that no scenario can reach, each for a reason of its own. */
const UNREACHED = new Map([
  ['respond-fault', 'memory of a scenario is readable and writable, or neither'],
  ['out-data-fault', 'memory of a scenario is readable and writable, or neither'],
  ['out-data-type-mismatch', 'the same payload was read with the same type before'],
  ['out-data-length', 'the same payload was read with the same length before'],
  ['data-type-mismatch', 'the mock judges the type by itself before it copies'],
  ['entry-type-mismatch', 'the mock judges the type by itself before it copies'],
  ['entry-index', 'the loop over the entries ends before'],
  ['array-empty', 'the mock takes an empty array of its own type'],
  ['domain-page-size', 'the mock has pages of 2 KiB'],
  ['bitmap-fault', 'no page of the mock is ever dirty, so nothing is written'],
  ['hw-queue-fault', 'the parent has pinned the memory already'],
  ['hwpt-no-dirty', 'every device of the mock can track dirty pages'],
  ['hwpt-nested-no-op', 'the check of data_type and data_len comes first, and the mock nests'],
  ['hwpt-other-iommu', 'all devices of the mock are behind one IOMMU'],
  ['vdevice-other-iommu', 'all devices of the mock are behind one IOMMU'],
  ['pasid-no-op', 'the mock attaches PASIDs'],
  ['mock-nested-flags', 'the core has refused these flags before'],
]);

test('every check is met by a scenario', () => {
  const met = new Set<string>();
  for (const { text } of cases)
    for (const { steps } of run(text).scenarios)
      for (const { detail } of steps) if (detail.refusal) met.add(detail.refusal.check.id);
  const checks: Check[] = [
    ...Object.values(IOMMUFD_CHECKS).flatMap((group): Check[] => Object.values(group)),
    ...Object.values(SELFTEST_CHECKS),
  ];
  expect(checks.map((c) => c.id).filter((id) => !met.has(id) && !UNREACHED.has(id))).toEqual([]);
  expect([...UNREACHED.keys()].filter((id) => met.has(id))).toEqual([]);
});

test('one id means one errno in one place', () => {
  const seen = new Map<string, string>();
  for (const check of Object.values(IOMMUFD_CHECKS).flatMap((group): Check[] => Object.values(group))) {
    expect(seen.get(check.id) ?? check.errno, check.id).toBe(check.errno);
    seen.set(check.id, check.errno);
  }
});
