import { aligned64, type Member, s32, struct, u32 } from '../../descriptor.ts';
import { vfioH } from '../../sources.ts';

const argsz = (doc: string): Member => u32('argsz', { doc, role: 'size', unit: 'bytes' });

const BIND = {
  doc: 'Hands a VFIO device to an iommufd, which makes a device object for it.',
  source: vfioH('6.6'),
};
const bindFields = (flags: Member): readonly Member[] => [
  argsz('Bytes the caller filled in, at least 16.'),
  flags,
  s32('iommufd', { doc: 'File descriptor of the iommufd.' }),
  u32('out_devid', { doc: 'Id of the device object in the iommufd.', out: true }),
];

/** Before the token came. */
export const bind16 = struct(
  'vfio_device_bind_iommufd',
  BIND,
  bindFields(u32('flags', { doc: 'No flag exists, so it is 0.', role: 'reserved' })),
);

export const bind24 = struct('vfio_device_bind_iommufd', { ...BIND, source: vfioH('6.17') }, [
  ...bindFields(
    u32('flags', { doc: 'Whether token_uuid_ptr holds something.', flags: ['VFIO_DEVICE_BIND_FLAG_TOKEN'] }),
  ),
  aligned64('token_uuid_ptr', {
    doc: 'Address of the 16 bytes of the token that a virtual function asks for.',
    space: 'user',
  }),
]);

const ATTACH = {
  doc: 'Attaches a device to an address space or to a page table of its iommufd.',
  source: vfioH('6.6'),
};
const ptId = u32('pt_id', {
  doc: 'Address space or page table to attach to, written back as the page table in use.',
  inout: true,
});

/** Before PASIDs could be attached. */
export const attach12 = struct('vfio_device_attach_iommufd_pt', ATTACH, [
  argsz('Bytes the caller filled in, at least 12.'),
  u32('flags', { doc: 'No flag exists, so it is 0.', role: 'reserved' }),
  ptId,
]);

export const attach16 = struct('vfio_device_attach_iommufd_pt', { ...ATTACH, source: vfioH('6.17') }, [
  argsz('Bytes the caller filled in, at least 12, and 16 with a PASID.'),
  u32('flags', { doc: 'Whether pasid holds something.', flags: ['VFIO_DEVICE_ATTACH_PASID'] }),
  ptId,
  u32('pasid', { doc: 'PASID to attach, read only with VFIO_DEVICE_ATTACH_PASID.' }),
]);

const DETACH = { doc: 'Detaches a device from what it is attached to.', source: vfioH('6.6') };

/** Before PASIDs could be detached. */
export const detach8 = struct('vfio_device_detach_iommufd_pt', DETACH, [
  argsz('Bytes the caller filled in, at least 8.'),
  u32('flags', { doc: 'No flag exists, so it is 0.', role: 'reserved' }),
]);

export const detach12 = struct('vfio_device_detach_iommufd_pt', { ...DETACH, source: vfioH('6.17') }, [
  argsz('Bytes the caller filled in, at least 8, and 12 with a PASID.'),
  u32('flags', { doc: 'Whether pasid holds something.', flags: ['VFIO_DEVICE_DETACH_PASID'] }),
  u32('pasid', { doc: 'PASID to detach, read only with VFIO_DEVICE_DETACH_PASID.' }),
]);
