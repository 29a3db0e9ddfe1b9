import { hex } from '../../base/text.ts';
import { nestedPasidEntry } from '../../models/vtd/pasid-entry.ts';
import { type FailPoints, type Refusal, refuse } from '../check.ts';
import { BIND_CHECKS as CHECKS } from './checks.ts';
import type { IntelDevice, IntelDriver } from './driver.ts';
import { type GuestBind, vtdFlagsOf } from './payloads.ts';
import { checkVersionedBind } from './version-form.ts';

const FORMAT_INTEL_VTD = 1;
const VENDOR_END = 72;
const VTD_FLAG = { sre: 1n, eafe: 2n, memoryTypes: 0x3cn };
const VTD_FLAGS_KNOWN = 0x3fn;
const PASID_MAX = 0x10_0000n;
const FULL_PASID_BITS = 20;

/**
 * intel_svm_bind_gpasid and intel_pasid_setup_nested (Linux 5.10), check by check; undefined when the table is bound. Of
 * the form without argsz (Linux 5.8) only the checks of the payload's head differ.
 */
export function bindGpasid(
  driver: IntelDriver,
  device: IntelDevice,
  data: GuestBind,
  fail: FailPoints,
): Refusal | undefined {
  const head = data.versioned ? checkVersionedBind(driver, data, data.versioned) : checkHead(driver, data);
  if (head) return head;
  if (device.setup.pasidBits !== FULL_PASID_BITS)
    return refuse(CHECKS.bindDevicePasids, {
      path: device.name,
      found: `${device.setup.pasidBits} PASID bits`,
      wanted: `${FULL_PASID_BITS}`,
    });
  if (data.hpasid === 0n || PASID_MAX <= data.hpasid)
    return refuse(CHECKS.bindPasidRange, {
      path: `${data.at}.hpasid`,
      found: hex(data.hpasid),
      wanted: '0x1 to 0xfffff',
    });
  if (!device.attached) return refuse(CHECKS.bindNoDomain, { found: device.name });
  const pasid = Number(data.hpasid);
  if (!driver.isAllocated(pasid))
    return refuse(CHECKS.bindNoPasid, {
      path: `${data.at}.hpasid`,
      found: `PASID ${pasid}, which is not allocated`,
      wanted: 'a PASID from VFIO_IOMMU_PASID_REQUEST',
    });
  if (device.bound.has(pasid))
    return refuse(CHECKS.bindTwice, {
      path: `${data.at}.hpasid`,
      found: `PASID ${pasid}, bound on ${device.name} already`,
      wanted: 'an unbound PASID',
    });
  // The PASID's record is made by the first device that binds it, each device's record every time.
  if (!driver.attached().some((d) => d.bound.has(pasid)) && fail.hit())
    return refuse(CHECKS.bindNoMemorySvm, { injected: true });
  if (fail.hit()) return refuse(CHECKS.bindNoMemoryDevice, { injected: true });
  driver.enablePasid(device);
  const refusal = setupNested(driver, device, data, pasid, fail);
  if (!refusal) device.bound.add(pasid);
  return refusal;
}

/** The head of the form with argsz, whose version the core has compared. */
function checkHead(driver: IntelDriver, data: GuestBind): Refusal | undefined {
  if (data.format !== FORMAT_INTEL_VTD)
    return refuse(CHECKS.bindVendorFormat, {
      path: `${data.at}.format`,
      found: `${data.format}`,
      wanted: 'IOMMU_PASID_FORMAT_INTEL_VTD (1)',
    });
  if (driver.quirk('vendor_size_unchecked')) return undefined;
  if (data.argsz !== undefined && data.argsz < VENDOR_END)
    return refuse(CHECKS.bindVendorArgsz, {
      path: `${data.at}.argsz`,
      found: `${data.argsz}`,
      wanted: `at least ${VENDOR_END}`,
    });
  if ((data.vtdFlags & ~VTD_FLAGS_KNOWN) !== 0n)
    return refuse(CHECKS.bindVendorFlags, {
      path: vtdFlagsOf(data),
      found: hex(data.vtdFlags),
      wanted: 'bits 0 to 5 only',
    });
  return undefined;
}

function setupNested(
  driver: IntelDriver,
  device: IntelDevice,
  data: GuestBind,
  pasid: number,
  fail: FailPoints,
): Refusal | undefined {
  const { caps, domain } = driver;
  if (caps.NEST === 0) return refuse(CHECKS.nestedNoCap, { found: 'ecap.NEST = 0', wanted: 'ecap.NEST = 1' });
  if (!domain.nesting) return refuse(CHECKS.nestedNoMode);
  if (driver.pasidEntryAddress(device, pasid) === undefined && fail.hit())
    return refuse(CHECKS.nestedNoEntry, { injected: true });
  const entry = driver.pasidEntryFor(device, pasid);
  if ((driver.mem.read64(entry) & 1n) === 1n) return refuse(CHECKS.nestedPresent, { found: `PASID ${pasid}` });
  if (data.addrWidth === 57 && caps.FS5LP === 0)
    return refuse(CHECKS.nestedWidth5, { path: `${data.at}.addr_width`, found: '57 with cap.FS5LP = 0', wanted: '48' });
  if (data.addrWidth !== 48 && data.addrWidth !== 57)
    return refuse(CHECKS.nestedWidth, {
      path: `${data.at}.addr_width`,
      found: `${data.addrWidth}`,
      wanted: '48 or 57',
    });
  if (domain.maxAddr < data.gpgd)
    return refuse(CHECKS.nestedRoot, {
      path: `${data.at}.gpgd`,
      found: hex(data.gpgd),
      wanted: `at most ${hex(domain.maxAddr)}, the end of what the second stage maps`,
    });
  if ((data.vtdFlags & VTD_FLAG.sre) !== 0n && caps.SRS === 0)
    return refuse(CHECKS.nestedSre, {
      path: vtdFlagsOf(data),
      found: 'SRE with ecap.SRS = 0',
      wanted: 'SRE clear',
    });
  if ((data.vtdFlags & VTD_FLAG.eafe) !== 0n && caps.EAFS === 0)
    return refuse(CHECKS.nestedEafe, {
      path: vtdFlagsOf(data),
      found: 'EAFE with ecap.EAFS = 0',
      wanted: 'EAFE clear',
    });
  if ((data.vtdFlags & VTD_FLAG.memoryTypes) !== 0n)
    return refuse(CHECKS.nestedMts, {
      path: vtdFlagsOf(data),
      found: hex(data.vtdFlags),
      wanted: 'PCD, PWT, EMTE and CD clear',
    });

  const words = nestedPasidEntry({
    did: device.did,
    pwsnp: caps.SMPWCS === 1,
    sre: (data.vtdFlags & VTD_FLAG.sre) !== 0n,
    eafe: (data.vtdFlags & VTD_FLAG.eafe) !== 0n,
    fsRoot: data.gpgd & ~0xfffn,
    fsLevels: data.addrWidth === 57 ? 5 : 4,
    second: driver.secondStage(),
  });
  // pasid_set_flptr ORs the pointer in unmasked, so low bits of a misaligned gpgd land in SRE to EAFE.
  words[2]! |= data.gpgd & 0xfffn;
  driver.tables.writePasidEntry(entry, words);
  if (caps.CM === 1) {
    driver.queue.issue('pc_inv', { G: 'pasid', DID: device.did, PASID: pasid });
    driver.queue.issue('p_iotlb_inv', { G: 'pasid', DID: device.did, PASID: pasid });
  }
  return undefined;
}
