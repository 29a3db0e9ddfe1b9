import { type Check, IOMMUFD_CHECKS } from '../../../engine/index.ts';
import { type NamedObject, type ObjectKind, objectOf } from './objects.ts';
import { reading } from './reading.ts';
import { atValue, type Finding, type PayloadView, type RuleContext, rule } from './rule.ts';
import { predictRead, submitsOf } from './submits.ts';

const { attach, hwpt, invalidate, object, viommu } = IOMMUFD_CHECKS;

interface Wanted {
  readonly kinds: readonly ObjectKind[];
  /** The check that refuses another kind. */
  readonly check: (found: ObjectKind, context: RuleContext) => Check;
}

const want = (check: Check, ...kinds: ObjectKind[]): Wanted => ({ kinds, check: () => check });

const unknown = object.unknown;
const IOAS = want(unknown, 'IOAS');
const DEVICE = want(unknown, 'device');
const PAGING = want(unknown, 'paging HWPT', 'nesting parent');
const VIOMMU = want(unknown, 'vIOMMU');
const ATTACHED = want(attach.kind, 'IOAS', 'paging HWPT', 'nesting parent', 'nested HWPT');

const isPosted = ({ file }: RuleContext): boolean => file.generation.ioctls.has('IOMMU_SET_DEV_DATA');

/** The objects that each id may name. */
const WANTED: Readonly<Record<string, Wanted>> = {
  'iommu_ioas_iova_ranges.ioas_id': IOAS,
  'iommu_ioas_allow_iovas.ioas_id': IOAS,
  'iommu_ioas_map.ioas_id': IOAS,
  'iommu_ioas_map_file.ioas_id': IOAS,
  'iommu_ioas_copy.dst_ioas_id': IOAS,
  'iommu_ioas_copy.src_ioas_id': IOAS,
  'iommu_ioas_unmap.ioas_id': IOAS,
  'iommu_hw_info.dev_id': DEVICE,
  'iommu_resv_iova_ranges.dev_id': DEVICE,
  'iommu_hwpt_alloc.dev_id': DEVICE,
  'iommu_hwpt_alloc.pt_id': {
    kinds: ['IOAS', 'nesting parent', 'vIOMMU'],
    check: (found) => (found === 'paging HWPT' ? hwpt.notParent : hwpt.parentKind),
  },
  'iommu_hwpt_alloc.fault_id': want(unknown, 'fault queue'),
  'iommu_hwpt_invalidate.hwpt_id': {
    kinds: ['nested HWPT', 'vIOMMU'],
    check: (found, context) => {
      if (isPosted(context)) return found === 'nesting parent' ? invalidate.postedParent : unknown;
      return context.file.quirks.get('wrong_kind_is_enoent') ? invalidate.kindUnknown : invalidate.kind;
    },
  },
  'iommu_hwpt_set_dirty_tracking.hwpt_id': PAGING,
  'iommu_hwpt_get_dirty_bitmap.hwpt_id': PAGING,
  'iommu_viommu_alloc.dev_id': DEVICE,
  'iommu_viommu_alloc.hwpt_id': {
    kinds: ['nesting parent'],
    check: (found) => (found === 'paging HWPT' ? viommu.notParent : unknown),
  },
  'iommu_vdevice_alloc.viommu_id': VIOMMU,
  'iommu_vdevice_alloc.dev_id': DEVICE,
  'iommu_veventq_alloc.viommu_id': VIOMMU,
  'iommu_hw_queue_alloc.viommu_id': VIOMMU,
  'vfio_device_attach_iommufd_pt.pt_id': ATTACHED,
};

/** Ids that are read with a flag only. */
const WITH_FLAG: Readonly<Record<string, string>> = { 'iommu_hwpt_alloc.fault_id': 'IOMMU_HWPT_FAULT_ID_VALID' };

export default rule({
  id: 'object-kind-wrong',
  severity: 'warning',
  structs: [...new Set(Object.keys(WANTED).map((path) => path.split('.')[0]!))],
  checks: [
    unknown,
    hwpt.notParent,
    hwpt.parentKind,
    invalidate.kind,
    invalidate.kindUnknown,
    invalidate.postedParent,
    viommu.notParent,
    attach.kind,
  ],
  summary: 'an id names an object of another kind than the call takes',
  why: 'All objects of an iommufd share one space of ids, and a call looks its object up by id and kind: an id of another kind is as good as none and ends in ENOENT, or in EINVAL where several kinds would do. pt_id takes an IOAS to follow it, and a page table that was allocated with IOMMU_HWPT_ALLOC_NEST_PARENT, or a vIOMMU, to nest on it; what is invalidated is a nested page table or a vIOMMU; file descriptors of queues are no ids at all.',
  examples: {
    bad: [
      `uapi iommufd-6.8
machine { iommu selftest { } }
struct iommu_hwpt_selftest data { iotlb = 1 }
struct iommu_hwpt_alloc flat { size = sizeof, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_alloc nested {
  size = sizeof, dev_id = dev0.id
  pt_id = flat.out_hwpt_id
       // ^^^^^^^^^^^^^^^^ pt_id takes an IOAS or a nesting parent, but flat.out_hwpt_id is a paging HWPT; allocate flat with IOMMU_HWPT_ALLOC_NEST_PARENT
  data_type = IOMMU_HWPT_DATA_SELFTEST, data_len = sizeof(data), data_uptr = &data
}
array entries of iommu_hwpt_invalidate_selftest { { flags = IOMMU_TEST_INVALIDATE_FLAG_ALL } }
struct iommu_hwpt_invalidate flush {
  size = sizeof
  hwpt_id = flat.out_hwpt_id
         // ^^^^^^^^^^^^^^^^ hwpt_id takes a nested HWPT, but flat.out_hwpt_id is a paging HWPT
  data_uptr = &entries
  data_type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST
  entry_len = sizeof(struct iommu_hwpt_invalidate_selftest), entry_num = 1
}
scenario "no nesting parent" {
  submit flat
  submit nested
  submit flush
}`,
      `uapi iommufd-6.17
machine { iommu selftest { } }
struct iommu_fault_alloc queue { size = sizeof }
struct iommu_hwpt_alloc table {
  size = sizeof, dev_id = dev0.id, pt_id = ioas.id
  flags = IOMMU_HWPT_FAULT_ID_VALID
  fault_id = queue.out_fault_fd
          // ^^^^^^^^^^^^^^^^^^ fault_id takes a fault queue, but queue.out_fault_fd is a file descriptor
}
scenario "a descriptor is no id" {
  submit queue
  submit table
}`,
    ],
    good: [
      `uapi iommufd-6.8
machine { iommu selftest { } }
struct iommu_hwpt_selftest data { iotlb = 1 }
struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_alloc nested {
  size = sizeof, dev_id = dev0.id, pt_id = parent.out_hwpt_id
  data_type = IOMMU_HWPT_DATA_SELFTEST, data_len = sizeof(data), data_uptr = &data
}
scenario "a page table on a nesting parent" {
  submit parent
  submit nested
}`,
      `uapi iommufd-6.8
struct iommu_ioas_map map { size = sizeof, flags = IOMMU_IOAS_MAP_READABLE, ioas_id = dev0.id, length = 4K }
scenario "the refusal is what this scenario is about" { submit map expect ENOENT }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    for (const field of view.fields.values()) {
      const path = `${view.struct.name}.${field.path}`;
      const wanted = WANTED[path];
      if (!wanted || (WITH_FLAG[path] && !hasFlag(view, WITH_FLAG[path], context))) continue;
      const scenarios = [...new Set(submitsOf(view, context).map(({ scenario }) => scenario))];
      const found = objectOf(field.expr, scenarios, context);
      const kinds = kindsOf(wanted, context);
      if (!found || found.kind === 'HWPT' || kinds.includes(found.kind)) continue;
      // An IOAS or HWPT of its own kind may still be refused for more than its kind; those are other rules.
      const predicts = wanted.check(found.kind, context);
      const message = `${field.path} takes ${listed(kinds)}, but ${found.text} is ${a(found.kind)}${remedy(found, predicts)}`;
      yield* predictRead(view, context, atValue(field, message, { predicts }));
    }
  },
});

function remedy({ maker, kind }: NamedObject, check: Check): string {
  const name = maker?.payload.name?.text;
  return kind === 'paging HWPT' && (check === hwpt.notParent || check === viommu.notParent) && name !== undefined
    ? `; allocate ${name} with IOMMU_HWPT_ALLOC_NEST_PARENT`
    : '';
}

/** The kinds that this release has. */
const kindsOf = ({ kinds }: Wanted, { file }: RuleContext): readonly ObjectKind[] =>
  file.generation.ioctls.has('IOMMU_VIOMMU_ALLOC') ? kinds : kinds.filter((kind) => kind !== 'vIOMMU');

const hasFlag = (view: PayloadView, flag: string, context: RuleContext): boolean =>
  ((reading(view, 'flags')?.value ?? 0n) & context.constant(flag)) !== 0n;

const a = (kind: ObjectKind): string =>
  /^[AEIO]/.test(kind) || kind === 'HWPT' || kind === 'HW queue' ? `an ${kind}` : `a ${kind}`;

const listed = (kinds: readonly ObjectKind[]): string => kinds.map(a).join(' or ');
