import { describe, expect, test } from 'vitest';
import {
  findGeneration,
  GENERATIONS,
  getUint,
  layoutOf,
  locate,
  offsetofend,
  walkFields,
} from '../engine/uapi/index.ts';
import measured65 from './data/uapi-iommufd-6.5.json' with { type: 'json' };
import measured68 from './data/uapi-iommufd-6.8.json' with { type: 'json' };
import measured611 from './data/uapi-iommufd-6.11.json' with { type: 'json' };
import measured612 from './data/uapi-iommufd-6.12.json' with { type: 'json' };
import measured614 from './data/uapi-iommufd-6.14.json' with { type: 'json' };
import measured617 from './data/uapi-iommufd-6.17.json' with { type: 'json' };
import measured72 from './data/uapi-iommufd-7.2.json' with { type: 'json' };
import measured202307 from './data/uapi-iommufd-2023-07.json' with { type: 'json' };

interface Measured {
  readonly structs: readonly {
    readonly name: string;
    readonly size: number;
    readonly fields: readonly { name: string; offset: number; size: number; type: string }[];
  }[];
  readonly constants: object;
  readonly ioctls: object;
}

/** The forms of the VFIO device calls before PASIDs and tokens: the new ones, cut off. */
const OLD_DEVICE_CALLS = ['vfio_device_bind_iommufd', 'vfio_device_attach_iommufd_pt', 'vfio_device_detach_iommufd_pt'];
/** What 6.13 and 6.15 added to the built-in test, of which only the header of 7.2 was measured. */
const SELFTEST_6_8 = ['iommu_hwpt_selftest', 'iommu_hwpt_invalidate_selftest', 'iommu_test_hw_info'];
const SELFTEST_6_14 = [...SELFTEST_6_8, 'iommu_viommu_invalidate_selftest'];
const SELFTEST_6_17 = [...SELFTEST_6_14, 'iommu_viommu_selftest', 'iommu_viommu_event_selftest'];
const SELFTEST = /SELFTEST|^IOMMU_TEST_/;
/** Constants that the measured structs need and the lists of constants leave out. */
const STATED =
  /^(IOMMU_HW_CAP_PCI_PASID_(EXEC|PRIV)|IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17|VFIO_DEVICE_BIND_FLAG_TOKEN)$/;

/** What an iommufd takes of a VFIO container, which the measured lists leave out. */
const CONTAINER = [
  'vfio_info_cap_header',
  'vfio_iommu_type1_info',
  'vfio_iova_range',
  'vfio_iommu_type1_info_cap_iova_range',
  'vfio_iommu_type1_info_dma_avail',
  'vfio_iommu_type1_dma_map',
  'vfio_iommu_type1_dma_unmap',
];
const CONTAINER_CONSTANT =
  /^VFIO_(API_VERSION|TYPE1|SPAPR|NOIOMMU|DMA_|EEH|UNMAP_ALL|UPDATE_VADDR|IOMMU_INFO_|IOMMU_TYPE1_INFO_)/;
const CONTAINER_IOCTLS = {
  VFIO_GET_API_VERSION: 0x3b64,
  VFIO_CHECK_EXTENSION: 0x3b65,
  VFIO_SET_IOMMU: 0x3b66,
  VFIO_IOMMU_GET_INFO: 0x3b70,
  VFIO_IOMMU_MAP_DMA: 0x3b71,
  VFIO_IOMMU_UNMAP_DMA: 0x3b72,
};

const generations: readonly [id: string, measured: Measured, others: readonly string[]][] = [
  ['iommufd-6.5', measured65, []],
  ['iommufd-2023-07', measured202307, OLD_DEVICE_CALLS],
  ['iommufd-6.8', measured68, OLD_DEVICE_CALLS],
  ['iommufd-6.11', measured611, OLD_DEVICE_CALLS],
  ['iommufd-6.12', measured612, OLD_DEVICE_CALLS],
  ['iommufd-6.14', measured614, [...OLD_DEVICE_CALLS, ...SELFTEST_6_14]],
  ['iommufd-6.17', measured617, SELFTEST_6_17],
  ['iommufd-7.2', measured72, []],
];

describe.each(generations)('%s against the measured layouts', (id, measured, others) => {
  const generation = findGeneration(id)!;
  const container = id !== 'iommufd-6.5';
  const selftestUnmeasured = id === 'iommufd-6.14' || id === 'iommufd-6.17';

  test('has exactly the measured structs, and those that are known otherwise', () => {
    const known = [...measured.structs.map((s) => s.name), ...others, ...(container ? CONTAINER : [])];
    expect([...generation.structs.keys()].sort()).toEqual(known.sort());
  });

  test.each(measured.structs)('$name: offsets, sizes and types', (wanted) => {
    expect(layoutOf(generation.structs.get(wanted.name)!)).toEqual(wanted);
  });

  test('has the measured constants, by value', () => {
    const ours = Object.fromEntries([...generation.constants.values()].map((c) => [c.name, Number(c.value)]));
    expect(ours).toMatchObject(measured.constants);
    const more = Object.keys(ours).filter((name) => !(name in measured.constants));
    const strange = more.filter((name) => !(selftestUnmeasured && SELFTEST.test(name)) && !STATED.test(name));
    expect(strange.filter((name) => !(container && CONTAINER_CONSTANT.test(name)))).toEqual([]);
  });

  test('has the ioctls, by number', () => {
    const ours = Object.fromEntries([...generation.ioctls.values()].map((i) => [i.name, i.number]));
    expect(ours).toEqual({
      ...measured.ioctls,
      ...(container ? CONTAINER_IOCTLS : {}),
      ...(selftestUnmeasured ? { IOMMU_TEST_CMD: 0x3ba0 } : {}),
    });
  });

  test('no two ioctls share a number', () => {
    const numbers = [...generation.ioctls.values()].map((i) => i.number);
    expect(numbers).toHaveLength(new Set(numbers).size);
  });

  test('the least size that a call takes ends with one of its fields', () => {
    for (const { name, struct, minimum } of generation.ioctls.values()) {
      if (struct === undefined) continue;
      const ends = generation.structs.get(struct)!.fields.map((f) => f.offset + f.size);
      expect(ends, name).toContain(minimum);
    }
  });

  test('every call of the iommufd begins with size, and what it writes is marked', () => {
    for (const { name, struct } of generation.ioctls.values()) {
      if (struct === undefined) continue;
      const { fields } = generation.structs.get(struct)!;
      expect(fields[0], name).toMatchObject({ name: name.startsWith('VFIO_') ? 'argsz' : 'size', role: 'size' });
      for (const f of fields)
        if (f.name.startsWith('out_') && !f.name.endsWith('uptr')) expect(f.out, `${struct}.${f.name}`).toBe(true);
    }
  });

  test('every reserved field has that role, and every address in user memory a space', () => {
    for (const struct of generation.structs.values())
      for (const { field, path } of walkFields(struct)) {
        if (/^__reserved/.test(field.name)) expect(field.role, `${struct.name}.${path}`).toBe('reserved');
        if (/uptr$|_ptr$|^user_va$/.test(field.name)) expect(field.space, `${struct.name}.${path}`).toBe('user');
      }
  });
});

describe('what a payload leads to', () => {
  const targetOf = (id: string, struct: string, field: string) => {
    const found = locate(findGeneration(id)!.structs.get(struct)!, [field]);
    return 'field' in found ? found.field.target : undefined;
  };

  test('the data type of an allocation chooses the struct at data_uptr', () => {
    expect(targetOf('iommufd-7.2', 'iommu_hwpt_alloc', 'data_uptr')).toEqual({
      by: 'data_type',
      to: {
        IOMMU_HWPT_DATA_VTD_S1: 'iommu_hwpt_vtd_s1',
        IOMMU_HWPT_DATA_SELFTEST: 'iommu_hwpt_selftest',
        IOMMU_HWPT_DATA_ARM_SMMUV3: 'iommu_hwpt_arm_smmuv3',
        IOMMU_HWPT_DATA_AMD_GUEST: 'iommu_hwpt_amd_guest',
      },
      length: 'data_len',
    });
  });

  test('an invalidation leads to an array with its own count and length', () => {
    expect(targetOf('iommufd-6.8', 'iommu_hwpt_invalidate', 'data_uptr')).toEqual({
      by: 'data_type',
      to: {
        IOMMU_HWPT_INVALIDATE_DATA_VTD_S1: 'iommu_hwpt_vtd_s1_invalidate',
        IOMMU_HWPT_INVALIDATE_DATA_SELFTEST: 'iommu_hwpt_invalidate_selftest',
      },
      count: 'entry_num',
      element: 'entry_len',
    });
  });

  test('one struct, whatever the data', () => {
    expect(targetOf('iommufd-6.5', 'iommu_ioas_iova_ranges', 'allowed_iovas')).toEqual({
      struct: 'iommu_iova_range',
      count: 'num_iovas',
    });
  });
});

describe('forms of one name', () => {
  const layout = (id: string, struct: string) => layoutOf(findGeneration(id)!.structs.get(struct)!);

  test.each([
    ...OLD_DEVICE_CALLS.map((name) => ['iommufd-6.14', 'iommufd-6.17', name]),
    ['iommufd-6.8', 'iommufd-6.11', 'iommu_hwpt_alloc'],
    ['iommufd-6.14', 'iommufd-6.17', 'iommu_viommu_alloc'],
    ['iommufd-6.17', 'iommufd-7.2', 'iommu_hwpt_selftest'],
  ])('%s is how %s begins: %s', (old, young, name) => {
    const before = layout(old!, name!);
    const after = layout(young!, name!);
    expect(after.fields.slice(0, before.fields.length)).toEqual(before.fields);
    expect(after.size).toBeGreaterThan(before.size);
  });

  test('two invalidation payloads of 24 bytes share a name and nothing else', () => {
    const posted = layout('iommufd-2023-07', 'iommu_hwpt_vtd_s1_invalidate');
    const merged = layout('iommufd-6.8', 'iommu_hwpt_vtd_s1_invalidate');
    expect(posted.size).toBe(merged.size);
    expect(posted.fields).not.toEqual(merged.fields);
    expect(layout('iommufd-2023-07', 'iommu_hwpt_vtd_s1_invalidate_desc').fields).toEqual(merged.fields);
  });
});

describe('minimum sizes', () => {
  test.each([
    ['IOMMU_HWPT_ALLOC', '__reserved', 24],
    ['IOMMU_GET_HW_INFO', '__reserved', 32],
    ['IOMMU_HWPT_INVALIDATE', '__reserved', 32],
    ['IOMMU_FAULT_QUEUE_ALLOC', 'out_fault_fd', 16],
    ['IOMMU_VIOMMU_ALLOC', 'out_viommu_id', 24],
    ['IOMMU_VDEVICE_ALLOC', 'virt_id', 24],
    ['IOMMU_VEVENTQ_ALLOC', 'out_veventq_fd', 28],
    ['IOMMU_HW_QUEUE_ALLOC', 'length', 40],
    ['IOMMU_IOAS_MAP', 'iova', 40],
    ['IOMMU_IOAS_UNMAP', 'length', 24],
  ])('%s needs everything up to %s', (name, field, minimum) => {
    const { ioctls, structs } = findGeneration('iommufd-7.2')!;
    const ioctl = ioctls.get(name)!;
    expect(ioctl.minimum).toBe(minimum);
    const last = locate(structs.get(ioctl.struct!)!, [field]);
    expect('field' in last && offsetofend(last)).toBe(minimum);
  });
});

describe('aliases', () => {
  test('a field answers to the name of another posting, and prints its own', () => {
    const alloc = findGeneration('iommufd-6.8')!.structs.get('iommu_hwpt_alloc')!;
    expect(locate(alloc, ['hwpt_type'])).toMatchObject({ offset: 24, path: 'data_type', field: { name: 'data_type' } });
    expect(layoutOf(alloc).fields.map((f) => f.name)).not.toContain('hwpt_type');
  });
});

describe('quirks', () => {
  const quirks = (id: string) => [...findGeneration(id)!.quirks.values()].map((q) => (q.on ? q.name : `${q.name} off`));

  test.each([
    ['iommufd-2023-07', ['minimum_unchecked', 'vtd_s1_unchecked']],
    [
      'iommufd-6.8',
      [
        'nested_parent_flush_missing',
        'entry_limits_unchecked',
        'wrong_kind_is_enoent',
        'vtd_s1_unchecked',
        'oversize_is_einval',
      ],
    ],
    ['iommufd-6.12', ['wrong_kind_is_enoent', 'vtd_s1_unchecked', 'oversize_is_einval', 'reserved_unchecked']],
    ...['iommufd-6.14', 'iommufd-6.17', 'iommufd-7.2'].map((id): [string, string[]] => [
      id,
      [
        'vtd_s1_unchecked',
        'oversize_is_einval',
        'reserved_unchecked',
        'count_includes_unissued',
        'probe_refused',
        'arm_cmd_strict off',
      ],
    ]),
  ])('%s', (id, wanted) => {
    expect(quirks(id)).toEqual(wanted);
  });

  test('a header alone has none', () => {
    for (const g of GENERATIONS) if (g.header) expect(g.quirks.size, g.id).toBe(0);
  });
});

test('an element of a raw command is a little-endian word', () => {
  const cmd = findGeneration('iommufd-6.14')!.structs.get('iommu_viommu_arm_smmuv3_invalidate')!;
  const found = locate(cmd, ['cmd', '1']);
  expect(found).toMatchObject({ offset: 8, field: { type: '__aligned_le64', size: 8 } });
  expect(getUint(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0), 8, 8)).toBe(0x201n);
});
