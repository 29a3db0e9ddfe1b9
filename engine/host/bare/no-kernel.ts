import { type CallResult, done } from '../check.ts';
import { KernelBase, type Problem } from '../kernel.ts';
import type { Platform } from '../platform.ts';

/** What stands in a kernel's place where there is none: only what a device does by itself can be asked for. */
class NoKernel extends KernelBase {
  protected readonly what = 'uapi bare';
  readonly #platform: Platform;

  constructor(platform: Platform) {
    super();
    this.#platform = platform;
  }

  ioctl(): Problem {
    return this.lacks('an ioctl');
  }

  /** A function-level reset empties the device's own TLB and nothing else. */
  override reset(name: string): CallResult | Problem {
    const { config, hardware } = this.#platform;
    const device = config.devices.find((d) => d.name === name);
    if (!device || !hardware) return this.lacks(`a device ${name}`);
    hardware.unit.deviceTlb.removeDevice(device.sid);
    return done();
  }

  protected override lacks(feature: string): Problem {
    return { problem: `${this.what} has no kernel, and so no such thing as ${feature}` };
  }
}

/** Brings up nothing: the unit is as its registers say, and no table is filled. */
export const bootBare = (platform: Platform): NoKernel => new NoKernel(platform);
