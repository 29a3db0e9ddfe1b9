import { type Check, check } from '../check.ts';

const SRC = 'Linux 7.2';
const MERGED = 'Linux 6.13 to 7.2';
const NEWEST = 'the SMMUv3 driver after Linux 7.2';
const POSTED = 'SMMUv3 nesting RFC, mid-2023';
const GBPA = 'arm-smmu-v3-iommufd: Allow attaching nested domain for GBPA cases, 2025-11';
const paging = 'arm_smmu_domain_alloc_paging_flags';
const nested = 'arm_vsmmu_alloc_domain_nested';
const vste = 'arm_smmu_validate_vste';
const attach = 'arm_smmu_attach_prepare_vmaster';
const convert = 'arm_vsmmu_convert_user_cmd';
const validate = 'arm_vsmmu_validate_user_cmd';
const flush = 'arm_vsmmu_cache_invalidate';
const event = 'arm_smmu_handle_event';
const postedNested = '__arm_smmu_domain_alloc_nested';
const ring = 'arm_smmu_cache_invalidate_user';

/** Page tables that the kernel keeps, and their attachment. */
const PAGING = Object.freeze({
  hwInfoType: check(
    'smmu-hw-info-type',
    'EOPNOTSUPP',
    'arm_smmu_hw_info',
    'Another type is asked for than that of SMMUv3.',
    'source',
    SRC,
  ),
  hwInfoNoMemory: check(
    'smmu-hw-info-no-memory',
    'ENOMEM',
    'arm_smmu_hw_info',
    'No memory for the registers.',
    'source',
    SRC,
  ),
  data: check('smmu-paging-data', 'EOPNOTSUPP', paging, 'A paging domain takes no payload.', 'source', SRC),
  noMemory: check('smmu-paging-no-memory', 'ENOMEM', paging, 'No memory for a domain or its top table.', 'source', SRC),
  flags: check(
    'smmu-paging-flags',
    'EOPNOTSUPP',
    paging,
    'The flags are none, PASID, NEST_PARENT, or DIRTY_TRACKING with or without PASID; other sets are refused.',
    'derived',
    SRC,
  ),
  noNesting: check(
    'smmu-parent-unsupported',
    'EOPNOTSUPP',
    paging,
    'A nesting parent needs both stages (IDR0.S1P and IDR0.S2P).',
    'source',
    SRC,
  ),
  mapNoMemory: check('smmu-map-no-memory', 'ENOMEM', 'arm_lpae_map_pages', 'No memory for a table.', 'source', SRC),
  noStage1: check(
    'smmu-no-stage1',
    'EOPNOTSUPP',
    paging,
    'A page table for PASIDs or dirty pages is a first stage (IDR0.S1P).',
    'source',
    SRC,
  ),
  mapRange: check(
    'smmu-map-range',
    'ERANGE',
    'arm_lpae_map_pages',
    'The address is wider than what the tables put out.',
    'derived',
    SRC,
  ),
  attachNoMemory: check(
    'smmu-attach-no-memory',
    'ENOMEM',
    'arm_smmu_attach_prepare',
    'No memory for the record of the attachment.',
    'source',
    SRC,
  ),
}) satisfies Readonly<Record<string, Check>>;

/** IOMMU_HWPT_ALLOC on a vIOMMU, and the attachment of what it made. */
const NESTED = Object.freeze({
  flags: check('smmu-nested-flags', 'EOPNOTSUPP', nested, 'A nested domain takes no flags of its own.', 'source', SRC),
  bits: check(
    'vste-bits',
    'EIO',
    vste,
    'The STE has a bit outside of V, Config, S1Fmt, S1ContextPtr and S1CDMax, or S1DSS, S1CIR, S1COR, S1CSH, S1STALLD and EATS.',
    'source',
    SRC,
  ),
  config: check('vste-config', 'EIO', vste, 'Config must be abort (0), bypass (4) or stage 1 (5).', 'source', SRC),
  eats: check('vste-eats', 'EIO', vste, 'EATS must be 0 or 1.', 'source', SRC),
  noMemory: check('smmu-nested-no-memory', 'ENOMEM', nested, 'No memory for the domain.', 'source', SRC),
  noVdevice: check(
    'vdevice-missing',
    'ENOENT',
    attach,
    'A device needs a vDEVICE of the vIOMMU to be attached: from 6.15 on for every nested domain, in 7.2 where the STE is valid and uses stage 1.',
    'posted patch',
    GBPA,
  ),
  vmasterNoMemory: check(
    'smmu-vmaster-no-memory',
    'ENOMEM',
    attach,
    'No memory for the link to the vIOMMU.',
    'source',
    SRC,
  ),
}) satisfies Readonly<Record<string, Check>>;

/** IOMMU_HWPT_INVALIDATE on a vIOMMU. */
const INVALIDATE = Object.freeze({
  noMemory: check('smmu-commands-no-memory', 'ENOMEM', flush, 'No memory for the commands.', 'source', SRC),
  opcode: check(
    'command-refused',
    'EIO',
    convert,
    'Only TLBI_NSNH_ALL, TLBI_NH_ALL, _ASID, _VA and _VAA, ATC_INV, CFGI_CD and CFGI_CD_ALL are taken from a guest.',
    'source',
    MERGED,
  ),
  vsid: check('command-vsid-unknown', 'EIO', convert, 'No vDEVICE of the vIOMMU has the StreamID.', 'source', MERGED),
  bits: check(
    'command-bits',
    'EIO',
    validate,
    'With arm_cmd_strict, a command may have bits only in the fields that it has on this SMMU.',
    'source',
    NEWEST,
  ),
  range: check(
    'command-range-reserved',
    'EIO',
    validate,
    'With arm_cmd_strict, NUM, SCALE and TTL are 0 without TG and not all 0 with it, and TTL 1 with 16K pages needs IDR5.DS.',
    'source',
    NEWEST,
  ),
  atc: check(
    'command-atc-impossible',
    'EIO',
    validate,
    'With arm_cmd_strict, ATC_INV needs IDR0.ATS and a Size of at most 52.',
    'source',
    NEWEST,
  ),
  issue: check(
    'command-queue-timeout',
    'ETIMEDOUT',
    'arm_smmu_cmdq_issue_cmdlist',
    'The injected failure of a batch: the SMMU does not consume it in time.',
    'derived',
    SRC,
  ),
}) satisfies Readonly<Record<string, Check>>;

/** Events that the SMMU reports. */
const EVENT = Object.freeze({
  code: check(
    'event-not-forwarded',
    'EOPNOTSUPP',
    event,
    'Only C_BAD_STE, F_STREAM_DISABLED, C_BAD_SUBSTREAMID, C_BAD_CD and the four translation faults are handled; others are logged by the host.',
    'source',
    SRC,
  ),
  host: check(
    'event-of-host',
    'EOPNOTSUPP',
    event,
    'A fault of stage 2 belongs to the host, and so does one of a device without nested domain or virtual StreamID.',
    'source',
    SRC,
  ),
  stalled: check(
    'event-stalled',
    'EINVAL',
    event,
    'A stalled access goes to the fault queue of the page table, and none takes it.',
    'derived',
    SRC,
  ),
}) satisfies Readonly<Record<string, Check>>;

/** The shapes of mid-2023. */
const POSTED_2023 = Object.freeze({
  type: check('smmu-posted-type', 'EINVAL', postedNested, 'The payload is not one for SMMUv3.', 'derived', POSTED),
  parent: check(
    'smmu-posted-parent',
    'EINVAL',
    postedNested,
    'The parent has to be a second stage.',
    'derived',
    POSTED,
  ),
  flags: check(
    'smmu-posted-flags',
    'EINVAL',
    postedNested,
    'A nested page table is no stage 2, so flags must be 0.',
    'derived',
    POSTED,
  ),
  steLength: check(
    'ste-length',
    'EINVAL',
    postedNested,
    'ste_len must be that of a whole STE, 64 bytes.',
    'derived',
    POSTED,
  ),
  steFault: check('ste-fault', 'EFAULT', postedNested, 'The STE cannot be read.', 'derived', POSTED),
  badSte: check(
    'ste-bad',
    'EINVAL',
    postedNested,
    'The STE is illegal: a C_BAD_STE record is written to out_event_uptr.',
    'posted patch',
    POSTED,
  ),
  entrySize: check('ring-entry-size', 'EINVAL', ring, 'cmdq_entry_size must be 16.', 'posted patch', POSTED),
  consFault: check(
    'ring-cons-fault',
    'EFAULT',
    ring,
    'The consumer index cannot be read or written.',
    'posted patch',
    POSTED,
  ),
  empty: check(
    'ring-empty',
    'EINVAL',
    ring,
    'The two indices are equal, so that there is no command.',
    'posted patch',
    POSTED,
  ),
  entryFault: check('ring-entry-fault', 'EFAULT', ring, 'A command cannot be read.', 'derived', POSTED),
  noMemory: check('ring-no-memory', 'ENOMEM', ring, 'No memory for the commands.', 'derived', POSTED),
  vsid: check(
    'ring-vsid-unknown',
    'ENODEV',
    ring,
    'IOMMU_SET_DEV_DATA gave no device the StreamID: the consumer index stops at the command, with CERROR_ILL.',
    'posted patch',
    POSTED,
  ),
  deviceData: check(
    'device-data-length',
    'EINVAL',
    'arm_smmu_set_dev_user_data',
    'The data of a device is its virtual StreamID, 4 bytes.',
    'derived',
    POSTED,
  ),
  deviceFault: check(
    'device-data-fault',
    'EFAULT',
    'arm_smmu_set_dev_user_data',
    'The data of a device cannot be read.',
    'derived',
    POSTED,
  ),
}) satisfies Readonly<Record<string, Check>>;

/** All checks of the SMMUv3 driver under iommufd. */
export const ARM_SMMU_CHECKS = Object.freeze({
  paging: PAGING,
  nested: NESTED,
  invalidate: INVALIDATE,
  event: EVENT,
  posted: POSTED_2023,
});

type Table = Readonly<Record<string, Check>>;

/** Those that a release can meet: no vDEVICE was looked for in 6.14, and no event reported. */
export function smmuChecksOf(id: string): readonly Table[] {
  const { paging: kept, nested: made, invalidate: flushed, event: reported, posted } = ARM_SMMU_CHECKS;
  if (id === 'iommufd-2023-07') return [kept, posted];
  // Before vIOMMUs the driver only has paging domains.
  if (id === 'iommufd-6.8' || id === 'iommufd-6.12') return [kept];
  const { noVdevice, vmasterNoMemory, ...plain } = made;
  if (id === 'iommufd-6.14') return [kept, plain, flushed];
  return id === 'iommufd-6.17' || id === 'iommufd-7.2'
    ? [kept, { ...plain, noVdevice, vmasterNoMemory }, flushed, reported]
    : [];
}
