import { describe, expect, test } from 'vitest';
import { defaultMachine, modelById, type ScenarioResult, whyNotRunnable } from '../engine/index.ts';
import { runText } from './run-text.ts';

/** One first-stage page for PASID 7 of dev0, and the structures above it, all written by hand. */
const TABLES = `
pagetable user x86-64 at 0x20_0000 space hpa { 0x7f00_0000_0000 -> 0x8000_0000 rw }
pagetable second vtd-ss at 0x30_0000 space hpa { 0x5000 -> 0x9000_0000 rw }
`;
const SETUP = `
  write hpa 0x10_0000 = 0x10_1001
  write hpa 0x10_1000 + dev0.sid * 32 = 0x10_2019
  write hpa 0x10_2000 = 0x10_3001
  write hpa 0x10_3000 + 7 * 64 = [1 << 6 | 1, 5, user.root | 1]
`;
const MACHINE = 'machine { iommu vtd { RTADDR = 0x10_0400 } device dev0 { ats = 1, pri = 1 } }';

interface Options {
  readonly machine?: string;
  readonly setup?: string;
  readonly declarations?: string;
}

const fileOf = (steps: string, { machine = MACHINE, setup = SETUP, declarations = '' }: Options = {}): string =>
  `uapi bare\n${machine}\n${TABLES}\n${declarations}\nscenario "s" {${setup}\n${steps}\n}\n`;

const run = (steps: string, options?: Options): ScenarioResult => {
  const { scenarios, diagnostics } = runText(fileOf(steps, options));
  expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
  return scenarios[0]!;
};

/** The steps hold as they say. */
function passes(steps: string, options?: Options): ScenarioResult {
  const result = run(steps, options);
  expect([result.message, ...result.steps.map((s) => s.message)].filter(Boolean)).toEqual([]);
  return result;
}

const failure = (steps: string, options?: Options): string => {
  const result = run(steps, options);
  return result.message || (result.steps.find((s) => s.status === 'failed')?.message ?? '');
};

const findings = (text: string): string[] =>
  runText(text)
    .diagnostics.filter((d) => d.severity === 'error')
    .map((d) => `${d.code}: ${text.slice(d.start, d.end)}: ${d.message}`);

const WORD = 0x7f00_0000_0000n;

describe('VT-d without a kernel', () => {
  test('a first stage alone: four structures and four levels', () => {
    passes('dma read dev0 pasid 7 at 0x7f00_0000_0008 expect hpa 0x8000_0008, miss, refs 4, config 4');
  });

  test('a second stage alone, a nested pair, and pass-through', () => {
    const entry = (words: string): string =>
      SETUP.replace('[1 << 6 | 1, 5, user.root | 1]', `[${words.replaceAll('AW', '2 << 2')}]`);
    passes('dma read dev0 pasid 7 at 0x5008 expect hpa 0x9000_0008, refs 4', {
      setup: entry('second.root | 2 << 6 | AW | 1, 6, 0'),
    });
    passes('dma read dev0 pasid 7 at 0x12_3450 expect hpa 0x12_3450, refs 0', {
      setup: entry('4 << 6 | AW | 1, 6, 0'),
    });
    // The first stage's own pages are guest addresses now, and only 0x5000 is mapped.
    passes('dma read dev0 pasid 7 at 0x7f00_0000_0008 expect fault SSS.2', {
      setup: entry('second.root | 3 << 6 | AW | 1, 6, user.root | 1'),
    });
  });

  test('nothing is there that nobody wrote', () => {
    passes('dma read dev0 at 0x1000 expect fault SRT.2', { setup: '' });
    passes('read hpa 0xdead_b000 as nothing\n expect nothing == 0', { setup: '' });
  });

  test('RAM only says where guest addresses lie', () => {
    passes(
      'write gpa 0x1000 = 0x1234\n read hpa 0x1_0000_1000 as there\n expect there == 0x1234\n dma read dev0 pasid 7 at 0x1000 expect fault SFS.2',
    );
  });

  test('a fault is logged, and stays until software frees it', () => {
    const result = passes(`
      dma write dev0 pasid 7 at 0x7f00_0000_1000 expect fault SFS.2
      expect faults 1
      expect iommu0.PPF == 1 && iommu0.FRCD0_LO == 0x7f00_0000_1000
      write reg iommu0.FRCD0_HI = 1 << 63
      expect iommu0.PPF == 0
      expect faults 1`);
    const { detail } = result.steps.find((s) => s.step.kind === 'dma')!;
    expect(detail.event![0]).toBe(WORD + 0x1000n);
    const [low, high] = detail.event!;
    passes(`dma write dev0 pasid 7 at 0x7f00_0000_1000 expect fault, event == [${low}, ${high}]`);
  });

  test('records overflow where nobody frees them', () => {
    passes(
      `dma read dev0 pasid 7 at 0x1000 expect fault
       dma read nic pasid 7 at 0x2000 expect fault
       expect iommu0.PFO == 1
       expect faults 1`,
      { machine: 'machine { iommu vtd { RTADDR = 0x10_0400, NFR = 0 } device dev0 { } device nic { } }' },
    );
  });

  test('nothing is flushed that no command flushed', () => {
    passes(`
      dma read dev0 pasid 7 at 0x7f00_0000_0000 expect hpa 0x8000_0000
      write hpa 0x10_3000 + 7 * 64 = 0
      dma read dev0 pasid 7 at 0x7f00_0000_0000 expect stale
      invalidate iommu0 pc_inv { G = pasid, DID = 5, PASID = 7 }
      invalidate iommu0 p_iotlb_inv { G = pasid, DID = 5, PASID = 7 }
      dma read dev0 pasid 7 at 0x7f00_0000_0000 expect fault SPT.2`);
  });

  test('the root pointer changes by a register', () => {
    passes(`
      dma read dev0 pasid 7 at 0x7f00_0000_0000 expect hpa 0x8000_0000
      write reg iommu0.RTADDR = 0x60_0400
      expect iommu0.RTADDR == 0x60_0400
      dma read dev0 pasid 7 at 0x7f00_0000_0000 expect stale or fault
      invalidate iommu0 cc_inv { G = global }
      invalidate iommu0 pc_inv { G = global }
      invalidate iommu0 iotlb_inv { G = global }
      dma read dev0 pasid 7 at 0x7f00_0000_0000 expect fault SRT.2`);
  });
});

describe('commands', () => {
  const PAGE_FLUSH = '[6 | 3 << 4 | 5 << 16 | 7 << 32, 0x7f00_0000_0000]';

  test('raw words and names issue the same', () => {
    passes(`
      command iommu0 ${PAGE_FLUSH} expect issued == [${PAGE_FLUSH}]
      invalidate iommu0 p_iotlb_inv { G = page, DID = 5, PASID = 7, ADDR = 0x7f00_0000_0000 } expect ok, issued == [${PAGE_FLUSH}]`);
  });

  test('a raw command removes what its name would', () => {
    passes(`
      dma read dev0 pasid 7 at 0x7f00_0000_0000
      expect cached dev0 pasid 7 at 0x7f00_0000_0000
      command iommu0 ${PAGE_FLUSH}
      expect uncached dev0 pasid 7 at 0x7f00_0000_0000`);
  });

  test('the queue is memory, and head follows tail', () => {
    passes(
      `command iommu0 ${PAGE_FLUSH}
       expect iommu0.IQT == 32 && iommu0.IQH == 32
       read hpa 0x10_5000 as first
       expect first == (6 | 3 << 4 | 5 << 16 | 7 << 32)
       // Software may as well write the entry and move the tail.
       write hpa 0x10_5020 = [5 | 1 << 5 | 0xd05e << 32, 0x10_9000]
       write reg iommu0.IQT = 64
       read hpa 0x10_9000 u32 as status
       expect status == 0xd05e`,
      { machine: 'machine { iommu vtd { RTADDR = 0x10_0400, IQA = 0x10_5800 } }' },
    );
  });

  test('a descriptor that hardware does not accept stops the queue until FSTS is cleared', () => {
    passes(`
      command iommu0 [0xf] expect error IQE
      expect iommu0.IQE == 1
      command iommu0 ${PAGE_FLUSH} expect error IQE
      write reg iommu0.FSTS = 1 << 4
      expect iommu0.IQE == 0
      command iommu0 ${PAGE_FLUSH} expect ok`);
    expect(failure('command iommu0 [0xf]')).toMatch(/^command error IQE: /);
  });

  test('a wait writes its status', () => {
    passes(`
      invalidate iommu0 inv_wait { SW = 1, STADDR = 0x10_8000, STDATA = 3 }
      read hpa 0x10_8000 u32 as status
      expect status == 3`);
  });

  test('they run beside a kernel too', () => {
    const { scenarios } = runText(`uapi vfio-2020-07
scenario "s" {
  dma read dev0 at 0x1000
  expect cached dev0 at 0x1000
  command iommu0 [2 | 1 << 4] expect issued == [[2 | 1 << 4]]
  expect uncached dev0 at 0x1000
  write reg iommu0.RTADDR = iommu0.RTADDR
  dma read dev0 at 0x1000 expect hpa 0x1_0000_1000
}
`);
    expect(scenarios[0]!.steps.map((s) => s.message).filter(Boolean)).toEqual([]);
  });
});

describe('records that devices send', () => {
  const REQUEST = 'page_req_dsc { PP = 1, PASID = 7, R = 1, LPIG = 1, PRGI = 3, ADDR = 0x7f00_0000_1000 }';
  const QUEUE = {
    machine: 'machine { iommu vtd { RTADDR = 0x10_0400, PQA = 0x10_7000 } device dev0 { ats = 1, pri = 1 } }',
  };

  test('a page request lands in the queue with the source id of its device', () => {
    passes(
      `inject dev0 ${REQUEST}
       expect iommu0.PQT == 32 && iommu0.PPR == 1
       read hpa 0x10_7000 as head
       read hpa 0x10_7008 as page
       expect (head & 0x1ff) == 0x101 && (head >> 16 & 0xffff) == dev0.sid && (head >> 32 & 0xf_ffff) == 7
       expect page == (0x7f00_0000_1000 | 3 << 3 | 1 << 2 | 1)`,
      QUEUE,
    );
  });

  test('a declared one can be taken over, named and asked for its fields', () => {
    passes(
      `inject dev0 other
       expect other.PASID == 7 && other.PRGI == 4 && sizeof(other) == 32
       read hpa 0x10_7008 as page
       expect (page >> 3 & 0x1ff) == 4`,
      {
        ...QUEUE,
        declarations: `${REQUEST.replace('page_req_dsc', 'page_req_dsc one')}\npage_req_dsc other = one { PRGI = 4 }`,
      },
    );
  });

  test('a full queue loses requests until PRS.PRO is cleared', () => {
    passes(
      `for i in 0..127 {
         inject dev0 page_req_dsc { PP = 1, PASID = 7, R = 1, PRGI = i, ADDR = i * 4K }
       }
       inject dev0 page_req_dsc { PP = 1, PASID = 7, R = 1, ADDR = 0x1000 } expect error PRO
       expect iommu0.PRO == 1
       write reg iommu0.PQH = iommu0.PQT
       inject dev0 page_req_dsc { PP = 1, PASID = 7, R = 1, ADDR = 0x1000 } expect error PRO
       write reg iommu0.PRS = 2
       inject dev0 page_req_dsc { PP = 1, PASID = 7, R = 1, ADDR = 0x1000 } expect ok`,
      QUEUE,
    );
  });

  test('what is wrong with one is told where it stands', () => {
    const wrong = (record: string): string[] => findings(fileOf(`inject dev0 ${record}`));
    expect(wrong('page_req_dsc { PASDI = 1 }')).toEqual([
      'unknown-field: PASDI: page_req_dsc has no field PASDI; did you mean PASID?',
    ]);
    expect(wrong('page_req_dsc { PASID = 0x10_0000 }')).toEqual([
      'value-too-wide: 0x10_0000: 0x100000 does not fit PASID, which has 20 bits',
    ]);
    expect(wrong('page_req { }')).toEqual([expect.stringMatching(/^unknown-kind: page_req: /)]);
    expect(wrong('3')).toEqual(['not-a-record: 3: a device sends a record of the hardware: page_req_dsc']);
  });

  test('with a kernel in between they are no payloads', () => {
    const text = 'uapi iommufd-6.12\nscenario "s" { inject dev0 page_req_dsc { } }\n';
    expect(findings(text)).toEqual([expect.stringMatching(/^unknown-kind: page_req_dsc: .* of iommufd-6\.12/)]);
  });
});

describe('the machine', () => {
  const machine = (items: string): string[] => findings(`uapi bare\nlet there = 0x7000\nmachine { ${items} }\n`);

  test('registers are written in their order, as expressions', () => {
    passes('expect iommu0.PQA == there + 1\n expect iommu0.RTADDR == second.root', {
      machine: 'machine { iommu vtd { RTADDR = second.root, PQA = there + 1 } }',
      declarations: 'let there = 0x7000',
      setup: '',
    });
  });

  test.each([
    ['iommu vtd { RTADR = 1 }', 'unknown-name: RTADR: the VT-d unit has no RTADR; did you mean RTADDR?'],
    ['iommu vtd { GSTS = 1 }', 'register-read-only: GSTS: GSTS is read-only'],
    ['iommu vtd { GCMD = 1 << 32 }', 'value-too-wide: 1 << 32: 0x1_0000_0000 does not fit GCMD, which has 32 bits'],
    ['iommu vtd { CAP = 1 }', 'unknown-name: CAP: the VT-d unit has no CAP; did you mean cap?'],
    ['container { }', 'machine-impossible: container: uapi bare has no kernel, and so no container'],
    ['iommu selftest { }', 'machine-impossible: selftest: bare does not run on selftest; it runs on vtd, smmuv3'],
  ])('%s', (items, finding) => {
    expect(machine(items)).toEqual([finding]);
  });

  test('a kernel programs its registers itself', () => {
    expect(findings('uapi vfio-2020-07\nmachine { iommu vtd { RTADDR = 0x1000 } }\n')).toEqual([
      'needs-bare: RTADDR: RTADDR is programmed by the kernel of vfio-2020-07; only under uapi bare a machine gives registers',
    ]);
  });

  test('haw = 46 stands for the platform: a structure above it cannot be reached', () => {
    passes('dma read dev0 at 0 expect fault', {
      machine: 'machine { haw = 46, iommu vtd { RTADDR = 1 << 46 | 0x400 } }',
      setup: '',
    });
  });

  test('psc = 0 leaves translations as the only thing that is cached', () => {
    const steps = (refs: number): string => `
      map user 0x7f00_0000_1000 -> 0x8000_1000
      dma read dev0 pasid 7 at 0x7f00_0000_0000 expect refs 4
      dma read dev0 pasid 7 at 0x7f00_0000_1000 expect refs ${refs}`;
    passes(steps(1));
    passes(steps(4), { machine: 'machine { iommu vtd { RTADDR = 0x10_0400, psc = 0 } }' });
  });

  test('it runs on every model that has hardware', () => {
    expect(whyNotRunnable('bare', 'vtd')).toBeUndefined();
    expect(defaultMachine('vtd', true)).toMatchObject({ bare: true, registers: {} });
    expect(defaultMachine('vtd', true)).toBe(defaultMachine('vtd', true));
    expect(modelById('vtd')!.hardware!.registers.length).toBeGreaterThan(5);
  });
});

describe('what a step cannot do here', () => {
  test.each([
    ['submit 0 to 1', 'submit'],
    ['attach dev0', 'attach'],
    ['detach dev0', 'detach'],
    ['exit', 'exit'],
    ['host unmap gpa 0x1000', 'host'],
  ])('%s needs a kernel', (step, word) => {
    expect(findings(fileOf(step))).toEqual([
      expect.stringMatching(new RegExp(`^needs-kernel: ${word}: ${word} is a kernel's, and uapi bare has none`)),
    ]);
    const { scenarios } = runText(fileOf(step));
    expect(scenarios[0]!.steps.at(-1)!.message).toMatch(/uapi bare has no kernel/);
  });

  test.each([
    ['write reg iommu0.RTADR = 1', 'unknown-name: RTADR: iommu0 has no register RTADR; did you mean RTADDR?'],
    ['write reg iommu0.CAP = 1', 'register-read-only: CAP: CAP is read-only'],
    ['write reg iommu0.TE = 1', 'register-field: TE: TE is a field of GCMD: write the whole register'],
    ['write reg iommu0.GCMD = 1 << 32', 'value-too-wide: 1 << 32: 0x100000000 does not fit GCMD, which has 32 bits'],
    ['write reg iommu1.GCMD = 1', 'unknown-name: iommu1: the machine has no IOMMU iommu1; it has iommu0'],
    ['command iommu1 [1]', 'unknown-name: iommu1: the machine has no IOMMU iommu1; it has iommu0'],
    ['command iommu0 [1, 2, 3, 4, 5]', 'too-many-words: 5: 5 words are more than a command has: 4 of 64 bits'],
    [
      'invalidate iommu0 p_iotlb_in { }',
      'unknown-name: p_iotlb_in: iommu vtd has no command p_iotlb_in; did you mean p_iotlb_inv?',
    ],
    ['invalidate iommu0 pc_inv { G = pasids }', 'unknown-name: pasids: G is one of domain, pasid, global'],
    [
      'invalidate iommu0 pc_inv { DID = 0x1_0000 }',
      'value-too-wide: 0x1_0000: 0x10000 does not fit DID, which has 16 bits',
    ],
    ['invalidate iommu0 pc_inv { TYPE = 1 }', 'unknown-field: TYPE: pc_inv has no field TYPE; it has G, DID, PASID'],
  ])('%s is found before it runs', (step, finding) => {
    expect(findings(fileOf(step))).toEqual([finding]);
    expect(runText(fileOf(step)).scenarios[0]!.status).toBe('failed');
  });

  test('a reset empties the TLB of the device and no other', () => {
    passes(`
      write hpa 0x10_1000 + dev0.sid * 32 = 0x10_201d
      dma read dev0 pasid 7 at 0x7f00_0000_0000 ats
      expect cached devtlb dev0 pasid 7 at 0x7f00_0000_0000
      reset dev0
      expect uncached devtlb dev0 pasid 7 at 0x7f00_0000_0000
      expect cached dev0 pasid 7 at 0x7f00_0000_0000`);
  });
});
