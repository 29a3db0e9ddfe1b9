import type { BitField } from '../bit-layout.ts';

/** A capability field: a bit field that knows its register and the names older revisions gave it. */
export interface CapField<N extends string, R extends 'cap' | 'ecap'> extends BitField {
  readonly name: N;
  readonly register: R;
  readonly aliases: readonly string[];
}

const field =
  <R extends 'cap' | 'ecap'>(register: R) =>
  <N extends string>(
    name: N,
    lo: number,
    width: number,
    doc: string,
    aliases: readonly string[] = [],
  ): CapField<N, R> => ({
    name,
    register,
    lo,
    width,
    doc,
    aliases,
  });
const cap = field('cap');
const ecap = field('ecap');

/** CAP_REG, VT-d 11.4.2. */
export const CAP = [
  cap('ND', 0, 3, 'Domain ids have 4 + 2 * ND bits.'),
  cap('AFL', 3, 1, 'Advanced fault logging to memory exists.'),
  cap('RWBF', 4, 1, 'Software must flush write buffers after it edits a structure.'),
  cap('PLMR', 5, 1, 'The protected low-memory region exists.'),
  cap('PHMR', 6, 1, 'The protected high-memory region exists.'),
  cap(
    'CM',
    7,
    1,
    'Caching mode: entries that are not present may be cached, as virtual units do to see every mapping.',
  ),
  cap('SAGAW', 8, 5, 'Second-stage widths: bit 1 for 39 bits, bit 2 for 48, bit 3 for 57.'),
  cap('MGAW', 16, 6, 'Second-stage input addresses have at most MGAW + 1 bits.'),
  cap('ZLR', 22, 1, 'Zero-length reads of write-only pages succeed.'),
  cap('FRO', 24, 10, 'Fault recording registers start at 16 * FRO.'),
  cap('SSLPS', 34, 4, 'Second-stage large pages: bit 0 for 2M, bit 1 for 1G.', ['SLLPS', 'SPS']),
  cap('PSI', 39, 1, 'Page-selective IOTLB invalidation exists.'),
  cap('NFR', 40, 8, 'There are NFR + 1 fault recording registers.'),
  cap('MAMV', 48, 6, 'Largest address mask of a page-selective IOTLB invalidation.'),
  cap('DWD', 54, 1, 'Writes can be drained.'),
  cap('DRD', 55, 1, 'Reads can be drained.'),
  cap('FS1GP', 56, 1, 'First-stage 1G pages exist.', ['FL1GP']),
  cap('PI', 59, 1, 'Interrupts can be posted.'),
  cap('FS5LP', 60, 1, 'First-stage tables may have five levels.', ['FL5LP']),
  cap('ECMDS', 61, 1, 'The enhanced command interface exists.'),
  cap('ESIRTPS', 62, 1, 'Setting the interrupt table pointer also invalidates what was cached from the old one.'),
  cap('ESRTPS', 63, 1, 'Setting the root table pointer also invalidates what was cached from the old one.'),
] as const;

/** ECAP_REG, VT-d 11.4.3. */
export const ECAP = [
  ecap('C', 0, 1, 'Page walks are coherent with the processor caches.'),
  ecap('QI', 1, 1, 'The invalidation queue exists.'),
  ecap('DT', 2, 1, 'Devices may have their own TLBs (ATS).'),
  ecap('IR', 3, 1, 'Interrupts can be remapped.'),
  ecap('EIM', 4, 1, 'Interrupts may have 32-bit destinations.'),
  ecap('PT', 6, 1, 'Requests can pass through untranslated.'),
  ecap('SC', 7, 1, 'Snooping can be forced per page.'),
  ecap('IRO', 8, 10, 'The IOTLB registers start at 16 * IRO.'),
  ecap('MHMV', 20, 4, 'Largest index mask of an interrupt entry invalidation.'),
  ecap('MTS', 25, 1, 'Memory types are honoured.'),
  ecap('NEST', 26, 1, 'A first stage can be nested over a second.'),
  ecap('DI', 27, 1, 'Invalidations may be deferred; later revisions dropped it.', ['DIS']),
  ecap('PRS', 29, 1, 'Devices may send page requests.'),
  ecap('ERS', 30, 1, 'Requests may ask for execute permission.'),
  ecap('SRS', 31, 1, 'Requests may be privileged.'),
  ecap('NWFS', 33, 1, 'The no-write flag of translation requests is honoured.'),
  ecap('EAFS', 34, 1, 'The extended-accessed bit can be kept.'),
  ecap('PSS', 35, 5, 'PASIDs have PSS + 1 bits.'),
  ecap('PASID', 40, 1, 'Requests may carry a PASID.'),
  ecap('DIT', 41, 1, 'Device TLB invalidations are throttled.'),
  ecap('PDS', 42, 1, 'Page requests can be drained by an invalidation wait.'),
  ecap('SMTS', 43, 1, 'Scalable-mode tables exist.'),
  ecap('VCS', 44, 1, 'The virtual command interface exists; only emulated units have it.'),
  ecap('SSADS', 45, 1, 'Accessed and dirty bits can be kept in the second stage.', ['SLADS']),
  ecap('SSTS', 46, 1, 'Second-stage translation exists in scalable mode.', ['SLTS']),
  ecap('FSTS', 47, 1, 'First-stage translation exists in scalable mode.', ['FLTS']),
  ecap('SMPWCS', 48, 1, 'Scalable-mode page walks can be made coherent.', ['SMPWC']),
  ecap('RPS', 49, 1, 'Requests without a PASID can be given one (RID_PASID).'),
  ecap('PMS', 51, 1, 'Performance monitoring exists.'),
  ecap('ADMS', 52, 1, 'Abort-DMA mode exists.'),
  ecap('RPRIVS', 53, 1, 'Requests without a PASID can count as privileged (RID_PRIV).'),
  ecap('SMS', 58, 1, 'Stop Markers are supported.'),
] as const;
