import { describe, expect, test } from 'vitest';
import { smmuChecksOf } from '../engine/host/arm-smmu-v3/checks.ts';
import { ARM_SMMU_CHECKS, type Check } from '../engine/index.ts';
import { BITS, command, OP, withField } from '../engine/models/smmuv3/commands.ts';
import { runText } from './run-text.ts';

const { paging, nested, invalidate, event, posted } = ARM_SMMU_CHECKS;
const MERGED = ['iommufd-6.14', 'iommufd-6.17', 'iommufd-7.2'] as const;
type Id = (typeof MERGED)[number] | 'iommufd-2023-07';

/** A valid stage-1 STE, as a guest writes it: V, Config 5, a context pointer, S1DSS, and ATS. */
const DECLARATIONS = `
struct iommu_hwpt_alloc parent {
  size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id
}
struct iommu_viommu_alloc viommu {
  size = sizeof, type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3, dev_id = dev0.id, hwpt_id = parent.out_hwpt_id
}
struct iommu_vdevice_alloc vdevice {
  size = sizeof, viommu_id = viommu.out_viommu_id, dev_id = dev0.id, virt_id = 0x33
}
struct iommu_hwpt_arm_smmuv3 ste { ste = [0x1000_004b, 0x1000_0002] }
struct iommu_hwpt_alloc guest {
  size = sizeof, dev_id = dev0.id, pt_id = viommu.out_viommu_id
  data_type = IOMMU_HWPT_DATA_ARM_SMMUV3, data_len = sizeof(ste), data_uptr = &ste
}
struct iommu_hwpt_invalidate flush {
  size = sizeof, hwpt_id = viommu.out_viommu_id
  data_type = IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3, data_uptr = &cmds, entry_len = 16, entry_num = 3
}
array cmds of iommu_viommu_arm_smmuv3_invalidate {
  { cmd = [0x30] }, { cmd = [0x0007_0099_0000_0011] }, { cmd = [0x33_0000_0040, 0x34] }
}
struct iommu_hw_info info {
  size = sizeof, dev_id = dev0.id, data_len = sizeof(regs), data_uptr = &regs
}
struct iommu_hw_info_arm_smmuv3 regs { }
`;

interface Setup {
  readonly id?: Id;
  readonly quirks?: string;
  readonly machine?: string;
  readonly more?: string;
  readonly declarations?: string;
}

const run = (steps: string, setup: Setup = {}) => {
  const { id = 'iommufd-7.2', quirks = '', machine = '', more = '', declarations = DECLARATIONS } = setup;
  const unit = machine.includes('iommu smmuv3') ? '' : 'iommu smmuv3 { }';
  const text = `uapi ${id} { ${quirks} }\nmachine {\n${unit}\n${machine}\n}\n${declarations}\n${more}\nscenario "s" {\n${steps}\n}`;
  const { scenarios, diagnostics } = runText(text);
  expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
  return scenarios[0]!;
};
const last = (steps: string, setup?: Setup) => run(steps, setup).steps.at(-1)!;

const VIOMMU = 'submit parent\nsubmit viommu\n';
const READY = `${VIOMMU}submit vdevice\n`;
/** A nested domain with the STE that `odd` declares. */
const ODD = `${VIOMMU}submit struct iommu_hwpt_alloc = guest { data_uptr = &odd }`;
const odd = (words: string): Setup => ({ more: `struct iommu_hwpt_arm_smmuv3 odd { ste = [${words}] }` });
const one = (words: string, more: Setup = {}): readonly [string, Setup] => [
  `${READY}submit struct iommu_hwpt_invalidate = flush { data_uptr = &one, entry_num = 1 }`,
  { ...more, more: `array one of iommu_viommu_arm_smmuv3_invalidate { { cmd = [${words}] } }` },
];
const STRICT = { quirks: 'arm_cmd_strict = on' };
const EVENTS = `${READY}submit struct iommu_veventq_alloc {
  size = sizeof, viommu_id = viommu.out_viommu_id, type = IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, veventq_depth = 4
} as queue
submit guest
attach dev0 to guest.out_hwpt_id
`;
const inject = (words: string): string => `${EVENTS}inject dev0 struct iommu_vevent_arm_smmuv3 { evt = [${words}] }`;

const CASES: readonly (readonly [check: Check, steps: string, setup?: Setup])[] = [
  [
    paging.hwInfoType,
    'submit struct iommu_hw_info = info { flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE, in_data_type = IOMMU_HW_INFO_TYPE_INTEL_VTD }',
  ],
  [paging.hwInfoNoMemory, 'submit info fail_nth 1'],
  [paging.flags, 'submit struct iommu_hwpt_alloc = parent { flags = 3 }'],
  [paging.data, 'submit struct iommu_hwpt_alloc = parent { data_type = 2, data_len = 16, data_uptr = &ste }'],
  [paging.noNesting, 'submit parent', { machine: 'iommu smmuv3 { S2P = 0 }' }],
  [
    paging.noStage1,
    'submit struct iommu_hwpt_alloc = parent { flags = IOMMU_HWPT_ALLOC_PASID }',
    { machine: 'iommu smmuv3 { S1P = 0 }' },
  ],
  [paging.mapRange, 'submit parent\nhost map gpa 0 -> 0x1_0000_0000_0000'],
  [paging.noMemory, 'submit parent fail_nth 2'],
  [nested.flags, `${VIOMMU}submit struct iommu_hwpt_alloc = guest { flags = IOMMU_HWPT_ALLOC_PASID }`],
  [nested.bits, ODD, odd('0x10_0000_0000_004b')],
  [nested.bits, ODD, odd('0x4b, 0x4000_0000')],
  [nested.config, ODD, odd('0x4d')],
  [nested.eats, ODD, odd('0x4b, 0x2000_0000')],
  [nested.noMemory, `${VIOMMU}submit guest fail_nth 2`],
  [nested.noVdevice, `${VIOMMU}submit guest\nattach dev0 to guest.out_hwpt_id`],
  [invalidate.noMemory, `${READY}submit flush fail_nth 1`],
  [invalidate.issue, `${READY}submit flush fail_nth 2`],
  [invalidate.opcode, ...one('0x46')],
  [invalidate.opcode, ...one('0x03')],
  [invalidate.vsid, ...one('0x34_0000_0040')],
  [invalidate.bits, ...one('0x0000_0000_0000_0430', STRICT)],
  [invalidate.bits, ...one('0x0100_0000_0000_0011', { ...STRICT, machine: 'iommu smmuv3 { asid_bits = 8 }' })],
  [invalidate.bits, ...one('0x33_0000_0805', STRICT)],
  [invalidate.bits, ...one('0x33_0000_1005', { ...STRICT, machine: 'iommu smmuv3 { ssid_bits = 0 }' })],
  [invalidate.range, ...one('0x0000_0000_0000_1012', STRICT)],
  [invalidate.range, ...one('0x12, 0x400', STRICT)],
  [invalidate.range, ...one('0x12, 0x900', { ...STRICT, machine: 'iommu smmuv3 { DS = 0 }' })],
  [invalidate.atc, ...one('0x33_0000_0040, 0x35', STRICT)],
  [invalidate.atc, ...one('0x33_0000_0040', { ...STRICT, machine: 'iommu smmuv3 { ATS = 0 }' })],
  [event.code, inject('0x03')],
  [event.host, inject('0x10, 0x80_0000_0000')],
  [event.stalled, inject('0x10, 0x8000_0000')],
];

const late: readonly (readonly [check: Check, steps: string, setup?: Setup])[] = [
  [paging.mapNoMemory, 'submit parent fail_nth 5'],
  [nested.vmasterNoMemory, `${READY}submit guest\nattach dev0 to guest.out_hwpt_id fail_nth 3`],
  [paging.attachNoMemory, `${READY}submit guest\nattach dev0 to guest.out_hwpt_id fail_nth 4`],
];

describe('every check of the driver is met by one thing that is wrong (7.2)', () => {
  test.each([...CASES, ...late].map((c, i) => [`${i + 1}: ${c[0].id}`, ...c] as const))(
    '%s',
    (_n, check, steps, setup) => {
      const step = last(steps, setup);
      expect(step.detail.refusal?.check).toBe(check);
      expect(step.outcome).toBe(check.errno);
    },
  );

  test('no check is left out', () => {
    const met = new Set([...CASES, ...late].map(([check]) => check));
    expect(
      smmuChecksOf('iommufd-7.2')
        .flatMap((t) => Object.values(t))
        .filter((c) => !met.has(c)),
    ).toEqual([]);
  });
});

describe('GET_HW_INFO', () => {
  test.each(MERGED)('%s tells the registers as they are', (id) => {
    const steps = `submit info expect out_data_type == IOMMU_HW_INFO_TYPE_ARM_SMMUV3, data_len == 40
      read user &regs + 8 u32 as idr0
      expect idr0 == iommu0.IDR0
      read user &regs + 8 + 5 * 4 u32 as idr5
      expect idr5 == iommu0.IDR5 && iommu0.OAS == 6`;
    expect(run(steps, { id }).status).toBe('passed');
  });
});

describe('the nested domain', () => {
  test.each([
    ['0', 'not valid: whatever else it says'],
    ['0xffff_ffff_ffff_fff0, ~0', 'not valid, and full of bits'],
    ['0x1', 'abort'],
    ['0x9', 'bypass'],
    ['0xf80f_ffff_ffff_fffb, 0x1800_00ff', 'every bit that may be set'],
  ])('an STE of %s: %s', (words) => {
    expect(last(ODD, odd(words)).outcome).toBe('ok');
  });

  test('a vDEVICE is needed from 6.15 on, in 7.2 for a stage-1 STE only', () => {
    const attach = (id: Id, words: string): string =>
      last(`${ODD} as made\nattach dev0 to made.out_hwpt_id`, { id, ...odd(words) }).outcome;
    expect(MERGED.map((id) => attach(id, '0x4b'))).toEqual(['ok', 'ENOENT', 'ENOENT']);
    expect(MERGED.map((id) => attach(id, '0x9'))).toEqual(['ok', 'ENOENT', 'ok']);
    expect(MERGED.map((id) => attach(id, '0'))).toEqual(['ok', 'ENOENT', 'ok']);
  });

  test.each(MERGED)('%s: a paging parent is no parent for SMMUv3', (id) => {
    const step = last('submit parent\nsubmit struct iommu_hwpt_alloc = guest { pt_id = parent.out_hwpt_id }', { id });
    expect(step.outcome).toBe('EOPNOTSUPP');
  });

  test.each(MERGED)('%s: no vIOMMU without both stages, or without S2FWB', (id) => {
    expect(last(VIOMMU, { id, machine: 'iommu smmuv3 { FWB = 0 }' }).outcome).toBe('EOPNOTSUPP');
  });

  test('an attachment flushes the STE of the device', () => {
    const step = last(`${READY}submit guest\nattach dev0 to guest.out_hwpt_id`);
    const ste = command(OP.cfgiSte, { sid: 0x10, leaf: 1 });
    // Twice: for the words that nobody looked at while the entry was abort, and for word 0.
    expect(step.detail.issued).toEqual([ste, ste]);
  });
});

describe.each(MERGED)('invalidation on %s', (id) => {
  test('the VMID, and the physical StreamID for the virtual one', () => {
    const step = last(`${READY}submit flush expect entry_num == 3`, { id });
    expect(step.status).toBe('passed');
    expect(step.detail.issued).toEqual([
      command(OP.tlbiNhAll, { vmid: 1 }),
      command(OP.tlbiNhAsid, { vmid: 1, asid: 7 }),
      command(OP.atcInv, { sid: 0x10, size: 0x34 }),
    ]);
  });

  /** 100 commands, of which the one at `bad` is no command for guests. */
  const many = (bad: number, quirks = ''): ReturnType<typeof last> => {
    const entries = Array.from({ length: 100 }, (_, i) => `{ cmd = [${i === bad ? '0x46' : '0x30'}] }`).join(', ');
    const more = `array many of iommu_viommu_arm_smmuv3_invalidate { ${entries} }`;
    const submit = 'submit struct iommu_hwpt_invalidate = flush { data_uptr = &many, entry_num = 100 } expect any';
    return last(READY + submit, { id, more, quirks });
  };
  const counted = (step: ReturnType<typeof last>): readonly [unknown, number] => [
    step.detail.fields?.['entry_num'],
    step.detail.issued?.length ?? 0,
  ];

  test('count_includes_unissued: on, what waits for its batch counts', () => {
    expect(counted(many(2))).toEqual([2n, 0]);
    expect(counted(many(70))).toEqual([70n, 63]);
  });

  test('count_includes_unissued: off, whole batches count', () => {
    expect(counted(many(2, 'count_includes_unissued = off'))).toEqual([0n, 0]);
    expect(counted(many(70, 'count_includes_unissued = off'))).toEqual([63n, 63]);
    const all = many(-1, 'count_includes_unissued = off');
    expect([all.outcome, all.detail.issued?.length]).toEqual(['ok', 100]);
  });

  test('a batch that is not consumed counts all but one of its commands', () => {
    const step = last(`${READY}submit flush fail_nth 2 expect any`, { id });
    expect(counted(step)).toEqual([2n, 0]);
    const off = last(`${READY}submit flush fail_nth 1 expect any`, { id, quirks: 'count_includes_unissued = off' });
    expect(counted(off)).toEqual([0n, 0]);
  });

  test('probe_refused: an array of nothing', () => {
    const probe = (quirks: string, type = ''): string =>
      last(`${READY}submit struct iommu_hwpt_invalidate = flush { entry_num = 0 ${type} }`, { id, quirks }).outcome;
    expect(probe('')).toBe('EINVAL');
    expect(probe('probe_refused = off')).toBe('ok');
    expect(probe('probe_refused = off', ', data_type = 9')).toBe('EINVAL');
  });

  test('arm_cmd_strict: a bit outside of the fields goes to the hardware, or is refused', () => {
    const [steps, setup] = one('0x0000_0000_0000_0411');
    expect(last(steps, { ...setup, id }).detail.issued).toEqual([withField([0x411n, 0n], BITS.vmid, 1)]);
    expect(last(steps, { ...setup, ...STRICT, id }).outcome).toBe('EIO');
  });

  test('arm_cmd_strict takes every command that is made of its fields', () => {
    const words = [
      '0x30',
      '0x10',
      '0xffff_0000_0000_0011',
      '0x0001_0000_0010_1012, 0x7000_0601',
      '0x13, 0x7000_0001',
      '0x33_0000_1a40, 0x34',
      '0x33_0000_1005, 1',
      '0x33_0000_0006',
    ];
    for (const each of words) {
      const [steps, setup] = one(each);
      expect([each, last(steps, { ...setup, ...STRICT, id }).outcome]).toEqual([each, 'ok']);
    }
  });
});

describe('the second stage', () => {
  test('an unmap below a guest goes to both kinds of entries and to the devices', () => {
    const steps = `${READY}submit guest
      attach dev0 to guest.out_hwpt_id
      submit struct iommu_ioas_unmap { size = sizeof, ioas_id = ioas.id, iova = 0, length = 0x8000_0000 }`;
    const step = last(steps, { machine: 'device dev0 { ats = 1 }' });
    expect(step.detail.issued).toEqual([
      // Whole tables went with it, so that the command is not limited to leaves.
      command(OP.tlbiS2Ipa, { vmid: 1, address: 0n, num: 0, scale: 19, tg: 1 }),
      command(OP.tlbiNhAll, { vmid: 1 }),
      command(OP.atcInv, { sid: 0x10, size: 52 }),
    ]);
  });
});

describe('events', () => {
  test.each(['iommufd-6.17', 'iommufd-7.2'] as const)('%s: the guest reads its own StreamID', (id) => {
    const steps = `${inject('0x10_0000_0010, 0x8_0000_0000, 0x7000_0000')} expect ok
      read fd queue.out_veventq_fd into room size 40
      read user &room + 8 u64 as first
      expect first == 0x33_0000_0010
      read user &room + 24 u64 as address
      expect address == 0x7000_0000`;
    expect(run(steps, { id, more: 'raw room size 40' }).status).toBe('passed');
  });

  test('StreamID 0 stands for none in 7.2', () => {
    const more = 'struct iommu_vdevice_alloc zero = vdevice { virt_id = 0 }';
    const steps = inject('0x10').replace('submit vdevice', 'submit zero');
    expect(last(steps, { id: 'iommufd-6.17', more }).outcome).toBe('ok');
    expect(last(steps, { id: 'iommufd-7.2', more }).detail.reason).toBe('event-of-host');
  });
});

/** The shapes of mid-2023. */
const POSTED = `
raw whole_ste size 64
raw room size 32
raw ring size 64
raw cons size 4
raw vsid size 4
struct iommu_hwpt_alloc parent { size = sizeof, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_arm_smmuv3 ste { ste_len = 64, ste_uptr = &whole_ste, event_len = 32, out_event_uptr = &room }
struct iommu_hwpt_alloc guest {
  size = sizeof, dev_id = dev0.id, pt_id = parent.out_hwpt_id
  hwpt_type = IOMMU_HWPT_TYPE_ARM_SMMUV3, data_len = sizeof(ste), data_uptr = &ste
}
struct iommu_hwpt_arm_smmuv3_invalidate queue {
  cmdq_uptr = &ring, cmdq_cons_uptr = &cons, cmdq_prod = 4, cmdq_entry_size = 16, cmdq_log2size = 2
}
struct iommu_hwpt_invalidate flush {
  size = sizeof, hwpt_id = guest.out_hwpt_id, data_len = sizeof(queue), data_uptr = &queue
}
struct iommu_set_dev_data tell { size = sizeof, dev_id = dev0.id, data_uptr = &vsid, data_len = 4 }
`;
const VALID = 'submit parent\nwrite user &whole_ste = 0x1000_004b\n';
const RING = `${VALID}submit guest
write user &vsid u32 = 0x33
submit tell
write user &ring = 0x30
write user &ring + 16 = 0x46
write user &ring + 32 = 0x33_0000_0006
write user &ring + 48 = 0x10
`;
const on2023 = (more = '', machine = ''): Setup => ({ id: 'iommufd-2023-07', declarations: POSTED, more, machine });

const POSTED_CASES: readonly (readonly [check: Check, steps: string, more?: string, machine?: string])[] = [
  [posted.parent, `${VALID}submit guest`, '', 'iommu smmuv3 { S2P = 0 }'],
  [posted.type, `${VALID}submit struct iommu_hwpt_alloc = guest { hwpt_type = IOMMU_HWPT_TYPE_VTD_S1 }`],
  [
    posted.flags,
    `${VALID}submit struct iommu_hwpt_alloc = guest { data_uptr = &odd }`,
    'struct iommu_hwpt_arm_smmuv3 odd = ste { flags = 1 }',
  ],
  [
    posted.steLength,
    `${VALID}submit struct iommu_hwpt_alloc = guest { data_uptr = &odd }`,
    'struct iommu_hwpt_arm_smmuv3 odd = ste { ste_len = 16 }',
  ],
  [
    posted.steFault,
    `${VALID}submit struct iommu_hwpt_alloc = guest { data_uptr = &odd }`,
    'struct iommu_hwpt_arm_smmuv3 odd = ste { ste_uptr = 8 }',
  ],
  [posted.badSte, 'submit parent\nsubmit guest'],
  [
    posted.entrySize,
    `${RING}submit struct iommu_hwpt_invalidate = flush { data_uptr = &odd }`,
    'struct iommu_hwpt_arm_smmuv3_invalidate odd = queue { cmdq_entry_size = 8 }',
  ],
  [
    posted.consFault,
    `${RING}submit struct iommu_hwpt_invalidate = flush { data_uptr = &odd }`,
    'struct iommu_hwpt_arm_smmuv3_invalidate odd = queue { cmdq_cons_uptr = 8 }',
  ],
  [
    posted.empty,
    `${RING}submit struct iommu_hwpt_invalidate = flush { data_uptr = &odd }`,
    'struct iommu_hwpt_arm_smmuv3_invalidate odd = queue { cmdq_prod = 0 }',
  ],
  [
    posted.entryFault,
    `${RING}submit struct iommu_hwpt_invalidate = flush { data_uptr = &odd }`,
    'struct iommu_hwpt_arm_smmuv3_invalidate odd = queue { cmdq_uptr = 8 }',
  ],
  [posted.noMemory, `${RING}submit flush fail_nth 1`],
  [posted.vsid, `${RING}submit struct iommu_unset_dev_data { size = sizeof, dev_id = dev0.id }\nsubmit flush`],
  [posted.deviceData, 'submit struct iommu_set_dev_data = tell { data_len = 8 }'],
  [posted.deviceFault, 'submit struct iommu_set_dev_data = tell { data_uptr = 8 }'],
];

describe('mid-2023', () => {
  test.each(POSTED_CASES.map((c) => [c[0].id, ...c] as const))('%s', (_name, check, steps, more, machine) => {
    const step = last(steps, on2023(more, machine));
    expect(step.detail.refusal?.check).toBe(check);
    expect(step.outcome).toBe(check.errno);
  });

  test('no check is left out', () => {
    const met = new Set(POSTED_CASES.map(([check]) => check));
    expect(Object.values(posted).filter((c) => !met.has(c))).toEqual([]);
  });

  test('a bad STE comes back as the event that hardware would log', () => {
    const steps = 'submit parent\nsubmit guest expect EINVAL\nread user &room u8 as code\nexpect code == 4';
    expect(run(steps, on2023()).status).toBe('passed');
  });

  test("commands that are not the guest's are passed over, and the consumer goes on to the end", () => {
    const steps = `${RING}submit flush expect ok
      read user &cons u32 as index
      expect index == 4`;
    const { status, steps: done } = run(steps, on2023());
    expect(status).toBe('passed');
    expect(done.find((s) => s.detail.issued?.length === 3)?.detail.issued).toEqual([
      command(OP.tlbiNhAll, { vmid: 1 }),
      command(OP.cfgiCdAll, { sid: 0x10 }),
      command(OP.tlbiNhAll, { vmid: 1 }),
    ]);
  });

  test('an unknown StreamID stops the consumer there with an error, and nothing is issued', () => {
    const steps = `${RING}submit struct iommu_unset_dev_data { size = sizeof, dev_id = dev0.id }
      submit flush expect ENODEV
      read user &cons u32 as index
      expect index == (1 << 24 | 2)`;
    const { status, steps: done } = run(steps, on2023());
    expect(status).toBe('passed');
    expect(done.at(-3)!.detail.issued).toBeUndefined();
  });

  test('the ring wraps', () => {
    const steps = `${RING}write user &cons u32 = 3
      submit struct iommu_hwpt_invalidate = flush { data_uptr = &wrapped } expect ok
      read user &cons u32 as index
      expect index == 5`;
    const more = 'struct iommu_hwpt_arm_smmuv3_invalidate wrapped = queue { cmdq_prod = 5 }';
    const { status, steps: done } = run(steps, on2023(more));
    expect(status).toBe('passed');
    expect(done.at(-3)!.detail.issued).toHaveLength(2);
  });
});
