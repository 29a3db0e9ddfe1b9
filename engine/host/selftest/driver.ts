import { type Refusal, refuse } from '../check.ts';
import {
  ALLOC,
  type Call,
  type Domain,
  type HwInfo,
  type IommuDriver,
  isRefusal,
  type NestedDomain,
  type PagingDomain,
  type Reports,
  type UserData,
  type ViommuHandle,
} from '../iommufd/driver.ts';
import { copyStruct, copyStructBack, structNamed, View } from '../iommufd/user-data.ts';
import type { DeviceConfig } from '../machine-config.ts';
import { SELFTEST_CHECKS as CHECKS } from './checks.ts';
import { MockNested, MockPaging, type MockTable, WORDS } from './domains.ts';
import { MockViommu } from './viommu.ts';

/** `IOMMU_HWPT_DATA_SELFTEST`, `IOMMU_HW_INFO_TYPE_SELFTEST`, `IOMMU_VIOMMU_TYPE_SELFTEST`, `IOMMU_VEVENTQ_TYPE_SELFTEST`. */
const DATA = 0xdead;
const HW_INFO = 0xfeedbeef;
const VIOMMU = 0xdeadbeef;
const EVENT = 0xbeefbeef;
const REGVAL = 0xdeadbeef;
/** `IOMMU_TEST_DEV_CACHE_DEFAULT`. */
const CACHE_DEFAULT = 0xbaddad;
/** Where the mock's two pages for user space would be mapped; mmap itself is no step. */
const MMAP = { offset: 0x1000n, length: 8192n };
const FLAKY_PASID = 1024;
/** `MOCK_IOMMUPT_DEFAULT`, `_HUGE` and `_AMDV1`; the latter two are not held to the mock's aperture. */
const TABLES: readonly Partial<MockTable>[] = [
  {},
  { aperture: [0n, (1n << 38n) - 1n], pageSizes: (1n << 20n) | 4096n },
  { aperture: [0n, (1n << 64n) - 1n], pageSizes: 4096n },
];

/** Whether the payload has the field that names a page table. */
const choosesTable = (call: Call): boolean =>
  call.generation.structs.get('iommu_hwpt_selftest')?.fields.some((f) => f.name === 'pagetable_type') === true;

interface MockDevice {
  readonly cache: number[];
  /** The vIOMMU whose nested HWPT it is attached to. */
  viommu: MockViommu | undefined;
  /** The virtual id that it had when it was attached; events carry it even when the vDEVICE has gone. */
  virtId: bigint | undefined;
  /** The next attachment of PASID 1024 fails. */
  flaky: boolean;
}

/** drivers/iommu/iommufd/selftest.c: an IOMMU that accepts what a driver would and keeps words to look at. */
export class SelftestDriver implements IommuDriver {
  readonly userPasidTable = true;
  readonly #devices = new Map<string, MockDevice>();
  /** All mock devices sit behind one mock_iommu. */
  readonly #iommu = {};
  #reports: Reports | undefined;

  readonly #hasPasids: boolean;

  /** @param hasPasids the mock of this release attaches PASIDs (6.15) */
  constructor(devices: readonly DeviceConfig[], hasPasids: boolean) {
    this.#hasPasids = hasPasids;
    for (const { name } of devices) {
      const cache = Array.from({ length: WORDS }, () => CACHE_DEFAULT);
      this.#devices.set(name, { cache, viommu: undefined, virtId: undefined, flaky: false });
    }
  }

  connect(reports: Reports): void {
    this.#reports = reports;
  }

  instanceOf(): object {
    return this.#iommu;
  }

  canTrackDirty(): boolean {
    return true;
  }

  pasidBits(device: DeviceConfig): number {
    return this.#hasPasids ? device.pasidBits : 0;
  }

  hwInfo(_device: DeviceConfig, requested: number | undefined, call: Call): HwInfo | Refusal | undefined {
    if (requested !== undefined && requested !== 0 && requested !== HW_INFO)
      return refuse(CHECKS.hwInfoType, { path: 'in_data_type', found: `0x${requested.toString(16)}` });
    if (!call.generation.structs.has('iommu_test_hw_info')) return undefined;
    if (call.fail.hit()) return { ...refuse(CHECKS.hwInfoNoMemory), injected: true };
    const info = new View(structNamed(call, 'iommu_test_hw_info'));
    info.set('test_reg', REGVAL);
    return { type: HW_INFO, bytes: info.bytes };
  }

  allocPaging(_device: DeviceConfig, flags: number, data: UserData | undefined, call: Call): PagingDomain | Refusal {
    const table = data && this.#tableOf(data, call);
    if (table && isRefusal(table)) return table;
    if (call.fail.hit()) return { ...refuse(CHECKS.pagingNoMemory), injected: true };
    const tracksDirty = (flags & ALLOC.dirtyTracking) !== 0;
    return new MockPaging({ ...table, tracksDirty, asksTracking: !choosesTable(call) });
  }

  /** `mock_domain_alloc_pgtable`: since 6.19 the payload of a nested page table says which table a paging one has. */
  #tableOf(data: UserData, call: Call): Partial<MockTable> | Refusal {
    if (!choosesTable(call) || data.type !== DATA)
      return refuse(CHECKS.pagingData, { path: 'data_type', found: `0x${data.type.toString(16)}` });
    const config = copyStruct(call, data, { type: DATA, struct: 'iommu_hwpt_selftest', last: 'iotlb' });
    if (isRefusal(config)) return config;
    const type = config.u32('pagetable_type');
    return TABLES[type] ?? refuse(CHECKS.pagingTable, { path: 'pagetable_type', found: `${type}` });
  }

  allocNested(
    _device: DeviceConfig,
    _parent: PagingDomain,
    flags: number,
    data: UserData,
    call: Call,
  ): NestedDomain | Refusal {
    return this.makeNested(flags, data, undefined, call);
  }

  /** `__mock_domain_alloc_nested`, for a page table of its own or one of a vIOMMU. */
  makeNested(flags: number, data: UserData, viommu: MockViommu | undefined, call: Call): NestedDomain | Refusal {
    if ((flags & ~ALLOC.pasid) !== 0) return refuse(CHECKS.nestedFlags, { path: 'flags', found: `${flags}` });
    if (data.type !== DATA)
      return refuse(CHECKS.nestedType, {
        path: 'data_type',
        found: `0x${data.type.toString(16)}`,
        wanted: `0x${DATA.toString(16)}`,
      });
    const word = call.version.posted ? 'test_config' : 'iotlb';
    const config = copyStruct(call, data, { type: DATA, struct: 'iommu_hwpt_selftest', last: word });
    if (isRefusal(config)) return config;
    if (call.fail.hit()) return { ...refuse(CHECKS.nestedNoMemory), injected: true };
    const takesInvalidations = call.generation.structs.has('iommu_hwpt_invalidate_selftest');
    return new MockNested(config.u32(word), viommu, takesInvalidations);
  }

  knowsViommu(_device: DeviceConfig, type: number): boolean {
    return type === VIOMMU;
  }

  initViommu(
    _device: DeviceConfig,
    handle: ViommuHandle,
    data: UserData | undefined,
    call: Call,
  ): MockViommu | Refusal {
    const answer = data && call.generation.structs.has('iommu_viommu_selftest') ? echo(data, call) : undefined;
    return answer ?? new MockViommu(this, handle);
  }

  attach(devices: readonly DeviceConfig[], domain: Domain, _old: Domain | undefined, call: Call): Refusal | undefined {
    const viommu = domain instanceof MockNested ? (domain.viommu as MockViommu | undefined) : undefined;
    // The vDEVICE is looked for since events can be reported (6.15).
    if (viommu && call.version.pasid) {
      const without = devices.find(({ name }) => viommu.handle.virtIdOf(name) === undefined);
      if (without) return refuse(CHECKS.attachVdevice, { found: without.name });
    }
    this.#join(devices, viommu);
    return undefined;
  }

  detach(devices: readonly DeviceConfig[]): void {
    this.#join(devices, undefined);
  }

  #join(devices: readonly DeviceConfig[], viommu: MockViommu | undefined): void {
    for (const { name } of devices) {
      const device = this.#devices.get(name)!;
      if (device.viommu === viommu) continue;
      device.viommu = viommu;
      device.virtId = viommu?.handle.virtIdOf(name);
    }
  }

  /** PASID 1024 fails at every second attachment without a detachment between them. */
  attachPasid({ name }: DeviceConfig, pasid: number): Refusal | undefined {
    const device = this.#devices.get(name)!;
    if (pasid !== FLAKY_PASID) return undefined;
    device.flaky = !device.flaky;
    return device.flaky ? undefined : refuse(CHECKS.pasid1024, { found: `PASID ${pasid}` });
  }

  detachPasid({ name }: DeviceConfig, pasid: number): void {
    if (pasid === FLAKY_PASID) this.#devices.get(name)!.flaky = false;
  }

  cacheOf({ name }: DeviceConfig): number[] {
    return this.#devices.get(name)!.cache;
  }

  deviceWords(device: DeviceConfig): readonly number[] {
    return this.cacheOf(device);
  }

  /** `iommufd_test_trigger_vevent`: the kernel fills in the virtual id. */
  inject(
    { name }: DeviceConfig,
    record: { readonly struct: string | undefined; readonly bytes: Uint8Array },
    call: Call,
  ): Refusal | undefined | 'not mine' {
    if (record.struct !== 'iommu_viommu_event_selftest') return 'not mine';
    const { viommu, virtId } = this.#devices.get(name)!;
    if (!viommu || virtId === undefined) return refuse(CHECKS.eventNoViommu, { found: name });
    const event = new View(structNamed(call, record.struct));
    event.set('virt_id', virtId);
    return this.#reports?.event(viommu.handle, EVENT, event.bytes);
  }
}

/** `mock_viommu_init` with a payload: out_data echoes in_data, and user space learns where a page could be mapped. */
function echo(data: UserData, call: Call): Refusal | undefined {
  const wanted = { type: VIOMMU, struct: 'iommu_viommu_selftest', last: 'out_data' };
  const payload = copyStruct(call, data, wanted);
  if (isRefusal(payload)) return payload;
  if (call.fail.hit()) return { ...refuse(CHECKS.viommuNoMemory), injected: true };
  payload.set('out_data', payload.get('in_data'));
  payload.set('out_mmap_offset', MMAP.offset);
  payload.set('out_mmap_length', MMAP.length);
  return copyStructBack(call, data, payload, wanted);
}
