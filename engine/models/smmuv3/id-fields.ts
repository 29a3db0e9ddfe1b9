import type { BitField } from '../bit-layout.ts';

/** Registers that a machine gives by name and GET_HW_INFO copies out, in their order. */
export const ID_REGISTERS = ['IDR0', 'IDR1', 'IDR2', 'IDR3', 'IDR4', 'IDR5', 'IIDR', 'AIDR'] as const;
export type IdRegister = (typeof ID_REGISTERS)[number];

/** One field of an identification register, with what the default unit has in it. */
export interface IdField extends BitField {
  readonly register: IdRegister;
  readonly usual: number;
  /** Values that the architecture reserves. */
  readonly reserved?: readonly number[];
}

const of =
  (register: IdRegister) =>
  (name: string, lo: number, width: number, usual: number, doc: string, reserved: readonly number[] = []): IdField => ({
    name,
    register,
    lo,
    width,
    usual,
    doc,
    ...(reserved.length > 0 ? { reserved } : {}),
  });
const idr0 = of('IDR0');
const idr1 = of('IDR1');
const idr2 = of('IDR2');
const idr3 = of('IDR3');
const idr5 = of('IDR5');
const iidr = of('IIDR');
const aidr = of('AIDR');

/**
 * Identification registers of SMMUv3 (IHI 0070, 6.3.1 to 6.3.9). The usual values are those of a unit that allows
 * everything the kernel's checks ask for; IDR4 is left to the implementation and has no field.
 */
export const ID_FIELDS: readonly IdField[] = [
  idr0('S2P', 0, 1, 1, 'Stage 2 exists.'),
  idr0('S1P', 1, 1, 1, 'Stage 1 exists.'),
  idr0('TTF', 2, 2, 2, 'Table formats: 1 for VMSAv8-32 LPAE, 2 for VMSAv8-64, 3 for both.', [0]),
  idr0('COHACC', 4, 1, 1, 'Walks, queues and structures are read coherently with the processor caches.'),
  idr0('BTM', 5, 1, 1, 'TLB maintenance that processors broadcast reaches the SMMU.'),
  idr0(
    'HTTU',
    6,
    2,
    2,
    'What walks update: 0 nothing, 1 the access flag, 2 the dirty state too, 3 the access flag of tables as well.',
  ),
  idr0('DORMHINT', 8, 1, 0, 'The unit can tell that it is dormant.'),
  idr0('HYP', 9, 1, 1, 'Stage 1 of EL2 exists.'),
  idr0('ATS', 10, 1, 1, 'Devices may have their own TLBs (ATS).'),
  idr0('NS1ATS', 11, 1, 0, 'Split-stage ATS does not exist.'),
  idr0('ASID16', 12, 1, 1, 'ASIDs have 16 bits, otherwise 8.'),
  idr0('MSI', 13, 1, 1, 'The SMMU can send its own interrupts as messages.'),
  idr0('SEV', 14, 1, 1, 'The SMMU can send WFE wake-up events.'),
  idr0('ATOS', 15, 1, 0, 'Addresses can be translated through registers.'),
  idr0('PRI', 16, 1, 1, 'Devices may send page requests.'),
  idr0('VMW', 17, 1, 1, 'A group of VMIDs can match in one command.'),
  idr0('VMID16', 18, 1, 1, 'VMIDs have 16 bits, otherwise 8.'),
  idr0('CD2L', 19, 1, 1, 'Tables of context descriptors may have two levels.'),
  idr0('VATOS', 20, 1, 0, 'A guest can translate addresses through registers of its own.'),
  idr0('TTENDIAN', 21, 2, 2, 'Byte order of tables: 0 either, 2 little, 3 big.', [1]),
  idr0('ATSRECERR', 23, 1, 0, 'Errors of ATS requests can be recorded.'),
  idr0(
    'STALL_MODEL',
    24,
    2,
    0,
    'Faulting accesses can stall: 0 stall or terminate, 1 terminate only, 2 stall only.',
    [3],
  ),
  idr0('TERM_MODEL', 26, 1, 0, 'Terminated accesses always report an abort.'),
  idr0('ST_LEVEL', 27, 2, 1, 'Stream tables: 0 linear, 1 two levels as well.', [2, 3]),

  idr1('SIDSIZE', 0, 6, 32, 'Width of StreamIDs.'),
  idr1('SSIDSIZE', 6, 5, 20, 'Width of SubstreamIDs, which are PASIDs; 0 when there are none.'),
  idr1('PRIQS', 11, 5, 19, 'Most entries of the queue of page requests, as a power of two.'),
  idr1('EVENTQS', 16, 5, 19, 'Most entries of the event queue, as a power of two.'),
  idr1('CMDQS', 21, 5, 19, 'Most entries of the command queue, as a power of two.'),
  idr1('ATTR_PERMS_OVR', 26, 1, 1, 'Privilege and kind of an access can be overridden.'),
  idr1('ATTR_TYPES_OVR', 27, 1, 1, 'Memory attributes of an access can be overridden.'),
  idr1('REL', 28, 1, 0, 'Preset base addresses are relative to the registers.'),
  idr1('QUEUES_PRESET', 29, 1, 0, 'Queues lie at fixed addresses.'),
  idr1('TABLES_PRESET', 30, 1, 0, 'Tables lie at fixed addresses.'),
  idr1('ECMDQ', 31, 1, 0, 'There are further command queues.'),

  idr2('BA_VATOS', 0, 10, 0, 'Page of the registers that VATOS stands for.'),

  idr3('HAD', 2, 1, 1, 'Attributes in tables can be switched off.'),
  idr3('PBHA', 3, 1, 0, "Attributes of the page can be the hardware's own."),
  idr3('XNX', 4, 1, 1, 'Stage 2 tells execution at EL0 and EL1 apart.'),
  idr3('PPS', 5, 1, 0, 'Automatic answers to page requests carry the PASID that was asked with.'),
  idr3('MPAM', 7, 1, 0, 'Memory partitioning exists.'),
  idr3('FWB', 8, 1, 1, 'Stage 2 can force cacheable memory (S2FWB).'),
  idr3('STT', 9, 1, 1, 'Small translation tables exist.'),
  idr3('RIL', 10, 1, 1, 'TLB invalidations may name a range.'),
  idr3('BBML', 11, 2, 2, 'How far table changes may go without break-before-make.', [3]),
  idr3('E0PD', 13, 1, 1, 'Unprivileged accesses to half of the addresses can be forbidden.'),
  idr3('PTWNNC', 14, 1, 0, 'Walks through device memory are treated as Normal Non-cacheable.'),
  idr3('DPT', 15, 1, 0, 'Device permission tables exist.'),
  idr3('PASIDTT', 16, 1, 0, 'Translated requests may carry a PASID.'),
  idr3('EPAN', 17, 1, 0, 'Enhanced privileged access never exists.'),
  idr3('S1PI', 18, 1, 0, 'Permissions of stage 1 can be indirect.'),
  idr3('S2PI', 19, 1, 0, 'Permissions of stage 2 can be indirect.'),
  idr3('S2PO', 20, 1, 0, 'Permissions of stage 2 can be overlaid.'),
  idr3('THE', 21, 1, 0, 'Translation hardening exists.'),
  idr3('MTEPERM', 22, 1, 0, 'Stage 2 can forbid access to allocation tags.'),
  idr3('AIE', 23, 1, 0, 'Memory attributes can be indexed in the extended way.'),

  idr5('OAS', 0, 3, 6, 'Width of output addresses: 0 to 7 for 32, 36, 40, 42, 44, 48, 52 and 56 bits.'),
  idr5('GRAN4K', 4, 1, 1, 'Pages of 4K exist.'),
  idr5('GRAN16K', 5, 1, 1, 'Pages of 16K exist.'),
  idr5('GRAN64K', 6, 1, 1, 'Pages of 64K exist.'),
  idr5('DS', 7, 1, 1, 'Pages of 4K and 16K reach 52-bit addresses.'),
  idr5('D128', 8, 1, 0, 'Descriptors of 128 bits exist.'),
  idr5('VAX', 10, 2, 1, 'Virtual addresses: 0 for 48 bits, 1 for 52.', [2, 3]),
  idr5('STALL_MAX', 16, 16, 256, 'Most accesses that can stall at once.'),

  iidr('Implementer', 0, 12, 0, 'JEP106 code of who made it.'),
  iidr('Revision', 12, 4, 0, 'Minor revision of the product.'),
  iidr('Variant', 16, 4, 0, 'Major revision of the product.'),
  iidr('ProductID', 20, 12, 0, 'Number of the product.'),

  aidr('ArchMinorRev', 0, 4, 3, 'Second number of the architecture, so that 3 is SMMUv3.3.'),
  aidr('ArchMajorRev', 4, 4, 0, 'First number of the architecture, 0 for SMMUv3.'),
];
