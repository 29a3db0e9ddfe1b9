import { type FailPoints, type Refusal, refuse } from '../check.ts';
import type { IntelDevice, IntelDriver } from '../intel/driver.ts';
import { BIND as CHECKS } from './checks.ts';

type Quirk = (name: string) => boolean;

/**
 * Enabling a device for SVA: iommu_sva_device_init, and a handler that is called when a bound process dies. Version 1
 * registers the handler last and removes it last; the review wanted the teardown to be the reverse of the setup.
 */
export class SvaDevices {
  readonly #driver: IntelDriver;
  readonly #quirk: Quirk;
  readonly #initialised = new Set<IntelDevice>();
  readonly #handled = new Set<IntelDevice>();

  constructor(driver: IntelDriver, quirk: Quirk) {
    this.#driver = driver;
    this.#quirk = quirk;
  }

  /** Enables every device of a group; on a refusal version 1 leaves as it is what it has done. */
  enable(group: readonly IntelDevice[], fail: FailPoints): Refusal | undefined {
    const steps = [
      (device: IntelDevice) => this.#init(device, fail),
      (device: IntelDevice) => this.#register(device, fail),
    ];
    if (!this.#quirk('teardown_in_setup_order')) steps.reverse();
    for (const device of group)
      for (const step of steps) {
        const refusal = step(device);
        if (!refusal) continue;
        if (!this.#quirk('group_partial_enable')) this.disable(group);
        return refusal;
      }
    return undefined;
  }

  /** Disables what is enabled of a group. Returns what was done, in order. */
  disable(group: readonly IntelDevice[]): string[] {
    return group.flatMap((device) => {
      const [init, handler] = [this.#initialised.delete(device), this.#handled.delete(device)];
      if (init) this.#driver.disablePasid(device);
      const done = [...(init ? ['SVA disabled'] : []), ...(handler ? ['exit handler removed'] : [])];
      // Both postings disable the device; what differs is whether a process may die in between and call its handler.
      if (!this.#quirk('teardown_in_setup_order')) done.reverse();
      return done.length === 0 ? [] : [`${device.name}: ${done.join(', then ')}`];
    });
  }

  /** The devices of a group that are enabled, if only by half. */
  enabled(group: readonly IntelDevice[]): IntelDevice[] {
    return group.filter((device) => this.#initialised.has(device) || this.#handled.has(device));
  }

  #init(device: IntelDevice, fail: FailPoints): Refusal | undefined {
    if (device.setup.pasidBits === 0)
      return refuse(CHECKS.deviceNoPasid, { path: device.name, found: 'no PASID bits', wanted: 'at least 1' });
    if (fail.hit()) return refuse(CHECKS.enableFailed, { injected: true, found: device.name });
    this.#driver.enablePasid(device);
    this.#initialised.add(device);
    return undefined;
  }

  #register(device: IntelDevice, fail: FailPoints): Refusal | undefined {
    if (fail.hit()) return refuse(CHECKS.handlerFailed, { injected: true, found: device.name });
    this.#handled.add(device);
    return undefined;
  }
}
