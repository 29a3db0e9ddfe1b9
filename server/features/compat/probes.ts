/**
 * How a payload of each role reaches the kernel, in the language itself: the steps that make everything else valid, then
 * the call that is asked, marked by `expect any`. `subject` is the payload under test; MIN and PID are a PASID and a process that it may name.
 */
import { type Generation, modelsOf } from '../../../engine/index.ts';
import type { Role } from './meaning.ts';
import { RESPONSE_PROBES } from './probes-respond.ts';
import { UNDO_PROBES } from './probes-undo.ts';

export interface Probe {
  readonly role: Role;
  readonly model: string;
  /** Other models that the same steps are right on. */
  readonly also?: readonly string[];
  /** The call takes an array: ENTRIES of ENTRY_LEN bytes each. */
  readonly array?: true;
  /** The kernel looks at nothing that its argument says. */
  readonly readsNothing?: true;
  /** What the probe puts in the place of the payload's own values. */
  readonly substitutes?: string;
  /** Ioctls, in-kernel calls, structs or constants by which the form of a generation is known. */
  readonly needs: readonly string[];
  /** The ioctl or in-kernel call that is asked. */
  readonly call: string;
  /** Field of the payload `asked` in which the subject lies; undefined where it has a buffer of its own. */
  readonly within?: string;
  /** What the machine needs besides its IOMMU. */
  readonly machine?: string;
  readonly declarations: string;
  readonly steps: string;
}

const NESTING_BIND = `bind_data good { argsz = sizeof, version = 1, format = 1, addr_width = 48, gpgd = 0x1000_0000, hpasid = MIN }
nesting_op bound { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = good }`;
const PASID_V6 =
  'submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = MIN, max = MIN } }';
const PASID_V1 =
  'submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_PASID_ALLOC, alloc_pasid = { min = MIN, max = MIN } }';

const HWPT_PARENT =
  'struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id }';
const HWPT_PARENT_2023 = 'struct iommu_hwpt_alloc parent { size = sizeof, dev_id = dev0.id, pt_id = ioas.id }';
const hwpt = (name: string, type: string, data: string): string =>
  `struct iommu_hwpt_alloc ${name} { size = sizeof, dev_id = dev0.id, pt_id = parent.out_hwpt_id, ${type}, data_len = sizeof(${data}), data_uptr = &${data} }`;
const VTD_TYPE = 'data_type = IOMMU_HWPT_DATA_VTD_S1';
const VTD_TYPE_2023 = 'hwpt_type = IOMMU_HWPT_TYPE_VTD_S1';
const GOOD_S1 = 'struct iommu_hwpt_vtd_s1 good { pgtbl_addr = 0x1000_0000, addr_width = 48 }';

export const PROBES: readonly Probe[] = [
  {
    role: 'bind',
    model: 'vtd',
    needs: ['VFIO_IOMMU_NESTING_OP', 'VFIO_IOMMU_PASID_REQUEST'],
    call: 'VFIO_IOMMU_NESTING_OP',
    within: 'data',
    declarations: 'nesting_op asked { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = subject }',
    steps: `${PASID_V6}\nsubmit asked expect any`,
  },
  {
    role: 'bind',
    model: 'vtd',
    needs: ['VFIO_IOMMU_NESTING_OP'],
    call: 'VFIO_IOMMU_NESTING_OP',
    within: 'data',
    declarations: 'nesting_op asked { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = subject }',
    steps: 'submit asked expect any',
  },
  {
    role: 'bind',
    model: 'vtd',
    needs: ['VFIO_IOMMU_BIND', 'VFIO_IOMMU_BIND_GUEST_PGTBL'],
    call: 'VFIO_IOMMU_BIND',
    within: 'data',
    declarations:
      'struct vfio_iommu_type1_bind asked { argsz = sizeof, flags = VFIO_IOMMU_BIND_GUEST_PGTBL, data = subject }',
    steps: `${PASID_V1}\nsubmit asked to VFIO_IOMMU_BIND expect any`,
  },
  {
    role: 'bind',
    model: 'vtd',
    needs: ['IOMMU_HWPT_ALLOC', 'IOMMU_HWPT_ALLOC_NEST_PARENT', 'IOMMU_HWPT_DATA_VTD_S1'],
    call: 'IOMMU_HWPT_ALLOC',
    declarations: `${HWPT_PARENT}\n${hwpt('asked', VTD_TYPE, 'subject')}`,
    steps: 'submit parent\nsubmit asked expect any\nattach dev0 to asked.out_hwpt_id expect any',
  },
  {
    role: 'bind',
    model: 'vtd',
    needs: ['IOMMU_HWPT_ALLOC', 'IOMMU_HWPT_TYPE_VTD_S1'],
    call: 'IOMMU_HWPT_ALLOC',
    declarations: `${HWPT_PARENT_2023}\n${hwpt('asked', VTD_TYPE_2023, 'subject')}`,
    steps: 'submit parent\nsubmit asked expect any\nattach dev0 to asked.out_hwpt_id expect any',
  },
  {
    role: 'invalidate',
    model: 'vtd',
    needs: ['VFIO_IOMMU_NESTING_OP', 'VFIO_IOMMU_PASID_REQUEST'],
    call: 'VFIO_IOMMU_NESTING_OP',
    within: 'data',
    declarations: `${NESTING_BIND}
nesting_op asked { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = subject }`,
    steps: `${PASID_V6}\nsubmit bound\nsubmit asked expect any`,
  },
  {
    role: 'invalidate',
    model: 'vtd',
    needs: ['VFIO_IOMMU_NESTING_OP'],
    call: 'VFIO_IOMMU_NESTING_OP',
    within: 'data',
    declarations: `${NESTING_BIND}
nesting_op asked { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = subject }`,
    steps: 'submit bound\nsubmit asked expect any',
  },
  {
    role: 'invalidate',
    model: 'vtd',
    needs: ['VFIO_IOMMU_CACHE_INVALIDATE', 'VFIO_IOMMU_BIND_GUEST_PGTBL'],
    call: 'VFIO_IOMMU_CACHE_INVALIDATE',
    within: 'cache_info',
    // An evolved kernel takes its own version only, and says which that is.
    declarations: `struct iommu_gpasid_bind_data good { version = newest, format = 1, addr_width = 48, gpgd = 0x1000_0000, hpasid = MIN }
struct vfio_iommu_type1_bind bound { argsz = sizeof, flags = VFIO_IOMMU_BIND_GUEST_PGTBL, data = good }
struct vfio_iommu_type1_cache_invalidate asked { argsz = sizeof, cache_info = { version = VERSION }, cache_info = subject }`,
    steps: `${PASID_V1}\nsubmit VFIO_NESTING_IOMMU_UAPI to VFIO_CHECK_EXTENSION as newest\nsubmit bound to VFIO_IOMMU_BIND\nsubmit asked to VFIO_IOMMU_CACHE_INVALIDATE expect any`,
  },
  {
    role: 'invalidate',
    model: 'smmuv3',
    needs: ['VFIO_IOMMU_CACHE_INVALIDATE', 'VFIO_IOMMU_SET_PASID_TABLE'],
    call: 'VFIO_IOMMU_CACHE_INVALIDATE',
    within: 'info',
    declarations: `struct iommu_pasid_table_config good { version = 1, format = IOMMU_PASID_FORMAT_SMMUV3, base_ptr = 0x1000_0000, config = IOMMU_PASID_CONFIG_TRANSLATE, smmuv3.version = 1 }
struct vfio_iommu_type1_set_pasid_table bound { argsz = sizeof, flags = VFIO_PASID_TABLE_FLAG_SET, config = good }
struct vfio_iommu_type1_cache_invalidate asked { argsz = sizeof, info = subject }`,
    steps: 'submit bound\nsubmit asked to VFIO_IOMMU_CACHE_INVALIDATE expect any',
  },
  {
    role: 'invalidate',
    model: 'vtd',
    needs: ['IOMMU_HWPT_INVALIDATE', 'IOMMU_HWPT_INVALIDATE_DATA_VTD_S1'],
    array: true,
    call: 'IOMMU_HWPT_INVALIDATE',
    declarations: `${HWPT_PARENT}\n${GOOD_S1}\n${hwpt('nested', VTD_TYPE, 'good')}
struct iommu_hwpt_invalidate asked { size = sizeof, hwpt_id = nested.out_hwpt_id, data_uptr = &subject, data_type = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1, entry_len = ENTRY_LEN, entry_num = ENTRIES }`,
    steps: 'submit parent\nsubmit nested\nattach dev0 to nested.out_hwpt_id\nsubmit asked expect any',
  },
  {
    role: 'invalidate',
    model: 'vtd',
    needs: ['IOMMU_HWPT_INVALIDATE', 'IOMMU_HWPT_TYPE_VTD_S1'],
    array: true,
    call: 'IOMMU_HWPT_INVALIDATE',
    declarations: `${HWPT_PARENT_2023}\n${GOOD_S1}\n${hwpt('nested', VTD_TYPE_2023, 'good')}
raw count bytes "COUNT"
struct iommu_hwpt_vtd_s1_invalidate box { entry_size = ENTRY_LEN, entry_nr_uptr = &count, inv_data_uptr = &subject }
struct iommu_hwpt_invalidate asked { size = sizeof, hwpt_id = nested.out_hwpt_id, data_len = sizeof(box), data_uptr = &box }`,
    steps: 'submit parent\nsubmit nested\nattach dev0 to nested.out_hwpt_id\nsubmit asked expect any',
  },
  {
    role: 'invalidate',
    model: 'vtd',
    also: ['smmuv3'],
    needs: ['sva_invalidate', 'bind_pasid_table'],
    call: 'sva_invalidate',
    declarations:
      'struct pasid_table_config good { version = 1, bytes = sizeof, base_ptr = 0x1000_0000, pasid_bits = 20 }',
    steps: 'submit good to bind_pasid_table on dev0\nsubmit subject to sva_invalidate on dev0 expect any',
  },
  {
    role: 'pasid',
    model: 'vtd',
    needs: ['VFIO_IOMMU_PASID_REQUEST'],
    call: 'VFIO_IOMMU_PASID_REQUEST',
    declarations: '',
    steps: 'submit subject to VFIO_IOMMU_PASID_REQUEST expect any',
  },
  {
    role: 'process',
    model: 'vtd',
    machine: 'process peer { pid = PID }',
    needs: ['VFIO_IOMMU_BIND', 'VFIO_IOMMU_BIND_PROCESS'],
    call: 'VFIO_IOMMU_BIND',
    within: 'data',
    declarations:
      'struct vfio_iommu_type1_bind asked { argsz = sizeof, flags = VFIO_IOMMU_BIND_PROCESS, data = subject }',
    steps: 'submit asked to VFIO_IOMMU_BIND expect any',
  },
  {
    role: 'pasid-table',
    model: 'vtd',
    also: ['smmuv3'],
    needs: ['bind_pasid_table'],
    call: 'bind_pasid_table',
    declarations: '',
    steps: 'submit subject to bind_pasid_table on dev0 expect any',
  },
  {
    role: 'pasid-table',
    model: 'smmuv3',
    needs: ['VFIO_IOMMU_SET_PASID_TABLE'],
    call: 'VFIO_IOMMU_SET_PASID_TABLE',
    within: 'config',
    declarations:
      'struct vfio_iommu_type1_set_pasid_table asked { argsz = sizeof, flags = VFIO_PASID_TABLE_FLAG_SET, config = subject }',
    steps: 'submit asked expect any',
  },
  ...UNDO_PROBES,
  ...RESPONSE_PROBES,
];

/** The probe of a role in a generation, on the model that is wanted where its handler runs on it. */
export function probeFor(role: Role, generation: Generation, wanted?: string): Probe | undefined {
  const { id, ioctls, calls, structs, constants } = generation;
  const has = (name: string): boolean => [ioctls, calls, structs, constants].some((table) => table.has(name));
  const models = modelsOf(id);
  const able = PROBES.filter((probe) => probe.role === role && probe.needs.every(has)).flatMap((probe) =>
    [probe.model, ...(probe.also ?? [])]
      .filter((model) => models.includes(model))
      .map((model): Probe => (model === probe.model ? probe : { ...probe, model })),
  );
  return able.find(({ model }) => model === wanted) ?? able[0];
}

/** What the probes make so that the subject may name it. */
export interface Provided {
  readonly pasid: bigint;
  /** Of a page request: its group, and whether it has a PASID. */
  readonly group: bigint;
  readonly withPasid: boolean;
  /** Of a process beside the caller. */
  readonly pid: bigint;
}

/** Four bytes in hexadecimal, the lowest first. */
const hexWord = (value: number): string =>
  [0, 8, 16, 24].map((shift) => ((value >>> shift) & 0xff).toString(16).padStart(2, '0')).join(' ');

/**
 * The whole text of a probe.
 * @param head fields that the head of the call is given besides its own
 * @param entries of an array: how many the subject holds
 */
export function probeText(
  probe: Probe,
  generation: Generation,
  subject: Uint8Array,
  provided: Provided,
  head: readonly string[] = [],
  entries = 1,
): string {
  const bytes = [...subject].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const items = [
    ...(probe.model === generation.model ? [] : [`iommu ${probe.model} {}`]),
    ...(probe.machine === undefined ? [] : [probe.machine]),
  ];
  const text = [
    `uapi ${generation.id}`,
    // The default machine, said in as few words as can be: what is not said is set up once for all probes.
    ...(items.length === 0 ? [] : ['machine {', ...items, '}']),
    `raw subject bytes "${bytes}"`,
    // The last value of a field wins.
    probe.declarations.replace(/^(.*\basked \{.*) \}$/m, (_, fields) => `${[fields, ...head].join(', ')} }`),
    `scenario "probe" {`,
    probe.steps,
    '}',
    '',
  ].join('\n');
  // Callers of an evolved header say so by the number of its version, in front of every payload of that time.
  const version = new DataView(subject.buffer, subject.byteOffset).getUint32(0, true);
  return text
    .replace(/\bVERSION\b/g, `${version}`)
    .replace(/\bENTRY_LEN\b/g, `${subject.length / entries}`)
    .replace(/\bENTRIES\b/g, `${entries}`)
    .replace(/\bCOUNT\b/g, hexWord(entries))
    .replace(/\bGROUP\b/g, `${provided.group}`)
    .replace(/\bGIVEN\b/g, provided.withPasid ? '1' : '0')
    .replace(/\bMIN\b/g, `${provided.pasid}`)
    .replace(/\bPID\b/g, `${provided.pid}`);
}
