import { hex } from '../../base/text.ts';
import type { Struct } from '../../uapi/index.ts';
import { type CallResult, type Check, done, type FailPoints, type Refusal, refuse } from '../check.ts';
import { endOf, View } from '../iommufd/user-data.ts';
import type { UserMemory } from '../user-memory.ts';
import { failed } from '../vfio-container/bytes.ts';
import { FLUSH_CHECKS, MSI_CHECKS, SKIPS, TABLE_CHECKS } from './checks.ts';
import type { SmmuDomain } from './smmu-domain.ts';

/** What the calls of the series see of their container. */
export interface Caller {
  readonly user: UserMemory;
  /** Domains of the container: one when a group is attached, else none. */
  readonly domains: readonly SmmuDomain[];
  readonly quirk: (name: string) => boolean;
  readonly struct: (name: string) => Struct;
}

/** Copies a struct up to the end of its last field: `minsz`; then argsz has to reach as far. */
function copy(
  { user, struct }: Caller,
  argument: bigint,
  [name, last]: readonly [struct: string, last: string],
  checks: { readonly fault: Check; readonly argsz: Check },
): View | Refusal {
  const of = struct(name);
  const minimum = endOf(of, last);
  const bytes = user.copyFrom(argument, minimum);
  if (!bytes) return refuse(checks.fault, { found: `${minimum} bytes wanted` });
  const view = new View(of, bytes);
  const argsz = view.u32('argsz');
  return argsz < minimum
    ? refuse(checks.argsz, { path: 'argsz', found: `${argsz}`, wanted: `at least ${minimum}` })
    : view;
}

const SET = 1;
const UNSET = 2;

/** VFIO_IOMMU_SET_PASID_TABLE. */
export function setPasidTable(caller: Caller, argument: bigint, fail: FailPoints): CallResult {
  const view = copy(caller, argument, ['vfio_iommu_type1_set_pasid_table', 'config'], TABLE_CHECKS);
  if ('check' in view) return failed(view);
  const flags = view.u32('flags');
  if ((flags & SET) === 0) {
    if ((flags & UNSET) === 0)
      return failed(refuse(TABLE_CHECKS.flags, { path: 'flags', found: hex(flags), wanted: 'SET (1) or UNSET (2)' }));
    for (const domain of caller.domains) domain.detachPasidTable();
    return nothingWithoutDomain(caller);
  }
  const table = {
    version: view.u32('config.version'),
    format: view.u32('config.format'),
    basePtr: view.get('config.base_ptr'),
    pasidBits: view.u32('config.pasid_bits'),
    config: view.u32('config.config'),
    smmuVersion: view.u32('config.smmuv3.version'),
    s1fmt: view.u32('config.smmuv3.s1fmt'),
    s1dss: view.u32('config.smmuv3.s1dss'),
  };
  for (const domain of caller.domains) {
    const refusal = domain.attachPasidTable(table, fail);
    if (refusal) return failed(refusal);
  }
  return nothingWithoutDomain(caller);
}

/** VFIO_IOMMU_CACHE_INVALIDATE: the driver is called for one device after the other, up to the first error. */
export function cacheInvalidate(caller: Caller, argument: bigint, fail: FailPoints): CallResult {
  const view = copy(caller, argument, ['vfio_iommu_type1_cache_invalidate', 'info'], FLUSH_CHECKS);
  if ('check' in view) return failed(view);
  const flags = view.u32('flags');
  if (flags !== 0) return failed(refuse(FLUSH_CHECKS.flags, { path: 'flags', found: hex(flags), wanted: '0' }));
  const granularity = view.u32('info.granularity');
  // flags and archid lie at the same place in both members of the union.
  const info = {
    version: view.u32('info.version'),
    cache: view.u32('info.cache'),
    granularity,
    flags: view.u32('info.pasid_info.flags'),
    archid: view.get('info.pasid_info.archid'),
    addr: view.get('info.addr_info.addr'),
    granuleSize: view.get('info.addr_info.granule_size'),
    nbGranules: view.get('info.addr_info.nb_granules'),
  };
  let skip: CallResult['skip'];
  const notes: string[] = [];
  for (const domain of caller.domains) {
    for (const device of domain.devices) {
      if (fail.hit()) return failed(refuse(FLUSH_CHECKS.callback, { found: device.name, injected: true }));
      const outcome = domain.cacheInvalidate(info);
      if (outcome.refusal) return failed(outcome.refusal);
      skip ??= outcome.skip;
    }
    if (domain.queue.cut) notes.push('the range goes on: further commands follow that are not listed');
  }
  return skip ? { returned: 0, hidden: 'skipped', skip, notes } : nothingWithoutDomain(caller, notes);
}

const BIND = 1;
const UNBIND = 2;

/** VFIO_IOMMU_SET_MSI_BINDING. */
export function setMsiBinding(caller: Caller, argument: bigint, fail: FailPoints): CallResult {
  const view = copy(caller, argument, ['vfio_iommu_type1_set_msi_binding', 'size'], MSI_CHECKS);
  if ('check' in view) return failed(view);
  const flags = view.u32('flags');
  const iova = view.get('iova');
  if (flags === UNBIND) {
    const gone = caller.domains.some((domain) => domain.unbindGuestMsi(iova));
    const notes = [gone ? 'the binding is gone' : 'there was no such binding'];
    return caller.quirk('msi_unbind_enotty') ? failed(refuse(MSI_CHECKS.unbindLost), notes) : done(0, notes);
  }
  if (flags !== BIND)
    return failed(
      refuse(MSI_CHECKS.flags, { path: 'flags', found: hex(flags), wanted: 'BIND_MSI (1) or UNBIND_MSI (2)' }),
    );
  for (const domain of caller.domains) {
    const refusal = domain.bindGuestMsi({ iova, gpa: view.get('gpa'), size: view.get('size') }, fail);
    if (refusal) return failed(refusal);
  }
  return nothingWithoutDomain(caller);
}

const nothingWithoutDomain = ({ domains }: Caller, notes: readonly string[] = []): CallResult =>
  domains.length > 0
    ? done(0, notes)
    : { returned: 0, hidden: 'skipped', skip: { ...SKIPS.noDomain, found: 'no device attached' }, notes };
