import { type IdValues, SmmuIds } from './ids.ts';

/** What the identification registers say, as the hot paths and the checks of structures read it: plain ints. */
export class Features {
  readonly s1: boolean;
  readonly s2: boolean;
  /** VMSAv8-64 tables exist. */
  readonly aarch64: boolean;
  /** Tables may be little-endian, which is all that is modelled. */
  readonly littleEndian: boolean;
  readonly httu: number;
  readonly hyp: boolean;
  readonly ats: boolean;
  readonly ns1Ats: boolean;
  readonly pri: boolean;
  readonly atsRecErr: boolean;
  readonly asid16: boolean;
  readonly vmid16: boolean;
  readonly cd2l: boolean;
  readonly twoLevel: boolean;
  /** 0 both, 1 terminate only, 2 stall only. */
  readonly stallModel: number;
  readonly termModel: boolean;
  readonly sidSize: number;
  readonly ssidSize: number;
  readonly overridesPermissions: boolean;
  readonly had: boolean;
  readonly xnx: boolean;
  readonly smallTables: boolean;
  readonly ranges: boolean;
  readonly e0pd: boolean;
  readonly mpam: boolean;
  readonly dpt: boolean;
  readonly ds: boolean;
  /** Most entries of the queues, as powers of two. */
  readonly commandQueueLg2: number;
  readonly eventQueueLg2: number;
  readonly priQueueLg2: number;
  /** Bits of virtual addresses: 48 or 52. */
  readonly virtualBits: number;
  /** OAS in bits, 52 at most: wider ones take descriptors of 128 bits. */
  readonly outputBits: number;
  /** IAS: bits of what stage 2 can be asked for. */
  readonly intermediateBits: number;
  readonly #granules: number;

  constructor(values: IdValues) {
    const ids = new SmmuIds(values);
    const has = (name: string): boolean => ids.has(name);
    this.s1 = has('S1P');
    this.s2 = has('S2P');
    this.aarch64 = (ids.get('TTF') & 2) !== 0;
    this.littleEndian = ids.get('TTENDIAN') !== 3;
    this.httu = ids.get('HTTU');
    this.hyp = has('HYP');
    this.ats = has('ATS');
    this.ns1Ats = has('NS1ATS');
    this.pri = has('PRI');
    this.atsRecErr = has('ATSRECERR');
    this.asid16 = has('ASID16');
    this.vmid16 = has('VMID16');
    this.cd2l = has('CD2L');
    this.twoLevel = ids.get('ST_LEVEL') === 1;
    this.stallModel = ids.get('STALL_MODEL');
    this.termModel = has('TERM_MODEL');
    this.sidSize = ids.get('SIDSIZE');
    this.ssidSize = ids.ssidBits;
    this.overridesPermissions = has('ATTR_PERMS_OVR');
    this.had = has('HAD');
    this.xnx = has('XNX');
    this.smallTables = has('STT');
    this.ranges = has('RIL');
    this.e0pd = has('E0PD');
    this.mpam = has('MPAM');
    this.dpt = has('DPT');
    this.ds = has('DS');
    this.commandQueueLg2 = ids.get('CMDQS');
    this.eventQueueLg2 = ids.get('EVENTQS');
    this.priQueueLg2 = ids.get('PRIQS');
    this.virtualBits = ids.get('VAX') === 1 ? 52 : 48;
    this.outputBits = Math.min(ids.outputBits, 52);
    this.intermediateBits = Math.max((ids.get('TTF') & 1) !== 0 ? 40 : 0, this.outputBits);
    this.#granules = (has('GRAN4K') ? 1 << 12 : 0) | (has('GRAN16K') ? 1 << 14 : 0) | (has('GRAN64K') ? 1 << 16 : 0);
  }

  /** @param granule log2 of its size */
  hasGranule(granule: number): boolean {
    return ((this.#granules >> granule) & 1) !== 0;
  }
}
