import { describe, expect, test } from 'vitest';
import { type Check, VFIO_ARM_CHECKS } from '../engine/index.ts';
import { command, OP } from '../engine/models/smmuv3/commands.ts';
import { runText } from './run-text.ts';

const { table, flush, msi, domain } = VFIO_ARM_CHECKS;

/** Payloads in which everything is right. */
const GUEST = `
struct vfio_iommu_type1_set_pasid_table set {
  argsz = sizeof, flags = VFIO_PASID_TABLE_FLAG_SET
  config = {
    version = PASID_TABLE_CFG_VERSION_1, format = IOMMU_PASID_FORMAT_SMMUV3, base_ptr = 0x1000_0040
    config = IOMMU_PASID_CONFIG_TRANSLATE
    smmuv3 = { version = PASID_TABLE_SMMUV3_CFG_VERSION_1 }
  }
}
struct vfio_iommu_type1_set_pasid_table unset { argsz = sizeof, flags = VFIO_PASID_TABLE_FLAG_UNSET }
struct vfio_iommu_type1_cache_invalidate by_asid {
  argsz = sizeof
  info = {
    version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1, cache = IOMMU_CACHE_INV_TYPE_IOTLB
    granularity = IOMMU_INV_GRANU_PASID
    pasid_info = { flags = IOMMU_INV_PASID_FLAGS_ARCHID, archid = 7 }
  }
}
struct vfio_iommu_type1_cache_invalidate by_addr {
  argsz = sizeof
  info = {
    version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1, cache = IOMMU_CACHE_INV_TYPE_IOTLB
    granularity = IOMMU_INV_GRANU_ADDR
    addr_info = { flags = IOMMU_INV_ADDR_FLAGS_ARCHID, archid = 7, addr = 0x7000_0000, granule_size = 4K, nb_granules = 2 }
  }
}
struct vfio_iommu_type1_set_msi_binding msi {
  argsz = sizeof, flags = VFIO_IOMMU_BIND_MSI, iova = 0xfee0_0123, gpa = 0x802_0000, size = 4K
}
`;

interface Setup {
  readonly uapi?: string;
  readonly declarations?: string;
}

const run = (steps: string, { uapi = '', declarations = '' }: Setup = {}) => {
  const { scenarios, diagnostics } = runText(
    `uapi vfio-arm-2020 ${uapi}\n${GUEST}\n${declarations}\nscenario "s" {\n${steps}\n}`,
  );
  expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
  return scenarios[0]!;
};
const last = (steps: string, setup: Setup = {}) => run(steps, setup).steps.at(-1)!;

/** The last step in a text is the one in which a single thing is wrong. */
const CASES: readonly (readonly [check: Check, steps: string, setup?: Setup])[] = [
  [table.fault, 'submit set mapped 39'],
  [table.argsz, 'submit struct vfio_iommu_type1_set_pasid_table = set { argsz = 39 }'],
  [table.flags, 'submit struct vfio_iommu_type1_set_pasid_table = set { flags = 4 }'],
  [table.format, 'submit struct vfio_iommu_type1_set_pasid_table = set { config.format = 2 }'],
  [table.version, 'submit struct vfio_iommu_type1_set_pasid_table = set { config.version = 2 }'],
  [table.version, 'submit struct vfio_iommu_type1_set_pasid_table = set { config.smmuv3.version = 0 }'],
  [table.notNesting, 'submit set', { declarations: 'machine { container { type = VFIO_TYPE1v2_IOMMU } }' }],
  [table.again, 'submit set\nsubmit set'],
  [table.singleDescriptor, 'submit struct vfio_iommu_type1_set_pasid_table = set { config.pasid_bits = 1 }'],
  [
    table.pasidBits,
    'submit struct vfio_iommu_type1_set_pasid_table = set { config.pasid_bits = 9 }',
    { uapi: '{ single_descriptor = off }', declarations: 'machine { iommu smmuv3 { ssid_bits = 8 } }' },
  ],
  [
    table.twoLevels,
    'submit struct vfio_iommu_type1_set_pasid_table = set { config.smmuv3.s1fmt = 2 }',
    { uapi: '{ single_descriptor = off }', declarations: 'machine { iommu smmuv3 { CD2L = 0 } }' },
  ],
  [table.noMemory, 'submit set fail_nth 1'],
  [table.config, 'submit struct vfio_iommu_type1_set_pasid_table = set { config.config = 4 }'],
  [flush.fault, 'submit by_asid mapped 55'],
  [flush.argsz, 'submit struct vfio_iommu_type1_cache_invalidate = by_asid { argsz = 55 }'],
  [flush.flags, 'submit struct vfio_iommu_type1_cache_invalidate = by_asid { flags = 1 }'],
  [flush.callback, 'submit by_asid fail_nth 1'],
  [flush.notNesting, 'submit by_asid', { declarations: 'machine { container { type = VFIO_TYPE1v2_IOMMU } }' }],
  [flush.version, 'submit struct vfio_iommu_type1_cache_invalidate = by_asid { info.version = 2 }'],
  [flush.pasidNotArchid, 'submit struct vfio_iommu_type1_cache_invalidate = by_asid { info.pasid_info.flags = 3 }'],
  [flush.addrNotArchid, 'submit struct vfio_iommu_type1_cache_invalidate = by_addr { info.addr_info.flags = 0 }'],
  [flush.granularity, 'submit struct vfio_iommu_type1_cache_invalidate = by_asid { info.granularity = 0 }'],
  [flush.granularity, 'submit struct vfio_iommu_type1_cache_invalidate = by_asid { info.granularity = 3 }'],
  [flush.otherCache, 'submit struct vfio_iommu_type1_cache_invalidate = by_asid { info.cache = 2 }'],
  [msi.fault, 'submit msi mapped 31'],
  [msi.argsz, 'submit struct vfio_iommu_type1_set_msi_binding = msi { argsz = 31 }'],
  [msi.flags, 'submit struct vfio_iommu_type1_set_msi_binding = msi { flags = 3 }'],
  [msi.unbindLost, 'submit msi\nsubmit struct vfio_iommu_type1_set_msi_binding = msi { flags = 2 }'],
  [msi.notNesting, 'submit msi', { declarations: 'machine { container { type = VFIO_TYPE1v2_IOMMU } }' }],
  [msi.noMemory, 'submit msi fail_nth 1'],
  [domain.oneStage, 'attach dev0', { declarations: 'machine { iommu smmuv3 { S2P = 0 } }' }],
];

describe('every check is met by one thing that is wrong', () => {
  test.each(CASES.map((c) => [`${c[0].at}: ${c[0].id}`, ...c] as const))('%s', (_name, check, steps, setup) => {
    const step = last(steps, setup);
    expect(step.detail.refusal?.check).toBe(check);
    expect(step.outcome).toBe(check.errno);
  });

  test('no check is left out', () => {
    const met = new Set(CASES.map(([check]) => check));
    const all = Object.values(VFIO_ARM_CHECKS).flatMap((group) => Object.values<Check>(group));
    expect(all.filter((check) => !met.has(check)).map((check) => check.id)).toEqual([]);
  });
});

describe('VFIO_IOMMU_SET_PASID_TABLE', () => {
  const ste = command(OP.cfgiSte, { sid: 0x10, leaf: 1 });

  test('a table is set, flushed and taken away; stage 1 aborts from then on', () => {
    // All words but the first, then the first, each with its invalidation.
    expect(last('submit set').detail.issued).toEqual([ste, ste]);
    expect(run('submit set\nexpect dev0.stage1 == 1\nsubmit unset\nexpect dev0.stage1 == 2').status).toBe('passed');
  });

  test('with SET and UNSET together SET counts', () => {
    const both = 'submit struct vfio_iommu_type1_set_pasid_table = set { flags = 3 }';
    expect(run(`${both}\nexpect dev0.stage1 == 1`).status).toBe('passed');
  });

  test('another table goes by way of bypass', () => {
    const bypass = 'submit struct vfio_iommu_type1_set_pasid_table = set { config.config = IOMMU_PASID_CONFIG_BYPASS }';
    expect(run(`submit set\n${bypass}\nexpect dev0.stage1 == 0\nsubmit set`).status).toBe('passed');
  });

  test('base_ptr is not looked at', () => {
    expect(last('submit struct vfio_iommu_type1_set_pasid_table = set { config.base_ptr = 1 }').outcome).toBe('ok');
  });

  test('with single_descriptor off as many PASID bits are taken as device and SMMU have', () => {
    const bits = (n: number, quirk: string): string =>
      last(`submit struct vfio_iommu_type1_set_pasid_table = set { config.pasid_bits = ${n} }`, { uapi: quirk })
        .outcome;
    expect(bits(20, '{ single_descriptor = off }')).toBe('ok');
    expect(bits(21, '{ single_descriptor = off }')).toBe('EINVAL');
    expect(bits(20, '{ single_descriptor = on }')).toBe('EINVAL');
  });

  test('without a device there is nothing to set, and the call says 0', () => {
    const step = last('detach dev0\nsubmit set expect hidden');
    expect(step.status).toBe('passed');
    expect(step.detail.reason).toBe('no-domain');
  });

  test('the table goes with the domain', () => {
    expect(run('submit set\ndetach dev0\nattach dev0\nexpect dev0.stage1 == 0\nsubmit set').status).toBe('passed');
  });
});

describe('VFIO_IOMMU_CACHE_INVALIDATE', () => {
  test('an ASID', () => {
    expect(last('submit by_asid').detail.issued).toEqual([command(OP.tlbiNhAsid, { vmid: 1, asid: 7 })]);
  });

  test('a range is one command for each granule', () => {
    const va = (address: bigint): bigint[] => command(OP.tlbiNhVa, { vmid: 1, asid: 7, address });
    expect(last('submit by_addr').detail.issued).toEqual([va(0x7000_0000n), va(0x7000_1000n)]);
  });

  test('a range without end is cut, and says so', () => {
    const huge = 'submit struct vfio_iommu_type1_cache_invalidate = by_addr { info.addr_info.nb_granules = 1 << 40 }';
    const { detail } = last(huge);
    expect(detail.issued).toHaveLength(1 << 12);
    expect(detail.notes?.join()).toContain('the range goes on');
  });

  test('a granule of 0 flushes nothing', () => {
    const none = 'submit struct vfio_iommu_type1_cache_invalidate = by_addr { info.addr_info.granule_size = 0 }';
    expect(last(none)).toMatchObject({ outcome: 'ok', detail: { returns: 0n } });
    expect(last(none).detail.issued).toBeUndefined();
  });

  test('each device of the container is asked', () => {
    const declarations = 'machine {\n device dev0 { group = g0 }\n device dev1 { group = g0 }\n}';
    expect(last('submit by_asid', { declarations }).detail.issued).toHaveLength(2);
    const second = last('submit by_asid fail_nth 2', { declarations });
    expect(second.outcome).toBe('ENOMEM');
    expect(second.detail.issued).toHaveLength(1);
  });

  const further = 'submit struct vfio_iommu_type1_cache_invalidate = by_asid { info.cache = 3 }';

  test('iotlb_flushed_before_refusal: on, the IOTLB is flushed before ENOENT', () => {
    const step = last(further);
    expect(step.outcome).toBe('ENOENT');
    expect(step.detail.issued).toHaveLength(1);
  });

  test('iotlb_flushed_before_refusal: off, nothing is flushed', () => {
    const step = last(further, { uapi: '{ iotlb_flushed_before_refusal = off }' });
    expect(step.outcome).toBe('ENOENT');
    expect(step.detail.issued).toBeUndefined();
  });

  const whole =
    'submit struct vfio_iommu_type1_cache_invalidate = by_asid { info.granularity = IOMMU_INV_GRANU_DOMAIN }';
  const noAsid = 'submit struct vfio_iommu_type1_cache_invalidate = by_addr { info.addr_info.flags = 0 }';

  test.each([whole, noAsid])('domain_flush_reaches_all_guests: %s', (step) => {
    expect(last(step).outcome).toBe('EINVAL');
    const on = last(step, { uapi: '{ domain_flush_reaches_all_guests = on }' });
    expect(on.outcome).toBe('ok');
    expect(on.detail.issued).toEqual([[0x30n, 0n]]);
  });

  test('no known cache: nothing is done, and the call says 0', () => {
    const step = last(
      'submit struct vfio_iommu_type1_cache_invalidate = by_asid { info.cache = 8 } expect hidden skipped',
    );
    expect(step.status).toBe('passed');
    expect(step.detail.reason).toBe('cache-empty');
  });
});

describe('VFIO_IOMMU_SET_MSI_BINDING', () => {
  const unbind = 'submit struct vfio_iommu_type1_set_msi_binding = msi { flags = VFIO_IOMMU_UNBIND_MSI }';

  test('msi_unbind_enotty: the binding is gone either way', () => {
    const on = last(`submit msi\n${unbind}`);
    expect(on).toMatchObject({ outcome: 'ENOTTY', detail: { notes: ['the binding is gone'] } });
    const off = last(`submit msi\n${unbind}`, { uapi: '{ msi_unbind_enotty = off }' });
    expect(off).toMatchObject({ outcome: 'ok', detail: { notes: ['the binding is gone'] } });
    const none = last(unbind, { uapi: '{ msi_unbind_enotty = off }' });
    expect(none.detail.notes).toEqual(['there was no such binding']);
  });

  test('an address that is bound is taken once', () => {
    // The second one allocates nothing, so that there is no point to fail.
    expect(last('submit msi\nsubmit msi fail_nth 1').outcome).toBe('problem');
  });
});

describe('VFIO_IOMMU_GET_INFO', () => {
  test('page sizes follow the granules, addresses leave out the window for interrupts', () => {
    const steps = `submit struct vfio_iommu_type1_info { argsz = 72 } as info expect argsz == 72, cap_offset == 24
      expect info.iova_pgsizes == 0x4020_1000
      submit struct vfio_iommu_type1_info { argsz = 24 } expect argsz == 72, cap_offset == 0`;
    const declarations = 'machine { iommu smmuv3 { GRAN16K = 0, GRAN64K = 0 } }';
    expect(run(steps, { declarations }).status).toBe('passed');
  });
});
