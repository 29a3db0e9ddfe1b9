import type { Generation } from './generation.ts';
import { vfio202007 } from './generations/vfio-2020-07.ts';

export * from './codec.ts';
export * from './descriptor.ts';
export * from './generation.ts';
export * from './layout.ts';

/** The generations this tool can run, oldest first. */
export const GENERATIONS: readonly Generation[] = [vfio202007];

/** Every generation id of the language with a one-line title; the tool names those it cannot run yet. */
export const KNOWN_GENERATION_IDS: ReadonlyMap<string, string> = new Map([
  ['vfio-2018-02', 'bind a process to a VFIO container (SVA v1, February 2018)'],
  ['iommu-2018-04', 'bind_pasid_table and sva_invalidate in the kernel (vSVA v4, April 2018)'],
  ['iommu-2018-05', 'bind_pasid_table, sva_invalidate and page response in the kernel (vSVA v5, May 2018)'],
  ['vfio-2020-03', 'PASID_REQUEST, BIND and CACHE_INVALIDATE with version to size (vSVA v1, March 2020)'],
  ['vfio-arm-2020', 'SET_PASID_TABLE, CACHE_INVALIDATE and SET_MSI_BINDING (SMMUv3 nesting, v10)'],
  [vfio202007.id, vfio202007.title],
  ['vfio-2021-03', 'NESTING_OP with the reworked nesting capability (vSVA v8, March 2021)'],
  ['iommufd-2023-07', 'nested page tables with an invalidation container (iommufd nesting, July 2023)'],
  ['iommufd-6.8', 'nested page tables and invalidation arrays (Linux 6.8)'],
  ['iommufd-6.12', 'fault queues added (Linux 6.12)'],
  ['iommufd-6.14', 'vIOMMU and vDEVICE added (Linux 6.14)'],
  ['iommufd-6.17', 'vEVENTQ and HW_QUEUE added (Linux 6.17)'],
  ['iommufd-7.2', 'iommufd as in Linux 7.2'],
  ['bare', 'no kernel: registers and memory'],
]);

export const findGeneration = (id: string): Generation | undefined => GENERATIONS.find((g) => g.id === id);
