import { type DeviceConfig, defaultDevice, sidOf } from '../../../engine/index.ts';
import type { MachineDecl, MachineItem } from '../syntax.ts';
import { type Report, type ToNumber, unknownKey } from './report.ts';

const DEVICE_KEYS = ['bdf', 'sid', 'pasid', 'ats', 'pri', 'group'];

/** Bits of the id under which a device is known to the IOMMU, and what that is called there. */
const IDS: Readonly<Record<string, { readonly bits: bigint; readonly what: string }>> = {
  smmuv3: { bits: 32n, what: 'a StreamID' },
};
const SOURCE_ID = { bits: 16n, what: 'a source id' };

export function deviceOf(item: MachineItem, n: number, model: string, number: ToNumber, report: Report): DeviceConfig {
  const id = IDS[model] ?? SOURCE_ID;
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
        if (value >> id.bits !== 0n) report(setting.value, 'value-too-wide', `${id.what} has ${id.bits} bits`);
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

/** Devices whose group is not given get one of their own: `g0` for the first, for the others a name nobody gave. */
export function ownGroups(devices: readonly DeviceConfig[], decl: MachineDecl): DeviceConfig[] {
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
