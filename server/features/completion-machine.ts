import { MODELS, modelById, modelsOf } from '../../engine/index.ts';
import { sysfsProperty } from '../../engine/models/sysfs.ts';
import { machineItems } from '../language/machine/items.ts';
import { registerKeys } from '../language/machine/registers.ts';
import { T } from '../language/scanner.ts';
import { offerSysfs } from './completion-members.ts';
import type { Offers } from './completion-offers.ts';
import type { Block } from './completion-place.ts';
import type { Reader } from './completion-reader.ts';

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: snippet placeholders
const ITEMS: Readonly<Record<string, string>> = {
  container: 'container { type = ${1:VFIO_TYPE1_NESTING_IOMMU} }',
  device: 'device ${1:dev0} { $0 }',
  ram: 'ram ${1:0} size ${2:2G} -> ${3:0x1_0000_0000}',
  iommufd: 'iommufd { empty = 1 }',
  process: 'process ${1:worker} { $0 }',
};
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: snippet placeholders

/** An item of `machine { }` that the generation can have. */
export function offerMachineItem(r: Reader): void {
  const { offers } = r;
  if (r.end) {
    for (const item of machineItems(offers.generation)) {
      const snippet = item === 'iommu' ? `iommu ${offers.model.id} { $0 }` : ITEMS[item];
      offers.keywords([item], 'machine', item === 'haw' ? { insert: 'haw = ' } : snippet ? { snippet } : {});
    }
    return;
  }
  const { word } = r;
  r.next();
  if (word === 'iommu' && r.end) {
    const runs = modelsOf(offers.generation.id);
    for (const { id, title } of MODELS.filter((m) => runs.length === 0 || runs.includes(m.id)))
      offers.add(id, 'value', { rank: 0, detail: title, doc: `keyword machine ${id}` });
  } else if (word === 'ram') offerRam(r);
  else if (r.take(T.Assign)) r.expression();
}

/** `GPA size N -> HPA [page S]`. */
function offerRam(r: Reader): void {
  const { offers } = r;
  if (r.expression()) return;
  if (r.end) {
    offers.keywords(['size'], 'mapping', { rank: 0 });
    return;
  }
  if (!r.takeWord('size') || r.expression() || !r.take(T.Arrow) || r.expression()) return;
  if (r.end) {
    offers.keywords(['page'], 'mapping', { rank: 0 });
    return;
  }
  if (r.takeWord('page') && r.end) for (const size of ['4K', '2M', '1G']) offers.add(size, 'value', { rank: 0 });
}

const SETTINGS: Readonly<Record<string, readonly string[]>> = {
  container: ['type'],
  device: ['bdf', 'sid', 'pasid', 'ats', 'pri', 'group'],
  iommufd: ['empty'],
  process: ['pid', 'mm', 'ptrace'],
};
/** Keys of an `iommu` that are no fields of its registers. */
const WHOLE: Readonly<Record<string, readonly string[]>> = { vtd: ['cap', 'ecap', 'haw'] };
const SWITCHES: ReadonlySet<string> = new Set(['ats', 'pri', 'psc', 'empty', 'mm', 'ptrace']);

export function offerSetting(r: Reader, { item, name }: Block & { kind: 'settings' }): void {
  const { offers } = r;
  r.take(T.Dot);
  if (r.end) {
    offerKeys(offers, item, name);
    return;
  }
  const key = r.word;
  r.next();
  if (!r.take(T.Assign)) return;
  const words = item === 'iommu' ? sysfsProperty(key)?.words : undefined;
  if (SWITCHES.has(key)) {
    if (r.end) for (const value of ['0', '1']) offers.add(value, 'value', { rank: 1 });
  } else if (key === 'group') {
    if (r.end)
      for (const { group } of offers.resolved.scenarioFile?.machine.devices ?? [])
        offers.add(group, 'value', { rank: 1, detail: 'group' });
  } else if (words) {
    // `access+dirty` is one word of the file: behind its `+` the rest of it is due.
    const behind = offers.place.text.slice(0, offers.place.replace.start).match(/(\w+\s*\+\s*)+$/)?.[0] ?? '';
    const begun = behind.replace(/\s/g, '');
    for (const word of Object.keys(words))
      if (word.startsWith(begun))
        offers.add(word.slice(begun.length), 'value', { rank: 1, detail: `= ${words[word]}` });
  } else if (key === 'type') {
    const types = [...offers.generation.constants.values()].filter((c) => c.group === 'VFIO_IOMMU_TYPE');
    const constants = types.map((c) => c.name).filter((name) => name.startsWith('VFIO_TYPE1'));
    r.expression({}, () => offers.expression({ constants: constants.reverse() }));
  } else r.expression();
}

function offerKeys(offers: Offers, item: string, name: string): void {
  const given = settingsAround(offers);
  const insert = (key: string): string => (offers.place.isFollowed ? key : `${key} = `);
  const keys = item === 'iommu' ? (WHOLE[name] ?? []) : (SETTINGS[item] ?? []);
  for (const key of keys) if (!given.has(key)) offers.keywords([key], 'machine', { insert: insert(key), rank: 1 });
  const model = item === 'iommu' ? modelById(name) : undefined;
  if (!model) return;
  const isFree = (key: string): boolean => !given.has(key);
  if (model.id === 'smmuv3')
    for (const register of Object.keys(model.capabilities).filter(isFree))
      offers.add(register, 'setting', { rank: 1, detail: 'whole register', insert: insert(register) });
  if (model.hardware && isFree('psc')) offers.keywords(['psc'], 'machine', { insert: insert('psc'), rank: 2 });
  if (offers.generation.id === 'bare')
    for (const { name, doc } of model.hardware?.registers ?? [])
      if (registerKeys(model.id).includes(name) && isFree(name))
        offers.add(name, 'setting', {
          rank: 1,
          detail: doc,
          insert: insert(name),
          doc: `register ${model.id} ${name}`,
        });
  offerSysfs(offers, isFree, insert, model.id);
  offers.capabilities(isFree, insert, model);
}

/** Keys that the item around the cursor sets already. */
function settingsAround({ resolved, place }: Offers): ReadonlySet<string> {
  const given = new Set<string>();
  for (const declaration of resolved.sources[0]!.program.declarations) {
    if (declaration.kind !== 'machine') continue;
    const item = declaration.items.find(({ start, end }) => start <= place.offset && place.offset <= end);
    for (const { key } of item?.settings ?? [])
      if (place.offset < key.start || key.end < place.offset) given.add(key.text);
  }
  return given;
}
