import type { PhysMem } from '../../memory/phys-mem.ts';
import { decode, encode } from '../../models/vtd/bit-layout.ts';
import type { VtdCaps } from '../../models/vtd/caps.ts';
import { descriptorByName, encodeDescriptor } from '../../models/vtd/descriptors.ts';
import { secondStagePasidEntry, tornDownPasidEntry } from '../../models/vtd/pasid-entry.ts';
import { CONTEXT_ENTRY, PASID_DIRECTORY_ENTRY, ROOT_ENTRY, RTADDR } from '../../models/vtd/structures.ts';
import type { VtdUnit } from '../../models/vtd/translate.ts';
import { type Format, PageTable } from '../../pagetable/index.ts';
import { type CallResult, type FailPoints, type Refusal, refuse } from '../check.ts';
import type { Problem } from '../kernel.ts';
import { bindGpasid } from './bind.ts';
import { UNBIND_CHECKS as CHECKS } from './checks.ts';
import { FIRST_DID } from './domain-ids.ts';
import type { CacheInvalidate, GuestBind } from './payloads.ts';
import { mapSecondStage, protectSecondStage, unmapSecondStage } from './second-stage.ts';
import { svaInvalidate } from './sva-invalidate.ts';

export interface DeviceSetup {
  readonly name: string;
  readonly sid: number;
  /** PASID bits the device offers; 0 when it has none. */
  readonly pasidBits: number;
  readonly ats: boolean;
  readonly pri: boolean;
  readonly group: string;
}

/** A device with what the driver keeps for it. */
export class IntelDevice {
  readonly setup: DeviceSetup;
  /** PASIDs that have a guest page table bound on this device. */
  readonly bound = new Set<number>();
  attached = false;
  /** Id of the IOMMU domain that the device is attached to. */
  did = FIRST_DID;
  directory = 0n;
  pasidEnabled = false;
  constructor(setup: DeviceSetup) {
    this.setup = setup;
  }
  get name(): string {
    return this.setup.name;
  }
}

/** The second stage of the container: the same for all attached devices, whichever domain ids they have. */
export interface SecondStageDomain {
  readonly root: bigint;
  readonly format: Format;
  readonly table: PageTable;
  /** One past the highest guest physical address ever mapped (dmar_domain->max_addr). */
  maxAddr: bigint;
  nesting: boolean;
}

export interface DriverSetup {
  readonly unit: VtdUnit;
  readonly mem: PhysMem;
  readonly caps: VtdCaps;
  readonly cap: bigint;
  readonly ecap: bigint;
  readonly devices: readonly DeviceSetup[];
  /** The second stage as the machine's RAM fills it, and how to get further pages for tables. */
  readonly root: bigint;
  readonly format: Format;
  readonly maxAddr: bigint;
  readonly allocate: () => bigint;
  /** The leaf with which the machine maps the RAM at a guest address. */
  readonly leafSize: (gpa: bigint) => bigint;
  readonly isAllocated: (pasid: number) => boolean;
  readonly quirk: (name: string) => boolean;
}

export const RID2PASID = 0;
const PASID_ENTRY_BYTES = 64n;
const WHOLE_ADDRESS_SPACE = 0x7fff_ffff_ffff_f000n;

/** The part of drivers/iommu/intel (Linux 5.8 to 5.10) that vSVA uses: it fills the unit's tables in memory and queues invalidations. */
export class IntelDriver {
  readonly unit: VtdUnit;
  readonly mem: PhysMem;
  readonly caps: VtdCaps;
  readonly cap: bigint;
  readonly ecap: bigint;
  readonly domain: SecondStageDomain;
  readonly isAllocated: (pasid: number) => boolean;
  readonly quirk: (name: string) => boolean;
  /** Commands queued since the last `takeIssued`, without the wait descriptors that follow them. */
  #issued: bigint[][] = [];
  readonly #devices: readonly IntelDevice[];
  readonly #allocate: () => bigint;
  readonly leafSize: (gpa: bigint) => bigint;
  readonly #rootTable: bigint;

  constructor(setup: DriverSetup) {
    this.unit = setup.unit;
    this.mem = setup.mem;
    this.caps = setup.caps;
    this.cap = setup.cap;
    this.ecap = setup.ecap;
    this.isAllocated = setup.isAllocated;
    this.quirk = setup.quirk;
    this.#allocate = setup.allocate;
    this.leafSize = setup.leafSize;
    this.#devices = setup.devices.map((device) => new IntelDevice(device));
    const table = new PageTable(setup.format, setup.mem, setup.root, setup.allocate);
    this.domain = {
      root: setup.root,
      format: setup.format,
      table,
      maxAddr: setup.maxAddr,
      nesting: false,
    };
    this.#rootTable = this.#allocate();
    this.unit.rtaddr = encode(RTADDR, { TTM: 1, RTA: this.#rootTable })[0]!;
  }

  get canNest(): boolean {
    return this.caps.SMTS === 1 && this.caps.NEST === 1;
  }
  get coherent(): boolean {
    return this.caps.SC === 1;
  }
  /** Bits of guest physical address that the second stage translates. */
  get addressWidth(): number {
    return Math.min(this.caps.MGAW + 1, this.domain.format.inputBits);
  }
  get pasidBits(): number {
    return this.caps.PSS + 1;
  }
  /** Page sizes the second stage can map, as a bit map. */
  get pageSizes(): bigint {
    return 0x1000n | (this.caps.SSLPS & 1 ? 0x20_0000n : 0n) | (this.caps.SSLPS & 2 ? 0x4000_0000n : 0n);
  }

  device(name: string): IntelDevice | undefined {
    return this.#devices.find((d) => d.name === name);
  }
  groupOf(name: string): IntelDevice[] {
    const group = this.device(name)?.setup.group;
    return this.#devices.filter((d) => d.setup.group === group);
  }
  groups(): IntelDevice[][] {
    return [...new Set(this.#devices.map((d) => d.setup.group))].map((group) =>
      this.#devices.filter((d) => d.setup.group === group),
    );
  }
  attached(): IntelDevice[] {
    return this.#devices.filter((d) => d.attached);
  }

  takeIssued(): bigint[][] {
    const issued = this.#issued;
    this.#issued = [];
    return issued;
  }

  /** Queues one descriptor and lets the hardware run it. @param fields by name; G may be a granularity's word */
  issue(name: string, fields: Readonly<Record<string, bigint | number | string>>): void {
    const granularity = descriptorByName(name)?.granularity ?? {};
    const numbers = Object.entries(fields).map(
      ([field, value]) => [field, typeof value === 'string' ? (granularity[value] ?? 0n) : value] as const,
    );
    const words = encodeDescriptor(name, Object.fromEntries(numbers));
    this.#issued.push(words);
    this.unit.invalidate(words);
  }

  /**
   * domain_context_mapping_one in scalable mode, and the entry for requests without PASID.
   * @param did the group's own domain id, where a container has several IOMMU domains
   */
  attachGroup(group: readonly IntelDevice[], nesting: boolean, did = FIRST_DID): void {
    this.domain.nesting = nesting;
    for (const device of group) {
      device.did = did;
      // A directory covers the device's PASIDs, at least the 2^13 of its smallest size.
      const pdts = Math.max(0, Math.min(device.setup.pasidBits || 15, this.pasidBits) - 13);
      device.directory = this.#allocatePages(1 << Math.max(0, pdts + 7 + 3 - 12));
      device.pasidEnabled = false;
      this.#writePasidEntry(
        device,
        RID2PASID,
        secondStagePasidEntry({ did, pwsnp: this.caps.SMPWCS === 1, second: this.secondStage() }),
      );
      this.#writeContext(device, {
        P: 1,
        DTE: device.setup.ats ? 1 : 0,
        PRE: device.setup.pri ? 1 : 0,
        PDTS: pdts,
        PASIDDIRPTR: device.directory,
        RID_PASID: RID2PASID,
      });
      device.attached = true;
    }
  }

  /** __dmar_remove_one_dev_info: tears down RID2PASID, clears the context entry, flushes, frees the PASID table. */
  detachGroup(group: readonly IntelDevice[]): void {
    for (const device of group) {
      this.tearDownEntry(device, RID2PASID);
      this.#writeContext(device, {});
      this.issue('cc_inv', { G: 'device', DID: device.did, SID: device.setup.sid, FM: 0 });
      this.issue('iotlb_inv', { G: 'domain', DID: device.did, DR: 1, DW: 1 });
      // Disabling ATS empties the endpoint's cache.
      this.unit.deviceTlb.removeDevice(device.setup.sid);
      device.bound.clear();
      device.attached = false;
      device.directory = 0n;
    }
  }

  resetDevice(name: string): void {
    const device = this.device(name);
    if (device) this.unit.deviceTlb.removeDevice(device.setup.sid);
  }

  bindGpasid(device: IntelDevice, data: GuestBind, fail: FailPoints): Refusal | undefined {
    return bindGpasid(this, device, data, fail);
  }

  /** intel_svm_unbind_gpasid: a PASID bound to another device or to nothing is no error. */
  unbindGpasid(device: IntelDevice, hpasid: bigint): { readonly refusal?: Refusal; readonly torndown: boolean } {
    if (0x10_0000n <= hpasid)
      return {
        refusal: refuse(CHECKS.unbindPasidRange, {
          path: 'data.hpasid',
          found: `0x${hpasid.toString(16)}`,
          wanted: 'below 0x100000',
        }),
        torndown: false,
      };
    const pasid = Number(hpasid);
    if (!this.isAllocated(pasid))
      return {
        refusal: refuse(CHECKS.unbindNoPasid, {
          path: 'data.hpasid',
          found: `PASID ${pasid}`,
          wanted: 'an allocated PASID',
        }),
        torndown: false,
      };
    if (!device.bound.delete(pasid)) return { torndown: false };
    this.tearDownEntry(device, pasid);
    return { torndown: true };
  }

  /** What freeing a PASID makes its users do. */
  unbindEverywhere(pasid: number): void {
    for (const device of this.#devices) if (device.bound.delete(pasid)) this.tearDownEntry(device, pasid);
  }

  /** Unbinds whatever is bound on a group of devices, PASID by PASID. Returns a note for each. */
  unbindAll(group: readonly IntelDevice[]): string[] {
    const bound = new Set(group.flatMap((device) => [...device.bound]));
    return [...bound]
      .sort((a, b) => a - b)
      .flatMap((pasid) =>
        group
          .filter((device) => this.unbindGpasid(device, BigInt(pasid)).torndown)
          .map((device) => `unbound PASID ${pasid} from ${device.name}`),
      );
  }

  svaInvalidate(
    device: IntelDevice,
    info: CacheInvalidate,
    fail: FailPoints,
    notes: string[],
  ): { readonly refusal?: Refusal; readonly skip?: CallResult['skip'] } {
    return svaInvalidate(this, device, info, fail, notes);
  }

  /** intel_pasid_tear_down_entry: clear, then PASID cache, IOTLB and device TLB. */
  tearDownEntry(device: IntelDevice, pasid: number, did = device.did): void {
    this.#writePasidEntry(device, pasid, tornDownPasidEntry('log-faults'));
    this.issue('pc_inv', { G: 'pasid', DID: did, PASID: pasid });
    this.issue('p_iotlb_inv', { G: 'pasid', DID: did, PASID: pasid });
    // RID2PASID is a second-stage entry, which PASID-based invalidation does not touch (VT-d 6.5.3.3).
    if (pasid === RID2PASID) this.issue('iotlb_inv', { G: 'domain', DID: did, DR: 1, DW: 1 });
    if (this.caps.CM === 0) this.flushDeviceTlb(device, pasid === RID2PASID ? undefined : pasid, 0n, undefined);
  }

  /** qi_flush_dev_iotlb(_pasid). @param order log2 of the pages; undefined: everything */
  flushDeviceTlb(device: IntelDevice, pasid: number | undefined, addr: bigint, order: number | undefined): void {
    if (!device.setup.ats) return;
    const range = order === undefined ? { S: 1, ADDR: WHOLE_ADDRESS_SPACE } : deviceRange(addr, order);
    const sid = device.setup.sid;
    if (pasid === undefined) this.issue('dev_tlb_inv', { SID: sid, PFSID: sid, ...range });
    else this.issue('p_dev_tlb_inv', { SID: sid, PFSID: sid, PASID: pasid, G: 0, ...range });
  }

  /** Adds PASIDE to the context entry (intel_iommu_enable_pasid), once per device. */
  enablePasid(device: IntelDevice): void {
    if (device.pasidEnabled) return;
    device.pasidEnabled = true;
    this.#setPaside(device, 1n);
  }

  /** Takes PASIDE out of the context entry again (intel_iommu_disable_pasid). */
  disablePasid(device: IntelDevice): void {
    if (!device.pasidEnabled) return;
    device.pasidEnabled = false;
    this.#setPaside(device, 0n);
  }

  #setPaside(device: IntelDevice, value: bigint): void {
    const at = this.#contextAddress(device);
    const words = [0n, 8n, 16n, 24n].map((offset) => this.mem.read64(at + offset));
    const fields = decode(CONTEXT_ENTRY, words);
    this.#writeContext(device, { ...fields, PASIDE: value });
    this.issue('cc_inv', { G: 'device', DID: device.did, SID: device.setup.sid, FM: 0 });
  }

  /** A page of host memory for tables, zeroed. */
  allocatePage(): bigint {
    return this.#allocate();
  }

  /** The address of a PASID's entry, or undefined while no page of the table holds it. */
  pasidEntryAddress(device: IntelDevice, pasid: number): bigint | undefined {
    const pde = this.mem.read64(device.directory + BigInt(pasid >>> 6) * 8n);
    if ((pde & 1n) === 0n) return undefined;
    return (pde & ~0xfffn) + BigInt(pasid & 63) * PASID_ENTRY_BYTES;
  }

  /** intel_pasid_get_entry: like pasidEntryAddress, but allocates the page. */
  pasidEntryFor(device: IntelDevice, pasid: number): bigint {
    const present = this.pasidEntryAddress(device, pasid);
    if (present !== undefined) return present;
    const page = this.#allocate();
    this.mem.write64(
      device.directory + BigInt(pasid >>> 6) * 8n,
      encode(PASID_DIRECTORY_ENTRY, { P: 1, SMPTBLPTR: page })[0]!,
    );
    return page + BigInt(pasid & 63) * PASID_ENTRY_BYTES;
  }

  writePasidEntryAt(address: bigint, words: readonly bigint[]): void {
    for (const [i, word] of words.entries()) {
      const at = address + BigInt(i) * 8n;
      if (this.mem.read64(at) !== word) this.mem.write64(at, word);
    }
  }

  mapSecondStage(gpa: bigint, hpa: bigint, size: bigint): CallResult | Problem {
    return mapSecondStage(this, gpa, hpa, size);
  }

  unmapSecondStage(gpa: bigint, size: bigint): CallResult | Problem {
    return unmapSecondStage(this, gpa, size);
  }

  protectSecondStage(gpa: bigint, size: bigint, read: boolean, write: boolean): CallResult | Problem {
    return protectSecondStage(this, gpa, size, { read, write });
  }

  secondStage(): { root: bigint; levels: number } {
    return { root: this.domain.root, levels: this.domain.format.levels };
  }

  #writePasidEntry(device: IntelDevice, pasid: number, words: readonly bigint[]): void {
    this.writePasidEntryAt(this.pasidEntryFor(device, pasid), words);
  }

  #contextAddress(device: IntelDevice): bigint {
    const bus = device.setup.sid >>> 8;
    const devfn = device.setup.sid & 0xff;
    const at = this.#rootTable + BigInt(bus) * 16n;
    const upper = 0x80 <= devfn;
    const words = [this.mem.read64(at), this.mem.read64(at + 8n)];
    const root = decode(ROOT_ENTRY, words);
    let table = upper ? root.UCTP! : root.LCTP!;
    if ((upper ? root.UP : root.LP) !== 1n) {
      table = this.#allocate();
      const entry = encode(ROOT_ENTRY, { ...root, ...(upper ? { UP: 1n, UCTP: table } : { LP: 1n, LCTP: table }) });
      for (const [i, word] of entry.entries()) this.mem.write64(at + BigInt(i) * 8n, word);
    }
    return table + BigInt(devfn & 0x7f) * 32n;
  }

  #writeContext(device: IntelDevice, fields: Readonly<Record<string, bigint | number>>): void {
    const at = this.#contextAddress(device);
    for (const [i, word] of encode(CONTEXT_ENTRY, fields).entries()) this.mem.write64(at + BigInt(i) * 8n, word);
  }

  #allocatePages(n: number): bigint {
    const first = this.#allocate();
    for (let i = 1; i < n; i++) this.#allocate();
    return first;
  }
}

/** A device-TLB range: S set and the address bits below the size all ones but the top one (PCIe ATS 10.5.1). */
function deviceRange(addr: bigint, order: number): { S: number; ADDR: bigint } {
  if (order === 0) return { S: 0, ADDR: addr & ~0xfffn };
  const size = 1n << BigInt(12 + order);
  return { S: 1, ADDR: (addr & ~(size - 1n)) | (((size >> 1n) - 1n) & ~0xfffn) };
}
