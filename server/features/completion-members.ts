import { locate, type Struct } from '../../engine/index.ts';
import { ID_REGISTERS } from '../../engine/models/smmuv3/id-fields.ts';
import { SYSFS, SYSFS_MODELS } from '../../engine/models/sysfs.ts';
import { stepsOf } from '../language/scenario-names.ts';
import { submittedAs } from './completion-ids.ts';
import { innerOf, type Offers } from './completion-offers.ts';
import { deviceMembers, fdMembers, inElement, resultMembers } from './members.ts';

/** What can stand behind `NAME.`; an index `NAME[1]` counts as the name. */
export function offerMembers(offers: Offers, [first, ...path]: readonly string[]): void {
  const { scenarioFile: file } = offers.resolved;
  if (first === undefined || !file) return;
  const object = first.replace(/\[\d+\]$/, '');
  for (const node of submittedAs(offers, object)) offerFields(offers, offers.layoutOf({ node, file: file.file }), path);
  const payload = file.payloads.get(object);
  if (payload) offerFields(offers, offers.layoutOf(payload), inElement(payload.node, path, String));
  if (0 < path.length) return;
  const rank = 0;
  if (file.tables.has(object)) offers.add('root', 'field', { rank, doc: 'keyword expression root' });
  const isDevice = file.machine.devices.some((d) => d.name === object);
  for (const { name, doc } of isDevice ? deviceMembers(file) : fdMembers(object, file))
    offers.add(name, 'field', { rank, detail: doc });
  if (object === 'iommu0') offerRegisters(offers);
  const step = offers.scenario && [...stepsOf(offers.scenario.steps)].find((s) => 'as' in s && s.as?.text === object);
  for (const { name, doc } of step ? resultMembers(step, offers.generation) : [])
    offers.add(name, 'field', { rank, detail: doc });
}

/** The fields of a struct below a path, by their last name. */
export function offerFields(offers: Offers, struct: Struct | undefined, path: readonly string[]): void {
  for (const field of innerOf(struct, path)?.fields ?? [])
    for (const name of [field.name, ...(field.aliases ?? [])])
      offers.add(name, 'field', {
        rank: name === field.name ? 0 : 1,
        detail: name === field.name ? field.type : `= ${field.name}`,
        doc: fieldKey(offers, struct!, [...path, field.name], field.doc),
      });
}

/** The key of a field's documentation: a field that the released struct does not have brings its sentence along. */
export function fieldKey({ generation }: Offers, struct: Struct, path: readonly string[], doc: string): string {
  const released = generation.structs.get(struct.name);
  const found = released && locate(released, path);
  return found && !('missing' in found) ? `field ${generation.id} ${struct.name} ${path.join('.')}` : `text ${doc}`;
}

/** Behind `iommu0.`: registers and their fields, as the machine's model has them, and the files of 2018's sysfs. */
function offerRegisters(offers: Offers): void {
  const { id: model, hardware } = offers.model;
  if (hardware) offers.registers(false);
  else
    for (const register of model === 'smmuv3' ? ID_REGISTERS : [])
      offers.add(register, 'field', { rank: 0, detail: 'register' });
  offers.capabilities(() => true);
  offerSysfs(
    offers,
    () => true,
    (name) => name,
    model,
  );
}

/** The sysfs description of 2018, where the generation passes page tables that it describes. */
export function offerSysfs(
  offers: Offers,
  isFree: (name: string) => boolean,
  insert: (name: string) => string,
  model: string,
): void {
  if (!offers.generation.calls.has('bind_pasid_table') || SYSFS_MODELS[model] === undefined) return;
  const properties = SYSFS.filter((p) => p[model as 'vtd' | 'smmuv3']).map((p) => p.name);
  for (const name of ['model', ...properties].filter(isFree))
    offers.add(name, 'setting', { rank: 2, detail: 'sysfs of 2018', insert: insert(name), doc: `sysfs ${name}` });
}
