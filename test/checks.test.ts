import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  checksOf,
  checkTablesOf,
  GENERATIONS,
  modelsOf,
  RUNNABLE_GENERATION_IDS,
  runScenario,
  skipsOf,
  variantsOf,
} from '../engine/index.ts';
import { analyse } from '../server/language/analyse.ts';
import { type FileHost, resolve } from '../server/language/resolve.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const host: FileHost = {
  resolve: (from, path) => join(dirname(from), path),
  read: (path) => readFileSync(path, 'utf8'),
};

const filesIn = (folder: string): string[] =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesIn(path) : path.endsWith('.vsva') ? [path] : [];
  });

describe('the checks of a generation', () => {
  test.each(RUNNABLE_GENERATION_IDS)('%s has checks for every model it runs on', (id) => {
    for (const model of modelsOf(id)) expect(checksOf(id, model).length).toBeGreaterThan(0);
    const own = checkTablesOf(id).flatMap(({ model }) => (model === undefined ? [] : [model]));
    expect(own.filter((model) => !modelsOf(id).includes(model))).toEqual([]);
  });

  test('a header alone has none', () => {
    for (const { id, header } of GENERATIONS) if (header) expect(checkTablesOf(id)).toEqual([]);
  });

  test('what came with a later call is not among those of an earlier release', () => {
    const ids = (id: string): string[] => checksOf(id).map((check) => check.id);
    expect(ids('iommufd-6.8')).not.toContain('viommu-type');
    expect(ids('iommufd-6.14')).toContain('viommu-type');
    expect(ids('iommufd-6.8')).not.toContain('invalidate-empty');
    expect(ids('iommufd-2023-07')).toContain('invalidate-empty');
    expect(ids('vfio-2021-03')).not.toContain('pasid-range-inverted');
  });

  // The tables are put together by hand, the handlers refuse by what they know: here they meet.
  test.each(
    [...filesIn(join(ROOT, 'examples')), ...filesIn(join(ROOT, 'test/scenarios'))].map((f) => [f.slice(ROOT.length)]),
  )('hold whatever refuses or skips in %s', (name) => {
    const path = join(ROOT, name);
    const { scenarioFile: file } = resolve(path, readFileSync(path, 'utf8'), host);
    if (!file) throw new Error('a file names its generation');
    const { generation, machine } = file;
    const all = [...checksOf(generation.id, machine.model), ...skipsOf(generation.id, machine.model)];
    const known = new Set(all.map(({ id, doc }) => `${id}: ${doc}`));
    for (const scenario of file.scenarios) {
      const variants = variantsOf(file, scenario);
      if ('problem' in variants) throw new Error(variants.problem);
      for (const variant of variants)
        for (const { detail } of runScenario(file, variant).steps) {
          const check = detail.refusal?.check ?? detail.skip;
          if (check) expect(known).toContain(`${check.id}: ${check.doc}`);
        }
    }
  });
});

describe('reason', () => {
  const messages = (text: string): string[] =>
    analyse(resolve('a.vsva', text, host))
      .filter((d) => d.severity === 'error')
      .map((d) => d.message);
  const alloc = 'struct iommu_ioas_alloc a { size = 4 }';

  test('takes the checks of its own generation and machine', () => {
    expect(messages(`uapi iommufd-6.8\n${alloc}\nscenario "s" { submit a expect reason size-too-small }`)).toEqual([]);
  });

  test('says which generation has a check', () => {
    expect(messages(`uapi iommufd-6.8\n${alloc}\nscenario "s" { submit a expect reason argsz-too-small }`)).toEqual([
      'argsz-too-small is not a check of iommufd-6.8 on vtd, but of vfio-2018-02',
    ]);
  });

  test('says that another machine has it', () => {
    expect(messages(`uapi iommufd-6.8\n${alloc}\nscenario "s" { submit a expect reason mock-flush-type }`)).toEqual([
      'mock-flush-type is not a check of iommufd-6.8 on vtd, but of iommufd-2023-07',
    ]);
  });

  test('offers what was meant', () => {
    expect(messages(`uapi iommufd-6.8\n${alloc}\nscenario "s" { submit a expect reason size-to-small }`)).toEqual([
      'size-to-small is not a check of this generation; did you mean size-too-small?',
    ]);
  });
});

describe('a name of another generation', () => {
  test('is told with the generation that has it', () => {
    const { diagnostics } = resolve('a.vsva', 'uapi vfio-2020-07\nscenario "s" { }', host);
    expect(diagnostics).toEqual([]);
    const found = analyse(
      resolve('a.vsva', 'uapi vfio-2020-07\nraw r size 8\nscenario "s" { submit &r to IOMMU_IOAS_ALLOC }', host),
    );
    expect(found.map((d) => d.message)).toContain('IOMMU_IOAS_ALLOC is not known in vfio-2020-07; iommufd-6.5 has it');
  });
});
