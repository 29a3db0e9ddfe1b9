import type { BitLayout } from '../bit-layout.ts';
import { inWord as at, field } from '../field.ts';

/** STE.Config. 1 to 3 are reserved and abort as 0 does. */
export const CONFIG_VALUES = { abort: 0n, bypass: 4n, s1: 5n, s2: 6n, nested: 7n } as const;

const GRANULES_T0 = { '4K': 0n, '64K': 1n, '16K': 2n } as const;

export const L1STD: BitLayout = {
  name: 'level-1 stream table descriptor',
  doc: 'Names an array of stream table entries.',
  source: 'IHI 0070, 5.1',
  bits: 64,
  fields: [
    field('Span', 0, 5, '0: nothing; otherwise the array has 2^(Span-1) entries.'),
    { ...field('L2Ptr', 6, 50, 'Physical address of the array, aligned to its size.'), addressLg2: 6 },
  ],
};

export const STE: BitLayout = {
  name: 'stream table entry',
  doc: 'How the accesses of one stream are translated: which stages, where the context descriptors are, and stage 2 itself.',
  source: 'IHI 0070, 5.2',
  bits: 512,
  fields: [
    at(0, 'V', 0, 1, 'The entry is valid; otherwise the access ends in C_BAD_STE.'),
    {
      ...at(
        0,
        'Config',
        1,
        3,
        'Which stages translate. 0 aborts without an event; 1 to 3 are reserved and do the same.',
      ),
      values: CONFIG_VALUES,
    },
    {
      ...at(0, 'S1Fmt', 4, 2, 'Shape of the table of context descriptors; ignored when there is only one.'),
      values: { linear: 0n, '4K_L2': 1n, '64K_L2': 2n },
    },
    {
      ...at(
        0,
        'S1ContextPtr',
        6,
        50,
        'Address of the context descriptors: physical, or an IPA when stage 2 translates too.',
      ),
      addressLg2: 6,
    },
    at(0, 'S1CDMax', 59, 5, 'log2 of the number of context descriptors.'),
    {
      ...at(
        1,
        'S1DSS',
        0,
        2,
        'Accesses without SubstreamID, where there are several context descriptors: end, bypass stage 1, or use descriptor 0.',
      ),
      values: { terminate: 0n, bypass: 1n, ssid0: 2n },
    },
    at(1, 'S1CIR', 2, 2, 'Inner cacheability of reads of context descriptors.'),
    at(1, 'S1COR', 4, 2, 'Outer cacheability of reads of context descriptors.'),
    at(1, 'S1CSH', 6, 2, 'Shareability of reads of context descriptors.'),
    at(1, 'S2HWU', 8, 4, 'Bits 59 to 62 of stage-2 entries are for the hardware.', 'PBHA'),
    at(1, 'DRE', 12, 1, 'Destructive reads are allowed.'),
    at(1, 'CONT', 13, 4, 'A hint: log2 of the run of identical entries that this one is of.'),
    at(1, 'DCP', 17, 1, 'Directed cache prefetches are allowed.'),
    at(1, 'PPAR', 18, 1, 'Automatic answers to page requests carry the PASID.', 'PRI'),
    at(1, 'MEV', 19, 1, 'Events that are alike may be merged.'),
    at(1, 'S1PIE', 24, 1, 'Permissions of stage 1 are indirect.', 'S1PI'),
    at(1, 'S2FWB', 25, 1, 'Stage 2 decides about cacheability.', 'FWB'),
    at(1, 'S1MPAM', 26, 1, 'The context descriptor gives the partition.', 'MPAM'),
    at(1, 'S1STALLD', 27, 1, 'Stage-1 faults must not stall.'),
    {
      ...at(1, 'EATS', 28, 2, 'What the device may do with ATS.', 'ATS'),
      values: { off: 0n, full: 1n, split: 2n },
    },
    { ...at(1, 'STRW', 30, 2, 'Whose translations these are: of EL1, or of EL2.'), values: { el1: 0n, el2: 2n } },
    at(1, 'MemAttr', 32, 4, 'Memory type of accesses that bypass translation.'),
    at(1, 'MTCFG', 36, 1, 'MemAttr replaces what the device sent.'),
    at(1, 'ALLOCCFG', 37, 4, 'Replaces the allocation hints of the device.'),
    at(1, 'SHCFG', 44, 2, 'Replaces the shareability of the device.'),
    at(1, 'NSCFG', 46, 2, 'Replaces the security of the device; Secure streams only.'),
    {
      ...at(1, 'PRIVCFG', 48, 2, 'Replaces the privilege of the access.', 'ATTR_PERMS_OVR'),
      values: { incoming: 0n, unprivileged: 2n, privileged: 3n },
    },
    {
      ...at(1, 'INSTCFG', 50, 2, 'Replaces whether reads fetch instructions.', 'ATTR_PERMS_OVR'),
      values: { incoming: 0n, data: 2n, instruction: 3n },
    },
    at(2, 'S2VMID', 0, 16, 'VMID: tags TLB entries, with stage 1 alone too where the SMMU has a stage 2.'),
    at(2, 'S2T0SZ', 32, 6, 'An IPA has 64 less this many bits.'),
    at(2, 'S2SL0', 38, 2, 'Where stage 2 starts, depending on the granule.'),
    at(2, 'S2IR0', 40, 2, 'Inner cacheability of stage-2 walks.'),
    at(2, 'S2OR0', 42, 2, 'Outer cacheability of stage-2 walks.'),
    at(2, 'S2SH0', 44, 2, 'Shareability of stage-2 walks.'),
    { ...at(2, 'S2TG', 46, 2, 'Granule of stage 2.'), values: GRANULES_T0 },
    at(2, 'S2PS', 48, 3, 'Width of stage-2 output addresses: 0 to 7 for 32, 36, 40, 42, 44, 48, 52 and 56 bits.'),
    at(2, 'S2AA64', 51, 1, 'Stage 2 has VMSAv8-64 tables.'),
    at(2, 'S2ENDI', 52, 1, 'Stage-2 tables are big-endian.'),
    at(2, 'S2AFFD', 53, 1, 'A clear access flag does not fault at stage 2.'),
    at(2, 'S2PTW', 54, 1, 'Tables and context descriptors must not lie in what stage 2 maps as Device memory.'),
    at(2, 'S2HD', 55, 1, 'Hardware keeps the dirty state of stage 2.', 'HTTU'),
    at(2, 'S2HA', 56, 1, 'Hardware sets the access flag of stage 2.', 'HTTU'),
    at(2, 'S2S', 57, 1, 'Stage-2 faults stall.'),
    at(2, 'S2R', 58, 1, 'Stage-2 faults that end the access are recorded.'),
    at(2, 'S2HAFT', 59, 1, 'Hardware sets the access flag of stage-2 tables.', 'HTTU'),
    at(2, 'S2PIE', 60, 1, 'Permissions of stage 2 are indirect.', 'S2PI'),
    at(2, 'S2POE', 61, 1, 'Permissions of stage 2 are overlaid.', 'S2PO'),
    at(2, 'DPT_VMATCH', 62, 2, 'How the VMID is compared in device permission tables.', 'DPT'),
    at(3, 'S2NSW', 0, 1, 'Space of stage-2 tables; Secure streams only.'),
    at(3, 'S2NSA', 1, 1, 'Space of stage-2 outputs; Secure streams only.'),
    at(3, 'S2SL0_2', 2, 1, 'Third bit of S2SL0, with S2DS and pages of 4K.', 'DS'),
    at(3, 'S2DS', 3, 1, 'Stage-2 tables of 4K and 16K hold 52-bit addresses.', 'DS'),
    { ...at(3, 'S2TTB', 4, 52, 'Physical address of the stage-2 tables.'), addressLg2: 4 },
    at(4, 'PARTID', 16, 16, 'Partition, for MPAM.', 'MPAM'),
    at(5, 'PMG', 0, 8, 'Performance group, for MPAM.', 'MPAM'),
    { ...at(5, 'VMSPtr', 12, 44, 'Address of the virtual machine structure.', 'MPAM'), addressLg2: 12 },
  ],
};
