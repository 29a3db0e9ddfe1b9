import type { Generation } from './generation.ts';
import { bare } from './generations/bare.ts';
import { iommu54 } from './generations/iommu-5.4.ts';
import { iommu58 } from './generations/iommu-5.8.ts';
import { iommu510 } from './generations/iommu-5.10.ts';
import { iommu61 } from './generations/iommu-6.1.ts';
import { iommu201804 } from './generations/iommu-2018-04.ts';
import { iommu201805 } from './generations/iommu-2018-05.ts';
import { iommufd65 } from './generations/iommufd-6.5.ts';
import { iommufd68 } from './generations/iommufd-6.8.ts';
import { iommufd611 } from './generations/iommufd-6.11.ts';
import { iommufd612 } from './generations/iommufd-6.12.ts';
import { iommufd614 } from './generations/iommufd-6.14.ts';
import { iommufd617 } from './generations/iommufd-6.17.ts';
import { iommufd72 } from './generations/iommufd-7.2.ts';
import { iommufd202307 } from './generations/iommufd-2023-07.ts';
import { vfio201802 } from './generations/vfio-2018-02.ts';
import { vfio202003 } from './generations/vfio-2020-03.ts';
import { vfio202007 } from './generations/vfio-2020-07.ts';
import { vfio202103 } from './generations/vfio-2021-03.ts';
import { vfioArm2020 } from './generations/vfio-arm-2020.ts';

export * from './codec.ts';
export * from './descriptor.ts';
export * from './evolve.ts';
export * from './generation.ts';
export { containerIoctls } from './generations/container.ts';
export * from './layout.ts';
export * from './shipped.ts';
export { PASID_TABLE_MODELS } from './structs/pasid-table-proposal.ts';

/** The generations whose tables are known, oldest first, and bare hardware. Which of them run is the host's to say. */
export const GENERATIONS: readonly Generation[] = [
  vfio201802,
  iommu201804,
  iommu201805,
  iommu54,
  vfio202003,
  vfioArm2020,
  vfio202007,
  iommu58,
  iommu510,
  vfio202103,
  iommu61,
  iommufd65,
  iommufd202307,
  iommufd68,
  iommufd611,
  iommufd612,
  iommufd614,
  iommufd617,
  iommufd72,
  bare,
];

/** Every generation id of the language with a one-line title. */
export const KNOWN_GENERATION_IDS: ReadonlyMap<string, string> = new Map(
  GENERATIONS.map(({ id, title }) => [id, title] as const),
);

/** The first generation with a constant or ioctl of this name. */
export const generationWith = (name: string): Generation | undefined =>
  GENERATIONS.find(({ constants, ioctls }) => constants.has(name) || ioctls.has(name));

export const findGeneration = (id: string): Generation | undefined => GENERATIONS.find((g) => g.id === id);
