import { type Refusal, refuse } from '../check.ts';
import type { Call } from '../iommufd/driver.ts';
import { INTEL_IOMMUFD_CHECKS as CHECKS } from './checks.ts';
import type { VtdDomain } from './domain.ts';
import type { DeviceState } from './unit.ts';

/** `device_block_translation`, and `blocking_domain_set_dev_pasid` for a PASID: the entry goes, and what it cached. */
export function block(device: DeviceState, pasid: number): void {
  const domain = device.at.get(pasid);
  if (!domain) return;
  domain.unit.tearDown(device, pasid);
  domain.release(device, pasid);
  device.at.delete(pasid);
}

/** `attach_dev` of one device. What is there now is blocked first, whatever comes of it. */
export function attachDevice(device: DeviceState, domain: VtdDomain, call: Call): Refusal | undefined {
  block(device, 0);
  return setUp(device, 0, domain, call);
}

/**
 * `set_dev_pasid`. The new domain is held before the old one goes. From 6.15 to 6.19 the entry is replaced while it is
 * in use; since 7.0 it is torn down first, since hardware could read half of each.
 */
export function attachPasid(device: DeviceState, pasid: number, domain: VtdDomain, call: Call): Refusal | undefined {
  const old = device.at.get(pasid);
  if (!old) return setUp(device, pasid, domain, call);
  const { unit } = domain;
  const held = domain.hold(device, pasid, call);
  if (held) return held;
  const refusal = domain.checkSetup(call);
  if (refusal) {
    domain.release(device, pasid);
    return refusal;
  }
  const inPlace = call.version.id === 'iommufd-6.17';
  if (!inPlace) unit.tearDown(device, pasid);
  unit.tables.writePasidEntry(unit.tables.pasidEntryFor(device.table, pasid), domain.entry());
  if (inPlace) {
    unit.queue.flushPasidEntry(old.did, pasid);
    unit.queue.flushPasid(old.did, pasid);
    unit.flushDeviceTlb(device.config, pasid);
  } else unit.flushNew(domain.did, pasid);
  old.release(device, pasid);
  device.at.set(pasid, domain);
  return undefined;
}

/** `intel_pasid_setup_second_level` or `intel_pasid_setup_nested` with what goes before them. */
function setUp(device: DeviceState, pasid: number, domain: VtdDomain, call: Call): Refusal | undefined {
  const held = domain.hold(device, pasid, call);
  if (held) return held;
  const refusal = domain.checkSetup(call) ?? claimEntry(device, pasid, domain, call);
  if (refusal) {
    domain.release(device, pasid);
    return refusal;
  }
  const { unit } = domain;
  unit.tables.writePasidEntry(unit.tables.pasidEntryFor(device.table, pasid), domain.entry());
  unit.flushNew(domain.did, pasid);
  device.at.set(pasid, domain);
  return undefined;
}

function claimEntry(device: DeviceState, pasid: number, { unit }: VtdDomain, call: Call): Refusal | undefined {
  const { tables } = unit;
  const where = { found: `${device.config.name}, PASID ${pasid}` };
  if (tables.pasidEntry(device.table, pasid) === undefined && call.fail.hit())
    return { ...refuse(CHECKS.setupNoEntry, where), injected: true };
  tables.pasidEntryFor(device.table, pasid);
  return tables.isPresent(device.table, pasid) ? refuse(CHECKS.setupBusy, where) : undefined;
}
