import { gpasidBindLimits } from '../constants/gpasid-bind.ts';
import { needsPasidConstants } from '../constants/iommu-fault.ts';
import { nestingConstantsV8 } from '../constants/nesting.ts';
import { extend } from '../generation.ts';
import { V8_VFIO_H } from '../sources.ts';
import { iommuFaultNeedsPasid, iommuFaultPageRequestNeedsPasid } from '../structs/iommu-fault.ts';
import { infoCapNestingV8, iommuNestingInfoV8, iommuNestingInfoVtdV8 } from '../structs/nesting-v8.ts';
import { capHeader202103, container510 } from './container.ts';
import { vfio202007 } from './vfio-2020-07.ts';

const container = container510(capHeader202103);

/** vSVA v8: PASIDs left the container for a file descriptor of their own, and numbers moved up behind them. */
export const vfio202103 = extend(vfio202007, {
  id: 'vfio-2021-03',
  title: 'NESTING_OP with the reworked nesting capability (vSVA v8, March 2021)',
  doc: 'The eighth posting of guest SVA for VFIO, on the structs of Linux 5.10: PASIDs are allocated elsewhere, NESTING_OP has the number of the former PASID_REQUEST, and features are numbered anew.',
  drop: [
    'vfio_iommu_type1_pasid_request',
    'VFIO_IOMMU_PASID_REQUEST',
    'VFIO_IOMMU_FLAG_ALLOC_PASID',
    'VFIO_IOMMU_FLAG_FREE_PASID',
    'VFIO_PASID_REQUEST_MASK',
    'IOMMU_NESTING_FEAT_SYSWIDE_PASID',
    'pasid_request',
  ],
  structs: [
    iommuFaultPageRequestNeedsPasid,
    iommuFaultNeedsPasid,
    ...container.structs,
    iommuNestingInfoVtdV8,
    iommuNestingInfoV8,
    infoCapNestingV8(capHeader202103),
  ],
  constants: [...needsPasidConstants, ...gpasidBindLimits, ...nestingConstantsV8, ...container.constants],
  ioctls: [
    {
      name: 'VFIO_IOMMU_NESTING_OP',
      number: 0x3b76,
      struct: 'vfio_iommu_type1_nesting_op',
      doc: 'Binds or unbinds a guest page table, or invalidates what is cached from one.',
      source: V8_VFIO_H,
    },
  ],
  quirks: [
    {
      name: 'bind_error_lost',
      on: false,
      doc: 'On, as in version 6, a bind that a device refuses is undone and the ioctl returns 0; off, it is undone and the error returned.',
      evidence: 'posted patch',
    },
  ],
});
