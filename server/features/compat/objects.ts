/**
 * The iommufd objects that a probe makes so that a payload may name them, in the language itself. Each kind has a recipe
 * per form of the generations; the first that a generation and a model have everything for is taken.
 */
import type { Generation } from '../../../engine/index.ts';

export type ObjectKind =
  | 'device'
  | 'IOAS'
  | 'other IOAS'
  | 'page table'
  | 'nesting parent'
  | 'page table with dirty tracking'
  | 'page table that is tracked'
  | 'nested page table'
  | 'virtual IOMMU'
  | 'virtual device'
  | 'fault queue'
  | 'event queue'
  | 'iommufd';

interface Recipe {
  readonly kind: ObjectKind;
  /** Structs, ioctls and constants that the text below names. */
  readonly needs?: readonly string[];
  /** Those that only generations with another recipe have. */
  readonly lacks?: readonly string[];
  /** Models that have such an object; undefined for all. */
  readonly models?: readonly string[];
  /** Objects to be made before. */
  readonly after?: readonly ObjectKind[];
  readonly declarations?: string;
  readonly steps?: string;
  /** The id, as an expression. */
  readonly id: string;
}

const table = (name: string, fields: string): string =>
  `struct iommu_hwpt_alloc ${name} { size = sizeof, dev_id = dev0.id, ${fields} }`;
const ON_IOAS = 'pt_id = ioas.id';
const nested = (pt: string, type: string): string =>
  `${table('nested', `pt_id = ${pt}, ${type}, data_len = sizeof(first_stage), data_uptr = &first_stage`)}`;
const ON_PARENT = 'parent.out_hwpt_id';
const ON_VIOMMU = 'viommu.out_viommu_id';
const NESTED = { kind: 'nested page table', id: 'nested.out_hwpt_id', steps: 'submit nested' } as const;
const VIOMMU = { kind: 'virtual IOMMU', after: ['nesting parent'], steps: 'submit viommu', id: ON_VIOMMU } as const;
const viommu = (type: string): string =>
  `struct iommu_viommu_alloc viommu { size = sizeof, type = ${type}, dev_id = dev0.id, hwpt_id = parent.out_hwpt_id }`;

const RECIPES: readonly Recipe[] = [
  { kind: 'device', id: 'dev0.id' },
  { kind: 'IOAS', id: 'ioas.id' },
  { kind: 'iommufd', id: 'iommufd.fd' },
  {
    kind: 'other IOAS',
    needs: ['IOMMU_IOAS_ALLOC'],
    declarations: 'struct iommu_ioas_alloc other { size = sizeof }',
    steps: 'submit other',
    id: 'other.out_ioas_id',
  },
  {
    kind: 'page table',
    needs: ['IOMMU_HWPT_ALLOC'],
    declarations: table('plain', ON_IOAS),
    steps: 'submit plain',
    id: 'plain.out_hwpt_id',
  },
  {
    // Before vIOMMUs SMMUv3 marks no parents.
    kind: 'nesting parent',
    needs: ['IOMMU_HWPT_ALLOC', 'IOMMU_HWPT_ALLOC_NEST_PARENT'],
    lacks: ['IOMMU_VIOMMU_TYPE_ARM_SMMUV3'],
    models: ['smmuv3'],
    declarations: table('parent', ON_IOAS),
    steps: 'submit parent',
    id: ON_PARENT,
  },
  {
    kind: 'nesting parent',
    needs: ['IOMMU_HWPT_ALLOC', 'IOMMU_HWPT_ALLOC_NEST_PARENT'],
    declarations: table('parent', `flags = IOMMU_HWPT_ALLOC_NEST_PARENT, ${ON_IOAS}`),
    steps: 'submit parent',
    id: ON_PARENT,
  },
  {
    kind: 'nesting parent',
    needs: ['IOMMU_HWPT_ALLOC'],
    declarations: table('parent', ON_IOAS),
    steps: 'submit parent',
    id: ON_PARENT,
  },
  {
    kind: 'page table with dirty tracking',
    needs: ['IOMMU_HWPT_ALLOC_DIRTY_TRACKING'],
    declarations: table('tracked', `flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING, ${ON_IOAS}`),
    steps: 'submit tracked',
    id: 'tracked.out_hwpt_id',
  },
  {
    kind: 'page table that is tracked',
    needs: ['IOMMU_HWPT_SET_DIRTY_TRACKING'],
    after: ['page table with dirty tracking'],
    declarations:
      'struct iommu_hwpt_set_dirty_tracking start { size = sizeof, flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE, hwpt_id = tracked.out_hwpt_id }',
    steps: 'submit start',
    id: 'tracked.out_hwpt_id',
  },
  {
    ...NESTED,
    needs: ['IOMMU_HWPT_DATA_VTD_S1'],
    models: ['vtd'],
    after: ['nesting parent'],
    declarations: `struct iommu_hwpt_vtd_s1 first_stage { pgtbl_addr = 0x1000_0000, addr_width = 48 }
${nested(ON_PARENT, 'data_type = IOMMU_HWPT_DATA_VTD_S1')}`,
  },
  {
    ...NESTED,
    needs: ['IOMMU_HWPT_TYPE_VTD_S1'],
    models: ['vtd'],
    after: ['nesting parent'],
    declarations: `struct iommu_hwpt_vtd_s1 first_stage { pgtbl_addr = 0x1000_0000, addr_width = 48 }
${nested(ON_PARENT, 'hwpt_type = IOMMU_HWPT_TYPE_VTD_S1')}`,
  },
  {
    ...NESTED,
    needs: ['IOMMU_HWPT_DATA_SELFTEST'],
    models: ['selftest'],
    after: ['nesting parent'],
    declarations: `struct iommu_hwpt_selftest first_stage { iotlb = IOMMU_TEST_IOTLB_DEFAULT }
${nested(ON_PARENT, 'data_type = IOMMU_HWPT_DATA_SELFTEST')}`,
  },
  {
    ...NESTED,
    needs: ['IOMMU_HWPT_TYPE_SELFTTEST'],
    models: ['selftest'],
    after: ['nesting parent'],
    declarations: `struct iommu_hwpt_selftest first_stage { flags = IOMMU_TEST_FLAG_NESTED }
${nested(ON_PARENT, 'hwpt_type = IOMMU_HWPT_TYPE_SELFTTEST')}`,
  },
  {
    ...NESTED,
    needs: ['IOMMU_HWPT_DATA_ARM_SMMUV3', 'IOMMU_VIOMMU_TYPE_ARM_SMMUV3'],
    models: ['smmuv3'],
    after: ['virtual device'],
    declarations: `struct iommu_hwpt_arm_smmuv3 first_stage { ste = [0x1000_004b, 2] }
${nested(ON_VIOMMU, 'data_type = IOMMU_HWPT_DATA_ARM_SMMUV3')}`,
  },
  {
    ...NESTED,
    needs: ['IOMMU_HWPT_TYPE_ARM_SMMUV3'],
    models: ['smmuv3'],
    after: ['nesting parent'],
    declarations: `raw ste bytes "4b 00 00 10 00 00 00 00 02${' 00'.repeat(55)}"
struct iommu_hwpt_arm_smmuv3 first_stage { ste_len = sizeof(ste), ste_uptr = &ste }
${nested(ON_PARENT, 'hwpt_type = IOMMU_HWPT_TYPE_ARM_SMMUV3')}`,
  },
  {
    ...VIOMMU,
    needs: ['IOMMU_VIOMMU_TYPE_ARM_SMMUV3'],
    models: ['smmuv3'],
    declarations: viommu('IOMMU_VIOMMU_TYPE_ARM_SMMUV3'),
  },
  {
    ...VIOMMU,
    needs: ['IOMMU_VIOMMU_TYPE_SELFTEST'],
    models: ['selftest'],
    declarations: viommu('IOMMU_VIOMMU_TYPE_SELFTEST'),
  },
  {
    kind: 'virtual device',
    needs: ['IOMMU_VDEVICE_ALLOC'],
    models: ['smmuv3', 'selftest'],
    after: ['virtual IOMMU'],
    declarations:
      'struct iommu_vdevice_alloc vdevice { size = sizeof, viommu_id = viommu.out_viommu_id, dev_id = dev0.id, virt_id = VIRT_ID }',
    steps: 'submit vdevice',
    id: 'vdevice.out_vdevice_id',
  },
  {
    kind: 'fault queue',
    needs: ['IOMMU_FAULT_QUEUE_ALLOC'],
    declarations: 'struct iommu_fault_alloc queue { size = sizeof }',
    steps: 'submit queue',
    id: 'queue.out_fault_id',
  },
  {
    kind: 'event queue',
    needs: ['IOMMU_VEVENTQ_TYPE_SELFTEST'],
    models: ['selftest'],
    after: ['virtual IOMMU'],
    declarations:
      'struct iommu_veventq_alloc events { size = sizeof, viommu_id = viommu.out_viommu_id, type = IOMMU_VEVENTQ_TYPE_SELFTEST, veventq_depth = 8 }',
    steps: 'submit events',
    id: 'events.out_veventq_id',
  },
  {
    kind: 'event queue',
    needs: ['IOMMU_VEVENTQ_TYPE_ARM_SMMUV3'],
    models: ['smmuv3'],
    after: ['virtual IOMMU'],
    declarations:
      'struct iommu_veventq_alloc events { size = sizeof, viommu_id = viommu.out_viommu_id, type = IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, veventq_depth = 8 }',
    steps: 'submit events',
    id: 'events.out_veventq_id',
  },
];

/** What stands for an object where a model or a generation has none, so that the call itself answers. */
const INSTEAD: Partial<Record<ObjectKind, ObjectKind>> = { 'virtual IOMMU': 'nesting parent' };

/** Collects the objects that one probe needs, each once and in the order in which they can be made. */
export class Objects {
  readonly declarations: string[] = [];
  readonly steps: string[] = [];
  readonly #made = new Map<ObjectKind, string>();
  readonly #generation: Generation;
  readonly #model: string;

  constructor(generation: Generation, model: string) {
    this.#generation = generation;
    this.#model = model;
  }

  /** @returns the id as an expression, and the kind that was made; undefined where there is nothing of the sort */
  make(kind: ObjectKind): { readonly id: string; readonly kind: ObjectKind } | undefined {
    const known = this.#made.get(kind);
    if (known !== undefined) return { id: known, kind };
    const recipe = recipeFor(kind, this.#generation, this.#model);
    if (!recipe) return INSTEAD[kind] && this.make(INSTEAD[kind]);
    for (const before of recipe.after ?? []) this.make(before);
    if (recipe.declarations) this.declarations.push(recipe.declarations);
    if (recipe.steps) this.steps.push(recipe.steps);
    this.#made.set(kind, recipe.id);
    return { id: recipe.id, kind };
  }
}

/** Whether a model of a generation has objects of a kind. */
export const hasObject = (kind: ObjectKind, generation: Generation, model: string): boolean =>
  recipeFor(kind, generation, model) !== undefined;

function recipeFor(kind: ObjectKind, generation: Generation, model: string): Recipe | undefined {
  const { structs, constants, ioctls } = generation;
  const has = (name: string): boolean => [structs, constants, ioctls].some((known) => known.has(name));
  return RECIPES.find(
    (recipe) =>
      recipe.kind === kind &&
      (recipe.needs ?? []).every(has) &&
      !(recipe.lacks ?? []).some(has) &&
      (recipe.models?.includes(model) ?? true) &&
      (recipe.after ?? []).every((before) => recipeFor(before, generation, model) !== undefined),
  );
}
