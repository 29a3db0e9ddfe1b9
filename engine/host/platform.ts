import type { PhysMem } from '../memory/phys-mem.ts';
import type { VtdCaps } from '../models/vtd/caps.ts';
import type { VtdUnit } from '../models/vtd/translate.ts';
import type { Format } from '../pagetable/index.ts';
import type { Generation } from '../uapi/index.ts';
import type { MachineConfig } from './machine-config.ts';
import type { UserMemory } from './user-memory.ts';

/** Everything a kernel needs to come up on a machine. */
export interface Platform {
  readonly generation: Generation;
  readonly config: MachineConfig;
  readonly user: UserMemory;
  /** Whether a named quirk of the generation is on for this file. */
  readonly quirk: (name: string) => boolean;
  /** The unit and the memory its tables lie in; undefined for a model that has no hardware here. */
  readonly vtd?: VtdPlatform;
}

/** A VT-d unit with the memory around it. */
export interface VtdPlatform {
  readonly caps: VtdCaps;
  readonly unit: VtdUnit;
  readonly mem: PhysMem;
  /** A second stage as RAM fills it. */
  readonly root: bigint;
  readonly format: Format;
  /** One past the highest guest address that RAM maps. */
  readonly maxAddr: bigint;
  readonly allocate: () => bigint;
  /** The leaf with which the machine maps the RAM at a guest address. */
  readonly leafSize: (gpa: bigint) => bigint;
}
