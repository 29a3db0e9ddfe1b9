/**
 * Tables of payloads that calls take as they are: the structs of iommufd itself, what they point at, answers to page
 * requests, and PASID tables on SMMUv3. Each cell is worked out from the order of the kernel's checks and from the sizes
 * of the structs in each release, not from what the table says.
 */
import { describe, expect, test } from 'vitest';
import { findGeneration, RUNNABLE_GENERATION_IDS } from '../engine/index.ts';
import { type CompatTable, compatKey, compatOf, compatSummary, compatText } from '../server/features/compat/index.ts';
import type { Row } from '../server/features/compat/row.ts';
import { resolve } from '../server/language/resolve.ts';

const parsed = (text: string) =>
  resolve('test.vsva', text, { resolve: (_f, path) => path, read: () => ({ problem: 'one file' }) });

function tableOf(text: string, payload = 'p'): CompatTable {
  const resolved = parsed(text);
  const declared = resolved.scenarioFile?.payloads.get(payload);
  const table = declared ? compatOf(resolved, declared) : { problem: `no payload ${payload}` };
  if ('problem' in table) throw new Error(table.problem);
  return table;
}

/** `accepted`, or the errno with the first byte that it is about. */
const cell = ({ verdict, errno, offending }: Row): string =>
  verdict === 'refused' ? `${errno}${offending ? ` @${offending.offset}` : ''}` : verdict;

/** One cell per generation, of the rows that a summary counts. */
function cells(text: string, payload = 'p'): Record<string, string> {
  const rows = tableOf(text, payload).rows.filter(({ form }) => form === 'as it is' || form === 'translated');
  return Object.fromEntries(rows.map((row) => [row.generation.replace('iommufd-', ''), cell(row)]));
}

const ON = { '7.2': 'uapi iommufd-7.2\n', '6.8': 'uapi iommufd-6.8\n' };
const MERGED = ['6.8', '6.12', '6.14', '6.17', '7.2'];
/** The same in all of some releases. */
const all = (ids: readonly string[], what: string): Record<string, string> =>
  Object.fromEntries(ids.map((id) => [id, what]));

describe('iommu_hwpt_alloc', () => {
  const ALLOC = 'size = sizeof, dev_id = dev0.id';

  test('48 bytes: a kernel that knows 40 takes zeros behind them and nothing else', () => {
    expect(cells(`${ON['7.2']}struct iommu_hwpt_alloc p { ${ALLOC}, pt_id = ioas.id }`)).toMatchObject({
      'vfio-2020-07': 'no such call',
      'iommu-2018-05': 'no such call',
      ...all(['2023-07', ...MERGED], 'accepted'),
    });
    const faulting = `struct iommu_hwpt_alloc p { ${ALLOC}, pt_id = ioas.id, flags = IOMMU_HWPT_FAULT_ID_VALID, fault_id = 5 }`;
    expect(cells(ON['7.2'] + faulting)).toMatchObject({
      ...all(['2023-07', '6.8'], 'E2BIG @40'),
      ...all(['6.12', '6.14', '6.17', '7.2'], 'accepted'),
    });
  });

  test('40 bytes are filled up with zeros by a kernel that knows 48', () => {
    const table = tableOf(`${ON['6.8']}struct iommu_hwpt_alloc p { ${ALLOC}, pt_id = ioas.id }`);
    const newest = table.rows.find(({ generation }) => generation === 'iommufd-7.2')!;
    expect([newest.verdict, newest.bytes, newest.read]).toEqual(['accepted', 40, 40]);
    expect(table.notes).toEqual([
      'Substituted by the id of an object that the probe makes: dev_id (a device), pt_id (an IOAS).',
    ]);
  });

  test('what every release refuses, in the order of the checks', () => {
    const one = (fields: string): Record<string, string> =>
      cells(`${ON['6.8']}struct iommu_hwpt_alloc p { ${ALLOC}, pt_id = ioas.id, ${fields} }`);
    expect(one('size = 20')).toMatchObject(all(['2023-07', ...MERGED], 'EINVAL @0'));
    expect(one('__reserved = 1')).toMatchObject(all(MERGED, 'EOPNOTSUPP @20'));
    // A length without a type; the flag of a parent came with 6.8.
    expect(one('data_len = 8')).toMatchObject(all(MERGED, 'EINVAL @28'));
    expect(one('flags = IOMMU_HWPT_ALLOC_NEST_PARENT')).toMatchObject({
      '2023-07': 'EOPNOTSUPP @4',
      ...all(MERGED, 'accepted'),
    });
  });

  test('the kind of an object is the one that the payload names, whatever its number', () => {
    const parents = `struct iommu_hwpt_alloc plain { ${ALLOC}, pt_id = ioas.id }`;
    const on = (id: string): string => `${ON['6.8']}${parents}\nstruct iommu_hwpt_alloc p { ${ALLOC}, pt_id = ${id} }`;
    // On a page table there is nothing to make without a driver payload.
    for (const id of MERGED) expect(cells(on('plain.out_hwpt_id'))[id]).toMatch(/^EOPNOTSUPP/);
    // A device is neither an address space nor a page table.
    for (const id of MERGED) expect(cells(on('dev0.id'))[id]).toMatch(/^EINVAL/);
    // 0 names no object, and is not replaced by one.
    for (const id of MERGED) expect(cells(on('0'))[id]).toMatch(/^EINVAL/);
  });

  test('a payload of SMMUv3 wants a virtual IOMMU, and another driver refuses its type', () => {
    const nested = `struct iommu_hwpt_arm_smmuv3 p { ste = [0x1000_004b, 2] }`;
    expect(cells(ON['7.2'] + nested)).toMatchObject({
      ...all(['6.8', '6.12'], 'no such call'),
      ...all(['6.14', '6.17', '7.2'], 'accepted'),
      // A pointer to the whole entry, with other fields.
      '2023-07': 'cannot be carried',
    });
    const bits = (ste: string): Record<string, string> =>
      cells(`${ON['7.2']}struct iommu_hwpt_arm_smmuv3 p { ste = [${ste}] }`);
    // V = 0 makes the rest not matter. Bit 58 may not be set. Config 2 is none of 0, 4, 5.
    expect(bits('0x400_0000_0000_0000')).toMatchObject(all(['6.14', '6.17', '7.2'], 'accepted'));
    for (const id of ['6.14', '6.17', '7.2']) {
      expect(bits('0x5')[id]).toMatch(/^EIO/);
      expect(bits('0xb, 0x2000_0000_0000_0000')[id]).toMatch(/^EIO/);
    }
    const head = `${nested}\nstruct iommu_hwpt_alloc a { ${ALLOC}, pt_id = 9, data_type = IOMMU_HWPT_DATA_ARM_SMMUV3, data_len = 16, data_uptr = &p }`;
    const table = tableOf(ON['7.2'] + head, 'a');
    expect(table.notes[0]).toContain('pt_id (a virtual IOMMU)');
    expect(cells(ON['7.2'] + head, 'a')).toMatchObject({
      // Before vIOMMUs the driver has no nested page tables at all.
      ...all(['6.8', '6.12'], 'EOPNOTSUPP @28'),
      ...all(['6.14', '6.17', '7.2'], 'accepted'),
    });
    expect(cells(ON['7.2'] + head.replace('data_len = 16', 'data_len = 24'), 'a')['7.2']).toMatch(/^EINVAL/);
  });
});

describe('virtual IOMMUs', () => {
  const VIOMMU = 'size = sizeof, dev_id = dev0.id, hwpt_id = 3, type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3';

  test('iommu_viommu_alloc has 24 bytes in 6.14 and 40 from 6.17 on', () => {
    const older = ['2023-07', '6.8', '6.12'];
    expect(cells(`${ON['7.2']}struct iommu_viommu_alloc p { ${VIOMMU} }`)).toMatchObject({
      ...all(older, 'no such call'),
      ...all(['6.14', '6.17', '7.2'], 'accepted'),
    });
    const row = tableOf(`${ON['7.2']}struct iommu_viommu_alloc p { ${VIOMMU} }`).rows.find(
      ({ generation }) => generation === 'iommufd-6.8',
    )!;
    expect(row.errno).toBe('ENOTTY');
    expect(cells(`${ON['7.2']}struct iommu_viommu_alloc p { ${VIOMMU}, data_len = 8 }`)['6.14']).toBe('E2BIG @24');
    expect(cells(`uapi iommufd-6.14\nstruct iommu_viommu_alloc p { ${VIOMMU} }`)['7.2']).toBe('accepted');
    expect(cells(`${ON['7.2']}struct iommu_viommu_alloc p { ${VIOMMU}, flags = 1 }`)).toMatchObject(
      all(['6.14', '6.17', '7.2'], 'EOPNOTSUPP @4'),
    );
  });

  test('what hangs on one is asked where there can be one, and the row says where', () => {
    const text = `${ON['7.2']}struct iommu_vdevice_alloc p { size = sizeof, viommu_id = 4, dev_id = dev0.id, virt_id = 0x33 }`;
    expect(cells(text)).toMatchObject({ '6.12': 'no such call', ...all(['6.14', '6.17', '7.2'], 'accepted') });
    expect(tableOf(text).rows.find(({ generation }) => generation === 'iommufd-7.2')!.note).toBe(
      'asked on smmuv3: vtd has no virtual IOMMU here',
    );
  });

  test('queues of events and of hardware came with 6.17', () => {
    const events = (depth: string): Record<string, string> =>
      cells(
        `${ON['7.2']}struct iommu_veventq_alloc p { size = sizeof, viommu_id = 4, type = IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, veventq_depth = ${depth} }`,
      );
    expect(events('8')).toMatchObject({ '6.14': 'no such call', '6.17': 'accepted', '7.2': 'accepted' });
    expect(events('0')).toMatchObject({ '6.17': 'EINVAL @16', '7.2': 'EINVAL @16' });
    expect(events('524289')['7.2']).toBe('EINVAL @16');
    const queue = (fields: string): Record<string, string> =>
      cells(
        `${ON['7.2']}struct iommu_hw_queue_alloc p { size = sizeof, viommu_id = 4, type = IOMMU_HW_QUEUE_TYPE_SELFTEST, nesting_parent_iova = 0x100_0000, ${fields} }`,
      );
    expect(queue('length = 4K')).toMatchObject({ '6.14': 'no such call', '6.17': 'accepted', '7.2': 'accepted' });
    expect(queue('length = 0')['7.2']).toMatch(/^EINVAL/);
    expect(queue('length = ~0')['7.2']).toMatch(/^EOVERFLOW/);
  });

  test('commands of a guest: the whole array, of which one is not its own', () => {
    const text = `${ON['7.2']}array p of iommu_viommu_arm_smmuv3_invalidate { { cmd = [0x30] }, { cmd = [0x46] } }
struct iommu_hwpt_invalidate call { size = sizeof, hwpt_id = 4, data_type = IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3, data_uptr = &p, entry_len = 16, entry_num = 2 }`;
    expect(cells(text)).toMatchObject(all(['6.14', '6.17', '7.2'], 'EIO @16'));
    const table = tableOf(text);
    expect(table.entries).toBe(2);
    expect(table.rows.find(({ generation }) => generation === 'iommufd-7.2')!.note).toBe('entry 2 of 2');
    // Of the call itself the address is what is wrong, at byte 8.
    expect(cells(text, 'call')).toMatchObject({
      ...all(['6.14', '6.17', '7.2'], 'EIO @8'),
      '2023-07': 'cannot be carried',
    });
  });
});

describe('the rest of iommufd', () => {
  test('iommu_hw_info: 32 bytes are enough, flags came with 6.17', () => {
    const info = (fields: string): Record<string, string> =>
      cells(`${ON['7.2']}struct iommu_hw_info p { size = sizeof, dev_id = dev0.id, ${fields} }`);
    expect(info('size = 32')).toMatchObject(all(['2023-07', ...MERGED], 'accepted'));
    expect(info('size = 28')).toMatchObject(all(MERGED, 'EINVAL @0'));
    expect(info('flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE')).toMatchObject({
      ...all(['6.8', '6.12', '6.14'], 'EOPNOTSUPP @4'),
      ...all(['6.17', '7.2'], 'accepted'),
    });
  });

  test('iommu_ioas_map and unmap', () => {
    const map = (fields: string): Record<string, string> =>
      cells(
        `${ON['6.8']}raw room size 8K\nstruct iommu_ioas_map p { size = sizeof, ioas_id = ioas.id, user_va = &room, length = 8K, ${fields} }`,
      );
    expect(map('flags = IOMMU_IOAS_MAP_READABLE')).toMatchObject({
      'vfio-2021-03': 'no such call',
      ...all(['2023-07', ...MERGED], 'accepted'),
    });
    expect(map('flags = 0x100')).toMatchObject(all(MERGED, 'EOPNOTSUPP @4'));
    expect(map('flags = 0')['7.2']).toBe('EINVAL @4');
    const unmap = (fields: string): Record<string, string> =>
      cells(`${ON['6.8']}struct iommu_ioas_unmap p { size = sizeof, ioas_id = ioas.id, ${fields} }`);
    expect(unmap('iova = 0x1_0000_0000_0000, length = 8K')).toMatchObject(all(['2023-07', ...MERGED], 'accepted'));
    for (const id of MERGED) expect(unmap('iova = 0x1000, length = ~0')[id]).toMatch(/^EOVERFLOW/);
  });

  test('an invalidation without entries asks whether its type is known', () => {
    const flush = (fields: string): Record<string, string> =>
      cells(`${ON['6.8']}struct iommu_hwpt_invalidate p { size = sizeof, hwpt_id = 7, ${fields} }`);
    expect(flush('data_type = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1')).toMatchObject(all(MERGED, 'accepted'));
    expect(flush('data_type = 77')).toMatchObject(all(MERGED, 'EINVAL @16'));
    expect(flush('__reserved = 1')).toMatchObject(all(MERGED, 'EOPNOTSUPP @28'));
    for (const id of MERGED) expect(flush('entry_num = 1')[id]).toMatch(/^EINVAL/);
    // The same number told about a device half a year before.
    const raw = tableOf(`${ON['6.8']}struct iommu_hwpt_invalidate p { size = sizeof, hwpt_id = 7 }`).rows.find(
      ({ form }) => form === 'raw bytes',
    )!;
    expect([raw.generation, raw.struct, raw.errno]).toEqual(['iommufd-2023-07', 'iommu_set_dev_data', 'ENOENT']);
  });

  test('fault queues and dirty tracking', () => {
    const queue = (fields: string): Record<string, string> =>
      cells(`${ON['7.2']}struct iommu_fault_alloc p { size = sizeof, ${fields} }`);
    expect(queue('')).toMatchObject({ '6.8': 'no such call', ...all(['6.12', '6.14', '6.17', '7.2'], 'accepted') });
    expect(queue('flags = 1')).toMatchObject(all(['6.12', '6.14', '6.17', '7.2'], 'EOPNOTSUPP @4'));
    const track = (fields: string): Record<string, string> =>
      cells(`${ON['6.8']}struct iommu_hwpt_set_dirty_tracking p { size = sizeof, hwpt_id = 3, ${fields} }`);
    expect(track('flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE')).toMatchObject({
      '2023-07': 'no such call',
      ...all(MERGED, 'accepted'),
    });
    expect(track('flags = 2')).toMatchObject(all(MERGED, 'EOPNOTSUPP @4'));
    const bitmap = `${ON['6.8']}raw bits size 8\nstruct iommu_hwpt_get_dirty_bitmap p { size = sizeof, hwpt_id = 3, length = 64K, page_size = 4K, data = &bits }`;
    expect(cells(bitmap)).toMatchObject({ '2023-07': 'no such call', ...all(MERGED, 'accepted') });
    expect(tableOf(bitmap).notes[0]).toContain('hwpt_id (a page table that is tracked)');
  });

  test('the calls of the device file: 12 bytes without a PASID', () => {
    const attach = (fields: string): Record<string, string> =>
      cells(`${ON['7.2']}struct vfio_device_attach_iommufd_pt p { argsz = sizeof, pt_id = ioas.id, ${fields} }`);
    expect(attach('')).toMatchObject(all(['2023-07', ...MERGED], 'accepted'));
    expect(attach('flags = VFIO_DEVICE_ATTACH_PASID, pasid = 5')['6.8']).toBe('EINVAL @4');
    expect(attach('argsz = 8')).toMatchObject(all(['2023-07', ...MERGED], 'EINVAL @0'));
  });

  test('an evolved struct: old and new callers and kernels', () => {
    const text = `${ON['7.2']}evolve struct iommu_fault_alloc version 2 { __u64 depth }
struct iommu_fault_alloc p { size = sizeof, depth = 5 }`;
    const rows = tableOf(text).rows.filter(({ form }) => form.includes('user'));
    expect(Object.fromEntries(rows.map((row) => [row.form, cell(row)]))).toEqual({
      'old user, old kernel': 'accepted',
      'old user, new kernel': 'accepted',
      'new user, old kernel': 'E2BIG @16',
      'new user, new kernel': 'accepted',
    });
  });
});

describe('answers to page requests', () => {
  const queues = ['6.12', '6.14', '6.17', '7.2'];

  test('of iommufd name a cookie that only the probe has', () => {
    const answer = (code: string): Record<string, string> =>
      cells(`${ON['7.2']}struct iommu_hwpt_page_response p { cookie = 77, code = ${code} }`);
    expect(answer('IOMMUFD_PAGE_RESP_SUCCESS')).toMatchObject({
      '6.8': 'no such call',
      'iommu-2018-05': 'accepted',
      ...all(queues, 'accepted'),
    });
    expect(answer('2')).toMatchObject(all(queues, 'EINVAL @4'));
  });

  test('of 2018 say a group and a PASID, and a code that iommufd dropped', () => {
    const answer = (code: string): Record<string, string> =>
      cells(
        `uapi iommu-2018-04\npage_response p { page_req_group_id = 3, pasid_present = 1, pasid = 5, resp_code = ${code} }`,
      );
    expect(answer('IOMMU_PAGE_RESP_INVALID')).toMatchObject({
      ...all(['iommu-2018-04', 'iommu-2018-05'], 'accepted'),
      'vfio-2020-07': 'no such call',
      ...all(queues, 'accepted'),
    });
    expect(answer('IOMMU_PAGE_RESP_FAILURE')).toMatchObject({
      'iommu-2018-04': 'accepted',
      ...all(queues, 'cannot be carried'),
    });
  });
});

describe('PASID tables on SMMUv3', () => {
  test('are asked there when the machine of the file is one: 64 bytes are alignment enough', () => {
    const config = 'bind_data p { version = 1, bytes = sizeof, base_ptr = 0x1000_0040 }';
    const smmu = `uapi iommu-2018-05\nmachine { iommu smmuv3 { } }\n${config}`;
    expect(cells(smmu)).toMatchObject({
      ...all(['iommu-2018-04', 'iommu-2018-05', 'vfio-arm-2020'], 'accepted'),
      'vfio-2020-07': 'no such call',
    });
    // VT-d wants whole pages, and a table of VT-d is nothing that the call of SMMUv3 takes.
    expect(cells(`uapi iommu-2018-05\n${config}`)).toMatchObject({
      ...all(['iommu-2018-04', 'iommu-2018-05'], 'EINVAL @8'),
      'vfio-arm-2020': 'cannot be carried',
    });
  });

  test('or when the payload says so', () => {
    const config =
      'version = 1, format = IOMMU_PASID_FORMAT_SMMUV3, base_ptr = 0x1000_0040, config = IOMMU_PASID_CONFIG_TRANSLATE, smmuv3.version = 1';
    const table = tableOf(`uapi vfio-arm-2020\nbind_data p { ${config} }`);
    const of2018 = table.rows.filter(({ generation }) => generation.startsWith('iommu-2018'));
    expect(of2018.map(cell)).toEqual(['accepted', 'accepted']);
    expect(of2018.map(({ note }) => note)).toEqual(['asked on smmuv3', 'asked on smmuv3']);
    expect(of2018[0]!.lost).toEqual(['format = IOMMU_PASID_FORMAT_SMMUV3']);
    const named = `uapi iommu-2018-05
bind_data p { version = PASID_TABLE_CFG_VERSION_2, bytes = sizeof, base_ptr = 0x1000_0040, model = IOMMU_MODEL_ARM_SMMU_V3 }`;
    expect(tableOf(named).rows.find(({ form }) => form === 'new user, new kernel')!.verdict).toBe('accepted');
  });
});

describe('the table', () => {
  test('counts what accepts, and is another one when an id names another object', () => {
    const text = (id: string): string =>
      `${ON['6.8']}struct iommu_hwpt_alloc plain { size = sizeof, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_alloc p { size = sizeof, dev_id = dev0.id, pt_id = ${id} }`;
    expect(compatSummary(tableOf(text('ioas.id')))).toBe('40 bytes · 6 of 13 generations accept');
    expect(compatSummary(tableOf(text('plain.out_hwpt_id')))).toBe('40 bytes · 0 of 13 generations accept');
    const keyOf = (of: string) => {
      const resolved = parsed(of);
      return compatKey(resolved, resolved.scenarioFile!.payloads.get('p')!);
    };
    expect(keyOf(text('ioas.id'))).not.toEqual(keyOf(text('plain.out_hwpt_id')));
    expect(keyOf(text('ioas.id'))).toEqual(keyOf(text('ioas.id')));
  });

  test('is plain text of at most 100 columns', () => {
    const text = compatText(tableOf(`${ON['7.2']}struct iommu_hwpt_invalidate p { size = sizeof, hwpt_id = 7 }`));
    expect(text.split('\n').filter((line) => line.length > 100 || /[^\x20-\x7e]/.test(line))).toEqual([]);
    expect(text).toContain('hwpt_id (a nested page table)');
    expect(text).toContain('no such call');
  });
});

describe.each(RUNNABLE_GENERATION_IDS)('%s', (id) => {
  const generation = findGeneration(id)!;
  const taken = [...generation.ioctls.values(), ...generation.calls.values()].flatMap(({ struct }) => struct ?? []);

  test.each([...new Set(taken)].sort())('struct %s has a table, whose probes come as far as the call', (struct) => {
    const size =
      generation.structs.get(struct)!.fields[0]!.role === 'size'
        ? `${generation.structs.get(struct)!.fields[0]!.name} = sizeof`
        : '';
    const { rows } = tableOf(`uapi ${id}\nstruct ${struct} p { ${size} }`);
    expect(new Set(rows.map((row) => row.generation))).toEqual(new Set(RUNNABLE_GENERATION_IDS));
    // What no source tells is not made up: container ioctls that only have a number, the size of version 0.
    const unknown = /is not modelled: |nobody knows what lies there/;
    expect(rows.filter(({ verdict, note = '' }) => verdict === 'not asked' && !unknown.test(note))).toEqual([]);
    expect(rows.find((row) => row.generation === id && row.form === 'as it is')?.verdict).not.toBe('no such call');
  });
});
