import type { Quirk } from '../generation.ts';

/** Faults of the iommufd generations, each listed where the version has it or a later check can be put in. */
export const minimumUnchecked: Quirk = {
  name: 'minimum_unchecked',
  on: true,
  doc: 'On, a driver payload that is too short is filled up with zeros; off, it is refused with EINVAL.',
  evidence: 'review thread',
};

export const nestedParentFlushMissing: Quirk = {
  name: 'nested_parent_flush_missing',
  on: true,
  doc: 'On, a change of the second stage flushes neither the nested page tables on top of it nor their device TLBs; off, it flushes both.',
  evidence: 'source',
};

export const entryLimitsUnchecked: Quirk = {
  name: 'entry_limits_unchecked',
  on: true,
  doc: 'On, an array of invalidations may be of any length; off, an entry_len above 4096 or an entry_num above 524288 returns EINVAL.',
  evidence: 'source',
};

export const wrongKindIsEnoent: Quirk = {
  name: 'wrong_kind_is_enoent',
  on: true,
  doc: 'On, an invalidation of an object that is no nested page table returns ENOENT as if it did not exist; off, it returns EINVAL.',
  evidence: 'source',
};

export const vtdS1Unchecked: Quirk = {
  name: 'vtd_s1_unchecked',
  on: true,
  doc: 'On, VT-d takes unknown flags, a misaligned pgtbl_addr and a non-zero __reserved at allocation; off, it returns EINVAL.',
  evidence: 'source',
};

export const oversizeIsEinval: Quirk = {
  name: 'oversize_is_einval',
  on: true,
  doc: 'On, a payload or entry longer than the struct of the kernel returns EINVAL even with zeros at its end; off, zeros are taken and anything else returns E2BIG.',
  evidence: 'source',
};

export const reservedUnchecked: Quirk = {
  name: 'reserved_unchecked',
  on: true,
  doc: 'On, the reserved fields that came with fault_id and with the payload of a virtual IOMMU may hold anything; off, they return EOPNOTSUPP.',
  evidence: 'source',
};

export const countIncludesUnissued: Quirk = {
  name: 'count_includes_unissued',
  on: true,
  doc: 'On, entry_num counts SMMUv3 commands that were translated but not issued when a later one was refused; off, it counts the batches that were issued.',
  evidence: 'derived',
};

export const probeRefused: Quirk = {
  name: 'probe_refused',
  on: true,
  doc: 'On, SMMUv3 refuses an entry_num of 0 with EINVAL though it is documented as a probe of the type; off, it succeeds.',
  evidence: 'source',
};

export const armCmdStrict: Quirk = {
  name: 'arm_cmd_strict',
  on: false,
  doc: 'On, an SMMUv3 command with a bit outside of its fields or a reserved range returns EIO; off, it goes to the hardware as it is.',
  evidence: 'source',
};
