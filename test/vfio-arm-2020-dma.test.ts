import { describe, expect, test } from 'vitest';
import type { StepResult } from '../engine/index.ts';
import { runText } from './run-text.ts';

const VA = '0x7f00_0000_0000';
const CD = 0x1000_8040n;
/** T0SZ 16, EPD1, V, IPS 48 bits, AA64, R, A. */
const CD_WORD = '(16 | 1 << 30 | 1 << 31 | 5 << 32 | 1 << 41 | 1 << 45 | 1 << 46 | 7 << 48)';

const GUEST = `
pagetable gpt aarch64-4k at 0x1000_0000 { ${VA} size 16K -> 0x4000_0000 rw }
struct vfio_iommu_type1_set_pasid_table set {
  argsz = sizeof, flags = VFIO_PASID_TABLE_FLAG_SET
  config = {
    version = PASID_TABLE_CFG_VERSION_1, format = IOMMU_PASID_FORMAT_SMMUV3, base_ptr = ${CD}
    config = IOMMU_PASID_CONFIG_TRANSLATE
    smmuv3 = { version = PASID_TABLE_SMMUV3_CFG_VERSION_1 }
  }
}
struct vfio_iommu_type1_set_pasid_table bypass = set { config.config = IOMMU_PASID_CONFIG_BYPASS }
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
    addr_info = { flags = IOMMU_INV_ADDR_FLAGS_ARCHID, archid = 7, addr = ${VA}, granule_size = 4K, nb_granules = 1 }
  }
}
`;
const BOUND = `write gpa ${CD} = [${CD_WORD}, gpt.root, 0, 0xff]\nsubmit set\n`;

interface Setup {
  readonly uapi?: string;
  readonly machine?: string;
}

const run = (steps: string, { uapi = '', machine = '' }: Setup = {}): readonly StepResult[] => {
  const { scenarios, diagnostics } = runText(
    `uapi vfio-arm-2020 ${uapi}\n${machine && `machine { ${machine} }`}\n${GUEST}\nscenario "s" {\n${steps}\n}`,
  );
  expect(diagnostics.filter((d) => d.severity === 'error').map((d) => d.message)).toEqual([]);
  return scenarios[0]!.steps;
};
const failures = (steps: string, setup: Setup = {}): string[] =>
  run(steps, setup)
    .filter((s) => s.status !== 'passed')
    .map((s) => `${s.step.kind}: ${s.message}`);

describe('stage 1 of the guest over the RAM of the container', () => {
  test('bypass, translation, abort', () => {
    const steps = `dma read dev0 at 0x1000 expect hpa 0x1_0000_1000, refs 4, config 2
      ${BOUND}
      dma read dev0 at ${VA} + 8 expect hpa 0x1_4000_0008, hit psc, refs 15
      dma read dev0 at 0x1000 expect fault F_TRANSLATION
      submit unset
      dma read dev0 at ${VA} expect fault abort
      submit bypass
      dma read dev0 at 0x1000 expect hpa 0x1_0000_1000
      submit set
      dma read dev0 at ${VA} expect hpa 0x1_4000_0000`;
    expect(failures(steps)).toEqual([]);
  });

  test('a device that leaves the container is blocked', () => {
    const steps = `${BOUND} detach dev0
      dma read dev0 at ${VA} expect fault abort
      attach dev0
      dma read dev0 at 0x1000 expect hpa 0x1_0000_1000`;
    expect(failures(steps)).toEqual([]);
  });

  test.each(['by_asid', 'by_addr'])('a guest unmap is stale until %s', (flush) => {
    const steps = `${BOUND} dma read dev0 at ${VA}
      unmap gpt ${VA}
      dma read dev0 at ${VA} expect hit iotlb, stale
      submit ${flush}
      dma read dev0 at ${VA} expect fault F_TRANSLATION, fresh`;
    expect(failures(steps)).toEqual([]);
  });

  test('what the call does not flush: a context descriptor that has changed', () => {
    const steps = `${BOUND} dma read dev0 at ${VA}
      write gpa ${CD} = 0
      submit by_asid
      dma read dev0 at ${VA} expect stale`;
    expect(failures(steps)).toEqual([]);
  });

  test('a flush that is refused has been done all the same', () => {
    const steps = `${BOUND} dma read dev0 at ${VA}
      unmap gpt ${VA}
      submit struct vfio_iommu_type1_cache_invalidate = by_asid { info.cache = 3 } expect ENOENT
      dma read dev0 at ${VA} expect fault F_TRANSLATION, fresh`;
    expect(failures(steps)).toEqual([]);
    const [uapi, stale] = [
      '{ iotlb_flushed_before_refusal = off }',
      steps.replace('expect fault F_TRANSLATION, fresh', 'expect stale'),
    ];
    expect(failures(stale, { uapi })).toEqual([]);
  });

  test('the host flushes a change of RAM by IPA alone, which leaves what is combined', () => {
    const steps = `${BOUND} dma read dev0 at ${VA}
      host map gpa 0x4000_0000 -> 0x2_0000_0000
      dma read dev0 at ${VA} expect hit iotlb, stale
      submit by_asid
      dma read dev0 at ${VA} expect hpa 0x2_0000_0000, fresh`;
    expect(failures(steps)).toEqual([]);
  });

  test('a bypassed stage 1 has nothing combined, so that the same flush is enough', () => {
    const steps = `dma read dev0 at 0x1000
      host unmap gpa 0x1000
      dma read dev0 at 0x1000 expect fault F_TRANSLATION, fresh`;
    expect(failures(steps)).toEqual([]);
  });

  test('PASIDs, where as many descriptors are taken as the SMMU has', () => {
    const set = 'submit struct vfio_iommu_type1_set_pasid_table = set';
    const steps = `write gpa ${CD & ~0x3fffn} + 5 * 64 = [${CD_WORD}, gpt.root, 0, 0xff]
      write gpa ${CD & ~0x3fffn} = [${CD_WORD}, gpt.root, 0, 0xff]
      ${set} { config.base_ptr = ${CD & ~0x3fffn}, config.pasid_bits = 8, config.smmuv3.s1dss = 2 }
      dma read dev0 pasid 5 at ${VA} expect hpa 0x1_4000_0000
      dma read dev0 pasid 6 at ${VA} expect fault C_BAD_CD
      dma read dev0 pasid 256 at ${VA} expect fault C_BAD_SUBSTREAMID
      dma read dev0 at ${VA} expect hpa 0x1_4000_0000
      submit bypass
      ${set} { config.base_ptr = ${CD & ~0x3fffn}, config.pasid_bits = 8, config.smmuv3.s1dss = 0 }
      dma read dev0 at ${VA} expect fault F_STREAM_DISABLED`;
    expect(failures(steps, { uapi: '{ single_descriptor = off }' })).toEqual([]);
  });

  test('the remedy of a stale access can be pasted, and makes it fresh', () => {
    const before = `${BOUND} dma read dev0 at ${VA}\nmap gpt ${VA} -> 0x5000_0000`;
    const cause = run(`${before}\ndma read dev0 at ${VA} expect stale`).at(-1)!.detail.staleCause;
    expect(cause?.remedyText).toBe('IOTLB by ADDR, ASID 7, 0x7f00_0000_0000 size 4K');
    const mended = `${before}\n${cause!.remedyStep}\ndma read dev0 at ${VA} expect hpa 0x1_5000_0000, fresh`;
    expect(failures(mended)).toEqual([]);
  });

  test('what the unit reports goes to the log of the host', () => {
    const step = run(`${BOUND} dma read dev0 at 0x1000 expect fault`).at(-1)!;
    expect(step.detail.notes).toEqual(['kernel log: event F_TRANSLATION s1 of dev0 at 0x1000']);
  });
});

test('a container that does not nest has a first stage with the same RAM', () => {
  const steps = `dma read dev0 at 0x1000 expect hpa 0x1_0000_1000, refs 4, config 4
    host unmap gpa 0x1000
    dma read dev0 at 0x1000 expect fault F_TRANSLATION, fresh`;
  expect(failures(steps, { machine: 'container { type = VFIO_TYPE1v2_IOMMU }' })).toEqual([]);
});

test('devices of a container share what stage 1 does, and each is flushed', () => {
  const machine = 'device dev0 { group = g0 }\ndevice dev1 { group = g0 }';
  const steps = `${BOUND} dma read dev1 at ${VA} expect hpa 0x1_4000_0000
    dma read dev0 at ${VA} expect hit iotlb`;
  expect(failures(steps, { machine })).toEqual([]);
  const set = run(`${BOUND}`, { machine }).at(-1)!;
  expect(set.detail.issuedText).toEqual(
    [0x10, 0x10, 0x11, 0x11].map((sid) => `CMD_CFGI_STE: StreamID 0x${sid.toString(16)}, LEAF 1`),
  );
});
