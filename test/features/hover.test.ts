import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CHECKS, checksOf, GENERATIONS } from '../../engine/index.ts';
import { hover } from '../../server/features/hover.ts';
import { JUDGES } from '../../server/features/judges.ts';
import { KEYWORD_DOCS, KEYWORDS, keywordDoc } from '../../server/features/keyword-docs.ts';
import { checkFile, runFile, type ScenarioReport } from '../../server/features/run-file.ts';
import { type FileHost, resolve } from '../../server/language/resolve.ts';
import { scan, T } from '../../server/language/scanner.ts';
import { ASSERTIONS, MACHINE_ITEMS, OUTCOMES, RESERVED, STEP_OPTIONS } from '../../server/language/words.ts';
import { cases } from '../property.ts';
import { filesHost, GUEST, scenarioText } from '../run-text.ts';

/** The hover at the `$0` of a fixture, with the text it is about in front. */
function at(fixture: string, files: Readonly<Record<string, string>> = {}): string {
  const text = fixture.replace('$0', '');
  const found = hover(resolve('test.vsva', text, filesHost(files)), fixture.indexOf('$0'));
  return found ? `${text.slice(found.span.start, found.span.end)}: ${found.markdown}` : 'nothing';
}

const U = 'uapi vfio-2020-07';
const inScenario = (step: string): string => scenarioText(step);

/** The same with the results of a run. */
function ran(fixture: string): string {
  const text = fixture.replace('$0', '');
  const check = checkFile('test.vsva', text, filesHost({}));
  const results = [...runFile(check)].filter((r): r is ScenarioReport => r !== undefined);
  return hover(check.resolved, fixture.indexOf('$0'), results)?.markdown ?? 'nothing';
}

describe('UAPI', () => {
  test('generation, quirk and its setting here', () => {
    expect(at('uapi vf$0io-2020-07')).toMatch(/^vfio-2020-07: \*\*vfio-2020-07\*\* · PASID_REQUEST and NESTING_OP/);
    expect(at('uapi ba$0re')).toContain('There is no kernel');
    expect(at('uapi iommufd-6.$05')).toMatch(
      /Linux 6\.2 to 6\.5.*Scenarios do not run: iommufd-6\.5 is a header alone/s,
    );
    expect(at(`${U} { bind_err$0or_lost = off }`)).toContain('by default on · here off');
  });

  test('payload kinds and structs have their layout', () => {
    const kind = at(`${U}\nbind_$0data a { }`);
    expect(kind).toContain('bind_data: `struct iommu_gpasid_bind_data` · 72 bytes · kind `bind_data`');
    expect(kind).toContain('__u64 gpgd;                                     /*    24     8 */');
    expect(at(`${U}\nlet a = sizeof(struct vfio_iommu_$0type1_info)`)).toContain('/* padding: 4 */');
  });

  test('a field has type, place, value, space, alignment, bits and who decides about it', () => {
    expect(at(`${U}\nbind_data a { gp$0gd = 0x1000 }`)).toBe(
      [
        'gpgd: **gpgd** · `__u64` · bytes 24 to 31 · `struct iommu_gpasid_bind_data`',
        'Root of the guest stage-1 page table; the kernel checks its width but not its alignment.',
        'Here: `0x1000`',
        '- Address space: GPA\n- Alignment: 4K',
        'Decided by:',
        [
          '- `gpgd-out-of-range` (EINVAL, `intel_pasid_setup_nested`): gpgd must not lie above the highest address mapped in the second stage.',
          '- `gpgd-misaligned` (warning): gpgd has low bits that end up as attributes of the PASID entry.',
        ].join('\n'),
      ].join('\n\n'),
    );
  });

  test('fields by any way to write their path', () => {
    for (const fixture of [
      'bind_data a { vendor.vtd.fl$0ags = 0x21 }',
      'bind_data a { vendor { vtd = { fl$0ags = 0x21 } } }',
      'nesting_op o { data = bind_data { vendor.vtd { fl$0ags = 0x21 } } }',
    ]) {
      const text = at(`${U}\n${fixture}`);
      expect(text, fixture).toContain('flags: **vendor.vtd.flags** · `__u64` · bytes 56 to 63');
      expect(text, fixture).toContain('Here: `0x21`, `IOMMU_SVA_VTD_GPASID_SRE` | `IOMMU_SVA_VTD_GPASID_CD`');
      expect(text, fixture).toContain('`sre-unsupported` (EINVAL');
    }
    expect(at(`${U}\nlet a = offsetof(struct iommu_gpasid_bind_data, vendor.v$0td)`)).toContain('**vendor.vtd**');
    expect(at(inScenario('submit alloc expect range.m$0in == 1'))).toContain('min: **range.min** · `__u32`');
    expect(at(inScenario('submit alloc as r expect r.range.m$0ax == 1'))).toContain('**range.max**');
  });

  test('a value that only a run knows is said to be one', () => {
    expect(at(`${U}${GUEST}scenario "s" { submit alloc as pasid }`.replace('hpasid', 'hpa$0sid'))).toContain(
      'Here: `pasid`, known only when a scenario runs.',
    );
  });

  test('constants, ioctls, errnos and reasons', () => {
    const constant = at(`${U}\nbind_data a { vendor.vtd.flags = IOMMU_SVA_VTD_GPASID_EA$0FE }`);
    expect(constant).toContain('**IOMMU_SVA_VTD_GPASID_EAFE** = `2` · IOMMU_SVA_VTD_GPASID');
    expect(constant).toContain('bit 1 of `iommu_gpasid_bind_data_vtd.flags`');
    expect(constant).toContain('Source: include/uapi/linux/iommu.h (5.8)');
    expect(at(inScenario('submit alloc to VFIO_IOMMU_PASID_RE$0QUEST'))).toContain('= `0x3b76` · ioctl');
    expect(at(inScenario('submit alloc expect ENO$0SPC'))).toContain('`pasid-none-left`');
    expect(at(inScenario('submit alloc expect -ENO$0SPC'))).toContain('**ENOSPC** (28)');
    expect(at(inScenario('submit bind expect hidden, reason double-b$0ind'))).toMatch(
      /^double-bind: \*\*double-bind\*\* · warning/,
    );
  });
});

describe('hardware', () => {
  test('faults by name and code', () => {
    expect(at(inScenario('dma read dev0 at 0 expect fault SFS.$02'))).toMatch(/^SFS\.2: \*\*SFS\.2\*\* · fault `0x71`/);
    expect(at(inScenario('dma read dev0 at 0 expect fault 0x$071'))).toContain('A first-stage entry is not present.');
  });

  test('capabilities in a machine, by older names too, with their value here', () => {
    const old = at(`${U}\nmachine { iommu vtd { SLL$0PS = 1 } }`);
    expect(old).toContain('SLLPS: **SSLPS** · CAP bits 37:34 · default `3`, here `1`');
    expect(at(`${U}\nscenario "s" { expect iommu0.NE$0ST == 1 }`)).toContain('**NEST** · ECAP bit 26');
  });

  test('page-table formats, entry bits and permissions', () => {
    expect(at(`${U}\npagetable t x86-6$04 at 0 { }`)).toMatch(/^x86-64: .*first stage/);
    expect(at(`${U}\npagetable t x86-64 at 0 { 0 -> 0 rwp ac$0cessed }`)).toContain('`A`, bit 5');
    expect(at(`${U}\npagetable t x86-64 at 0 { 0 -> 0 rw$0p }`)).toContain('`p`: for privileged requests only');
    expect(at(inScenario('protect gpt 0x7f00_0000_0000 r$0w'))).toContain('permissions of the mapping');
    expect(at(inScenario('map gpt 0x7f00_0000_0000 -> 0x4000_0000 rw dir$0ty'))).toContain('`D`, bit 6, leaves');
  });

  test('hardware commands, their fields and granularities', () => {
    expect(at(inScenario('invalidate iommu0 p_io$0tlb_inv { }'))).toContain('hardware command · VT-d 6.5.2, type 6');
    expect(at(inScenario('invalidate iommu0 p_iotlb_inv { G$0 = page }'))).toContain('Here: `0x3`, `page`');
    expect(at(inScenario('invalidate iommu0 p_iotlb_inv { G = pa$0ge }'))).toContain('granularity of `p_iotlb_inv`');
    expect(at(inScenario('submit alloc as pasid\ninvalidate iommu0 pc_inv { G = pasid, PASID = pa$0sid }'))).toContain(
      'result of `submit`',
    );
  });
});

describe('names', () => {
  test('a payload by its declaration, use and base has its bytes', () => {
    for (const fixture of [
      `${U}\n/// Asks.\npasid_request as$0k { argsz = sizeof }`,
      `${U}\n/// Asks.\npasid_request ask { argsz = sizeof }\nscenario "s" { submit as$0k }`,
      `${U}\n/// Asks.\npasid_request ask { argsz = sizeof }\npasid_request b = as$0k`,
      `${U}\n/// Asks.\npasid_request ask { argsz = sizeof }\nscenario "s" { expect as$0k.argsz == 16 }`,
    ]) {
      const text = at(fixture);
      expect(text, fixture).toContain('ask: `struct vfio_iommu_type1_pasid_request ask`');
      expect(text, fixture).toContain('Asks.');
      expect(text, fixture).toContain('0x0000  10 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00');
    }
  });

  test('constants, tables, devices and results', () => {
    expect(at(`${U}\n/// Its size.\nlet pa$0ge = 4K`)).toBe(
      'page: **page** · = `0x1000`, `4096`, `4K` · constant\n\nIts size.\n\n`let page = 4K`',
    );
    expect(at(inScenario('unmap gp$0t 0x7f00_0000_0000'))).toContain('page table `x86-64` · root at GPA `0x1000_0000`');
    expect(at(`${U}${GUEST}let a = gpt.ro$0ot`)).toContain('`0x1000_0000`');
    expect(at(inScenario('dma read de$0v0 at 0'))).toContain('device `0000:00:02.0`, source id `0x10`');
    expect(at(inScenario('expect dev0.s$0id == 16'))).toContain('**dev0.sid** = `0x10`');
    expect(at(inScenario('dma read dev0 at 0 as r\nexpect r.re$0fs == 4'))).toContain('paging entries');
    expect(at(inScenario('for i in 0..4 { note "x"\nexpect i$0 < 4 }'))).toContain('loop variable');
  });

  test('what a payload leaves to its scenarios names them', () => {
    expect(at(`${U}${GUEST}scenario "a" { submit alloc as pasid }`.replace('hpasid = pa', 'hpasid = p$0a'))).toContain(
      'bound by\n\n- `a`, line',
    );
  });

  test('of an include are found, and their file is named', () => {
    const files = { 'lib.vsva': `${U}\n/// From there.\nlet far = 7` };
    expect(at(`${U}\ninclude "lib.vsva"\nlet a = f$0ar`, files)).toContain('in `lib.vsva`\n\nFrom there.');
  });

  test('doc comments bring no link, image or HTML with them', () => {
    const text = at(`${U}\n/// ![x](http://a/b) <img src="http://a">\nlet a$0 = 1`);
    expect(text).toContain('!\\[x\\](http://a/b) \\<img src="http://a"\\>');
  });
});

describe('other generations', () => {
  const FD = `uapi iommufd-6.12
struct iommu_hwpt_vtd_s1 s1 { pgtbl_addr = 0x1000, addr_width = 48 }
struct iommu_fault_alloc queue { size = sizeof }
struct iommu_hwpt_pgfault asked { }
struct iommu_hwpt_alloc nested { size = sizeof, dev_id = dev0.id, pt_id = ioas.id, data_type = IOMMU_HWPT_DATA_VTD_S1, data_uptr = &s1 }
`;
  const step = (line: string): string => at(`${FD}scenario "s" {\n  submit nested as made\n  ${line}\n}\n`);

  test('objects of an iommufd by their ids', () => {
    expect(at(FD.replace('dev0.id', 'dev0.i$0d'))).toContain('**dev0.id** · id of the device');
    expect(at(FD.replace('ioas.id', 'io$0as.id'))).toContain('the IOAS that the machine begins with');
    expect(at(FD.replace('ioas.id', 'ioas.i$0d'))).toContain('**ioas.id**');
    expect(step('expect dev0.hwpt$0_id == 0')).toContain('page table that the device has now');
    expect(step('attach dev0 to made.out_hw$0pt_id')).toContain('**out_hwpt_id** · `__u32`');
    expect(step('attach dev0 t$0o made.out_hwpt_id')).toContain('id of the page table or IOAS');
    expect(step('attach dev0 to made.out_hwpt_id as got\n  expect got.pt_$0id == 1')).toContain('**got.pt_id**');
    expect(step('submit nested t$0o IOMMU_HWPT_ALLOC')).toContain('Names the ioctl');
    // A container has none of them.
    expect(at(inScenario('expect dev0.i$0d == 0'))).toBe('nothing');
    expect(at(inScenario('expect io$0as.id == 0'))).toBe('nothing');
  });

  test('an address says what it points at and what chooses the struct', () => {
    const text = at(FD.replace('data_uptr', 'data_up$0tr'));
    expect(text).toContain('Leads to the struct that `data_type` chooses');
    expect(text).toContain('Points at `s1`, `struct iommu_hwpt_vtd_s1`.');
    expect(text).toContain('`data_type` is `IOMMU_HWPT_DATA_VTD_S1`: the kernel reads `struct iommu_hwpt_vtd_s1`.');
  });

  test('queues', () => {
    expect(step('read f$0d queue.out_fault_fd into asked')).toContain('A queue by its file descriptor');
    expect(step('read fd queue.out_fault_fd in$0to asked')).toContain('that read(2) fills');
    expect(step('read fd queue.out_fault_fd into as$0ked')).toContain('`struct iommu_hwpt_pgfault asked`');
    expect(step('write fd queue.out_fault_fd fr$0om asked')).toContain('that write(2) hands over');
  });

  test('the model of the machine, its registers and the files of 2018', () => {
    const arm = 'uapi iommu-2018-04\nmachine { iommu smmuv3 { model = 2, output_bits = 44, httu = access+dirty } }\n';
    expect(at(`${arm}let a = iom$0mu0.OAS`)).toContain('**iommu0** · Arm SMMUv3');
    expect(at(`${arm}let a = iom$0mu0.OAS`)).not.toContain('VT-d');
    expect(at(`${arm}let a = iommu0.O$0AS`)).toContain('IDR5 bits 2:0 · default `6`, here `4`');
    expect(at(arm.replace('output_bits', 'output_$0bits'))).toContain('sysfs description of 2018 · here `44`');
    expect(at(arm.replace('+dirty', '+dir$0ty'))).toContain('**access+dirty** = `2`');
    expect(at(arm.replace('smmuv3', 'smm$0uv3'))).toContain('is `vtd`');
    expect(at('uapi iommufd-6.8\nmachine { iommu selftest { } }\nlet a = iom$0mu0.CAP')).toContain('selftest mock');
  });

  test('processes, calls and versions', () => {
    const worker = 'uapi vfio-2018-02\nmachine { process worker { pid = 7, mm = 0 } }\nscenario "s" { exit worker }';
    expect(at(worker.replace('exit worker', 'exit wo$0rker'))).toContain('process 7 · a kernel thread');
    expect(at(worker.replace('mm', 'm$0m'))).toContain('has an address space');
    const call = 'uapi iommu-2018-04\nstruct pasid_table_config t { }\n';
    expect(at(`${call}scenario "s" { submit t to bind_pa$0sid_table on dev0 }`)).toContain('call inside the kernel');
    expect(at(`${call}scenario "s" { submit t to bind_pasid_table o$0n dev0 }`)).toContain('call inside the kernel');
    const evolved = `${U}\nevolve struct iommu_gpasid_bind_data version 2 { __u64 hint }\nbind_data b { hint = 1 }`;
    expect(at(evolved.replace('version', 'vers$0ion'))).toContain('number of the version');
    expect(at(evolved.replace('__u64', '__u$064'))).toContain('unsigned integer of 64 bits');
    expect(at(evolved.replace('__u64 hint', '__u64 hi$0nt'))).toContain('bytes 72 to 79');
    expect(at(evolved.replace('{ hint', '{ hi$0nt'))).toContain('bytes 72 to 79');
  });

  test('older names, elements of arrays, and what a payload carries', () => {
    const bind =
      'uapi vfio-2018-02\nstruct vfio_iommu_type1_bind own { mode = VFIO_IOMMU_BIND_PROCESS, data = bind_data { } }';
    expect(at(bind.replace('mode', 'mo$0de'))).toContain('**flags**');
    expect(at(`${bind}\nscenario "s" { submit own expect data.pa$0sid == 1 }`)).toContain('**data.pasid**');
    expect(at(`${bind}\nlet a = own.data.pa$0sid`)).toContain('**data.pasid**');
    const array = `${U}\narray both of iommu_inv_pasid_info { { pasid = 1 }, { pasid = 2 } }\n`;
    expect(at(`${array}let a = both[$01].pasid`)).toContain('**both[1]** · element of `both`');
    expect(at(`${array}let a = both[1].pa$0sid`)).toContain('**pasid** · `__u64`');
  });

  test('who decides about a field', () => {
    const text = at(FD.replace('addr_width', 'addr_w$0idth'));
    expect(text).toContain('Decided by:');
    expect(text).toContain('`intel_');
    expect(at(FD.replace('pt_id', 'pt_$0id'))).toContain('`iommufd_hwpt_');
  });

  test('only what is missing is said to be', () => {
    const missing = KEYWORDS.filter(({ doc }) => /not available yet/.test(doc)).map(({ word }) => word);
    expect([...new Set(missing)].sort()).toEqual(['lane', 'parallel']);
  });
});

describe('numbers', () => {
  test('in other bases, as a size and as bits', () => {
    expect(at(`${U}\nlet a = 4$0K`)).toBe('4K: `0x1000` · `4096` · `4K` · bit 12');
    expect(at(`${U}\nlet a = 0xff$0f`)).toBe('0xfff: `0xfff` · `4095` · bits 11:0');
  });

  test('with the flags of the field they stand in', () => {
    const text = at(`${U}\nbind_data a { flags = 3$0 | 0 }`);
    expect(text).toContain('In `flags` (`__u64`).\n\n- bit 0: `IOMMU_SVA_GPASID_VAL`\n- bit 1: no known flag');
    expect(at(`${U}\ncache_invalidate_info a { granularity = 2$0 }`)).toContain('`IOMMU_INV_GRANU_ADDR`');
  });

  test('of a translated address with its table indices', () => {
    expect(at(inScenario('dma read dev0 at 0x7f00_0000_101$00'))).toContain(
      'PML4E 254, PDPE 0, PDE 0, PTE 1, offset 0x10',
    );
  });
});

describe('words', () => {
  test('every word of the language is documented where it may stand', () => {
    const missing = [
      ...RESERVED.filter((w) => !keywordDoc(w, 'declaration')),
      ...Object.keys(STEP_OPTIONS).filter((w) => !keywordDoc(w, 'step')),
      ...Object.values(STEP_OPTIONS)
        .flat()
        .filter((w) => !keywordDoc(w, 'option')),
      ...OUTCOMES.filter((w) => !keywordDoc(w, 'outcome')),
      ...ASSERTIONS.filter((w) => !keywordDoc(w, 'assertion')),
      ...MACHINE_ITEMS.filter((w) => !keywordDoc(w, 'machine')),
    ];
    expect(missing).toEqual([]);
    for (const { doc } of KEYWORDS) expect(doc).toMatch(/^[A-Z].*\.$/);
    expect(KEYWORD_DOCS.get('submit')).toContain('ioctl');
  });

  test('mean what they mean at their place', () => {
    expect(at(inScenario('rea$0d gpa 0x1000'))).toContain('raw memory');
    expect(at(inScenario('dma read dev0 at 0 expect hit iot$0lb'))).toContain("IOMMU's own cache");
    expect(at(inScenario('dma read dev0 at 0 expect val$0ue 4'))).toContain('This was read.');
    expect(at(inScenario('expect un$0cached dev0 at 0'))).toContain('would have to walk');
    expect(at(inScenario('dma read dev0 pa$0sid 4 at 0'))).toContain('PASID that the request carries');
    expect(at(`${U}\nmachine { device dev0 { pa$0sid = 20 } }`)).toContain('Bits of PASID');
    expect(at(`${U}\npagetable t x86-64 a$0t 0 { }`)).toContain('root of a page table');
  });

  test('sizeof says how much that is here', () => {
    expect(at(`${U}${GUEST}`.replace('argsz = sizeof, flags', 'argsz = size$0of, flags'))).toContain(
      'Here: `80 (0x50)`',
    );
  });

  test('work without a generation; comments and white space say nothing', () => {
    expect(at('scena$0rio "s" { }')).toContain('A test');
    expect(at(`${U}\n// let$0 a`)).toBe('nothing');
    expect(at(`${U}\n  $0  \n`)).toBe('nothing');
    expect(at('$0')).toBe('nothing');
  });
});

describe('results', () => {
  test('a passed access has its walk, entry by entry', () => {
    const text = ran(inScenario('dm$0a read dev0 at 0x1000'));
    expect(text).toMatch(/^\*\*Passed\*\* · `HPA 0x1_0000_1000 · 4 refs · miss`/);
    expect(text).toContain('SS-PTE    0x40_0000_3008  0x1_0000_1003   page   R W');
    expect(text).toContain('**dma** · ');
  });

  test('a hidden refusal names check, function and evidence', () => {
    const text = ran(inScenario('let pasid = 5\nsub$0mit bind expect hidden ENOENT'));
    expect(text).toContain('Hidden ENOENT: the call returned 0');
    expect(text).toContain('Check `pasid-not-allocated` in `intel_svm_bind_gpasid`');
    expect(text).toContain('Evidence: source, Linux 5.10.223.');
  });

  test('a stale access tells the incident and what would have covered it', () => {
    const text = ran(
      inScenario(`submit alloc as pasid
submit bind
dma read dev0 pasid pasid at 0x7f00_0000_0000
unmap gpt 0x7f00_0000_0000
d$0ma read dev0 pasid pasid at 0x7f00_0000_0000`),
    );
    expect(text).toMatch(/^\*\*Failed\*\* · `STALE: edited line 24, cached line 23`/);
    expect(text).toContain('Edited: line 24, `unmap gpt 0x7f00_0000_0000`: the first-stage entry');
    expect(text).toContain('Would have covered it: IOTLB by ADDR, PASID 1');
    expect(text).toContain('```vsva\ncache_invalidate_info {');
  });

  test('of a step that ran several times all runs, and the first failed one in full', () => {
    const text = ran(inScenario('for i in 0..20 { dm$0a read dev0 at 0x7fff_f000 + i * 4K }'));
    expect(text).toMatch(/^Ran 20 times, 19 failed\./);
    expect(text).toContain('- and 10 more');
    expect(text).toContain('In full: `s`, run 2.');
  });

  test('stand on the first word only, and only where there are any', () => {
    expect(ran(inScenario('dma re$0ad dev0 at 0x1000'))).not.toContain('Passed');
    expect(at(inScenario('dm$0a read dev0 at 0x1000'))).not.toContain('Passed');
  });
});

test('every kernel function of the checks is known to judge a payload, or to judge none', () => {
  const none = [
    'ioctl',
    'vfio_fops_unl_ioctl',
    'vfio_iommu_type1_ioctl',
    'vfio_ioctl_set_iommu',
    '__iommu_attach_group',
    'vfio_iommu_type1_attach_group',
    'intel_iommu_domain_set_attr',
    'vfio_iommu_type1_detach_group',
  ];
  const functions = new Set(Object.values(CHECKS).map((c) => c.at));
  expect([...functions].filter((f) => !(f in JUDGES) && !none.includes(f))).toEqual([]);
  // Each of the table's functions refuses in some generation that has the struct.
  const lost = Object.entries(JUDGES).flatMap(([f, structs]) =>
    structs
      .filter((s) => !GENERATIONS.some((g) => g.structs.has(s) && checksOf(g.id).some((c) => c.at === f)))
      .map((s) => `${f} ${s}`),
  );
  expect(lost).toEqual([]);
});

describe('over the examples', () => {
  const host: FileHost = {
    resolve: (from, path) => join(dirname(from), path),
    read: (file) =>
      existsSync(file) && file.endsWith('.vsva') ? readFileSync(file, 'utf8') : { problem: 'no such file' },
  };
  const files = readdirSync('examples')
    .filter((f) => f.endsWith('.vsva'))
    .map((f) => join('examples', f));

  test('every word and number has something to say', () => {
    const silent = files.flatMap((file) => {
      const text = readFileSync(file, 'utf8');
      const resolved = resolve(file, text, host);
      const tokens = scan(text);
      return Array.from({ length: tokens.count }, (_, i) => i)
        .filter((i) => tokens.kinds[i] === T.Word || tokens.kinds[i] === T.Number)
        .filter((i) => hover(resolved, tokens.starts[i]!) === null)
        .map((i) => `${file}: ${text.slice(tokens.starts[i]!, tokens.ends[i]!)}`);
    });
    expect(silent).toEqual([]);
  });

  test('broken text never throws', () => {
    const texts = files.map((file) => readFileSync(file, 'utf8'));
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.nat(), fc.nat(), fc.nat(200), (text, from, where, length) => {
        const cut = from % text.length;
        const broken = text.slice(0, cut) + text.slice(cut + length);
        hover(resolve('examples/test.vsva', broken, host), where % (broken.length + 1));
      }),
      cases(300),
    );
  });
});
