import type { PhysMem } from '../../memory/phys-mem.ts';
import type { VtdCaps } from '../../models/vtd/caps.ts';
import { secondStagePasidEntry, tornDownPasidEntry } from '../../models/vtd/pasid-entry.ts';
import type { VtdUnit } from '../../models/vtd/unit.ts';
import { type Format, PageTable } from '../../pagetable/index.ts';
import { type CallResult, type FailPoints, type Refusal, refuse } from '../check.ts';
import type { Problem } from '../kernel.ts';
import { InvalidationQueue } from '../vtd-queue.ts';
import { type PasidTable, ScalableTables } from '../vtd-tables.ts';
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
  /** Its PASID table, while it is attached. */
  table: PasidTable | undefined;
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
  readonly queue: InvalidationQueue;
  readonly tables: ScalableTables;
  readonly #devices: readonly IntelDevice[];
  readonly #allocate: () => bigint;
  readonly leafSize: (gpa: bigint) => bigint;

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
    this.queue = new InvalidationQueue(setup.unit);
    this.tables = new ScalableTables(setup.mem, setup.allocate);
    this.unit.rtaddr = this.tables.rtaddr;
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

  /**
   * domain_context_mapping_one in scalable mode, and the entry for requests without PASID.
   * @param did the group's own domain id, where a container has several IOMMU domains
   */
  attachGroup(group: readonly IntelDevice[], nesting: boolean, did = FIRST_DID): void {
    this.domain.nesting = nesting;
    for (const device of group) {
      device.did = did;
      const pasids = this.tables.makePasidTable(Math.min(device.setup.pasidBits, this.pasidBits));
      device.table = pasids;
      device.pasidEnabled = false;
      this.#writePasidEntry(
        device,
        RID2PASID,
        secondStagePasidEntry({ did, pwsnp: this.caps.SMPWCS === 1, second: this.secondStage() }),
      );
      this.tables.writeContext(device.setup.sid, {
        P: 1,
        DTE: device.setup.ats ? 1 : 0,
        PRE: device.setup.pri ? 1 : 0,
        PDTS: ScalableTables.pdts(pasids),
        PASIDDIRPTR: pasids.directory,
        RID_PASID: RID2PASID,
      });
      device.attached = true;
    }
  }

  /** __dmar_remove_one_dev_info: tears down RID2PASID, clears the context entry, flushes, frees the PASID table. */
  detachGroup(group: readonly IntelDevice[]): void {
    for (const device of group) {
      this.tearDownEntry(device, RID2PASID);
      this.tables.writeContext(device.setup.sid, {});
      this.queue.issue('cc_inv', { G: 'device', DID: device.did, SID: device.setup.sid, FM: 0 });
      this.queue.issue('iotlb_inv', { G: 'domain', DID: device.did, DR: 1, DW: 1 });
      // Disabling ATS empties the endpoint's cache.
      this.unit.deviceTlb.removeDevice(device.setup.sid);
      device.bound.clear();
      device.attached = false;
      device.table = undefined;
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
    this.queue.issue('pc_inv', { G: 'pasid', DID: did, PASID: pasid });
    this.queue.issue('p_iotlb_inv', { G: 'pasid', DID: did, PASID: pasid });
    // RID2PASID is a second-stage entry, which PASID-based invalidation does not touch (VT-d 6.5.3.3).
    if (pasid === RID2PASID) this.queue.issue('iotlb_inv', { G: 'domain', DID: did, DR: 1, DW: 1 });
    if (this.caps.CM === 0) this.flushDeviceTlb(device, pasid === RID2PASID ? undefined : pasid, 0n, undefined);
  }

  /** qi_flush_dev_iotlb(_pasid), where the device has ATS. @param order log2 of the pages; undefined: everything */
  flushDeviceTlb(device: IntelDevice, pasid: number | undefined, addr: bigint, order: number | undefined): void {
    if (!device.setup.ats) return;
    this.queue.flushDevice(device.setup.sid, pasid, order === undefined ? undefined : { addr, order });
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
    this.tables.updateContext(device.setup.sid, { PASIDE: value });
    this.queue.issue('cc_inv', { G: 'device', DID: device.did, SID: device.setup.sid, FM: 0 });
  }

  /** A page of host memory for tables, zeroed. */
  allocatePage(): bigint {
    return this.#allocate();
  }

  /** The address of a PASID's entry, or undefined while no page of the table holds it. */
  pasidEntryAddress({ table }: IntelDevice, pasid: number): bigint | undefined {
    return table && this.tables.pasidEntry(table, pasid);
  }

  /** intel_pasid_get_entry of an attached device: like pasidEntryAddress, but allocates the page. */
  pasidEntryFor({ name, table }: IntelDevice, pasid: number): bigint {
    if (!table) throw new Error(`${name} is not attached, so it has no PASID table`);
    return this.tables.pasidEntryFor(table, pasid);
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
    this.tables.writePasidEntry(this.pasidEntryFor(device, pasid), words);
  }
}
