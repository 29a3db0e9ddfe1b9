import {
  DEFAULT_MACHINE,
  type DeviceConfig,
  defaultDevice,
  integer,
  isNoValue,
  type MachineConfig,
  MODELS,
  modelById,
  type Names,
  nearest,
  type RamConfig,
  sidOf,
  sizeText,
} from '../../engine/index.ts';
import { decode } from '../../engine/models/vtd/bit-layout.ts';
import {
  CAP_REG,
  capField,
  DEFAULT_HAW,
  decodeCaps,
  ECAP_REG,
  encodeCaps,
  NEEDS,
  validateCaps,
} from '../../engine/models/vtd/caps.ts';
import type { Expr, MachineDecl, MachineItem, Setting, Span } from './syntax.ts';

/** What a machine cannot be. */
export interface MachineProblem extends Span {
  readonly code: string;
  readonly message: string;
}

/** Models that a later version brings. */
const PLANNED_MODELS = ['smmuv3', 'selftest'];
const ITEMS = ['container', 'iommu', 'device', 'ram', 'haw'];
const PLANNED_ITEMS = ['iommufd', 'process'];
/** Most 4K leaves a RAM range may need; beyond it a larger `page` is called for. */
const MAX_LEAVES = 1n << 22n;

/**
 * Turns `machine { .. }` into plain numbers over the defaults of language section 5. Problems keep the default in the
 * place they concern, so that the rest of the file is still judged sensibly.
 */
export function resolveMachine(
  decl: MachineDecl,
  names: Names,
): { readonly config: MachineConfig; readonly problems: readonly MachineProblem[] } {
  const problems: MachineProblem[] = [];
  const report = (at: Span, code: string, message: string): void => {
    problems.push({ start: at.start, end: at.end, code, message });
  };
  const number = (expr: Expr): bigint | undefined => {
    const value = integer(expr, names.scope());
    if (!isNoValue(value)) return value;
    report(value.at, value.code, value.message);
    return undefined;
  };
  let { containerType, cap, ecap, haw } = DEFAULT_MACHINE;
  const devices: DeviceConfig[] = [];
  const ram: RamConfig[] = [];

  for (const item of decl.items) {
    switch (item.word.text) {
      case 'container':
        containerType = Number(containerOf(item, number, report) ?? BigInt(containerType));
        break;
      case 'iommu':
        ({ cap, ecap, haw } = iommuOf(item, { cap, ecap, haw }, number, report));
        break;
      // `haw = 46` may stand beside the units, since it is the platform's and not the unit's.
      case 'haw':
        haw = Number(item.settings[0] ? (number(item.settings[0].value) ?? BigInt(haw)) : haw);
        if (haw < 32 || 52 < haw) {
          report(item, 'machine-impossible', `a host address has 32 to 52 bits, not ${haw}`);
          haw = DEFAULT_HAW;
        }
        break;
      case 'device': {
        const device = deviceOf(item, devices.length, number, report);
        const same = devices.find((d) => d.name === device.name);
        if (same)
          report(item.name ?? item.word, 'duplicate-name', `a device called ${device.name} is declared already`);
        else if (devices.some((d) => d.sid === device.sid))
          report(
            item.name ?? item.word,
            'machine-impossible',
            `${device.bdf} is taken by ${devices.find((d) => d.sid === device.sid)!.name}`,
          );
        else devices.push(device);
        break;
      }
      case 'ram': {
        const range = ramOf(item, number, report);
        if (range && ram.some((r) => r.gpa < range.gpa + range.size && range.gpa < r.gpa + r.size))
          report(item, 'machine-impossible', 'this guest range overlaps an earlier one');
        else if (range) ram.push(range);
        break;
      }
      default: {
        if (PLANNED_ITEMS.includes(item.word.text))
          report(item.word, 'not-available', `${item.word.text} is not available yet in this generation`);
        else {
          const near = nearest(item.word.text, ITEMS);
          report(
            item.word,
            'unknown-name',
            `a machine has no ${item.word.text}${near ? `; did you mean ${near}?` : `; it has ${ITEMS.join(', ')}`}`,
          );
        }
      }
    }
  }
  for (const r of ram) {
    const end = r.hpa + r.size;
    if (1n << BigInt(haw) < end)
      report(
        decl.items.find((i) => i.word.text === 'ram')!.word,
        'machine-impossible',
        `RAM ends at HPA 0x${end.toString(16)}, beyond the ${haw} bits of host addresses`,
      );
  }
  const { SSLPS } = decodeCaps(cap, ecap, haw);
  for (const [i, r] of ram.entries()) {
    const needs = r.page === 0x4000_0000n ? 2 : r.page === 0x20_0000n ? 1 : 0;
    const at = decl.items.filter((item) => item.ram)[i]?.ram?.page;
    if ((SSLPS & needs) !== needs && at)
      report(
        at,
        'machine-impossible',
        `SSLPS is ${SSLPS}: this unit has no second-stage leaves of ${sizeText(r.page)}`,
      );
  }
  const config: MachineConfig = {
    containerType,
    model: 'vtd',
    cap,
    ecap,
    haw,
    devices: devices.length > 0 ? ownGroups(devices, decl) : DEFAULT_MACHINE.devices,
    ram: ram.length > 0 ? ram : DEFAULT_MACHINE.ram,
  };
  return { config, problems };
}

/** Devices whose group is not given get one of their own: `g0` for the first, for the others a name nobody gave. */
function ownGroups(devices: readonly DeviceConfig[], decl: MachineDecl): DeviceConfig[] {
  const given = new Map<string, boolean>();
  for (const item of decl.items)
    if (item.word.text === 'device' && item.name)
      given.set(
        item.name.text,
        item.settings.some((s) => s.key.text === 'group'),
      );
  const taken = new Set(devices.filter((d) => given.get(d.name)).map((d) => d.group));
  return devices.map((device, n) => {
    if (given.get(device.name) || n === 0) return device;
    let own = n;
    while (taken.has(`g${own}`)) own++;
    taken.add(`g${own}`);
    return { ...device, group: `g${own}` };
  });
}

type Number_ = (expr: Expr) => bigint | undefined;
type Report = (at: Span, code: string, message: string) => void;

const unknownKey = (setting: Setting, what: string, keys: readonly string[], report: Report): void => {
  const near = nearest(setting.key.text, keys);
  report(
    setting.key,
    'unknown-name',
    `${what} has no ${setting.key.text}${near ? `; did you mean ${near}?` : `; it has ${keys.join(', ')}`}`,
  );
};

function containerOf(item: MachineItem, number: Number_, report: Report): bigint | undefined {
  let type: bigint | undefined;
  for (const setting of item.settings) {
    if (setting.key.text === 'type') type = number(setting.value);
    else unknownKey(setting, 'a container', ['type'], report);
  }
  if (type !== undefined && ![1n, 3n, 6n].includes(type)) {
    report(
      item,
      'machine-impossible',
      `no container type has the number ${type}: VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU and VFIO_TYPE1_NESTING_IOMMU exist`,
    );
    return undefined;
  }
  return type;
}

interface Registers {
  readonly cap: bigint;
  readonly ecap: bigint;
  readonly haw: number;
}

function iommuOf(item: MachineItem, base: Registers, number: Number_, report: Report): Registers {
  const model = item.name?.text ?? '';
  if (!modelById(model)) {
    if (PLANNED_MODELS.includes(model)) report(item.name!, 'not-available', `the ${model} model is not available yet`);
    else {
      const near = nearest(model, [...MODELS.map((m) => m.id), ...PLANNED_MODELS]);
      report(
        item.name ?? item.word,
        'unknown-name',
        `${model || 'an iommu without a model'} is not a model${near ? `; did you mean ${near}?` : `; write iommu ${MODELS.map((m) => m.id).join(' or ')}`}`,
      );
    }
    return base;
  }
  let { cap, ecap, haw } = base;
  const fields = new Map<string, number>();
  for (const setting of item.settings) {
    const value = number(setting.value);
    if (value === undefined) continue;
    const key = setting.key.text;
    if (key === 'cap') cap = value;
    else if (key === 'ecap') ecap = value;
    else if (key === 'haw') haw = Number(value);
    else {
      const field = capField(key);
      if (!field)
        unknownKey(
          setting,
          'the VT-d unit',
          ['cap', 'ecap', 'haw', ...Object.keys(decode(CAP_REG, [0n])), ...Object.keys(decode(ECAP_REG, [0n]))],
          report,
        );
      else if (1n << BigInt(field.width) <= value)
        report(
          setting.value,
          'value-too-wide',
          `${value} does not fit ${field.name}, which has ${field.width} bit${field.width === 1 ? '' : 's'}`,
        );
      else fields.set(field.name, Number(value));
    }
  }
  const rawGiven = item.settings.some((s) => s.key.text === 'cap' || s.key.text === 'ecap');
  const all = { ...numbersOf(CAP_REG, cap), ...numbersOf(ECAP_REG, ecap), ...Object.fromEntries(fields) };
  // What a default rests on may be cleared by name; then the default goes too. What the author wrote stays.
  if (!rawGiven)
    for (let changed = true; changed; ) {
      changed = false;
      for (const { field, needs } of NEEDS) {
        if (all[field] === 0 || fields.has(field) || needs.every((name) => all[name] !== 0)) continue;
        all[field] = 0;
        changed = true;
      }
    }
  const registers = fields.size > 0 ? encodeCaps(all) : { cap, ecap };
  // Registers as a machine printed them are taken as they are. One setting may contradict several others: one mistake.
  const wrong = new Map<Setting | MachineItem, string[]>();
  for (const conflict of rawGiven ? [] : validateCaps(decodeCaps(registers.cap, registers.ecap, haw))) {
    const at =
      item.settings.find((s) => conflict.fields.includes(capField(s.key.text)?.name ?? s.key.text)) ??
      item.settings[0] ??
      item;
    wrong.set(at, [...(wrong.get(at) ?? []), conflict.message]);
  }
  for (const [at, messages] of wrong)
    report(at, 'machine-impossible', `no hardware reports this: ${messages.join('; ')}`);
  return haw < 32 || 52 < haw ? { ...registers, haw: DEFAULT_HAW } : { ...registers, haw };
}

const numbersOf = (layout: typeof CAP_REG, word: bigint): Record<string, number> =>
  Object.fromEntries(Object.entries(decode(layout, [word])).map(([name, value]) => [name, Number(value)]));

const DEVICE_KEYS = ['bdf', 'sid', 'pasid', 'ats', 'pri', 'group'];

function deviceOf(item: MachineItem, n: number, number: Number_, report: Report): DeviceConfig {
  let device = defaultDevice(n, item.name?.text);
  let sidGiven = false;
  for (const setting of item.settings) {
    const key = setting.key.text;
    if (key === 'group') {
      if (setting.value.kind === 'name') device = { ...device, group: setting.value.name };
      else report(setting.value, 'not-a-name', 'a group is a name, such as g0');
    } else if (key === 'bdf') {
      const sid = setting.value.kind === 'string' ? sidOf(setting.value.value) : undefined;
      if (sid === undefined || setting.value.kind !== 'string')
        report(setting.value, 'bad-bdf', 'a bdf is written "0000:00:02.0"');
      else device = { ...device, bdf: setting.value.value, sid: sidGiven ? device.sid : sid };
    } else if (DEVICE_KEYS.includes(key)) {
      const value = number(setting.value);
      if (value === undefined) continue;
      if (key === 'sid') {
        if (0xffffn < value) report(setting.value, 'value-too-wide', 'a source id has 16 bits');
        else {
          device = { ...device, sid: Number(value) };
          sidGiven = true;
        }
      } else if (key === 'pasid') {
        if (20n < value)
          report(setting.value, 'machine-impossible', `a device offers at most 20 PASID bits, not ${value}`);
        else device = { ...device, pasidBits: Number(value) };
      } else if (key === 'ats') device = { ...device, ats: value !== 0n };
      else device = { ...device, pri: value !== 0n };
    } else unknownKey(setting, 'a device', DEVICE_KEYS, report);
  }
  if (device.pri && !device.ats) {
    report(
      item.settings.find((s) => s.key.text === 'pri') ?? item,
      'machine-impossible',
      'pri = 1 needs ats = 1: a device without ATS asks for no translation that a page request could repair',
    );
    device = { ...device, pri: false };
  }
  return device;
}

function ramOf(item: MachineItem, number: Number_, report: Report): RamConfig | undefined {
  if (!item.ram) return undefined;
  const [gpa, size, hpa] = [number(item.ram.gpa), number(item.ram.size), number(item.ram.hpa)];
  const page = item.ram.page ? number(item.ram.page) : 0x1000n;
  if (gpa === undefined || size === undefined || hpa === undefined || page === undefined) return undefined;
  if (page !== 0x1000n && page !== 0x20_0000n && page !== 0x4000_0000n) {
    report(item.ram.page!, 'machine-impossible', `a second-stage leaf is 4K, 2M or 1G, not ${sizeText(page)}`);
    return undefined;
  }
  for (const [expr, value] of [
    [item.ram.gpa, gpa] as const,
    [item.ram.hpa, hpa] as const,
    [item.ram.size, size] as const,
  ]) {
    if (value % page !== 0n || (expr === item.ram.size && value === 0n)) {
      report(
        expr,
        'machine-impossible',
        `0x${value.toString(16)} is not a multiple of the ${sizeText(page)} leaf${page === 0x1000n ? '' : '; a smaller page would fit'}`,
      );
      return undefined;
    }
  }
  if (MAX_LEAVES < size / page) {
    report(
      item.ram.size,
      'machine-impossible',
      `${sizeText(size)} in ${sizeText(page)} leaves are too many entries; use a larger page`,
    );
    return undefined;
  }
  return { gpa, hpa, size, page };
}
