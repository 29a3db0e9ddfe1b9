import { FailPoints } from '../check.ts';
import type { Kernel } from '../kernel.ts';
import type { RamConfig } from '../machine-config.ts';
import type { Platform } from '../platform.ts';
import { Context } from './context.ts';
import { bindDevice } from './device.ts';
import { type Call, type IommuDriver, isRefusal, type ReservedRegion } from './driver.ts';
import { IoPagetable } from './io-pagetable.ts';
import { Iommufd } from './iommufd.ts';
import { holes } from './iova-allocator.ts';
import { Ioas } from './objects.ts';
import { ramPages } from './pages.ts';

/**
 * An open /dev/iommu. Unless the machine says `iommufd { empty = 1 }` there is an IOAS, with the machine's RAM mapped
 * where the model translates, and every device is bound but not attached. The mock translates nothing and gets no RAM.
 */
export function bootIommufd(platform: Platform, driver: IommuDriver): Kernel {
  const ctx = new Context(platform, driver);
  if (platform.config.iommufdEmpty) return new Iommufd(ctx, undefined);
  const call = ctx.call(new FailPoints());
  const ioas = ctx.objects.reserve(new Ioas(new IoPagetable()));
  ctx.objects.finish(ioas);
  for (const device of platform.config.devices) bindDevice(ctx, device.name, call);
  if (platform.config.model !== 'selftest') {
    const reserved = platform.config.devices.flatMap((d) => driver.reservedRegions?.(d) ?? []);
    for (const ram of platform.config.ram) mapRam(ioas, ram, reserved, call);
  }
  return new Iommufd(ctx, ioas);
}

/** A VMM maps RAM around what its devices cannot use. */
function mapRam(ioas: Ioas, ram: RamConfig, reserved: readonly ReservedRegion[], call: Call): void {
  for (const { start, last } of holes(reserved, { start: ram.gpa, last: ram.gpa + ram.size - 1n })) {
    const length = last - start + 1n;
    const piece = { pages: ramPages(ram.hpa + (start - ram.gpa), length), offset: 0n, length };
    const mapped = ioas.iopt.map([piece], length, start, { read: true, write: true }, call);
    if (isRefusal(mapped)) throw new Error(`RAM at ${ram.gpa} cannot be mapped: ${mapped.check.doc}`);
  }
}
