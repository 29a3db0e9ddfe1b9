import { findGeneration } from '../uapi/index.ts';
import { bootArmIommufd } from './arm-smmu-v3/index.ts';
import { bootBare } from './bare/no-kernel.ts';
import { bootIntelIommufd } from './intel-iommufd/index.ts';
import type { Kernel } from './kernel.ts';
import { bootPasidTable } from './pasid-table-2018/kernel.ts';
import type { Platform } from './platform.ts';
import { bootSelftest } from './selftest/boot.ts';
import { bootVfio201802 } from './vfio-2018/container.ts';
import { bootVfio202003 } from './vfio-2020-03/container.ts';
import { bootVfio202103 } from './vfio-2021-03/container.ts';
import { bootVfioArm2020 } from './vfio-arm-2020/container.ts';
import { bootVfio202007 } from './vfio-type1/container.ts';

type Boot = (platform: Platform) => Kernel;

/** The id of the generation that is no kernel's. */
const BARE = 'bare';

/** The handler of each generation that has one, by the models it runs on. */
const HANDLERS: ReadonlyMap<string, Readonly<Record<string, Boot>>> = new Map<string, Readonly<Record<string, Boot>>>([
  ['vfio-2018-02', { vtd: bootVfio201802 }],
  ['iommu-2018-04', { vtd: bootPasidTable, smmuv3: bootPasidTable }],
  ['iommu-2018-05', { vtd: bootPasidTable, smmuv3: bootPasidTable }],
  ['vfio-2020-03', { vtd: bootVfio202003 }],
  ['vfio-arm-2020', { smmuv3: bootVfioArm2020 }],
  ['vfio-2020-07', { vtd: bootVfio202007 }],
  ['vfio-2021-03', { vtd: bootVfio202103 }],
  ['iommufd-2023-07', { vtd: bootIntelIommufd, smmuv3: bootArmIommufd, selftest: bootSelftest }],
  ['iommufd-6.8', { vtd: bootIntelIommufd, smmuv3: bootArmIommufd, selftest: bootSelftest }],
  ['iommufd-6.12', { vtd: bootIntelIommufd, smmuv3: bootArmIommufd, selftest: bootSelftest }],
  ['iommufd-6.14', { vtd: bootIntelIommufd, smmuv3: bootArmIommufd, selftest: bootSelftest }],
  ['iommufd-6.17', { vtd: bootIntelIommufd, smmuv3: bootArmIommufd, selftest: bootSelftest }],
  ['iommufd-7.2', { vtd: bootIntelIommufd, smmuv3: bootArmIommufd, selftest: bootSelftest }],
  [BARE, { vtd: bootBare, smmuv3: bootBare }],
]);

/** The models that a generation's handler runs on; empty when it has no handler. */
export const modelsOf = (id: string): readonly string[] => Object.keys(HANDLERS.get(id) ?? {});

/** The generations whose calls can be run, oldest first; of the others only the tables are known, and `bare` has none. */
export const RUNNABLE_GENERATION_IDS: readonly string[] = [...HANDLERS.keys()].filter((id) => id !== BARE);

/** Everything that scenarios can be written for: those generations, and bare hardware. */
export const SCENARIO_GENERATION_IDS: readonly string[] = [...HANDLERS.keys()];

/** Why a generation's scenarios cannot be run on a model by this version; undefined where they can. */
export function whyNotRunnable(id: string, model?: string): string | undefined {
  const models = modelsOf(id);
  if (model === undefined ? 0 < models.length : models.includes(model)) return undefined;
  if (0 < models.length) return `${id} does not run on iommu ${model} here; it runs on ${models.join(', ')}`;
  const runs = `this version runs ${SCENARIO_GENERATION_IDS.join(', ')}`;
  return findGeneration(id)?.header
    ? `${id} is a header alone, whose handler is not known, so nothing can be run on it; ${runs}`
    : `${id} is not available yet; ${runs}`;
}

/** Brings up the kernel of a generation with the machine's devices attached as its setup says. */
export function bootKernel(platform: Platform): Kernel {
  const boot = HANDLERS.get(platform.generation.id)?.[platform.config.model];
  if (!boot) throw new Error(`no handler for ${platform.generation.id} on ${platform.config.model}`);
  return boot(platform);
}
