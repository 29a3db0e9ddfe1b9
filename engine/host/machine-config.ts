import type { HardwareConfig } from '../models/model.ts';
import { DEFAULT_IDS } from '../models/smmuv3/ids.ts';
import { DEFAULT_CAP_FIELDS, DEFAULT_HAW, encodeCaps } from '../models/vtd/caps.ts';

export interface DeviceConfig {
  readonly name: string;
  /** As lspci prints it: `0000:00:02.0`. */
  readonly bdf: string;
  /** Source id: bus << 8 | device << 3 | function. */
  readonly sid: number;
  /** PASID bits the device offers; 0 when it has none. */
  readonly pasidBits: number;
  readonly ats: boolean;
  readonly pri: boolean;
  readonly group: string;
}

export interface RamConfig {
  readonly gpa: bigint;
  readonly hpa: bigint;
  readonly size: bigint;
  /** Leaf size in the second stage. */
  readonly page: bigint;
}

/** A process of the caller's system, which some generations bind by its number. */
export interface ProcessConfig {
  readonly name: string;
  readonly pid: number;
  /** It has an address space; a kernel thread has none. */
  readonly mm: boolean;
  /** The caller may ptrace-attach to it. */
  readonly ptrace: boolean;
}

/** The IOMMU models a machine can have; `selftest` is the kernel's own mock. */
export type ModelId = 'vtd' | 'smmuv3' | 'selftest';

/** The hardware and setup a scenario starts from, as plain numbers. */
export interface MachineConfig extends HardwareConfig {
  readonly containerType: number;
  readonly model: ModelId;
  readonly devices: readonly DeviceConfig[];
  readonly ram: readonly RamConfig[];
  readonly processes: readonly ProcessConfig[];
  /** There is no kernel: the scenario programs the hardware. */
  readonly bare: boolean;
  /** What registers hold when the scenario begins, by name, in the order of their writes; bare hardware only. */
  readonly registers: Readonly<Record<string, bigint>>;
  /** An iommufd that begins with no IOAS and no device bound. */
  readonly iommufdEmpty: boolean;
}

const NESTING = 6;

/** What a file without `machine` runs on (language section 5). */
export const DEFAULT_MACHINE: MachineConfig = Object.freeze({
  containerType: NESTING,
  model: 'vtd',
  ...encodeCaps({ ...DEFAULT_CAP_FIELDS } as Record<string, number>),
  idr: Object.freeze({}),
  haw: DEFAULT_HAW,
  psc: true,
  devices: Object.freeze([defaultDevice(0)]),
  ram: Object.freeze([{ gpa: 0n, hpa: 0x1_0000_0000n, size: 0x8000_0000n, page: 0x1000n }]),
  processes: Object.freeze([]),
  bare: false,
  registers: Object.freeze({}),
  iommufdEmpty: false,
} satisfies MachineConfig);

const DEFAULTS = new Map<string, MachineConfig>([['vtd', DEFAULT_MACHINE]]);

/**
 * The default machine of a model: the same object each time, so that what is made from it can be kept.
 * @param bare without a kernel, and so with nothing mapped
 */
export function defaultMachine(model: string, bare = false): MachineConfig {
  const key = bare ? `bare ${model}` : model;
  const known = DEFAULTS.get(key);
  if (known) return known;
  const idr = model === 'smmuv3' ? DEFAULT_IDS : DEFAULT_MACHINE.idr;
  const config: MachineConfig = Object.freeze({ ...DEFAULT_MACHINE, model: model as ModelId, idr, bare });
  DEFAULTS.set(key, config);
  return config;
}

/** The default machine of a generation. */
export const machineOf = ({ id, model }: { readonly id: string; readonly model: string }): MachineConfig =>
  defaultMachine(model, id === 'bare');

/** The Nth device where a machine does not say more: the next function, in a group of its own. */
export function defaultDevice(n: number, name = `dev${n}`): DeviceConfig {
  const sid = 0x10 + n;
  return { name, bdf: bdfText(sid), sid, pasidBits: 20, ats: false, pri: false, group: `g${n}` };
}

export function bdfText(sid: number): string {
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
  return `0000:${hex(sid >>> 8, 2)}:${hex((sid >>> 3) & 31, 2)}.${sid & 7}`;
}

/** The source id of `0000:00:02.0` or `00:02.0`, or undefined. */
export function sidOf(bdf: string): number | undefined {
  const match = /^(?:[0-9a-f]{4}:)?([0-9a-f]{1,2}):([0-9a-f]{1,2})\.([0-7])$/i.exec(bdf);
  if (!match) return undefined;
  const [bus, device, fn] = [Number.parseInt(match[1]!, 16), Number.parseInt(match[2]!, 16), Number(match[3])];
  return 31 < device ? undefined : (bus << 8) | (device << 3) | fn;
}
