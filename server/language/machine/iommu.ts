import { type MachineConfig, MODELS, modelById, modelsOf, nearest } from '../../../engine/index.ts';
import type { MachineItem } from '../syntax.ts';
import type { Report } from './report.ts';

/** The model an `iommu` item names, if this generation can have it. */
export function modelOf(item: MachineItem, generation: string, report: Report): MachineConfig['model'] | undefined {
  const model = item.name?.text ?? '';
  if (!modelById(model)) {
    const ids = MODELS.map((m) => m.id);
    const near = nearest(model, ids);
    report(
      item.name ?? item.word,
      'unknown-name',
      `${model || 'an iommu without a model'} is not a model${near ? `; did you mean ${near}?` : `; write iommu ${ids.join(' or ')}`}`,
      item.name ? near : undefined,
    );
    return undefined;
  }
  const models = modelsOf(generation);
  if (0 < models.length && !models.includes(model)) {
    report(item.name!, 'machine-impossible', `${generation} does not run on ${model}; it runs on ${models.join(', ')}`);
    return undefined;
  }
  return model as MachineConfig['model'];
}
