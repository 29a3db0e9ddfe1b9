import { bulkTables } from '../../pagetable/fill.ts';
import { PageTable } from '../../pagetable/index.ts';
import { type CallResult, done } from '../check.ts';
import type { Problem } from '../kernel.ts';
import type { DeviceConfig, RamConfig } from '../machine-config.ts';
import { abortSte, type CdTableFields, guestCdTableSte } from './entries.ts';
import { LpaeTables } from './lpae-tables.ts';
import { Master } from './master.ts';
import type { Smmu } from './smmu.ts';

/** A guest's table of context descriptors, whose addresses are guest-physical, and STE.S1DSS. */
export interface GuestCds extends CdTableFields {
  readonly dss: number;
}

/** What stage 1 does with an access: nothing, what a guest's descriptors say, or it ends there. */
export type GuestStage = 'bypass' | GuestCds | 'abort';

const PAGE = 0x1000n;
const RAM_RIGHTS = { read: true, write: true, execute: true, user: true };

/**
 * The domain of a container before iommufd, and a guest's stage 1 above it: stage 2 with the RAM that the machine has
 * mapped, or for who does not nest a stage 1 of the kernel with the same.
 */
export class GuestTables {
  readonly #smmu: Smmu;
  readonly #tables: LpaeTables;
  readonly #masters: Master[] = [];
  /** Stage 1 of devices that have one of their own, by name. */
  readonly #own = new Map<string, GuestStage>();
  #guest: GuestStage = 'bypass';

  /** @param root stage 2 with the RAM, where a guest nests; undefined: a stage 1 is made for it */
  constructor(smmu: Smmu, { root, ram }: { readonly root: bigint | undefined; readonly ram: readonly RamConfig[] }) {
    this.#smmu = smmu;
    this.#tables = new LpaeTables(smmu, root === undefined ? { stage: 1 } : { stage: 2, root });
    // Pages of the machine's RAM that are smaller than the granule are in no table yet.
    this.#fill(ram.filter(({ gpa }) => !this.#tables.isMapped(gpa)));
  }

  #fill(ram: readonly RamConfig[]): void {
    const { mem } = this.#smmu;
    const { format, root, granule } = this.#tables;
    const { now } = mem;
    mem.now = 0;
    const table = new PageTable(format, bulkTables(mem), root, (bytes) => this.#smmu.allocate(bytes));
    for (const { gpa, hpa, size, page } of ram)
      table.map({ ...RAM_RIGHTS, ia: gpa, oa: hpa, size, page: page < granule ? granule : page });
    mem.now = now;
  }

  get devices(): readonly DeviceConfig[] {
    return this.#masters.map(({ config }) => config);
  }

  get vmid(): number {
    return this.#tables.vmid;
  }

  /** What stage 1 does for devices without one of their own. */
  get guest(): GuestStage {
    return this.#guest;
  }

  /** The devices join, with what stage 1 does now. */
  join(devices: readonly DeviceConfig[]): void {
    for (const config of devices) {
      const master = new Master(this.#smmu, config);
      this.#masters.push(master);
      this.#install(master);
    }
  }

  /** The devices are blocked from here on. */
  leave(devices: readonly DeviceConfig[]): void {
    for (const { name } of devices) {
      const at = this.#masters.findIndex(({ config }) => config.name === name);
      if (0 <= at) this.#masters.splice(at, 1)[0]!.block();
    }
  }

  /** Stage 1 of all devices, or of one alone. */
  setGuest(guest: GuestStage, only?: DeviceConfig): void {
    if (only) this.#own.set(only.name, guest);
    else this.#guest = guest;
    for (const master of this.#masters) if (!only || master.config === only) this.#install(master);
  }

  #install(master: Master): void {
    const ats = this.#smmu.hasAts(master.config);
    const guest = this.#own.get(master.config.name) ?? this.#guest;
    if (guest === 'bypass') {
      master.attach(this.#tables);
      return;
    }
    const next = { tables: this.#tables, nested: true };
    if (guest === 'abort') {
      master.writeSte(abortSte());
      master.commit(0, next, false);
    } else {
      master.writeSte(guestCdTableSte(this.#smmu, this.#tables, guest, ats));
      master.commit(0, next, ats);
    }
  }

  /** VFIO_IOMMU_MAP_DMA. What was mapped there goes first, as a VMM would do. */
  map(gpa: bigint, hpa: bigint, size: bigint): CallResult | Problem {
    let replaced = false;
    for (let at = gpa; at < gpa + size && !replaced; at += PAGE) replaced = this.#tables.isMapped(at);
    const gone = replaced ? this.#tables.unmap(gpa, size) : 0;
    const problem = typeof gone === 'string' ? gone : this.#tables.map(gpa, hpa, size, { read: true, write: true });
    if (problem !== undefined) return { problem };
    return done(0, replaced ? ['the range was mapped: it was unmapped and flushed first'] : []);
  }

  /** VFIO_IOMMU_UNMAP_DMA. */
  unmap(gpa: bigint, size: bigint): CallResult | Problem {
    const gone = this.#tables.unmap(gpa, size);
    if (typeof gone === 'string') return { problem: gone };
    return done(0, gone === 0 ? ['nothing was mapped there'] : []);
  }

  protect(
    gpa: bigint,
    size: bigint,
    rights: { readonly read: boolean; readonly write: boolean },
  ): CallResult | Problem {
    const problem = this.#tables.protect(gpa, size, rights);
    return problem === undefined ? done() : { problem };
  }

  free(): void {
    this.#tables.free();
  }
}
