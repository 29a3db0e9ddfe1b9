import { SVA_V2_VFIO_H } from '../sources.ts';
import { group } from './group.ts';

export const bindProcessConstants = [
  ...group('VFIO_IOMMU_BIND', SVA_V2_VFIO_H, [
    ['VFIO_IOMMU_BIND_PROCESS', 1n, 'The payload is vfio_iommu_type1_bind_process, the only operation there is.'],
  ]),
  ...group('VFIO_IOMMU_BIND_PROCESS_FLAGS', SVA_V2_VFIO_H, [
    ['VFIO_IOMMU_BIND_PID', 1n, 'The pid of the payload is filled in.'],
  ]),
] as const;
