import { describe, expect, test } from 'vitest';
import { CHECKS } from '../engine/host/vfio-2020-03/checks.ts';
import { type CheckCase, describeChecks, type Frame, passes, problemOf } from './kernel-cases.ts';

/** A guest table with a bind, an unbind and a flush of its first page, in the form whose version tells the size. */
const FRAME: Frame = {
  uapi: 'vfio-2020-03',
  declarations: `
pagetable gpt x86-64 at 0x1000_0000 { 0x7f00_0000_0000 size 64K -> 0x4000_0000 rw }
pasid_request alloc { argsz = sizeof, flags = VFIO_IOMMU_PASID_ALLOC, alloc_pasid = { min = 1, max = 100 } }
pasid_request free { argsz = sizeof, flags = VFIO_IOMMU_PASID_FREE, free_pasid = 1 }
bind_data guest { version = 1, format = IOMMU_PASID_FORMAT_INTEL_VTD, addr_width = 48, gpgd = gpt.root, hpasid = 1 }
struct vfio_iommu_type1_bind bind { argsz = sizeof, flags = VFIO_IOMMU_BIND_GUEST_PGTBL, data = guest }
struct vfio_iommu_type1_bind unbind { argsz = sizeof, flags = VFIO_IOMMU_UNBIND_GUEST_PGTBL, data = guest }
struct vfio_iommu_type1_cache_invalidate flush {
  argsz = sizeof
  cache_info = {
    version = 1, cache = IOMMU_CACHE_INV_TYPE_IOTLB, granularity = IOMMU_INV_GRANU_ADDR
    addr_info = { flags = IOMMU_INV_ADDR_FLAGS_PASID, pasid = 1, addr = 0x7f00_0000_0000, granule_size = 4K, nb_granules = 1 }
  }
}`,
};

const BOUND = 'submit alloc\nsubmit bind\n';
const machine = (text: string): string => `machine { ${text} }`;
const bindHead = (fields: string): Pick<CheckCase, 'steps'> => ({
  steps: `submit alloc\nsubmit struct vfio_iommu_type1_bind = bind { ${fields} } expect any`,
});
const bindWith = (fields: string): Pick<CheckCase, 'steps'> => bindHead(`data = bind_data = guest { ${fields} }`);
const unbindWith = (fields: string): Pick<CheckCase, 'steps'> => ({
  steps: `submit alloc\nsubmit struct vfio_iommu_type1_bind = unbind { data = bind_data = guest { ${fields} } } expect any`,
});
const flushWith = (fields: string): Pick<CheckCase, 'steps'> => ({
  steps: `${BOUND}submit struct vfio_iommu_type1_cache_invalidate = flush { ${fields} } expect any`,
});
const off = (quirk: string): Pick<CheckCase, 'quirks'> => ({ quirks: `{ ${quirk} = off }` });
const PLAIN = machine('container { type = VFIO_TYPE1v2_IOMMU }');
/** Two groups, each with an IOMMU domain of its own, and one group of two devices. */
const TWO_GROUPS = machine('device dev0 { } device dev1 { }');
const ONE_GROUP = machine('device dev0 { group = g0 } device dev1 { group = g0 }');

const CASES: readonly CheckCase[] = [
  { check: 'fdClosed', steps: 'exit\nsubmit alloc expect any' },
  { check: 'unknownIoctl', steps: 'submit 0 to 0x3bff expect any' },
  { check: 'setTwice', steps: 'submit VFIO_TYPE1v2_IOMMU to VFIO_SET_IOMMU expect any' },
  { check: 'infoFault', steps: 'submit 0 to VFIO_IOMMU_GET_INFO expect any' },
  { check: 'infoArgsz', steps: 'submit struct vfio_iommu_type1_info { argsz = 15 } expect any' },

  { check: 'requestHeaderFault', steps: 'submit alloc mapped 7 expect any' },
  { check: 'requestArgsz', steps: 'submit pasid_request = alloc { argsz = 7 } expect any' },
  { check: 'requestFlags', steps: 'submit pasid_request = alloc { flags = 3 } expect any' },
  {
    check: 'requestSize',
    steps: 'submit pasid_request = alloc { argsz = 19 } expect any',
    ...off('request_size_unchecked'),
  },
  { check: 'requestFault', steps: 'submit alloc mapped 19 expect any' },
  { check: 'requestOp', steps: 'submit pasid_request = alloc { flags = 0 } expect any' },
  { check: 'allocNoDomain', steps: 'detach dev0\nsubmit alloc expect any' },
  { check: 'allocLost', steps: 'submit pasid_request = alloc { alloc_pasid.max = 0 } expect any' },
  {
    check: 'allocNoSpace',
    steps: 'submit pasid_request = alloc { alloc_pasid.max = 0 } expect any',
    ...off('alloc_error_lost'),
  },
  { check: 'freeNoDomain', steps: 'submit alloc\ndetach dev0\nsubmit free expect any' },
  { check: 'freeUnknown', steps: 'submit free expect any' },

  { check: 'bindHeaderFault', steps: 'submit alloc\nsubmit bind mapped 7 expect any' },
  { check: 'bindArgsz', ...bindHead('argsz = 7') },
  { check: 'bindVersionFault', steps: 'submit alloc\nsubmit bind mapped 11 expect any' },
  { check: 'bindNoSize', ...bindWith('version = 2') },
  { check: 'bindVersionRefused', ...bindWith('version = 2'), ...off('version_unchecked') },
  { check: 'bindSize', ...bindHead('argsz = 79'), ...off('version_to_size') },
  { check: 'bindNoMemory', steps: 'submit alloc\nsubmit bind fail_nth 1 expect any' },
  { check: 'bindFault', steps: 'submit alloc\nsubmit bind mapped 79 expect any' },
  { check: 'bindOp', ...bindHead('flags = 3') },
  { check: 'bindFlags', ...bindHead('flags = 5'), ...off('bind_flags_ignored') },
  {
    check: 'bindNotNesting',
    steps: 'submit alloc\nsubmit bind expect any',
    declarations: PLAIN,
    ...off('nesting_type_unchecked'),
  },
  { check: 'bindNoDevices', steps: 'submit alloc\ndetach dev0\nsubmit bind expect any' },
  {
    // Version 1 is known to the new kernel's table, but its driver takes its own version only.
    check: 'bindFormVersion',
    steps: 'submit alloc\nsubmit bind expect any',
    declarations: 'evolve struct iommu_gpasid_bind_data version 2 { __u64 extra }',
  },
  { check: 'bindFormFormat', ...bindWith('format = 2') },
  { check: 'bindFormFlags', ...bindWith('flags = 2'), ...off('padding_unchecked') },
  {
    check: 'bindFormPadding',
    ...bindWith('padding = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]'),
    ...off('padding_unchecked'),
  },
  { check: 'bindDevicePasids', ...bindWith(''), declarations: machine('device dev0 { pasid = 16 }') },
  { check: 'bindPasidRange', ...bindWith('hpasid = 0x100000') },
  { check: 'bindNoPasid', ...bindWith('hpasid = 2') },
  { check: 'bindTwice', steps: `${BOUND}submit bind expect any` },
  { check: 'bindNoMemorySvm', steps: 'submit alloc\nsubmit bind fail_nth 2 expect any' },
  { check: 'bindNoMemoryDevice', steps: 'submit alloc\nsubmit bind fail_nth 3 expect any' },
  { check: 'nestedNoCap', ...bindWith(''), declarations: machine('iommu vtd { NEST = 0 }') },
  { check: 'nestedNoMode', steps: 'submit alloc\nsubmit bind expect any', declarations: PLAIN },
  {
    check: 'nestedNoEntry',
    steps: `submit pasid_request = alloc { alloc_pasid.min = 64 }
submit struct vfio_iommu_type1_bind = bind { data = bind_data = guest { hpasid = 64 } } fail_nth 4 expect any`,
  },
  { check: 'nestedWidth5', ...bindWith('addr_width = 57'), declarations: machine('iommu vtd { FS5LP = 0 }') },
  { check: 'nestedWidth', ...bindWith('addr_width = 40') },
  { check: 'nestedRoot', ...bindWith('gpgd = 0x8000_1000') },
  { check: 'nestedSre', ...bindWith('vtd.flags = 1'), declarations: machine('iommu vtd { SRS = 0, RPRIVS = 0 }') },
  { check: 'nestedEafe', ...bindWith('vtd.flags = 2'), declarations: machine('iommu vtd { EAFS = 0 }') },
  { check: 'nestedMts', ...bindWith('vtd.flags = IOMMU_SVA_VTD_GPASID_PCD') },
  { check: 'unbindPasidRange', ...unbindWith('hpasid = 0x100000') },
  { check: 'unbindNoPasid', ...unbindWith('hpasid = 9') },

  { check: 'flushHeaderFault', steps: `${BOUND}submit flush mapped 7 expect any` },
  { check: 'flushArgsz', ...flushWith('argsz = 7') },
  { check: 'flushFlags', ...flushWith('flags = 1') },
  { check: 'flushVersionFault', steps: `${BOUND}submit flush mapped 11 expect any` },
  { check: 'flushNoSize', ...flushWith('cache_info.version = 2') },
  { check: 'flushVersionRefused', ...flushWith('cache_info.version = 0'), ...off('version_unchecked') },
  { check: 'flushSize', ...flushWith('argsz = 55'), ...off('version_to_size') },
  { check: 'flushNoMemory', steps: `${BOUND}submit flush fail_nth 1 expect any` },
  { check: 'flushFault', steps: `${BOUND}submit flush mapped 55 expect any` },
  {
    check: 'flushNotNesting',
    steps: 'submit flush expect any',
    declarations: PLAIN,
    ...off('nesting_type_unchecked'),
  },
  {
    check: 'flushSeveral',
    steps: `${BOUND}submit flush expect any`,
    declarations: ONE_GROUP,
    ...off('partial_invalidate_left'),
  },
  // In front of the row lies the size of the row before, so version 0 is read as 72 bytes and reaches the driver.
  { check: 'flushFormVersion', ...flushWith('cache_info.version = 0') },
  { check: 'flushFormFlags', ...flushWith('cache_info.cache = 9'), ...off('padding_unchecked') },
  { check: 'flushFormGranularity', ...flushWith('cache_info.granularity = 3'), ...off('padding_unchecked') },
  { check: 'flushFormPadding', ...flushWith('cache_info.padding = [0, 1]'), ...off('padding_unchecked') },
  { check: 'svaNoMode', steps: 'submit flush expect any', declarations: PLAIN },
  {
    check: 'svaMisaligned',
    ...flushWith('cache_info.addr_info.addr = 0x7f00_0000_1000, cache_info.addr_info.nb_granules = 2'),
    ...off('misalignment_only_logged'),
  },
  { check: 'svaInjected', steps: `${BOUND}submit flush fail_nth 2 expect any` },
  {
    check: 'svaUnsupported',
    ...flushWith('cache_info.granularity = IOMMU_INV_GRANU_DOMAIN'),
    ...off('unsupported_granularity_skipped'),
  },
  { check: 'attachBusy', steps: 'attach dev0 expect any' },
  { check: 'attachNoMemory', steps: 'detach dev0\nattach dev0 fail_nth 1 expect any' },
  { check: 'attachNoDomain', steps: 'detach dev0\nattach dev0 fail_nth 3 expect any' },
  {
    check: 'attachNoNesting',
    steps: 'detach dev0\nattach dev0 expect any',
    declarations: machine('iommu vtd { NEST = 0 }'),
  },
  { check: 'detachNot', steps: 'detach dev0\ndetach dev0 expect any' },
];

/** Checks that this model cannot reach, and why; they stay in the table because the kernel's order names them. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  noDriver: 'a container keeps its type for life here',
  setNoGroup: 'a machine always has a group',
  setUnknown: 'the container always has a type, and that is checked first',
  allocNoMm: 'the vfio_mm is looked up before the scenario begins, and found',
  freeNoMm: 'the vfio_mm is looked up before the scenario begins, and found',
  resultLost: 'what was read a moment before can be written',
  bindNoDomain: 'the VFIO layer asks attached devices only',
  nestedPresent: 'the record of the device is found first',
  svaNoDevice: 'every device of the machine is a PCI device behind the unit',
  svaNoDomain: 'the VFIO layer asks attached devices only',
};

describeChecks(FRAME, CHECKS, CASES, UNREACHABLE);

describe('the order of checks', () => {
  test.each([
    ['argsz before flags', 'pasid_request = alloc { argsz = 7, flags = 4 }', 'argsz-too-small'],
    [
      'the version before the operation',
      'struct vfio_iommu_type1_bind = bind { flags = 3, data = bind_data = guest { version = 2 } }',
      'version-wrong',
    ],
    ['the copy before the operation', 'struct vfio_iommu_type1_bind = bind { flags = 3 } mapped 20', 'user-fault'],
    ['the operation before the container', 'struct vfio_iommu_type1_bind = bind { flags = 3 }', 'unknown-op'],
    [
      'flags before the version',
      'struct vfio_iommu_type1_cache_invalidate = flush { flags = 1, cache_info.version = 2 }',
      'reserved-not-zero',
    ],
  ])('%s', (_title, payload, reason) => {
    passes(FRAME, `detach dev0\nsubmit ${payload} expect any, reason ${reason}`);
  });

  test('flags 0 of a request passes the first check and is refused after the copy', () => {
    passes(
      FRAME,
      'submit pasid_request = alloc { flags = 0 } mapped 19 expect EFAULT\nsubmit pasid_request = alloc { flags = 0 } expect EINVAL, reason unknown-op',
    );
  });

  test('version 0 of a bind is read in front of the table, and nobody knows what lies there', () => {
    expect(problemOf(FRAME, bindWith('version = 0').steps)).toMatch(
      /^data\.version is 0, so the kernel takes the word in front/,
    );
  });

  test('version 0 of an invalidation is worth the 72 bytes of a bind', () => {
    const flush = 'struct vfio_iommu_type1_cache_invalidate = flush { cache_info.version = 0 }';
    passes(
      FRAME,
      `submit ${flush} mapped 79 expect EFAULT\nsubmit ${flush} mapped 80 expect EINVAL, reason version-wrong`,
    );
  });
});

describe('quirks, on and off', () => {
  const bind = 'struct vfio_iommu_type1_bind = bind';
  const flush = 'struct vfio_iommu_type1_cache_invalidate = flush';
  test.each([
    ['version_to_size', `submit ${bind} { argsz = 8 } expect ok`, `submit ${bind} { argsz = 8 } expect EINVAL`],
    [
      'version_unchecked',
      `submit ${flush} { cache_info.version = 2 } expect ENOMEM`,
      `submit ${flush} { cache_info.version = 2 } expect EINVAL`,
    ],
    [
      'bind_flags_ignored',
      `submit ${bind} { flags = 0x8000_0001 } expect ok`,
      `submit ${bind} { flags = 0x8000_0001 } expect EINVAL`,
    ],
    [
      'request_size_unchecked',
      'submit pasid_request = alloc { argsz = 8 } expect ok',
      'submit pasid_request = alloc { argsz = 8 } expect EINVAL',
    ],
    [
      'alloc_error_lost',
      'submit pasid_request = alloc { alloc_pasid.max = 1 } expect EFAULT',
      'submit pasid_request = alloc { alloc_pasid.max = 1 } expect ENOSPC',
    ],
    [
      'padding_unchecked',
      `submit ${bind} { data = bind_data = guest { flags = ~0 } } expect ok`,
      `submit ${bind} { data = bind_data = guest { flags = ~0 } } expect EINVAL`,
    ],
    [
      'unsupported_granularity_skipped',
      `submit ${flush} { cache_info.granularity = IOMMU_INV_GRANU_DOMAIN } expect hidden`,
      `submit ${flush} { cache_info.granularity = IOMMU_INV_GRANU_DOMAIN } expect EINVAL`,
    ],
  ])('%s', (quirk, on, offSteps) => {
    passes(FRAME, `submit alloc\n${on}`);
    passes(FRAME, `submit alloc\n${offSteps}`, off(quirk));
  });

  test('partial_bind_left: on, the result of the second domain hides the error of the first', () => {
    const steps = 'submit alloc\nsubmit bind fail_nth 2 expect';
    const notes = passes(FRAME, `${steps} hidden ENOMEM\nexpect unbound dev0 pasid 1\nexpect bound dev1 pasid 1`, {
      declarations: TWO_GROUPS,
    });
    expect(notes[1]).toEqual(['PASID 1 is bound on dev1 although a device refused']);
    passes(FRAME, `${steps} ENOMEM\nexpect unbound dev0 pasid 1\nexpect unbound dev1 pasid 1`, {
      declarations: TWO_GROUPS,
      ...off('partial_bind_left'),
    });
  });

  test('partial_invalidate_left: on, one device is flushed and the other is not', () => {
    const ats = machine('device dev0 { group = g0, ats = 1 } device dev1 { group = g0, ats = 1 }');
    const steps = `${BOUND}dma read dev0 pasid 1 at 0x7f00_0000_0000 ats
dma read dev1 pasid 1 at 0x7f00_0000_0000 ats
unmap gpt 0x7f00_0000_0000
`;
    const notes = passes(
      FRAME,
      `${steps}submit flush fail_nth 3 expect ENOMEM
expect uncached devtlb dev0 pasid 1 at 0x7f00_0000_0000
dma read dev1 pasid 1 at 0x7f00_0000_0000 ats expect stale`,
      { declarations: ats },
    );
    expect(notes[5]).toEqual(['flushed on dev0, not on dev1']);
    passes(FRAME, `${steps}submit flush expect EINVAL\nexpect cached devtlb dev0 pasid 1 at 0x7f00_0000_0000`, {
      declarations: ats,
      ...off('partial_invalidate_left'),
    });
  });

  test('an error of the last domain is what the caller sees', () => {
    passes(FRAME, 'submit alloc\nsubmit bind fail_nth 4 expect ENOMEM\nexpect unbound dev0 pasid 1', {
      declarations: TWO_GROUPS,
    });
    passes(FRAME, `${BOUND}submit flush fail_nth 2 expect hidden ENOMEM`, { declarations: TWO_GROUPS });
    passes(FRAME, `${BOUND}submit flush fail_nth 3 expect ENOMEM`, { declarations: TWO_GROUPS });
  });
});

describe('a struct that grows', () => {
  const grown = { declarations: 'evolve struct iommu_cache_invalidate_info version 2 { __u64 hint }' };
  const newFlush = 'struct vfio_iommu_type1_cache_invalidate = flush { cache_info = { version = 2, hint = 5 } }';

  test('breaks every old caller, those of structs that have not changed included', () => {
    passes(
      FRAME,
      'submit alloc\nsubmit bind expect EINVAL, reason version-wrong\nsubmit flush expect EINVAL, reason version-wrong',
      grown,
    );
  });
  test('is understood by new callers', () => {
    passes(
      FRAME,
      `submit alloc
submit struct vfio_iommu_type1_bind = bind { data = bind_data = guest { version = 2 } }
submit ${newFlush} as flushed
expect sizeof(flush) == 56 && flushed.argsz == 64
submit ${newFlush} mapped 63 expect EFAULT`,
      grown,
    );
  });
  test('is more than an old caller has, when the caller says the new version', () => {
    passes(
      FRAME,
      'submit struct vfio_iommu_type1_cache_invalidate = flush { cache_info.version = 1 + 1 } mapped 56 expect EFAULT',
      grown,
    );
  });
  test('breaks nobody when argsz is compared and old versions are taken: version_to_size off', () => {
    passes(
      FRAME,
      `${BOUND}submit flush\nsubmit ${newFlush}\nsubmit ${newFlush.replace('{ cache_info', '{ argsz = 63, cache_info')} expect EINVAL, reason argsz-too-small`,
      {
        ...grown,
        ...off('version_to_size'),
      },
    );
  });
  test('is too new for an old kernel', () => {
    passes(FRAME, 'submit struct vfio_iommu_type1_cache_invalidate = flush { cache_info.version = 2 } expect ENOMEM');
  });
  test('shows in what CHECK_EXTENSION answers', () => {
    passes(FRAME, 'submit VFIO_NESTING_IOMMU_UAPI to VFIO_CHECK_EXTENSION expect returns 1');
    passes(FRAME, 'submit VFIO_NESTING_IOMMU_UAPI to VFIO_CHECK_EXTENSION expect returns 2', grown);
  });
});

describe('the state a call leaves', () => {
  test('the PASID is written back and not returned', () => {
    passes(
      FRAME,
      'submit alloc as pasid expect returns 0, alloc_pasid.result == 1\nexpect pasid.alloc_pasid.result == 1',
    );
  });
  test('PASID 0 is given out, lost and stays taken', () => {
    const zero = 'pasid_request = alloc { alloc_pasid = { min = 0, max = 0 } }';
    const notes = passes(FRAME, `submit ${zero} expect EFAULT`);
    expect(notes[0]).toEqual(['PASID 0 stays allocated']);
    passes(FRAME, `submit ${zero} expect ok\nsubmit ${zero} expect ENOSPC`, off('alloc_error_lost'));
  });
  test('an allocation that fails leaves no PASID behind', () => {
    passes(FRAME, 'submit alloc fail_nth 1 expect EFAULT\nsubmit free expect ENOENT');
  });
  test('the quota is 1000 PASIDs', () => {
    passes(
      FRAME,
      `for i in 0..1000 { submit pasid_request = alloc { alloc_pasid.max = 5000 } }
submit pasid_request = alloc { alloc_pasid.max = 5000 } expect EFAULT`,
    );
  });
  test('a failed bind of one domain leaves no device bound, and fallible points come in order', () => {
    // The copy; then for dev0 the record of the PASID and of the device; then dev1's.
    for (const [nth, reason] of [
      [1, 'out-of-memory'],
      [2, 'out-of-memory'],
      [3, 'out-of-memory'],
      [4, 'out-of-memory'],
    ])
      passes(
        FRAME,
        `submit alloc\nsubmit bind fail_nth ${nth} expect ENOMEM, reason ${reason}\nexpect unbound dev0 pasid 1\nexpect unbound dev1 pasid 1\nsubmit bind`,
        {
          declarations: ONE_GROUP,
        },
      );
    expect(problemOf(FRAME, 'submit alloc\nsubmit bind fail_nth 5', ONE_GROUP)).toBe(
      'fail_nth 5 lies beyond the last fallible point: the call passed 4',
    );
  });
  test('a failed second bind takes the first one with it', () => {
    passes(FRAME, `${BOUND}submit bind expect EBUSY\nexpect unbound dev0 pasid 1`);
  });
  test('bind, walk, flush, unbind', () => {
    passes(
      FRAME,
      `${BOUND}expect bound dev0 pasid 1
dma read dev0 pasid 1 at 0x7f00_0000_0010 expect hpa 0x1_4000_0010, miss, refs 24
unmap gpt 0x7f00_0000_0000
dma read dev0 pasid 1 at 0x7f00_0000_0010 expect stale
submit flush
dma read dev0 pasid 1 at 0x7f00_0000_0010 expect fault SFS.2
submit unbind
expect unbound dev0 pasid 1
submit unbind`,
    );
  });
  test('freeing a PASID unbinds it', () => {
    passes(FRAME, `${BOUND}submit free\nexpect unbound dev0 pasid 1\nsubmit unbind expect ENOENT`);
  });
  test('every group keeps an IOMMU domain of its own', () => {
    passes(
      FRAME,
      `${BOUND}submit struct vfio_iommu_type1_cache_invalidate = flush { cache_info = { granularity = IOMMU_INV_GRANU_PASID, pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 1 } } } expect issued == [[0x1_0002_0026], [0x1_0003_0026]]`,
      { declarations: TWO_GROUPS },
    );
  });
  test('an invalidation without any domain is no error', () => {
    passes(FRAME, 'detach dev0\nsubmit flush expect ok');
  });
  test('an unknown cache type is passed over and an unknown granularity skipped', () => {
    passes(FRAME, `${flushWith('cache_info.cache = 9').steps}, hidden, reason cache-type-skipped`);
    passes(FRAME, `${flushWith('cache_info.granularity = 3').steps}, hidden, reason cache-granularity-skipped`);
  });
  test('GET_INFO of a nesting container says that PASIDs have to be requested', () => {
    passes(
      FRAME,
      `submit info expect flags == 3, cap_offset == 24
read user &info + 28 u32 as next
read user &info + next u16 as nesting
expect nesting == VFIO_IOMMU_TYPE1_INFO_CAP_NESTING
read user &info + next + 8 u32 as capabilities
expect capabilities == VFIO_IOMMU_PASID_REQS
read user &info + next + 12 u32 as formats
expect formats == IOMMU_PASID_FORMAT_INTEL_VTD`,
      { declarations: 'struct vfio_iommu_type1_info info { argsz = 256 }' },
    );
  });
});
