import { type Format, type FormatLimits, findFormat } from '../../pagetable/index.ts';
import type { HardwareConfig } from '../model.ts';
import { decodeCaps } from './caps.ts';

/** What the unit's registers say about page-table entries. */
export function limitsOf({ cap, ecap, haw }: HardwareConfig): FormatLimits {
  const caps = decodeCaps(cap, ecap, haw);
  return {
    haw,
    twoMeg: (caps.SSLPS & 1) !== 0,
    oneGig: caps.FS1GP === 1,
    nxe: false,
    snoopControl: caps.SC === 1,
    deviceTlb: caps.DT === 1,
    accessedDirty: caps.SSADS === 1,
  };
}

/** The second stage gets the fewest levels that translate MGAW bits, of those that SAGAW offers; else the most it offers. */
export function secondStage(config: HardwareConfig): Format {
  const caps = decodeCaps(config.cap, config.ecap, config.haw);
  const offered = [3, 4, 5].filter((levels) => (caps.SAGAW >> (levels - 2)) & 1);
  const levels = offered.find((n) => caps.MGAW + 1 <= 12 + 9 * n) ?? offered.at(-1) ?? 4;
  const name = { 3: 'vtd-ss-3', 4: 'vtd-ss', 5: 'vtd-ss-5' }[levels as 3 | 4 | 5];
  return findFormat(name)!.make({ ...limitsOf(config), oneGig: (caps.SSLPS & 2) !== 0, accessedDirty: false });
}
