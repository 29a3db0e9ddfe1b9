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

/** The hardware and setup a scenario starts from, as plain numbers. */
export interface MachineConfig {
  readonly containerType: number;
  readonly model: 'vtd';
  readonly cap: bigint;
  readonly ecap: bigint;
  /** Host address width in bits. */
  readonly haw: number;
  readonly devices: readonly DeviceConfig[];
  readonly ram: readonly RamConfig[];
}

const NESTING = 6;

/** What a file without `machine` runs on (language section 5). */
export const DEFAULT_MACHINE: MachineConfig = Object.freeze({
  containerType: NESTING,
  model: 'vtd',
  ...encodeCaps({ ...DEFAULT_CAP_FIELDS } as Record<string, number>),
  haw: DEFAULT_HAW,
  devices: Object.freeze([defaultDevice(0)]),
  ram: Object.freeze([{ gpa: 0n, hpa: 0x1_0000_0000n, size: 0x8000_0000n, page: 0x1000n }]),
});

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
