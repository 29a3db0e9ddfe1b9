import type { Model } from './model.ts';
import { SELFTEST } from './selftest/index.ts';
import { SMMUV3 } from './smmuv3/index.ts';
import { VTD } from './vtd/index.ts';

export { DeviceAccess, type PageRequest } from './device.ts';
export type { CacheLayer, CommandLayout, Hardware, HardwareConfig, Model, RegisterInfo } from './model.ts';
export { CACHE_LAYERS } from './model.ts';
export type { CommandOutcome, Culprit, Explanation, HeldLines, Unit, WalkStep } from './unit.ts';

/** The list of models; a new one is a folder and a line here. */
export const MODELS: readonly Model[] = [VTD, SMMUV3, SELFTEST];

export const modelById = (id: string): Model | undefined => MODELS.find((model) => model.id === id);
