import { reading } from './reading.ts';
import type { Finding, PayloadView, RuleContext, Use } from './rule.ts';
import { submitsOf } from './submits.ts';

const BIND = 'VFIO_IOMMU_NESTING_OP_BIND_PGTBL';
const UNBIND = 'VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL';
const FLUSH = 'VFIO_IOMMU_NESTING_OP_CACHE_INVLD';

/** The struct that each nesting operation reads behind the header. */
export const STRUCT_OF: Readonly<Record<string, string>> = {
  [BIND]: 'iommu_gpasid_bind_data',
  [UNBIND]: 'iommu_gpasid_bind_data',
  [FLUSH]: 'iommu_cache_invalidate_info',
};

/** An operation and the struct that it reads. */
export interface Operation {
  readonly name: string;
  readonly struct: string;
}

/** The operation of a nesting_op; undefined when it is refused, or known only to a run. */
export function operationOf(view: PayloadView, context: RuleContext): Operation | undefined {
  const flags = reading(view, 'flags')?.value;
  if (isBindOfV1(view, context)) {
    const name = flags === undefined ? undefined : { 1: BIND, 2: UNBIND }[Number(flags & 3n)];
    return name === undefined ? undefined : { name, struct: STRUCT_OF[name]! };
  }
  if (view.struct.name !== 'vfio_iommu_type1_nesting_op') return undefined;
  const name = Object.keys(STRUCT_OF).find((operation) => context.constant(operation) === flags);
  return name === undefined ? undefined : { name, struct: STRUCT_OF[name]! };
}

/** VFIO_IOMMU_BIND of March 2020, which is bind and unbind of the later NESTING_OP: its low two flag bits say which. */
const isBindOfV1 = (view: PayloadView, { file }: RuleContext): boolean =>
  view.struct.name === 'vfio_iommu_type1_bind' && file.generation.constants.has('VFIO_IOMMU_BIND_GUEST_PGTBL');

/**
 * A finding about a field of a payload, once for each submit that makes the kernel look at that field, so that each is
 * asked what it expects: unbind leaves `vendor` alone, and an operation of another struct reads other fields. A payload
 * that nothing carries yet is taken for one that will be read.
 */
export function* whereRead(view: PayloadView, path: string, context: RuleContext, finding: Finding): Iterable<Finding> {
  for (const use of submitsReading(view, path, context)) yield use ? { ...finding, use } : finding;
}

function submitsReading(view: PayloadView, path: string, context: RuleContext): readonly (Use | undefined)[] {
  // Of another call than NESTING_OP every submit reads what it carries.
  const isV1 = view.carriers.some((carrier) => isBindOfV1(carrier, context));
  if (!isV1 && view.carriers.every((carrier) => carrier.struct.name !== 'vfio_iommu_type1_nesting_op')) {
    const uses = submitsOf(view, context);
    return uses.length > 0 ? uses : [undefined];
  }
  return view.carriers
    .filter((carrier) => {
      const operation = operationOf(carrier, context);
      return (
        operation?.struct === view.struct.name &&
        !(operation.name === UNBIND && (isV1 ? path !== 'version' : isForBindOnly(path)))
      );
    })
    .flatMap((carrier): readonly (Use | undefined)[] => (carrier.uses.length > 0 ? carrier.uses : [undefined]));
}

const isForBindOnly = (path: string): boolean => path === 'vendor' || path.startsWith('vendor.');
