import type { Reports } from '../iommufd/driver.ts';
import { FAULT_FLAG, RESPONSE } from '../iommufd/fault-queue.ts';
import type { DevicePageRequest } from '../kernel.ts';
import type { DeviceConfig } from '../machine-config.ts';
import type { IntelUnit } from './unit.ts';

/** Page request groups of a device are numbered with nine bits. */
const GROUPS = 512;
const PERM = { read: 1, write: 2 } as const;

/**
 * `prq_event_thread`: the driver's page request queue. A device asks for one page at a time, so every request is the last
 * of its group. Requests without PASID are reported like the others, as since 6.13; Linux 6.12 answers them itself.
 */
export class PageRequests {
  reports: Reports | undefined;
  readonly #unit: IntelUnit;
  #nextGroup = 0;

  constructor(unit: IntelUnit) {
    this.#unit = unit;
  }

  take(device: DeviceConfig, request: DevicePageRequest): string[] {
    const group = this.#nextGroup++ % GROUPS;
    const { pasid } = request;
    const answer = (code: number): void =>
      this.#unit.queue.issue('page_grp_resp', {
        PP: pasid === undefined ? 0 : 1,
        RC: code,
        RID: device.sid,
        PASID: pasid ?? 0,
        LPIG: 1,
        PRGI: group,
      });
    const refused = request.privileged
      ? 'Page request in Privilege Mode'
      : request.access === 'exec'
        ? 'Execution request not supported'
        : undefined;
    if (refused) {
      answer(RESPONSE.invalid);
      return [`kernel log: ${refused}`];
    }
    const fault = {
      flags: FAULT_FLAG.lastPage | (pasid === undefined ? 0 : FAULT_FLAG.pasidValid),
      pasid: pasid ?? 0,
      grpid: group,
      perm: request.access === 'write' ? PERM.write : PERM.read,
      addr: request.address & ~0xfffn,
    };
    // What nothing takes is answered there and then, with IOMMUFD_PAGE_RESP_INVALID.
    this.reports?.pageFault(device.name, fault, answer);
    return [];
  }
}
