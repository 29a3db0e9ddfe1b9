import type { PhysMem } from '../../memory/phys-mem.ts';
import { decode } from '../../models/bit-layout.ts';
import type { VtdCaps } from '../../models/vtd/caps.ts';
import { tornDownPasidEntry } from '../../models/vtd/pasid-entry.ts';
import { PASID_ENTRY, PGTT } from '../../models/vtd/structures.ts';
import type { Format } from '../../pagetable/index.ts';
import type { DeviceConfig } from '../machine-config.ts';
import type { VtdPlatform } from '../platform.ts';
import { InvalidationQueue } from '../vtd-queue.ts';
import { type PasidTable, ScalableTables } from '../vtd-tables.ts';
import type { VtdDomain } from './domain.ts';

/** 0 means no domain and 1 is kept for first-stage entries of the kernel, so Linux hands out 2 first. */
const FIRST_DID = 2;

/** What the driver keeps for a device. */
export interface DeviceState {
  readonly config: DeviceConfig;
  readonly table: PasidTable;
  /** Domains by PASID; 0 is the device itself. */
  readonly at: Map<number, VtdDomain>;
}

/** One VT-d unit as Linux drives it: its tables, its queue, its domain ids and the devices behind it. */
export class IntelUnit {
  readonly caps: VtdCaps;
  readonly mem: PhysMem;
  readonly format: Format;
  readonly tables: ScalableTables;
  readonly queue: InvalidationQueue;
  readonly allocate: () => bigint;
  readonly leafSize: (gpa: bigint) => bigint;
  readonly #hardware: VtdPlatform['unit'];
  readonly #devices = new Map<string, DeviceState>();
  readonly #dids = new Set<number>();

  constructor(vtd: VtdPlatform, devices: readonly DeviceConfig[]) {
    this.caps = vtd.caps;
    this.mem = vtd.mem;
    this.format = vtd.format;
    this.allocate = vtd.allocate;
    this.leafSize = vtd.leafSize;
    this.#hardware = vtd.unit;
    this.tables = new ScalableTables(vtd.mem, vtd.allocate);
    this.queue = new InvalidationQueue(vtd.unit);
    vtd.unit.rtaddr = this.tables.rtaddr;
    for (const device of devices) this.#probe(device);
  }

  /** `sm_supported` with nesting. */
  get canNest(): boolean {
    return this.caps.SMTS === 1 && this.caps.NEST === 1;
  }
  /** `ssads_supported`. */
  get canTrackDirty(): boolean {
    return this.caps.SMTS === 1 && this.caps.SSADS === 1;
  }

  pasidBits(device: DeviceConfig): number {
    return this.caps.SMTS === 1 && this.caps.PASID === 1 ? Math.min(device.pasidBits, this.caps.PSS + 1) : 0;
  }

  device(config: DeviceConfig): DeviceState {
    return this.#devices.get(config.name)!;
  }

  /** The context entry and an empty PASID table: until something is attached every request is blocked (SPT.2). */
  #probe(config: DeviceConfig): void {
    const table = this.tables.makePasidTable(this.pasidBits(config));
    this.#devices.set(config.name, { config, table, at: new Map() });
    this.tables.pasidEntryFor(table, 0);
    this.tables.writeContext(config.sid, {
      P: 1,
      DTE: config.ats ? 1 : 0,
      PASIDE: 0 < this.pasidBits(config) ? 1 : 0,
      PRE: config.pri ? 1 : 0,
      PDTS: ScalableTables.pdts(table),
      PASIDDIRPTR: table.directory,
    });
  }

  /** A free domain id, or undefined when cap.ND offers no more. */
  takeDid(): number | undefined {
    const limit = 1 << (4 + 2 * this.caps.ND);
    for (let did = FIRST_DID; did < limit; did++) {
      if (this.#dids.has(did)) continue;
      this.#dids.add(did);
      return did;
    }
    return undefined;
  }

  giveDid(did: number): void {
    this.#dids.delete(did);
  }

  /** `intel_pasid_tear_down_entry`: nothing is flushed for an entry that is not present. */
  tearDown({ config, table }: DeviceState, pasid: number): void {
    const at = this.tables.pasidEntry(table, pasid);
    if (at === undefined || !this.tables.isPresent(table, pasid)) return;
    const entry = decode(PASID_ENTRY, [this.mem.read64(at), this.mem.read64(at + 8n)]);
    const [did, pgtt] = [Number(entry['DID']), Number(entry['PGTT'])];
    this.tables.writePasidEntry(at, tornDownPasidEntry('log-faults'));
    this.queue.flushPasidEntry(did, pasid);
    if (pgtt === PGTT.firstStage || pgtt === PGTT.passThrough) this.queue.flushPasid(did, pasid);
    else this.queue.flushDomain(did);
    // A driver that runs under a hypervisor leaves device TLBs to it.
    if (this.caps.CM === 0) this.flushDeviceTlb(config, pasid);
  }

  /** `pasid_flush_caches`: only a unit in caching mode may have cached that nothing was there. */
  flushNew(did: number, pasid: number): void {
    if (this.caps.CM === 0) return;
    this.queue.flushPasidEntry(did, pasid);
    this.queue.flushPasid(did, pasid);
  }

  /** `devtlb_invalidation_with_pasid`: everything that the device holds under the PASID. */
  flushDeviceTlb(device: DeviceConfig, pasid: number): void {
    if (device.ats) this.queue.flushDeviceOf(device.sid, pasid);
  }

  resetDevice(device: DeviceConfig): void {
    this.#hardware.deviceTlb.removeDevice(device.sid);
  }
}
