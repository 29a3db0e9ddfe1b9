import { armRequest } from '../../language/rules/arm-invalidation.ts';
import { clearBits } from './bits.ts';
import { setField } from './edits.ts';
import type { Fixer } from './fix.ts';

const IOTLB = 'IOMMU_CACHE_INV_TYPE_IOTLB';

/** Without the caches that an SMMU driver cannot flush; where none is left, the IOTLB. */
export const unsupported: Fixer = function* (diagnostic, context) {
  const view = context.viewAt(diagnostic);
  const request = view && armRequest(view, context.rules);
  const { from } = request?.cache ?? {};
  if (!view || !request || !from) return;
  const { iotlb, others, cache } = request;
  const bits = others.reduce((sum, name) => sum | context.rules.constant(name), 0n);
  yield iotlb
    ? { title: `Leave ${others.join(' and ')} out`, edits: [clearBits(view, from, bits, context)], isPreferred: true }
    : { title: `Write cache = ${IOTLB}`, edits: [setField(view, cache.path, IOTLB, context)], isPreferred: true };
};

/** A request that names no cache means the IOTLB. */
export const empty: Fixer = function* (diagnostic, context) {
  const view = context.viewAt(diagnostic);
  const request = view && armRequest(view, context.rules);
  if (!view || !request) return;
  const edits = [setField(view, request.cache.path, IOTLB, context)];
  yield { title: `Write ${request.cache.path} = ${IOTLB}`, edits, isPreferred: true };
};
