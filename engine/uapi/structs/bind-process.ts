import { flex, type Member, s32, struct, u32 } from '../descriptor.ts';
import { SVA_V1_VFIO_H, SVA_V2_VFIO_H } from '../sources.ts';

export const vfioIommuType1BindProcess = struct(
  'vfio_iommu_type1_bind_process',
  { doc: 'Which process to bind, and the PASID that its address space got.', source: SVA_V2_VFIO_H },
  [
    u32('flags', { doc: 'Whether pid names the process; any other bit is EINVAL.', flags: ['VFIO_IOMMU_BIND_PID'] }),
    u32('pasid', { doc: 'PASID of the bond, written by a bind and ignored by an unbind.', out: true }),
    s32('pid', {
      doc: 'Process to bind as the caller numbers it, read only with VFIO_IOMMU_BIND_PID; without it the caller binds itself.',
    }),
  ],
);

const argsz = u32('argsz', {
  doc: 'Bytes the caller filled in with data: at least 8, and 20 to bind or unbind a process.',
  role: 'size',
  unit: 'bytes',
});

const data = (operation: string): Member =>
  flex('data', '__u8', 1, 1, {
    doc: 'Payload of the operation: vfio_iommu_type1_bind_process for VFIO_IOMMU_BIND_PROCESS.',
    carries: { by: operation, to: { VFIO_IOMMU_BIND_PROCESS: 'vfio_iommu_type1_bind_process' } },
  });

const operation = (name: string, rest: Pick<Member, 'aliases'> = {}): Member =>
  u32(name, {
    doc: 'Operation, compared as a whole: anything but VFIO_IOMMU_BIND_PROCESS is EINVAL.',
    oneOf: ['VFIO_IOMMU_BIND_PROCESS'],
    ...rest,
  });

const DOC = 'Head of a bind or unbind, with the payload in line.';

/** As version 2 posted it; `mode` is what version 1 called the second word. */
export const vfioIommuType1Bind = struct('vfio_iommu_type1_bind', { doc: DOC, source: SVA_V2_VFIO_H }, [
  argsz,
  operation('flags', { aliases: ['mode'] }),
  data('flags'),
]);

/** As version 1 posted it: the same bytes under another name, kept for its layout. */
export const vfioIommuType1BindV1 = struct(
  'vfio_iommu_type1_bind (v1)',
  { doc: 'The same head as version 1 spelled it, with mode for flags.', source: SVA_V1_VFIO_H },
  [argsz, operation('mode'), data('mode')],
);
