import type { Model } from '../model.ts';

/**
 * The kernel's own mock (drivers/iommu/iommufd/selftest.c): it accepts what a driver would, keeps a few words per
 * object, and translates nothing.
 */
export const SELFTEST: Model = {
  id: 'selftest',
  title: "The kernel's iommufd selftest mock",
  capabilities: {},
  aliases: {},
  faults: [],
  commands: [],
};
