import {
  type Declared,
  type Entry,
  encodePayload,
  type Generation,
  type Image,
  type Names,
  type Payload,
} from '../../../engine/index.ts';
import type { ObjectKind } from './objects.ts';

/** What a field of a call names, where the payload gives a number or a value of which only a run knows more. */
const NAMED: Readonly<Record<string, Readonly<Record<string, ObjectKind>>>> = {
  iommu_destroy: { id: 'page table' },
  iommu_ioas_iova_ranges: { ioas_id: 'IOAS' },
  iommu_ioas_allow_iovas: { ioas_id: 'IOAS' },
  iommu_ioas_map: { ioas_id: 'IOAS' },
  iommu_ioas_map_file: { ioas_id: 'IOAS' },
  iommu_ioas_unmap: { ioas_id: 'IOAS' },
  iommu_ioas_copy: { dst_ioas_id: 'other IOAS', src_ioas_id: 'IOAS' },
  iommu_option: { object_id: 'IOAS' },
  iommu_vfio_ioas: { ioas_id: 'IOAS' },
  iommu_hw_info: { dev_id: 'device' },
  iommu_resv_iova_ranges: { dev_id: 'device' },
  iommu_set_dev_data: { dev_id: 'device' },
  iommu_unset_dev_data: { dev_id: 'device' },
  iommu_hwpt_alloc: { dev_id: 'device', pt_id: 'IOAS', fault_id: 'fault queue' },
  iommu_hwpt_invalidate: { hwpt_id: 'nested page table' },
  iommu_hwpt_set_dirty_tracking: { hwpt_id: 'page table with dirty tracking' },
  iommu_hwpt_get_dirty_bitmap: { hwpt_id: 'page table that is tracked' },
  iommu_viommu_alloc: { dev_id: 'device', hwpt_id: 'nesting parent' },
  iommu_vdevice_alloc: { viommu_id: 'virtual IOMMU', dev_id: 'device' },
  iommu_veventq_alloc: { viommu_id: 'virtual IOMMU' },
  iommu_hw_queue_alloc: { viommu_id: 'virtual IOMMU' },
  vfio_device_bind_iommufd: { iommufd: 'iommufd' },
  vfio_device_attach_iommufd_pt: { pt_id: 'IOAS' },
};

/** Kinds by the field of the call that made the object: `v.out_viommu_id`. */
const MADE_BY: Readonly<Record<string, ObjectKind>> = {
  out_ioas_id: 'other IOAS',
  out_viommu_id: 'virtual IOMMU',
  out_vdevice_id: 'virtual device',
  out_fault_id: 'fault queue',
  out_veventq_id: 'event queue',
  out_devid: 'device',
};
const OWN: Readonly<Record<string, ObjectKind>> = { 'ioas.id': 'IOAS', 'iommufd.fd': 'iommufd' };

/** Bits of `iommu_hwpt_alloc.flags`, the same in every release. */
const FLAG = { nestParent: 1n, dirty: 2n };
/** Data types of an array or page table that belong to a virtual IOMMU. */
const OF_VIOMMU = /^IOMMU_VIOMMU_INVALIDATE_DATA_ARM|_DATA_ARM_SMMUV3$/;

/** Fields that name an object: by what the expression says, else as the call wants it. A 0 names none and stays. */
export function namedObject(entry: Entry, image: Image, names: Names): ObjectKind | undefined {
  const usual = NAMED[image.struct?.name ?? '']?.[entry.path];
  if (usual === undefined) return undefined;
  // What is never submitted has an id of 0 before anything runs, and is meant all the same.
  const said = saidBy(entry, names, usual);
  if (said || entry.value === 0n) return said;
  return wantedBy(entry.path, image, names.generation) ?? usual;
}

function saidBy({ expr }: Entry, names: Names, usual: ObjectKind): ObjectKind | undefined {
  if (expr.kind !== 'member') return undefined;
  const path = expr.path.map((part) => part.text).join('.');
  const own = OWN[`${expr.object.text}.${path}`];
  if (own) return own;
  if (path === 'id') return 'device';
  if (MADE_BY[path]) return MADE_BY[path];
  if (path !== 'out_hwpt_id') return undefined;
  const made = names.payload(expr.object.text);
  return made ? pageTableOf(made, names, usual) : undefined;
}

function pageTableOf(made: Declared<Payload>, names: Names, usual: ObjectKind): ObjectKind {
  const image = encodePayload(made, names);
  const value = (path: string): bigint => {
    const given = image.entries.findLast((entry) => entry.path === path);
    return given && given.value === undefined ? 1n : (given?.value ?? 0n);
  };
  if (value('data_len') !== 0n) return 'nested page table';
  const flags = value('flags');
  if ((flags & FLAG.dirty) !== 0n)
    return usual === 'page table that is tracked' ? usual : 'page table with dirty tracking';
  return (flags & FLAG.nestParent) !== 0n ? 'nesting parent' : 'page table';
}

/** A nested page table stands on a parent, one of a virtual IOMMU on that; and so for what is flushed. */
function wantedBy(path: string, { struct, entries }: Image, generation: Generation): ObjectKind | undefined {
  const given = (of: string): bigint | undefined => entries.findLast((entry) => entry.path === of)?.value;
  if (path !== 'pt_id' && path !== 'hwpt_id') return undefined;
  const isAlloc = struct?.name === 'iommu_hwpt_alloc' && path === 'pt_id';
  if (!isAlloc && struct?.name !== 'iommu_hwpt_invalidate') return undefined;
  const types = struct.fields.find(({ name }) => name === 'data_type')?.oneOf ?? [];
  const type = types.find((name) => generation.constants.get(name)?.value === given('data_type'));
  if (type && OF_VIOMMU.test(type)) return 'virtual IOMMU';
  return isAlloc && entries.some((entry) => entry.path === 'data_len' && entry.value !== 0n)
    ? 'nesting parent'
    : undefined;
}

/** For a payload that a call points at: what that call names, by the constant that says what the payload is. */
export const namedByHead = (struct: string, path: string, type: string): ObjectKind | undefined => {
  const usual = NAMED[struct]?.[path];
  if (usual === undefined || path === 'fault_id') return undefined;
  if (struct === 'iommu_hwpt_alloc' && path === 'pt_id')
    return OF_VIOMMU.test(type) ? 'virtual IOMMU' : 'nesting parent';
  return struct === 'iommu_hwpt_invalidate' && /^IOMMU_VIOMMU_/.test(type) ? 'virtual IOMMU' : usual;
};
