import { command, OP } from '../../models/smmuv3/commands.ts';
import { deviceRange, encodeDescriptor, WHOLE_DEVICE_RANGE } from '../../models/vtd/descriptors.ts';
import type { DeviceConfig } from '../machine-config.ts';

/** What a request names, in terms that both postings share. */
export type Cache = 'device TLB' | 'TLB' | 'PASID table' | 'context';
export type Scope = 'domain' | 'device' | 'domain pages' | 'all PASIDs' | 'PASID' | 'PASID pages';

export interface Flush {
  readonly cache: Cache;
  readonly scope: Scope;
  readonly device: DeviceConfig;
  readonly pasid: number;
  readonly addr: bigint;
  /** log2 of the 4K pages that are flushed in one go, 9 at most: what is larger goes as a whole PASID. */
  readonly order: number;
  readonly leaf: boolean;
}

/** Commands of the host's IOMMU for a request, or undefined where it has none. An empty list: nothing to be flushed. */
export type CommandsFor = (flush: Flush) => readonly bigint[][] | undefined;

/** The domain that the container of a device has. */
const DID = 2;
const VMID = 1;

/** VT-d's descriptors: the IOTLB by domain, PASID or page, the PASID cache by domain or PASID, the context by both. */
export const vtdCommands: CommandsFor = ({ cache, scope, device, pasid, addr, order, leaf }) => {
  const page = { AM: order, IH: leaf ? 1 : 0, ADDR: addr };
  const one = (name: string, fields: Readonly<Record<string, bigint | number>>): bigint[][] => [
    encodeDescriptor(name, fields),
  ];
  switch (`${cache}, ${scope}`) {
    case 'TLB, domain':
    case 'TLB, all PASIDs':
      return one('iotlb_inv', { G: 2, DID, DR: 1, DW: 1 });
    case 'TLB, domain pages':
      return one('iotlb_inv', { G: 3, DID, DR: 1, DW: 1, ...page });
    case 'TLB, PASID':
      return one('p_iotlb_inv', { G: 2, DID, PASID: pasid });
    case 'TLB, PASID pages':
      return one('p_iotlb_inv', { G: 3, DID, PASID: pasid, ...page });
    case 'PASID table, domain':
    case 'PASID table, all PASIDs':
      return one('pc_inv', { G: 0, DID });
    case 'PASID table, PASID':
      return one('pc_inv', { G: 1, DID, PASID: pasid });
    case 'context, domain':
      return one('cc_inv', { G: 2, DID });
    case 'context, device':
      return one('cc_inv', { G: 3, DID, SID: device.sid });
    case 'device TLB, device':
    case 'device TLB, domain':
    case 'device TLB, all PASIDs':
      return device.ats ? one('dev_tlb_inv', { SID: device.sid, ...WHOLE_DEVICE_RANGE }) : [];
    case 'device TLB, PASID':
      return device.ats ? one('p_dev_tlb_inv', { SID: device.sid, PASID: pasid, ...WHOLE_DEVICE_RANGE }) : [];
    case 'device TLB, PASID pages':
      return device.ats ? one('p_dev_tlb_inv', { SID: device.sid, PASID: pasid, ...deviceRange(addr, order) }) : [];
    default:
      return undefined;
  }
};

/** SMMUv3 tags translations with an ASID, which a request by PASID does not carry: all ASIDs go. */
export const smmuv3Commands: CommandsFor = ({ cache, scope, device, pasid, addr, order, leaf }) => {
  const { sid } = device;
  switch (`${cache}, ${scope}`) {
    case 'TLB, domain':
    case 'TLB, all PASIDs':
    case 'TLB, PASID':
      return [command(OP.tlbiNhAll, { vmid: VMID })];
    case 'TLB, PASID pages':
      return pages(addr, order).map((address) => command(OP.tlbiNhVaa, { vmid: VMID, address, leaf: leaf ? 1 : 0 }));
    case 'PASID table, domain':
    case 'PASID table, all PASIDs':
      return [command(OP.cfgiCdAll, { sid })];
    case 'PASID table, PASID':
      return [command(OP.cfgiCd, { sid, ssid: pasid, leaf: 1 })];
    case 'context, device':
      return [command(OP.cfgiSte, { sid, leaf: 1 })];
    case 'device TLB, device':
    case 'device TLB, domain':
    case 'device TLB, all PASIDs':
      return device.ats ? [command(OP.atcInv, { sid, size: 52 })] : [];
    case 'device TLB, PASID':
      return device.ats ? [command(OP.atcInv, { sid, ssv: 1, ssid: pasid, size: 52 })] : [];
    case 'device TLB, PASID pages':
      return device.ats ? [command(OP.atcInv, { sid, ssv: 1, ssid: pasid, size: order, address: addr })] : [];
    default:
      return undefined;
  }
};

/** What a changed context needs: its own cache, the PASID table behind it and the translations. */
export function flushContext(commandsFor: CommandsFor, device: DeviceConfig): bigint[][] {
  const base = { device, pasid: 0, addr: 0n, order: 0, leaf: false };
  return [
    { ...base, cache: 'context', scope: 'device' } as const,
    { ...base, cache: 'PASID table', scope: 'domain' } as const,
    { ...base, cache: 'TLB', scope: 'domain' } as const,
  ].flatMap((flush) => commandsFor(flush) ?? []);
}

const pages = (addr: bigint, order: number): bigint[] =>
  Array.from({ length: 2 ** order }, (_, i) => BigInt.asUintN(64, addr + BigInt(i) * 4096n));
