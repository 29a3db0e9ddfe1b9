import { hex } from '../../base/text.ts';
import { command, OP } from '../../models/smmuv3/commands.ts';
import type { CommandQueue } from '../arm-smmu-v3/command-queue.ts';
import { GuestTables } from '../arm-smmu-v3/guest-tables.ts';
import type { Smmu } from '../arm-smmu-v3/smmu.ts';
import { type CallResult, type FailPoints, type Refusal, refuse } from '../check.ts';
import type { Problem } from '../kernel.ts';
import type { DeviceConfig, RamConfig } from '../machine-config.ts';
import { FLUSH_CHECKS, MSI_CHECKS, SKIPS, TABLE_CHECKS } from './checks.ts';

/** What the driver reads of `struct iommu_pasid_table_config`. */
export interface PasidTable {
  readonly version: number;
  readonly format: number;
  readonly basePtr: bigint;
  readonly pasidBits: number;
  readonly config: number;
  readonly smmuVersion: number;
  readonly s1fmt: number;
  readonly s1dss: number;
}

/** What the driver reads of `struct iommu_cache_invalidate_info`; both members of its union begin alike. */
export interface CacheInvalidate {
  readonly version: number;
  readonly cache: number;
  readonly granularity: number;
  readonly flags: number;
  readonly archid: bigint;
  readonly addr: bigint;
  readonly granuleSize: bigint;
  readonly nbGranules: bigint;
}

interface MsiBinding {
  readonly iova: bigint;
  readonly gpa: bigint;
  readonly size: bigint;
}

const FORMAT_SMMUV3 = 1;
const CONFIG = { translate: 1, bypass: 2, abort: 3 };
const S1FMT_64K_L2 = 2;
const CACHE = { iotlb: 1, devIotlb: 2, pasid: 4 };
const GRANULARITY = { domain: 0, pasid: 1, addr: 2 };
const FLAG = { pasid: 1, archid: 2, leaf: 4 };
/** What stage 1 does with an access. */
export type Stage1 = 'bypass' | 'translate' | 'abort';

/** The domain of a container in drivers/iommu/arm-smmu-v3.c with the v10 patches: one for all its devices. */
export class SmmuDomain {
  readonly nesting: boolean;
  readonly #smmu: Smmu;
  readonly #quirk: (name: string) => boolean;
  readonly #tables: GuestTables;
  readonly #msi: MsiBinding[] = [];

  /** @param root stage 2 with the RAM mapped, which a nesting domain takes over */
  constructor(
    smmu: Smmu,
    setup: {
      readonly nesting: boolean;
      readonly ram: readonly RamConfig[];
      readonly root: bigint;
      readonly quirk: (name: string) => boolean;
    },
  ) {
    this.nesting = setup.nesting;
    this.#smmu = smmu;
    this.#quirk = setup.quirk;
    this.#tables = new GuestTables(smmu, { root: setup.nesting ? setup.root : undefined, ram: setup.ram });
  }

  get devices(): readonly DeviceConfig[] {
    return this.#tables.devices;
  }

  get queue(): CommandQueue {
    return this.#smmu.queue;
  }

  /** arm_smmu_attach_dev for each device of a group. */
  join(group: readonly DeviceConfig[]): void {
    this.#tables.join(group);
  }

  leave(group: readonly DeviceConfig[]): void {
    this.#tables.leave(group);
  }

  free(): void {
    this.#tables.free();
  }

  map(gpa: bigint, hpa: bigint, size: bigint): CallResult | Problem {
    return this.#tables.map(gpa, hpa, size);
  }

  unmap(gpa: bigint, size: bigint): CallResult | Problem {
    return this.#tables.unmap(gpa, size);
  }

  protect(
    gpa: bigint,
    size: bigint,
    rights: { readonly read: boolean; readonly write: boolean },
  ): CallResult | Problem {
    return this.#tables.protect(gpa, size, rights);
  }

  get stage1(): Stage1 {
    const { guest } = this.#tables;
    return typeof guest === 'string' ? guest : 'translate';
  }

  get msiBindings(): readonly MsiBinding[] {
    return this.#msi;
  }

  /** arm_smmu_attach_pasid_table. */
  attachPasidTable(table: PasidTable, fail: FailPoints): Refusal | undefined {
    const { version, format, basePtr, pasidBits, config, smmuVersion, s1fmt, s1dss } = table;
    if (format !== FORMAT_SMMUV3)
      return refuse(TABLE_CHECKS.format, { path: 'config.format', found: `${format}`, wanted: `${FORMAT_SMMUV3}` });
    if (version !== 1 || smmuVersion !== 1) {
      const path = version === 1 ? 'config.smmuv3.version' : 'config.version';
      return refuse(TABLE_CHECKS.version, { path, found: `${version === 1 ? smmuVersion : version}`, wanted: '1' });
    }
    if (!this.nesting) return refuse(TABLE_CHECKS.notNesting);
    if (config === CONFIG.abort) this.#tables.setGuest('abort');
    else if (config === CONFIG.bypass) this.#tables.setGuest('bypass');
    else if (config === CONFIG.translate) {
      if (this.stage1 === 'translate') return refuse(TABLE_CHECKS.again, { path: 'config.config', found: 'TRANSLATE' });
      const odd = this.#checkTable(pasidBits, s1fmt);
      if (odd) return odd;
      if (fail.hit()) return refuse(TABLE_CHECKS.noMemory, { injected: true });
      // With one descriptor neither the shape of the table nor S1DSS means anything.
      const single = this.#quirk('single_descriptor');
      this.#tables.setGuest({ base: basePtr, format: s1fmt, cdMax: pasidBits, dss: single ? 0 : s1dss });
    } else
      return refuse(TABLE_CHECKS.config, {
        path: 'config.config',
        found: `${config}`,
        wanted: 'TRANSLATE, BYPASS or ABORT',
      });
    return undefined;
  }

  #checkTable(pasidBits: number, s1fmt: number): Refusal | undefined {
    const path = 'config.pasid_bits';
    const found = `${pasidBits}`;
    if (this.#quirk('single_descriptor'))
      return pasidBits === 0 ? undefined : refuse(TABLE_CHECKS.singleDescriptor, { path, found, wanted: '0' });
    for (const device of this.devices) {
      const most = this.#smmu.ssidBits(device);
      if (most < pasidBits) return refuse(TABLE_CHECKS.pasidBits, { path, found, wanted: `at most ${most}` });
    }
    if (s1fmt === S1FMT_64K_L2 && !this.#smmu.ids.has('CD2L'))
      return refuse(TABLE_CHECKS.twoLevels, { path: 'config.smmuv3.s1fmt', found: `${s1fmt}`, wanted: 'CD2L = 1' });
    return undefined;
  }

  /** arm_smmu_detach_pasid_table: stage 1 ends every access from here on. Outside of nesting mode nothing happens. */
  detachPasidTable(): void {
    if (!this.nesting) return;
    this.#tables.setGuest('abort');
  }

  /** arm_smmu_cache_invalidate, called for one device after the other. */
  cacheInvalidate(info: CacheInvalidate): { readonly refusal?: Refusal; readonly skip?: CallResult['skip'] } {
    if (!this.nesting) return { refusal: refuse(FLUSH_CHECKS.notNesting) };
    if (info.version !== 1)
      return { refusal: refuse(FLUSH_CHECKS.version, { path: 'info.version', found: `${info.version}`, wanted: '1' }) };
    const others = info.cache & (CACHE.devIotlb | CACHE.pasid);
    const unsupported = (): Refusal =>
      refuse(FLUSH_CHECKS.otherCache, { path: 'info.cache', found: hex(info.cache), wanted: 'IOTLB alone' });
    if (others !== 0 && !this.#quirk('iotlb_flushed_before_refusal')) return { refusal: unsupported() };
    if ((info.cache & CACHE.iotlb) !== 0) {
      const refusal = this.#flushIotlb(info);
      if (refusal) return { refusal };
    }
    if (others !== 0) return { refusal: unsupported() };
    if ((info.cache & CACHE.iotlb) === 0) return { skip: { ...SKIPS.cacheEmpty, found: `cache ${hex(info.cache)}` } };
    return {};
  }

  #flushIotlb({ granularity, flags, archid, addr, granuleSize, nbGranules }: CacheInvalidate): Refusal | undefined {
    const byArchid = (flags & FLAG.archid) !== 0 && (flags & FLAG.pasid) === 0;
    const path = `info.granu.${granularity === GRANULARITY.pasid ? 'pasid_info' : 'addr_info'}.flags`;
    const everywhere = this.#quirk('domain_flush_reaches_all_guests');
    if (granularity === GRANULARITY.pasid) {
      if (!byArchid) return refuse(FLUSH_CHECKS.pasidNotArchid, { path, found: hex(flags), wanted: 'ARCHID (0x2)' });
      this.queue.issue(command(OP.tlbiNhAsid, { vmid: this.#tables.vmid, asid: archid }));
      return undefined;
    }
    if (granularity === GRANULARITY.addr && byArchid) {
      const size = BigInt.asUintN(64, granuleSize * nbGranules);
      const leaf = (flags & FLAG.leaf) !== 0;
      this.queue.issueRange({ vmid: this.#tables.vmid, asid: archid, iova: addr, size, granule: granuleSize, leaf });
      return undefined;
    }
    const wholeByAddr = granularity === GRANULARITY.addr && (flags & (FLAG.archid | FLAG.pasid)) === 0;
    if (everywhere && (wholeByAddr || granularity === GRANULARITY.domain)) {
      this.queue.issue(command(OP.tlbiNsnhAll));
      return undefined;
    }
    if (granularity === GRANULARITY.addr)
      return refuse(FLUSH_CHECKS.addrNotArchid, {
        path,
        found: hex(flags),
        wanted: 'ARCHID (0x2) without PASID (0x1)',
      });
    return refuse(FLUSH_CHECKS.granularity, {
      path: 'info.granularity',
      found: `${granularity}`,
      wanted: 'PASID or ADDR',
    });
  }

  /** arm_smmu_bind_guest_msi and iommu_dma_bind_guest_msi: an address that is known already is kept as it is. */
  bindGuestMsi({ iova, gpa, size }: MsiBinding, fail: FailPoints): Refusal | undefined {
    if (!this.nesting) return refuse(MSI_CHECKS.notNesting);
    const below = ~(size - 1n);
    const start = BigInt.asUintN(64, iova & below);
    if (this.#msi.some((binding) => binding.iova === start)) return undefined;
    if (fail.hit()) return refuse(MSI_CHECKS.noMemory, { injected: true });
    this.#msi.push({ iova: start, gpa: BigInt.asUintN(64, gpa & below), size });
    return undefined;
  }

  /** Takes back the binding whose range holds the address. Answers whether there was one. */
  unbindGuestMsi(iova: bigint): boolean {
    const at = this.#msi.findLastIndex((binding) => BigInt.asUintN(64, iova & ~(binding.size - 1n)) === binding.iova);
    if (0 <= at) this.#msi.splice(at, 1);
    return 0 <= at;
  }
}
