import {
  type DeviceConfig,
  integer,
  isNoValue,
  type MachineConfig,
  type Names,
  nearest,
  type ProcessConfig,
  type RamConfig,
  sizeText,
} from '../../engine/index.ts';
import { DEFAULT_HAW, decodeCaps } from '../../engine/models/vtd/caps.ts';
import { deviceOf, ownGroups } from './machine/device.ts';
import { modelOf } from './machine/iommu.ts';
import { machineItems } from './machine/items.ts';
import { processOf } from './machine/process.ts';
import { ramOf } from './machine/ram.ts';
import { setupOf } from './machine/registers.ts';
import { type MachineProblem, type Report, type ToNumber, unknownKey } from './machine/report.ts';
import { smmuv3Of } from './machine/smmuv3.ts';
import { vtdOf } from './machine/vtd.ts';
import type { MachineDecl, MachineItem } from './syntax.ts';

export type { MachineProblem } from './machine/report.ts';

const ITEMS = ['container', 'iommu', 'device', 'ram', 'haw', 'iommufd', 'process'];

/**
 * Turns `machine { .. }` into plain numbers over the generation's default machine (language section 5). Problems keep
 * the default in the place they concern, so that the rest of the file is still judged sensibly.
 */
export function resolveMachine(
  decl: MachineDecl,
  names: Names,
  base: MachineConfig,
): { readonly config: MachineConfig; readonly problems: readonly MachineProblem[] } {
  const problems: MachineProblem[] = [];
  const report: Report = (at, code, message, fix) => {
    problems.push({ start: at.start, end: at.end, code, message, ...(fix === undefined ? {} : { fix }) });
  };
  const number: ToNumber = (expr) => {
    const value = integer(expr, names.scope());
    if (!isNoValue(value)) return value;
    // A broken machine keeps every scenario from running, so the error stands here too, and names what it comes from.
    const { at, code, message, through } = value;
    report(at, code, through === undefined ? message : `${through} has an error: ${message}`);
    return undefined;
  };
  let { containerType, model, cap, ecap, idr, haw, psc, registers, iommufdEmpty } = base;
  // A device may stand before the unit that it is behind; what is wrong with the unit is told where its turn comes.
  const unitItem = decl.items.find(({ word }) => word.text === 'iommu');
  const declared = (unitItem && modelOf(unitItem, names.generation.id, () => {})) ?? model;
  const processes: ProcessConfig[] = [];
  const devices: DeviceConfig[] = [];
  const ram: RamConfig[] = [];

  for (const item of decl.items) {
    if (base.bare && ITEMS.includes(item.word.text) && !machineItems(names.generation).includes(item.word.text)) {
      report(item.word, 'machine-impossible', `uapi bare has no kernel, and so no ${item.word.text}`);
      continue;
    }
    switch (item.word.text) {
      case 'container':
        containerType = Number(containerOf(item, number, report) ?? BigInt(containerType));
        break;
      case 'iommu': {
        model = modelOf(item, names.generation.id, report) ?? model;
        const unit = setupOf(item, model, base, names.generation, number, report);
        ({ psc, registers } = unit);
        if (model === 'vtd') ({ cap, ecap, haw } = vtdOf(unit.rest, { cap, ecap, haw }, number, report, unit.keys));
        else if (model === 'smmuv3') idr = smmuv3Of(unit.rest, idr, number, report, unit.keys);
        else for (const setting of item.settings) unknownKey(setting, `iommu ${model}`, [], report);
        break;
      }
      case 'iommufd':
        for (const setting of item.settings) {
          if (setting.key.text === 'empty') iommufdEmpty = (number(setting.value) ?? 0n) !== 0n;
          else unknownKey(setting, 'an iommufd', ['empty'], report);
        }
        break;
      case 'process': {
        const process = processOf(item, processes.length, number, report);
        if (processes.some((p) => p.name === process.name || p.pid === process.pid))
          report(item.name ?? item.word, 'duplicate-name', `a process ${process.name} or its pid is declared already`);
        else processes.push(process);
        break;
      }
      // `haw = 46` may stand beside the units, since it is the platform's and not the unit's.
      case 'haw':
        haw = Number(item.settings[0] ? (number(item.settings[0].value) ?? BigInt(haw)) : haw);
        if (haw < 32 || 52 < haw) {
          report(item, 'machine-impossible', `a host address has 32 to 52 bits, not ${haw}`);
          haw = DEFAULT_HAW;
        }
        break;
      case 'device': {
        const device = deviceOf(item, devices.length, declared, number, report);
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
        const near = nearest(item.word.text, ITEMS);
        report(
          item.word,
          'unknown-name',
          `a machine has no ${item.word.text}${near ? `; did you mean ${near}?` : `; it has ${ITEMS.join(', ')}`}`,
          near,
        );
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
    ...base,
    containerType,
    model,
    cap,
    ecap,
    idr,
    haw,
    psc,
    registers,
    devices: devices.length > 0 ? ownGroups(devices, decl) : base.devices,
    ram: ram.length > 0 ? ram : base.ram,
    processes,
    iommufdEmpty,
  };
  return { config, problems };
}

function containerOf(item: MachineItem, number: ToNumber, report: Report): bigint | undefined {
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
