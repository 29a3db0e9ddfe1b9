import { nearest } from '../../../engine/index.ts';
import { SYSFS, SYSFS_MODELS, type SysfsProperty, sysfsProperty } from '../../../engine/models/sysfs.ts';
import type { Expr, MachineItem, Setting } from '../syntax.ts';
import type { Report, ToNumber } from './report.ts';

export interface SysfsValue {
  readonly property: SysfsProperty;
  readonly value: number;
  /** Undefined where the file is not there and its documented default counts. */
  readonly setting?: Setting;
}

/**
 * The settings of an `iommu` item that are files of the sysfs description of 2018. With `model = N` the item is such a
 * description as a whole, so that every file it does not have means its documented default; without, each setting stands
 * for itself.
 */
export function readSysfs(
  item: MachineItem,
  model: 'vtd' | 'smmuv3',
  number: ToNumber,
  report: Report,
): { readonly values: readonly SysfsValue[]; readonly taken: ReadonlySet<Setting> } {
  const known = SYSFS.filter((property) => property[model]);
  const taken = new Set<Setting>();
  const given = new Map<string, SysfsValue>();
  let whole = false;
  for (const setting of item.settings) {
    const name = setting.key.text;
    if (name === 'model') {
      taken.add(setting);
      whole = true;
      checkModel(setting, model, number, report);
      continue;
    }
    const property = sysfsProperty(name);
    if (!property || !known.includes(property)) continue;
    taken.add(setting);
    const value = propertyValue(property, setting.value, number, report);
    if (value !== undefined) given.set(name, { property, value, setting });
  }
  const values = known.flatMap((property): readonly SysfsValue[] => {
    const here = given.get(property.name);
    if (here) return [here];
    return whole && property.absent !== undefined ? [{ property, value: property.absent }] : [];
  });
  return { values, taken };
}

function checkModel(setting: Setting, model: string, number: ToNumber, report: Report): void {
  const value = number(setting.value);
  if (value === undefined || value === BigInt(SYSFS_MODELS[model]!)) return;
  const other = Object.entries(SYSFS_MODELS).find(([, n]) => BigInt(n) === value)?.[0];
  report(
    setting.value,
    'machine-impossible',
    `model is ${value}, which is ${other ? `iommu ${other}` : 'no model'}, where iommu ${model} is ${SYSFS_MODELS[model]}`,
  );
}

/** A number, or the word that the file would hold: `btm = enabled`, `httu = access+dirty`. */
function propertyValue(property: SysfsProperty, expr: Expr, number: ToNumber, report: Report): number | undefined {
  const word = property.words && wordOf(expr);
  if (word !== undefined && property.words) {
    const value = property.words[word];
    if (value !== undefined) return value;
    const words = Object.keys(property.words);
    const near = nearest(word, words);
    report(expr, 'unknown-name', `${property.name} is ${words.join(', ')}, not ${word}`, near);
    return undefined;
  }
  const value = number(expr);
  if (value === undefined) return undefined;
  const allowed = allowedOf(property);
  if (!allowed || allowed.includes(Number(value))) return Number(value);
  report(expr, 'machine-impossible', `${property.name} is ${allowed.join(', ')}, not ${value}`);
  return undefined;
}

function allowedOf({ words, smmuv3, vtd }: SysfsProperty): readonly number[] | undefined {
  if (words) return Object.values(words).sort((a, b) => a - b);
  return smmuv3 && smmuv3.stored !== 'as it is' && !vtd ? [...smmuv3.stored.keys()] : undefined;
}

function wordOf(expr: Expr): string | undefined {
  if (expr.kind === 'name') return expr.name;
  if (expr.kind === 'string') return expr.value;
  if (expr.kind !== 'binary' || expr.op !== '+') return undefined;
  const [left, right] = [wordOf(expr.left), wordOf(expr.right)];
  return left === undefined || right === undefined ? undefined : `${left}+${right}`;
}
