import type { CallResult, Refusal } from '../check.ts';
import type { IntelDevice } from '../intel/driver.ts';

/** What one device made of a request. */
export interface Answer {
  readonly refusal?: Refusal | undefined;
  readonly skip?: CallResult['skip'];
}

/** What the loop over all devices came to. */
export interface LoopResult {
  /** The result that the loop returns: of the last domain, or the first error. */
  readonly last: Answer;
  /** An error that a later domain's result has overwritten. */
  readonly lost: Refusal | undefined;
  /** The first request that a driver skipped without an errno. */
  readonly skip: CallResult['skip'];
}

/**
 * vfio_iommu_for_each_dev: domain by domain, device by device. An error ends the loop over the devices of its domain only,
 * so the next domain goes on and its result takes the place of the error.
 * @param goOn whether an error leaves the other domains to be asked, as posted
 */
export function forEachDevice(
  domains: readonly (readonly IntelDevice[])[],
  goOn: boolean,
  ask: (device: IntelDevice) => Answer,
): LoopResult {
  let last: Answer = {};
  let first: Refusal | undefined;
  let skip: CallResult['skip'];
  for (const devices of domains) {
    last = {};
    for (const device of devices) {
      last = ask(device);
      skip ??= last.skip;
      if (last.refusal) break;
    }
    first ??= last.refusal;
    if (last.refusal && !goOn) break;
  }
  return { last, lost: last.refusal ? undefined : first, skip };
}
