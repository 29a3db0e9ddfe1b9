import { describe, expect, test } from 'vitest';
import { runText } from './run-text.ts';

/** The findings of one rule, each with the word that it is drawn at. */
const found = (text: string, rule: string): string[] =>
  runText(text)
    .diagnostics.filter((d) => d.code === rule)
    .map((d) => `${text.slice(d.start, d.end)}: ${d.message}`);

describe('id-not-made in loops', () => {
  const HEAD = `uapi iommufd-6.8
struct iommu_ioas_alloc space { size = sizeof }
struct iommu_ioas_unmap unmap { size = sizeof, ioas_id = space.out_ioas_id, length = 4K }
struct iommu_destroy gone { size = sizeof, id = space.out_ioas_id }
`;
  const EARLY = 'unmap: unmap uses space.out_ioas_id, but this scenario has not submitted space by here';
  const LATE = 'unmap: unmap uses space.out_ioas_id, but that object was destroyed';

  test.each([
    ['once, before it is made', 'for i in 0..1 { submit unmap expect any\nsubmit unmap\nsubmit space }', [EARLY]],
    ['in a loop in a loop', 'for i in 0..2 { for j in 0..2 { submit unmap } }', [EARLY]],
    [
      'in the second turn, after the first has destroyed it',
      'submit space\nfor i in 0..2 { submit unmap\nsubmit gone }',
      [LATE, LATE.replaceAll('unmap', 'gone')],
    ],
    [
      'once, so that there is no second turn',
      'submit space\nfor i in [7] { submit unmap expect any\nsubmit gone }',
      [],
    ],
    ['never', 'for i in 4..4 { submit unmap }', []],
    ['made anew in each turn', 'for i in 0..3 { submit space\nsubmit unmap expect any\nsubmit gone }', []],
    ['behind the loop that destroyed it', 'submit space\nfor i in 0..1 { submit gone }\nsubmit unmap', [LATE]],
    [
      'behind a loop that perhaps never runs',
      'submit space as s\nfor i in 0..s { submit gone expect any }\nsubmit unmap expect any',
      [],
    ],
  ])('%s', (_what, steps, wanted) => {
    const text = `${HEAD}scenario "s" {\n${steps}\n}`;
    expect(found(text, 'id-not-made')).toEqual(wanted);
  });
});

describe('a first stage that cannot be attached', () => {
  const attach = (how: string): string[] =>
    found(
      `uapi iommufd-6.8
struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_vtd_s1 s1 { pgtbl_addr = 0x1000 }
struct iommu_hwpt_alloc nested {
  size = sizeof, dev_id = dev0.id, pt_id = parent.out_hwpt_id
  data_type = IOMMU_HWPT_DATA_VTD_S1, data_len = sizeof(s1), data_uptr = &s1
}
scenario "s" {
  submit parent
  submit nested as n
  ${how}
}`,
      'vtd-s1-unattachable',
    );
  const told = ['s1: addr_width is not set, so 0, but this unit takes 48 or 57'];

  test.each([
    ['by a call that expects it', 'attach dev0 to n.out_hwpt_id expect EINVAL', []],
    [
      'by an ioctl that expects it',
      'submit struct vfio_device_attach_iommufd_pt { argsz = sizeof, pt_id = n.out_hwpt_id } on dev0 expect EINVAL',
      [],
    ],
    [
      'by an ioctl that does not',
      'submit struct vfio_device_attach_iommufd_pt { argsz = sizeof, pt_id = n.out_hwpt_id } on dev0',
      told,
    ],
    [
      'by an ioctl for another page table',
      'submit struct vfio_device_attach_iommufd_pt { argsz = sizeof, pt_id = parent.out_hwpt_id } on dev0 expect EINVAL',
      told,
    ],
  ])('%s', (_what, how, wanted) => expect(attach(how)).toEqual(wanted));
});

describe('caches and granularities of the SMMUv3 series', () => {
  const codes = (cache: string, granularity: string, quirks = '', more = ''): string[] => {
    const { diagnostics } = runText(`uapi vfio-arm-2020${quirks}
struct vfio_iommu_type1_cache_invalidate flush {
  argsz = sizeof
  info { version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1, cache = ${cache}, granularity = ${granularity}${more} }
}
scenario "s" { submit flush }`);
    return diagnostics.map(({ code }) => code);
  };
  const ALL = ' { domain_flush_reaches_all_guests = on }';
  const BY_ASID = ', addr_info = { flags = 2, archid = 1 }';

  test.each([
    ['1', '1', '', ', pasid_info = { flags = 2, archid = 1 }', []],
    ['1', '2', '', BY_ASID, []],
    ['1', '0', '', '', ['cache-granularity-refused']],
    ['1', '3', '', '', ['cache-granularity-refused']],
    ['1', '0', ALL, '', ['flush-reaches-all-guests']],
    ['1', '3', ALL, '', ['cache-granularity-refused']],
    ['1', '2', ALL, '', ['flush-reaches-all-guests']],
    ['1', '2', ALL, BY_ASID, []],
    ['1', '2', '', '', ['archid-required']],
    ['2', '2', '', '', ['cache-unsupported']],
    ['4', '0', '', '', ['cache-unsupported']],
    ['7', '2', '', BY_ASID, ['cache-unsupported']],
    ['0', '2', '', '', ['cache-empty']],
  ])('cache %s, granularity %s%s%s', (cache, granularity, quirks, more, wanted) => {
    const own = /^(cache-|archid-|flush-)/;
    expect(codes(cache, granularity, quirks, more).filter((code) => own.test(code))).toEqual(wanted);
  });
});
