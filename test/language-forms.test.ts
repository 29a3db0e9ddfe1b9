import { describe, expect, test } from 'vitest';
import { runText, scenarioText } from './run-text.ts';

const HEAD = 'uapi vfio-2020-07\n';
const run = (text: string): { errors: string[]; messages: string[]; statuses: string[] } => {
  const { diagnostics, scenarios } = runText(text);
  return {
    errors: diagnostics.filter((d) => d.severity === 'error').map((d) => `${d.code}: ${d.message}`),
    messages: scenarios.flatMap((s) => [s.message, ...s.steps.map((step) => step.message)]).filter(Boolean),
    statuses: scenarios.map((s) => s.status),
  };
};
const CLEAN = { errors: [], messages: [], statuses: ['passed'] };

describe('payloads that speak of themselves', () => {
  test.each([
    ['its size by name', 'bind_data f { argsz = sizeof(f) }\nscenario "s" { expect f.argsz == 72 }'],
    [
      'its size with its data',
      'bind_data f { argsz = sizeof }\nnesting_op b { argsz = sizeof(b), data = f }\nscenario "s" { expect b.argsz == 80 }',
    ],
    [
      'the size of an array',
      'array a of iommu_inv_pasid_info { { pasid = sizeof(a) }, { } }\nscenario "s" { expect sizeof(a) == 32 }',
    ],
    [
      'the elements of an array as C counts them',
      'array a of iommu_inv_pasid_info { { }, { }, { } }\nlet n = ARRAY_SIZE(a)\nscenario "s" { expect n == 3 && sizeof(*a) == 16 && sizeof(a) == n * sizeof(*a) }',
    ],
    [
      'its own address',
      'array a of iommu_inv_addr_info { { addr = &a } }\nscenario "s" { read user &a + 16 as v\nexpect v == &a }',
    ],
  ])('%s', (_what, text) => expect(run(HEAD + text)).toEqual(CLEAN));

  test.each([
    ['let n = ARRAY_SIZE(f)', 'not-an-array: f is no array; ARRAY_SIZE counts the elements of one'],
    ['let n = sizeof(*f)', 'not-an-array: f is no array; write sizeof(f)'],
    ['let n = ARRAY_SIZE(nope)', 'unknown-name: nope is not known'],
  ])('%s is refused', (text, error) => {
    expect(run(`${HEAD}bind_data f { argsz = sizeof }\n${text}`).errors).toEqual([error]);
  });

  test.each([
    ['a field of its own', 'bind_data f { argsz = f.version }'],
    ['fields of one another', 'bind_data f { argsz = g.argsz }\nbind_data g { argsz = f.argsz }'],
  ])('%s is a cycle', (_what, text) => expect(run(HEAD + text).errors[0]).toMatch(/^payload-cycle: /));
});

describe('forms that authors bring along', () => {
  test('a C initialiser with `= {`', () => {
    const text = `struct vfio_iommu_type1_pasid_request r = {
	.argsz = sizeof(struct vfio_iommu_type1_pasid_request),
	.flags = VFIO_IOMMU_FLAG_ALLOC_PASID,
	.range = { .min = 1, .max = 9 },
};
scenario "s" { submit r expect returns 1 }`;
    expect(run(HEAD + text)).toEqual(CLEAN);
  });
  test('casts and designated indices of C', () => {
    const text = `struct vfio_iommu_type1_pasid_request r = {
	.argsz = (__u32)sizeof(struct vfio_iommu_type1_pasid_request),
	.flags = (unsigned int)VFIO_IOMMU_FLAG_ALLOC_PASID,
	.range = { .min = (u8)0x105, .max = (__u32)(1 << 3 | 1) },
};
struct iommu_gpasid_bind_data b = {
	.padding = {
		[3] = 7,
		(__u8)0x1ff,
		[0] = 1,
		[IOMMU_SVA_GPASID_VAL] = 2,
	},
};
array both of iommu_inv_pasid_info {
	[2] = { .pasid = 3 },
	[0] = { .pasid = 1 },
}
scenario "s" {
	submit r expect returns 5
	expect b.padding[0] == 1 && b.padding[1] == 2 && b.padding[2] == 0
	expect b.padding[3] == 7 && b.padding[4] == 0xff && b.padding[5] == 0
	expect sizeof(both) == 3 * sizeof(struct iommu_inv_pasid_info)
	read user &both + 2 * 16 + offsetof(struct iommu_inv_pasid_info, pasid) as third
	read user &both + 16 + offsetof(struct iommu_inv_pasid_info, pasid) as second
	expect third == 3 && second == 0
}`;
    expect(run(HEAD + text)).toEqual(CLEAN);
  });
  test.each([
    ['unsigned types keep their low bits', '(__u8)0x1ff == 0xff && (uint16_t)~0 == 0xffff && (__u32)-1 == 0xffff_ffff'],
    ['signed types extend them', '(__s8)0x80 == -128 && (int)0xffff_ffff == -1 && (int)0x1_7fff_ffff == 0x7fff_ffff'],
    [
      'words in any number',
      '(unsigned long long)-1 == -1 && (const volatile unsigned char)0x101 == 1 && (long)-1 == -1',
    ],
    ['pointers and enums', '(void *)&buf == &buf && (struct s **)&buf == &buf && (enum e)0x1_0000_0002 == 2'],
    ['one behind the other', '(__u64)(uintptr_t)&buf == &buf && (__u8)(__u32)0x1_01ff == 0xff'],
    ['they bind as tightly as `~`', '(__u16)~0 + 1 == 0x1_0000 && (__u8)1 << 8 == 256'],
    ['a name in parentheses is none', '(x) - 1 == 6 && (x) & 3 == 3 && (x)'],
  ])('a cast: %s', (_what, expr) =>
    expect(run(`${HEAD}let x = 7\nraw buf size 8\nscenario "s" { expect ${expr} }`)).toEqual(CLEAN),
  );
  test.each([
    [
      'a place far out',
      'bind_data b { padding = { [1 << 40] = 1 } }',
      /^list-too-long: element 1099511627776 lies behind/,
    ],
    [
      'a place behind the end',
      'bind_data b { padding = { [99] = 1 } }',
      /^value-too-wide: 100 elements do not fit padding/,
    ],
    ['a name for the place of a struct', 'array a of iommu_inv_pasid_info { [x] = { } }', /^bad-place: /],
    ['a struct far out', 'array a of iommu_inv_pasid_info { [99999] = { } }', /^bad-place: .* below 4096$/],
    ['no value', 'bind_data b { padding = { [1] = } }', /^expected-token: expected an expression, found `}`$/],
  ])('a designated index: %s', (_what, text, message) => expect(run(HEAD + text).errors[0]).toMatch(message));
  test.each([
    ['by name', 'submit buf to VFIO_IOMMU_MAP_DMA', 'VFIO_IOMMU_MAP_DMA', 'host map'],
    ['by number', 'submit &buf to 0x3b72', 'VFIO_IOMMU_UNMAP_DMA', 'host unmap'],
    ['by struct', 'submit struct vfio_iommu_type1_dma_map { argsz = sizeof }', 'VFIO_IOMMU_MAP_DMA', 'host map'],
    ['by declared struct', 'submit unmap', 'VFIO_IOMMU_UNMAP_DMA', 'host unmap'],
  ])('a call that is not modelled is an error before the run: %s', (_what, step, name, instead) => {
    const { errors, messages } = run(
      `${HEAD}raw buf size 8\nstruct vfio_iommu_type1_dma_unmap unmap { argsz = sizeof }\nscenario "s" { ${step} expect EINVAL }`,
    );
    const message = `${name} is not modelled: the VMM edits the second stage with "${instead}"`;
    expect(errors).toEqual([`not-modelled: ${message}`]);
    expect(messages).toEqual([message]);
  });
  test('hidden skipped', () => {
    const text = scenarioText('submit alloc as pasid\nsubmit bind\nsubmit by_domain expect hidden skipped', {
      declarations:
        'cache_invalidate_info d = page { granularity = IOMMU_INV_GRANU_DOMAIN }\nnesting_op by_domain = flush { data = d }',
    });
    expect(run(text)).toEqual(CLEAN);
  });
  test.each([
    ['an errno', 'exit expect EFOO or ok', 'unknown-name: EFOO is not an errno of these calls'],
    [
      'a fault',
      'dma read dev0 at 0 expect fault SFS.99',
      'unknown-name: SFS.99 is not a fault of this model; did you mean SFS.9?',
    ],
    [
      'a reason',
      'exit expect reason argsz-to-small',
      'unknown-name: argsz-to-small is not a check of this generation; did you mean argsz-too-small?',
    ],
    [
      'a command',
      'invalidate iommu0 pc_inf { G = global }',
      'unknown-name: iommu vtd has no command pc_inf; did you mean pc_inv?',
    ],
    [
      'a field of a command',
      'invalidate iommu0 pc_inv { QQ = 1 }',
      'unknown-field: pc_inv has no field QQ; it has G, DID, PASID',
    ],
  ])('%s that does not exist', (_what, step, message) =>
    expect(run(`${HEAD}scenario "s" { ${step} }`).errors).toEqual([message]),
  );
  test('a reserved granularity is a command error', () => {
    expect(run(`${HEAD}scenario "s" { invalidate iommu0 p_iotlb_inv { G = 1 } expect error IQE }`)).toEqual(CLEAN);
    expect(run(`${HEAD}scenario "s" { invalidate iommu0 p_iotlb_inv { G = 1 } }`).statuses).toEqual(['failed']);
  });
  test('a value that does not fit is not cut', () => {
    expect(run(`${HEAD}scenario "s" { write gpa 0 u8 = 0x1ff }`).messages).toEqual(['0x1ff does not fit 8 bits']);
    expect(run(`${HEAD}scenario "s" { dma write dev0 at 0 = 0x1_0000_0001 }`).messages).toEqual([
      '0x1_0000_0001 does not fit an access of 4 bytes',
    ]);
  });
});

describe('page tables', () => {
  test('a bad mapping does not fail a scenario that leaves the table alone', () => {
    const { errors, statuses } = run(
      `${HEAD}pagetable t x86-64 at 0x1000 { 0x1001 -> 0x2000 }\nscenario "s" { expect 1 }`,
    );
    expect(errors[0]).toMatch(/^mapping-impossible: /);
    expect(statuses).toEqual(['passed']);
  });
  test('a guest may write a leaf that its hardware refuses', () => {
    const text = scenarioText(
      'submit alloc as pasid\nmap gpt 0x40_0000_0000 size 1G -> 0 page 1G\nsubmit bind\ndma read dev0 pasid pasid at 0x40_0000_0000 expect fault SFS.3',
      {
        declarations: 'machine { iommu vtd { FS1GP = 0 } }',
      },
    );
    expect(run(text)).toEqual(CLEAN);
  });
  test.each([
    ['the page', 'host protect gpa 0x4000_0000 w', 'SGN.7'],
    ['a page-table page', 'host protect gpa 0x1000_1000 w', 'SFS.7'],
    ['the root', 'host protect gpa 0x1000_0000 w', 'SFS.6'],
  ])('the second stage may grant writing alone: %s', (_what, step, fault) => {
    expect(
      run(
        scenarioText(
          `submit alloc as pasid\nsubmit bind\n${step}\ndma read dev0 pasid pasid at 0x7f00_0000_0000 expect fault ${fault}`,
        ),
      ),
    ).toEqual(CLEAN);
  });
});

describe('machines', () => {
  const machine = (items: string): string[] => run(`${HEAD}machine { ${items} }`).errors;
  test.each([
    ['a capability that defaults rest on', 'iommu vtd { SRS = 0 }'],
    ['scalable mode', 'iommu vtd { SMTS = 0 }'],
    ['registers as Sapphire Rapids prints them', 'iommu vtd { cap = 0x19ed008c40780c66, ecap = 0x3ee9e86f050df }'],
  ])('%s may be given', (_what, items) => expect(machine(items)).toEqual([]));
  test('leaves that the unit lacks are refused', () => {
    expect(machine('iommu vtd { SSLPS = 0 }, ram 0 size 1G -> 0x1_0000_0000 page 2M')).toEqual([
      'machine-impossible: SSLPS is 0: this unit has no second-stage leaves of 2M',
    ]);
  });
  test('a device without a group is alone in its own', () => {
    const text = scenarioText('submit alloc as pasid\nsubmit bind\nexpect bound a pasid pasid\nexpect unbound b', {
      declarations: 'machine { device a { group = g1 }, device b { } }',
    });
    expect(run(text)).toEqual(CLEAN);
  });
});

test('too many hints stay hints', () => {
  const lets = Array.from({ length: 1200 }, (_, i) => `let a${i} = ${i}`).join('\n');
  const { diagnostics, scenarios } = runText(`${HEAD}${lets}\nscenario "s" { note "x" }`);
  expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
  expect(diagnostics[0]).toMatchObject({ code: 'too-many', severity: 'information' });
  expect(scenarios[0]!.status).toBe('passed');
});
