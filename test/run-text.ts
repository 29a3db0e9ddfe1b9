import { type RunOptions, runScenario, type ScenarioResult, variantsOf } from '../engine/index.ts';
import { analyse } from '../server/language/analyse.ts';
import type { Diagnostic } from '../server/language/diagnostic.ts';
import { type FileHost, resolve } from '../server/language/resolve.ts';

const NO_FILES: FileHost = { resolve: (_from, path) => path, read: () => ({ problem: 'this test has one file' }) };

/** Files by name, for tests of includes. */
export const filesHost = (files: Readonly<Record<string, string>>): FileHost => ({
  resolve: (_from, path) => path,
  read: (file) => files[file] ?? { problem: 'no such file' },
});

export interface Ran {
  readonly diagnostics: readonly Diagnostic[];
  readonly scenarios: readonly ScenarioResult[];
}

/** Analyses and runs a text, whatever its diagnostics. */
export function runText(text: string, options: RunOptions = {}, host: FileHost = NO_FILES): Ran {
  const resolved = resolve('test.vsva', text, host);
  const file = resolved.scenarioFile;
  const scenarios = (file?.scenarios ?? []).flatMap((scenario) => {
    const variants = variantsOf(file!, scenario);
    if ('problem' in variants) throw new Error(variants.problem);
    return variants.map((variant) => runScenario(file!, variant, options));
  });
  return { diagnostics: analyse(resolved), scenarios };
}

/** Declarations that most tests need: a guest table with one page, a bind, an unbind and a flush of that page. */
export const GUEST = `
bind_data guest {
  argsz = sizeof, version = 1, format = IOMMU_PASID_FORMAT_INTEL_VTD, addr_width = 48
  gpgd = gpt.root, hpasid = pasid
}
nesting_op bind   { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest }
nesting_op unbind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL, data = guest }
cache_invalidate_info page {
  argsz = sizeof, version = 1, cache = IOMMU_CACHE_INV_TYPE_IOTLB, granularity = IOMMU_INV_GRANU_ADDR
  granu.addr_info = { flags = IOMMU_INV_ADDR_FLAGS_PASID, pasid = pasid, addr = 0x7f00_0000_0000, granule_size = 4K, nb_granules = 1 }
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = page }
pagetable gpt x86-64 at 0x1000_0000 {
  0x7f00_0000_0000 size 64K -> 0x4000_0000 rw
}
pasid_request alloc { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 100 } }
`;

/** A whole file around steps, with GUEST in scope. */
export const scenarioText = (steps: string, { uapi = 'uapi vfio-2020-07', declarations = '' } = {}): string =>
  `${uapi}\n${GUEST}\n${declarations}\nscenario "s" {\n${steps}\n}\n`;
