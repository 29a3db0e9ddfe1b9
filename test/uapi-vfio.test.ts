import { describe, expect, test } from 'vitest';
import { encodePayload, Names } from '../engine/index.ts';
import { findGeneration, type Generation, layoutOf, offsetofend, walkFields } from '../engine/uapi/index.ts';
import { VERSION_TO_SIZE } from '../engine/uapi/structs/bind-version.ts';
import {
  PASID_TABLE_MODELS,
  pasidTableConfigProposal,
  pasidTableProposalConstants,
} from '../engine/uapi/structs/pasid-table-proposal.ts';
import { analyse } from '../server/language/analyse.ts';
import { resolve } from '../server/language/resolve.ts';
import iommu54 from './data/uapi-iommu-5.4.json' with { type: 'json' };
import iommu58 from './data/uapi-iommu-5.8.json' with { type: 'json' };
import iommu510 from './data/uapi-iommu-5.10.json' with { type: 'json' };
import iommu61 from './data/uapi-iommu-6.1.json' with { type: 'json' };
import iommu201804 from './data/uapi-iommu-2018-04.json' with { type: 'json' };
import iommu201805 from './data/uapi-iommu-2018-05.json' with { type: 'json' };
import vfio201802 from './data/uapi-vfio-2018-02.json' with { type: 'json' };
import vfio202003 from './data/uapi-vfio-2020-03.json' with { type: 'json' };
import vfio202103 from './data/uapi-vfio-2021-03.json' with { type: 'json' };
import vfioArm2020 from './data/uapi-vfio-arm-2020.json' with { type: 'json' };
import { filesHost } from './run-text.ts';

/** Names, sizes and offsets as a compiler printed them, constants and ioctl numbers as the headers have them. */
interface Measured {
  readonly structs: readonly { readonly name: string }[];
  readonly constants: object;
  readonly ioctls: object;
}

const MEASURED: readonly (readonly [id: string, measured: Measured])[] = [
  ['vfio-2018-02', vfio201802],
  ['iommu-2018-04', iommu201804],
  ['iommu-2018-05', iommu201805],
  ['iommu-5.4', iommu54],
  ['vfio-2020-03', vfio202003],
  ['vfio-arm-2020', vfioArm2020],
  ['iommu-5.8', iommu58],
  ['iommu-5.10', iommu510],
  ['vfio-2021-03', vfio202103],
  ['iommu-6.1', iommu61],
];

const known = (id: string): Generation => {
  const generation = findGeneration(id);
  if (!generation) throw new Error(`${id} is not known`);
  return generation;
};

describe.each(MEASURED)('%s against the measured layouts', (id, measured) => {
  const generation = known(id);
  const structs = [...generation.structs.values()];

  test('has exactly the measured structs', () => {
    expect([...generation.structs.keys()].sort()).toEqual(measured.structs.map((s) => s.name).sort());
  });

  test.each(measured.structs)('$name: offsets, sizes and types', (wanted) => {
    expect(layoutOf(generation.structs.get(wanted.name)!)).toEqual(wanted);
  });

  test('has exactly the constants, by value', () => {
    const ours = Object.fromEntries([...generation.constants.values()].map((c) => [c.name, Number(c.value)]));
    expect(ours).toEqual(measured.constants);
  });

  test('has exactly the ioctls, by number', () => {
    const ours = Object.fromEntries([...generation.ioctls.values()].map((i) => [i.name, i.number]));
    expect(ours).toEqual(measured.ioctls);
  });

  test('no two constants have the same explanation', () => {
    const docs = [...generation.constants.values()].map((c) => c.doc);
    expect(docs).toHaveLength(new Set(docs).size);
  });

  test('every struct, constant, ioctl and call names the header it is from', () => {
    const { constants, ioctls, calls } = generation;
    for (const { name, source } of [...structs, ...constants.values(), ...ioctls.values(), ...calls.values()])
      expect(source, name).toMatch(/include\/(uapi\/)?linux\/(iommu|vfio)\.h/);
  });

  test('bits are powers of two, no two of a field are one, and values fit', () => {
    for (const s of structs)
      for (const { field, path } of walkFields(s)) {
        const value = (name: string) => generation.constants.get(name)!.value;
        const bits = (field.flags ?? []).map(value);
        expect(new Set(bits).size, `${s.name}.${path}`).toBe(bits.length);
        for (const bit of bits) expect(bit & (bit - 1n), `${s.name}.${path}`).toBe(0n);
        for (const each of [...bits, ...(field.oneOf ?? []).map(value)])
          expect(each >> BigInt(8 * field.size), `${s.name}.${path}`).toBe(0n);
      }
  });
});

describe('what the generations have', () => {
  const rows = MEASURED.map(([id]) => known(id));

  test('only released headers are headers alone, without ioctls, calls and quirks', () => {
    expect(rows.filter((g) => g.header).map((g) => g.id)).toEqual([
      'iommu-5.4',
      'iommu-5.8',
      'iommu-5.10',
      'iommu-6.1',
    ]);
    for (const g of rows.filter(({ header }) => header)) expect(g.ioctls.size + g.calls.size + g.quirks.size).toBe(0);
  });

  test('the postings of 2018 are calls inside the kernel', () => {
    for (const id of ['iommu-2018-04', 'iommu-2018-05'])
      expect([...known(id).calls.values()].map(({ name, struct }) => [name, struct])).toEqual([
        ['bind_pasid_table', 'pasid_table_config'],
        ['unbind_pasid_table', 'pasid_table_config'],
        ['sva_invalidate', 'tlb_invalidate_info'],
        ['page_response', 'page_response_msg'],
      ]);
  });

  test('a role has one word in all of them', () => {
    const kinds = Object.fromEntries(
      rows.map((g) => [g.id, [...g.kinds.values()].map(({ kind, struct }) => `${kind}: ${struct}`)]),
    );
    expect(kinds).toEqual({
      'vfio-2018-02': ['bind_data: vfio_iommu_type1_bind_process'],
      'iommu-2018-04': [
        'bind_data: pasid_table_config',
        'cache_invalidate_info: tlb_invalidate_info',
        'page_response: page_response_msg',
      ],
      'iommu-2018-05': [
        'bind_data: pasid_table_config',
        'cache_invalidate_info: tlb_invalidate_info',
        'page_response: page_response_msg',
      ],
      'iommu-5.4': ['page_response: iommu_page_response'],
      'vfio-2020-03': [
        'page_response: iommu_page_response',
        'bind_data: iommu_gpasid_bind_data',
        'cache_invalidate_info: iommu_cache_invalidate_info',
        'pasid_request: vfio_iommu_type1_pasid_request',
      ],
      'vfio-arm-2020': [
        'page_response: iommu_page_response',
        'bind_data: iommu_pasid_table_config',
        'cache_invalidate_info: iommu_cache_invalidate_info',
      ],
      'iommu-5.8': [
        'page_response: iommu_page_response',
        'bind_data: iommu_gpasid_bind_data',
        'cache_invalidate_info: iommu_cache_invalidate_info',
      ],
      'iommu-5.10': [
        'page_response: iommu_page_response',
        'bind_data: iommu_gpasid_bind_data',
        'cache_invalidate_info: iommu_cache_invalidate_info',
      ],
      'vfio-2021-03': [
        'page_response: iommu_page_response',
        'bind_data: iommu_gpasid_bind_data',
        'cache_invalidate_info: iommu_cache_invalidate_info',
        'nesting_op: vfio_iommu_type1_nesting_op',
      ],
      'iommu-6.1': ['page_response: iommu_page_response'],
    });
  });

  test('a quirk is off only where it is another version of the same code', () => {
    const off = rows.flatMap((g) => [...g.quirks.values()].filter((q) => !q.on).map((q) => `${g.id}: ${q.name}`));
    expect(off).toEqual([
      'vfio-arm-2020: domain_flush_reaches_all_guests',
      'vfio-2021-03: bind_error_lost',
      'vfio-2021-03: vendor_size_unchecked',
    ]);
  });

  test.each([
    [
      'vfio-2018-02',
      ['mode_not_flags', 'multi_device_group', 'group_partial_enable', 'teardown_in_setup_order', 'defunct_bond_kept'],
    ],
    ['vfio-2020-03', ['version_to_size', 'partial_bind_left', 'unsupported_granularity_skipped']],
  ])('%s has the quirks that its review named', (id, names) => {
    expect([...known(id).quirks.keys()]).toEqual(expect.arrayContaining(names));
  });

  test('a version of March 2020 is worth the struct up to its last known member', () => {
    const { structs, constants } = known('vfio-2020-03');
    const bind = structs.get('iommu_gpasid_bind_data')!;
    expect(bind.size).toBe(184);
    expect(VERSION_TO_SIZE).toEqual({
      IOMMU_UAPI_BIND_GPASID: [offsetofend(walkFields(bind).find(({ path }) => path === 'vtd')!)],
      IOMMU_UAPI_CACHE_INVAL: [structs.get('iommu_cache_invalidate_info')!.size],
      IOMMU_UAPI_PAGE_RESP: [structs.get('iommu_page_response')!.size],
    });
    for (const type of Object.keys(VERSION_TO_SIZE)) expect(constants.has(type), type).toBe(true);
  });

  test('SMMUv3 has its own words for the constants it shares with VT-d', () => {
    const doc = (id: string) => known(id).constants.get('IOMMU_INV_GRANU_DOMAIN')!.doc;
    expect(doc('vfio-arm-2020')).toContain('SMMUv3');
    expect(doc('iommu-5.8')).toContain('VT-d');
  });
});

describe('the second version of pasid_table_config that its review asked for', () => {
  const fields = (layout: ReturnType<typeof layoutOf>) =>
    layout.fields.map(({ name, offset, size }) => [name, offset, size]);

  test('keeps the first version in front and grows', () => {
    const first = layoutOf(known('iommu-2018-05').structs.get('pasid_table_config')!);
    const second = layoutOf(pasidTableConfigProposal);
    expect(fields(second).slice(0, first.fields.length)).toEqual(fields(first));
    expect(fields(second).slice(first.fields.length)).toEqual([
      ['padding', 17, 3],
      ['model', 20, 4],
      ['s1fmt', 24, 1],
      ['s1dss', 25, 1],
      ['padding2', 26, 6],
    ]);
    expect([first.size, second.size]).toEqual([24, 32]);
  });

  test('every model has a number, an alignment and fields that are there', () => {
    const names = new Set(pasidTableConfigProposal.fields.map((f) => f.name));
    const numbers = new Map(pasidTableProposalConstants.map((c) => [c.name, c.value]));
    expect(PASID_TABLE_MODELS.map((m) => [m.model, numbers.get(m.constant), m.aligned])).toEqual([
      ['vtd', 1n, 4096n],
      ['smmuv3', 2n, 64n],
    ]);
    for (const { fields } of PASID_TABLE_MODELS) for (const field of fields) expect(names.has(field), field).toBe(true);
    for (const { oneOf } of pasidTableConfigProposal.fields)
      for (const constant of oneOf ?? []) expect(numbers.has(constant), constant).toBe(true);
  });
});

describe('payloads as an author writes them', () => {
  /** The 32-bit words of the payload `p`, as hex; the text must be free of errors. */
  const words = (text: string): string[] => {
    const resolved = resolve('test.vsva', text, filesHost({}));
    expect(analyse(resolved).filter((d) => d.severity === 'error')).toEqual([]);
    const names = Names.lasting(resolved.scenarioFile!, new Set());
    const { bytes } = encodePayload(names.payload('p')!, names);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true).toString(16));
  };

  test.each(['mode', 'flags'])('2018-02: a bind by pid, its second word called %s', (second) => {
    const text = `uapi vfio-2018-02
struct vfio_iommu_type1_bind p {
  argsz = sizeof, ${second} = VFIO_IOMMU_BIND_PROCESS
  data = bind_data { flags = VFIO_IOMMU_BIND_PID, pid = 42 }
}`;
    expect(words(text)).toEqual(['14', '1', '1', '0', '2a']);
  });

  test('2018-04 and 2018-05: the same constant, another number, another place', () => {
    const range = (id: string, more: string) => `uapi ${id}
cache_invalidate_info p {
  hdr = { version = TLB_INV_HDR_VERSION_1, type = IOMMU_INV_TYPE_TLB }
  granularity = IOMMU_INV_GRANU_PAGE_PASID, flags = IOMMU_INVALIDATE_ADDR_LEAF, pasid = 5, addr = 0x7000 ${more}
}`;
    expect(words(range('iommu-2018-04', ''))).toEqual(['1', '1', '8', '2', '0', '5', '7000', '0']);
    expect(words(range('iommu-2018-05', ', nr_pages = 3'))).toEqual([
      '1',
      '1',
      '2',
      '1',
      '0',
      '0',
      '3',
      '0',
      '5',
      '0',
      '7000',
      '0',
    ]);
  });

  test('2020-03: a PASID request, with its members in an unnamed union', () => {
    const text = `uapi vfio-2020-03
pasid_request p { argsz = sizeof, flags = VFIO_IOMMU_PASID_ALLOC, alloc_pasid = { min = 1, max = 100 } }`;
    expect(words(text)).toEqual(['14', '1', '1', '64', '0']);
    expect(
      words('uapi vfio-2020-03\npasid_request p { argsz = 20, flags = VFIO_IOMMU_PASID_FREE, free_pasid = 7 }'),
    ).toEqual(['14', '2', '7', '0', '0']);
  });

  test('2020-03: an invalidation inside its ioctl', () => {
    const text = `uapi vfio-2020-03
struct vfio_iommu_type1_cache_invalidate p {
  argsz = sizeof
  cache_info = {
    version = IOMMU_UAPI_VERSION, cache = IOMMU_CACHE_INV_TYPE_IOTLB, granularity = IOMMU_INV_GRANU_PASID
    pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 5 }
  }
}`;
    expect(words(text)).toEqual(['38', '0', '1', '101', '1', '0', '5', ...Array<string>(7).fill('0')]);
  });

  test('2020, SMMUv3: a table of context descriptors', () => {
    const text = `uapi vfio-arm-2020
struct vfio_iommu_type1_set_pasid_table p {
  argsz = sizeof, flags = VFIO_PASID_TABLE_FLAG_SET
  config = {
    version = PASID_TABLE_CFG_VERSION_1, format = IOMMU_PASID_FORMAT_SMMUV3, base_ptr = 0x1000_0040
    config = IOMMU_PASID_CONFIG_TRANSLATE
    smmuv3 = { version = PASID_TABLE_SMMUV3_CFG_VERSION_1, s1fmt = 2 }
  }
}`;
    expect(words(text)).toEqual(['28', '1', '1', '1', '10000040', '0', '100', '0', '1', '2']);
  });

  test('2021-03: the vendor part of what a container reports has a name', () => {
    expect(
      words('uapi vfio-2021-03\nstruct iommu_nesting_info p { argsz = sizeof, vendor.vtd.cap_reg = 0x1234 }').slice(-8),
    ).toEqual(['0', '0', '0', '0', '1234', '0', '0', '0']);
  });
});
