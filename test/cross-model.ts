import { expect } from 'vitest';
import type { ScenarioResult, StepResult } from '../engine/index.ts';
import { runText } from './run-text.ts';

/**
 * A scenario that names no model has the same verdict on VT-d and on SMMUv3, where both architectures and their drivers
 * agree: what each call returns, where an access goes, what it reads, whether a cache answered and whether that was stale.
 * Names of faults, reads of entries and records are each architecture's own. Where the two differ it is said why.
 */
export const MODELS = ['vtd', 'smmuv3'] as const;
export type Model = (typeof MODELS)[number];

/** Releases of iommufd that run on both. */
export const RELEASES = [
  'iommufd-2023-07',
  'iommufd-6.8',
  'iommufd-6.12',
  'iommufd-6.14',
  'iommufd-6.17',
  'iommufd-7.2',
] as const;
export type Release = (typeof RELEASES)[number];
export const MERGED: readonly Release[] = RELEASES.slice(1);
export const WITH_QUEUES: readonly Release[] = RELEASES.slice(2);
/** SMMUv3 nests from 6.13 on. */
export const NESTING: readonly Release[] = RELEASES.slice(3);
export const WITH_PASID: readonly Release[] = RELEASES.slice(4);

export function run(text: string): ScenarioResult {
  const { diagnostics, scenarios } = runText(text);
  expect(diagnostics.filter((d) => d.severity === 'error').map((d) => d.message)).toEqual([]);
  expect(scenarios.length).toBe(1);
  return scenarios[0]!;
}

/** What both architectures have words for of a step. */
function verdict({ step, status, outcome, detail }: StepResult): Record<string, unknown> {
  const { returns, hpa, value, hit, stale, hidden, fields } = detail;
  return { kind: step.kind, status, outcome, returns, hpa, value, hit, stale: stale ?? false, hidden, fields };
}

/** Steps whose verdicts are compared: how tables and structures are written differs. */
const COMPARED: ReadonlySet<string> = new Set(['dma', 'submit', 'attach', 'replace', 'detach', 'fd', 'read', 'assert']);

export const troubles = ({ name, message, steps }: ScenarioResult): string[] =>
  [message && `${name}: ${message}`, ...steps.map((s) => s.message && `${s.step.kind}: ${s.message}`)].filter(
    (text): text is string => !!text,
  );

/** Runs a scenario on each model: it has to pass, and every step has to come out alike. */
export function sameOnBoth(textOn: (model: Model) => string): void {
  const [vtd, smmuv3] = MODELS.map((model) => {
    const result = run(textOn(model));
    expect(troubles(result), model).toEqual([]);
    return result.steps.filter(({ step }) => COMPARED.has(step.kind)).map(verdict);
  });
  expect(vtd!.length).toBeGreaterThan(0);
  expect(smmuv3).toEqual(vtd);
}

export interface Case {
  readonly what: string;
  readonly steps: string;
  readonly releases?: readonly Release[];
  readonly machine?: string;
}

const DECLARATIONS = `
let RW = IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_READABLE
let FIXED = RW | IOMMU_IOAS_MAP_FIXED_IOVA
let HIGH = 0x9000_0000
raw buffer size 64K
struct iommu_ioas_alloc space { size = sizeof }
struct iommu_ioas_map map { size = sizeof, flags = FIXED, ioas_id = ioas.id, user_va = &buffer, length = 4K, iova = HIGH }
struct iommu_ioas_unmap unmap { size = sizeof, ioas_id = ioas.id, iova = HIGH, length = 4K }
struct iommu_destroy gone { size = sizeof, id = ioas.id }
struct iommu_hwpt_alloc own { size = sizeof, dev_id = dev0.id, pt_id = ioas.id }
`;

export const onIommufd =
  (uapi: Release, { steps, machine = '' }: Case) =>
  (model: Model): string =>
    `uapi ${uapi}\nmachine {\niommu ${model} { }\n${machine}\n}\n${DECLARATIONS}\nscenario "s" {\n${steps}\n}\n`;

export const TWO = 'device dev0 { }\ndevice dev1 { }';
export const GROUP = 'device dev0 { group = g0 }\ndevice dev1 { group = g0 }';

/** An architecture as a scenario on bare hardware programs it: one stage, one address space, and its invalidations. */
export interface Bare {
  readonly machine: string;
  readonly format: string;
  /** Configuration of dev0 and dev1 with one address space at PASID 7 over a table. */
  readonly bind: (table: string) => string;
  /** PASID 7 no longer has a table. */
  readonly unbind: string;
  /** Nested: the same over `ram`, which is a second stage. */
  readonly nested: (table: string) => string;
  readonly second: string;
  readonly page: (address: string) => string;
  readonly space: string;
  readonly otherSpace: string;
  readonly config: string;
  readonly deviceTlb: (address: string) => string;
  readonly secondStage: (address: string) => string;
}

const PASID_ENTRY = '0x10_3000 + 7 * 64';
const vtdStructures = (entry: string): string => `
  write hpa 0x10_0000 = 0x10_1000 | 1
  for sid in [dev0.sid, dev1.sid] { write hpa 0x10_1000 + sid * 32 = [0x10_2000 | 1 << 3 | 1 << 2 | 1] }
  write hpa 0x10_2000 = 0x10_3000 | 1
  write hpa ${PASID_ENTRY} = ${entry}`;
const CD7 = '0x8101_0000 + 7 * 64';
const CD_WORD = '16 | 1 << 30 | 1 << 31 | 5 << 32 | 1 << 41 | 6 << 44 | 9 << 48';
const STAGE2 = '1 << 58 | 1 << 51 | 5 << 48 | 2 << 38 | 16 << 32 | 3';
const smmuStructures = (entry: string): string =>
  `for sid in [dev0.sid, dev1.sid] { write hpa 0x8000_0000 + sid * 64 = ${entry} }`;

const BARE: Readonly<Record<Model, Bare>> = {
  vtd: {
    machine: 'iommu vtd { RTADDR = 0x10_0000 | 1 << 10 }',
    format: 'x86-64',
    bind: (table) => vtdStructures(`[1 << 6 | 1, 5, ${table}.root | 1 << 4 | 1]`),
    unbind: `write hpa ${PASID_ENTRY} = 0`,
    nested: (table) => vtdStructures(`[ram.root | 3 << 6 | 2 << 2 | 1, 5, ${table}.root | 1 << 4 | 1]`),
    second: 'vtd-ss',
    page: (address) => `invalidate iommu0 p_iotlb_inv { G = page, DID = 5, PASID = 7, ADDR = ${address} }`,
    space: 'invalidate iommu0 p_iotlb_inv { G = pasid, DID = 5, PASID = 7 }',
    otherSpace: 'invalidate iommu0 p_iotlb_inv { G = pasid, DID = 5, PASID = 8 }',
    config: 'invalidate iommu0 pc_inv { G = pasid, DID = 5, PASID = 7 }',
    deviceTlb: (address) => `invalidate iommu0 p_dev_tlb_inv { SID = dev0.sid, PASID = 7, ADDR = ${address} }`,
    secondStage: (address) => `invalidate iommu0 iotlb_inv { G = page, DID = 5, ADDR = ${address} }`,
  },
  smmuv3: {
    machine: 'iommu smmuv3 { STRTAB_BASE = 0x8000_0000, STRTAB_BASE_CFG = 8 }',
    format: 'aarch64-4k',
    bind: (table) => `${smmuStructures('[4 << 59 | 0x8101_0000 | 5 << 1 | 1, 1 << 28 | 2, 3]')}
      write hpa ${CD7} = [${CD_WORD}, ${table}.root, 0, 0xff]`,
    unbind: `write hpa ${CD7} = 0`,
    nested: (table) => `${smmuStructures(`[4 << 59 | 0x1001_0000 | 7 << 1 | 1, 1 << 28 | 2, ${STAGE2}, ram.root]`)}
      write gpa 0x1001_0000 + 7 * 64 = [${CD_WORD}, ${table}.root, 0, 0xff]`,
    second: 'aarch64-s2-4k',
    page: (address) => `invalidate iommu0 CMD_TLBI_NH_VA { VMID = 3, ASID = 9, Address = ${address} }`,
    space: 'invalidate iommu0 CMD_TLBI_NH_ASID { VMID = 3, ASID = 9 }',
    otherSpace: 'invalidate iommu0 CMD_TLBI_NH_ASID { VMID = 3, ASID = 8 }',
    config: 'invalidate iommu0 CMD_CFGI_CD_ALL { StreamID = dev0.sid }',
    deviceTlb: (address) =>
      `invalidate iommu0 CMD_ATC_INV { StreamID = dev0.sid, SSV = 1, SubstreamID = 7, Address = ${address} }`,
    secondStage: (address) => `invalidate iommu0 CMD_TLBI_S2_IPA { VMID = 3, Address = ${address} }
      invalidate iommu0 CMD_TLBI_NH_ALL { VMID = 3 }`,
  },
};

export const onBare =
  (steps: (bare: Bare) => string) =>
  (model: Model): string => {
    const bare = BARE[model];
    return `uapi bare
machine {
${bare.machine}
device dev0 { ats = 1 }
device dev1 { }
ram 0 size 1G -> 0x1_0000_0000
}
let VA = 0x7f00_0000_0000
let BIG = 0x7f00_4000_0000
pagetable user ${bare.format} at 0x8200_0000 space hpa {
  VA      -> 0x9000_0000 rw
  VA + 4K -> 0x9000_1000 r
  VA + 8K -> 0x9000_2000 rwp
  BIG     -> 0xa000_0000 rw page 2M
}
pagetable other ${bare.format} at 0x8300_0000 space hpa { VA -> 0xb000_0000 rw }
pagetable guest ${bare.format} at 0x1000_0000 { VA -> 0x2000_0000 rw }
pagetable ram ${bare.second} at 0x8400_0000 space hpa {
  0x1000_0000 size 2M -> 0x1_1000_0000 rw page 2M
  0x2000_0000         -> 0x1_2000_0000 rw
}
scenario "s" {
${steps(bare)}
}
`;
  };
