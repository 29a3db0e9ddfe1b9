import { hex, hexGrouped, modelById, modelsOf, registerInfo, type ScenarioFile } from '../../engine/index.ts';
import { ID_REGISTERS } from '../../engine/models/smmuv3/id-fields.ts';
import { DEFAULT_IDS, ID_LAYOUTS, ID_NEEDS, idField, readField } from '../../engine/models/smmuv3/ids.ts';
import { SYSFS_MODELS, type SysfsProperty, sysfsProperty } from '../../engine/models/sysfs.ts';
import { sysfsValue } from '../../engine/models/sysfs-read.ts';
import { bitsText, registerMarkdown } from './hover-commands.ts';
import { isAt, type KnownPlace } from './hover-context.ts';
import { capabilityMarkdown } from './hover-hardware.ts';
import { code, list, paragraphs } from './hover-markdown.ts';
import { deviceMembers, FD_NAMES, fdMembers } from './members.ts';

/** `iommu0`: the model of the machine, and what its registers say in short. */
export function iommuMarkdown({ machine }: ScenarioFile): string {
  const { model, cap, ecap, haw, idr } = machine;
  const facts =
    model === 'vtd'
      ? [`CAP ${code(hexGrouped(cap))}`, `ECAP ${code(hexGrouped(ecap))}`, `${haw}-bit host addresses`]
      : Object.entries(idr).map(([name, value]) => `${name} ${code(hex(BigInt(value)))}`);
  return `**iommu0** · ${[modelById(model)?.title ?? model, ...facts].join(' · ')}`;
}

/** The word behind `iommu`. */
export function modelMarkdown(id: string, { generation }: ScenarioFile): string | undefined {
  const model = modelById(id);
  if (!model) return undefined;
  const models = modelsOf(generation.id);
  const runs = models.length === 0 || models.includes(id);
  return paragraphs(
    `**${id}** · ${model.title}`,
    runs
      ? `The default of ${code(generation.id)}${generation.model === id ? '.' : ` is ${code(generation.model)}.`}`
      : `${code(generation.id)} does not run on it; it runs on ${models.map(code).join(', ')}.`,
  );
}

/** What `iommu0.NAME` and a key of `iommu MODEL { }` stand for: a register, a field of one, or a file of sysfs. */
export function iommuMemberMarkdown(name: string, file: ScenarioFile): string | undefined {
  const { machine } = file;
  // A register wins over a field of the same name, as reading it does.
  if (registerInfo(name, machine)) return registerText(name, file);
  return keyMarkdown(name, file);
}

/** A whole capability register is told with its fields as this machine has them. */
const registerText = (name: string, file: ScenarioFile): string | undefined =>
  (file.machine.model === 'smmuv3' ? idMarkdown(name, file) : undefined) ?? registerMarkdown(name, file);

/** A key of `iommu MODEL { }`, where a field of a capability register wins over a register. */
function keyMarkdown(name: string, file: ScenarioFile): string | undefined {
  const { machine } = file;
  const own =
    machine.model === 'vtd'
      ? capabilityMarkdown(name, file)
      : machine.model === 'smmuv3'
        ? idMarkdown(name, file)
        : undefined;
  return own ?? registerMarkdown(name, file) ?? sysfsMarkdown(name, file);
}

/** An identification register of an SMMUv3 or one of its fields, as this machine has it. */
function idMarkdown(name: string, { machine: { idr } }: ScenarioFile): string | undefined {
  const register = ID_REGISTERS.find((each) => each === name);
  if (register) {
    const { doc, source, fields } = ID_LAYOUTS[register];
    const shown = fields.map((f) => `${code(f.name)} (${bitsText(f)}): ${f.doc}`);
    return paragraphs(
      `**${name}** = ${code(hex(BigInt(idr[name] ?? 0)))} · default ${code(hex(BigInt(DEFAULT_IDS[name] ?? 0)))} · ${source}`,
      doc,
      list(shown),
    );
  }
  const field = idField(name);
  if (!field) return undefined;
  const needs = ID_NEEDS.filter((n) => n.field === name).map((n) => code(n.needs));
  return paragraphs(
    `**${name}** · ${field.register} ${bitsText(field)} · default ${code(`${field.usual}`)}, here ${code(`${readField(idr, field)}`)}`,
    field.doc,
    list([
      ...(needs.length > 0 ? [`Means nothing without ${needs.join(', ')}`] : []),
      ...(field.reserved ? [`Reserved: ${field.reserved.join(', ')}`] : []),
    ]),
  );
}

/** A file of the sysfs description of 2018, as this unit would fill it in. */
function sysfsMarkdown(name: string, { machine }: ScenarioFile): string | undefined {
  const here = sysfsValue(machine, name);
  const value = here === undefined ? '' : ` · here ${code(`${here}`)}`;
  if (name === 'model')
    return paragraphs(
      `**model** · file of the sysfs description of 2018${value}`,
      'Names the model, and makes of the settings a whole description: a file that is not there has its default.',
      list(Object.entries(SYSFS_MODELS).map(([id, number]) => `${code(`${number}`)}: ${modelById(id)?.title ?? id}`)),
    );
  const property = sysfsProperty(name);
  if (!property) return undefined;
  const { doc, absent, words, smmuv3 } = property;
  return paragraphs(
    `**${name}** · file of the sysfs description of 2018${value}`,
    doc,
    list([
      ...wordRows(property),
      ...(smmuv3 && machine.model === 'smmuv3' ? [`The value of ${code(smmuv3.field)}`] : []),
      ...(absent === undefined
        ? []
        : [`Without the file: ${code(Object.entries(words ?? {}).find(([, n]) => n === absent)?.[0] ?? `${absent}`)}`]),
    ]),
  );
}

const wordRows = ({ words = {} }: SysfsProperty): string[] =>
  Object.entries(words).map(([word, number]) => `${code(word)} is ${number}`);

/** Keys and words in `machine { }` that belong to its items. */
export function machineHover(place: KnownPlace): string | undefined {
  const { item, token, file } = place;
  if (!item) return undefined;
  if (item.word.text === 'process' && isAt(place, item.name)) return processMarkdown(token.text, file);
  if (item.word.text !== 'iommu') return undefined;
  if (isAt(place, item.name)) return modelMarkdown(token.text, file);
  const setting = item.settings.find((s) => s.start <= token.start && token.end <= s.end);
  if (!setting) return undefined;
  if (isAt(place, setting.key)) return keyMarkdown(token.text, file);
  const words = sysfsProperty(setting.key.text)?.words;
  if (!words) return undefined;
  // `access+dirty` is one word of the file, and a sum to the language.
  const whole = place.source.text.slice(setting.value.start, setting.value.end).replace(/[\s"]/g, '');
  const value = words[whole];
  return value === undefined
    ? undefined
    : `**${whole}** = ${code(`${value}`)} · in the file ${code(setting.key.text)}: ${sysfsProperty(setting.key.text)!.doc}`;
}

export function processMarkdown(name: string, { machine }: ScenarioFile): string | undefined {
  const process = machine.processes.find((p) => p.name === name);
  if (!process) return undefined;
  const facts = [
    `process ${process.pid}`,
    process.mm ? 'has an address space' : 'a kernel thread, without an address space',
    process.ptrace ? 'the caller may trace it' : 'the caller may not trace it',
  ];
  return `**${name}** · ${facts.join(' · ')}`;
}

/** `ioas` and `iommufd`, where the generation has them. */
export function fdMarkdown(name: string, file: ScenarioFile): string | undefined {
  const members = FD_NAMES.includes(name) ? fdMembers(name, file) : [];
  if (members.length === 0) return undefined;
  const what = name === 'ioas' ? 'the IOAS that the machine begins with' : 'the iommufd of the process';
  return paragraphs(`**${name}** · ${what}`, list(members.map((m) => `${code(`${name}.${m.name}`)}: ${m.doc}`)));
}

/** `dev0.id`, `ioas.id`, `iommufd.fd`. */
export function machineMemberMarkdown(object: string, name: string, file: ScenarioFile): string | undefined {
  const device = file.machine.devices.find((d) => d.name === object);
  const member = (device ? deviceMembers(file) : fdMembers(object, file)).find((m) => m.name === name);
  if (!member) return undefined;
  if (device && name === 'sid')
    return `**${object}.sid** = ${code(hex(device.sid))} · source id of ${code(device.bdf)}`;
  return `**${object}.${name}** · ${member.doc}; known only when a scenario runs`;
}
