import { firstStagePasidEntry } from '../../models/vtd/pasid-entry.ts';
import { FIRST_STAGE_DID } from './domain-ids.ts';
import type { IntelDevice, IntelDriver } from './driver.ts';

/** Levels of a process's page table: 48-bit virtual addresses. */
const LEVELS = 4;

/**
 * Binds the page table of a process to a PASID as a first stage of its own: no second stage lies below it.
 * @param root HPA of the process's top table
 */
export function bindProcess(driver: IntelDriver, device: IntelDevice, pasid: number, root: bigint): void {
  const words = firstStagePasidEntry({
    did: FIRST_STAGE_DID,
    pwsnp: driver.caps.SMPWCS === 1,
    fsRoot: root,
    fsLevels: LEVELS,
    agawLevels: driver.domain.format.levels,
  });
  driver.tables.writePasidEntry(driver.pasidEntryFor(device, pasid), words);
  device.bound.add(pasid);
  if (driver.caps.CM === 1) {
    driver.queue.issue('pc_inv', { G: 'pasid', DID: FIRST_STAGE_DID, PASID: pasid });
    driver.queue.issue('p_iotlb_inv', { G: 'pasid', DID: FIRST_STAGE_DID, PASID: pasid });
  }
}

/** Takes the process off the PASID and flushes what is cached of it. Answers whether the device had it. */
export function unbindProcess(driver: IntelDriver, device: IntelDevice, pasid: number): boolean {
  if (!device.bound.delete(pasid)) return false;
  driver.tearDownEntry(device, pasid, FIRST_STAGE_DID);
  return true;
}
