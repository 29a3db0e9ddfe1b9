import type { PhysMem } from '../memory/phys-mem.ts';
import { SmmuIds } from '../models/smmuv3/ids.ts';
import { SmmuUnit } from '../models/smmuv3/unit.ts';
import type { Unit } from '../models/unit.ts';
import type { VtdCaps } from '../models/vtd/caps.ts';
import { VtdUnit } from '../models/vtd/unit.ts';
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
  readonly hardware?: HardwarePlatform;
}

/** A unit with the memory around it. */
export interface HardwarePlatform<U extends Unit = Unit> {
  readonly unit: U;
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

/** A VT-d unit with the memory around it. */
export interface VtdPlatform extends HardwarePlatform<VtdUnit> {
  readonly caps: VtdCaps;
}

/** The machine's VT-d unit, or undefined on another model. */
export function vtdOf({ hardware }: Platform): VtdPlatform | undefined {
  const unit = hardware?.unit;
  return hardware && unit instanceof VtdUnit ? { ...hardware, unit, caps: unit.caps } : undefined;
}

/** An SMMUv3 with the memory around it. */
export interface SmmuPlatform extends HardwarePlatform<SmmuUnit> {
  readonly ids: SmmuIds;
}

/** The machine's SMMUv3, or undefined on another model. */
export function smmuOf({ hardware }: Platform): SmmuPlatform | undefined {
  const unit = hardware?.unit;
  return hardware && unit instanceof SmmuUnit ? { ...hardware, unit, ids: new SmmuIds(unit.ids) } : undefined;
}
