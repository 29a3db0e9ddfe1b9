import { hexGrouped, SUPPORTED_INVALIDATIONS, sizeText } from '../../../engine/index.ts';
import {
  CACHE_TYPE,
  GRANULARITY,
  rangeOf,
  refusedPair,
  requestIn,
  requestOf,
} from '../../language/rules/invalidation.ts';
import { unionsOf } from '../../language/rules/reading.ts';
import type { PayloadView } from '../../language/rules/rule.ts';
import { empty } from './arm-invalidation.ts';
import { addFlag, clearBits } from './bits.ts';
import { type Edit, setField } from './edits.ts';
import type { Fix, FixContext, Fixer } from './fix.ts';

/** The union members of an invalidation, and the granularity that chooses each. */
const MEMBERS = { PASID: 'granu.pasid_info', ADDR: 'granu.addr_info' } as const;
type Selective = keyof typeof MEMBERS;

const FLAGS: Readonly<Record<Selective, string>> = {
  PASID: 'IOMMU_INV_PASID_FLAGS_PASID',
  ADDR: 'IOMMU_INV_ADDR_FLAGS_PASID',
};

const isFilled = (view: PayloadView, by: Selective): boolean =>
  [...view.fields.keys()].some((path) => path.startsWith(`${MEMBERS[by]}.`));

/** The granularity whose member is filled in, with the flag that makes its PASID count. */
function chooseGranularity(view: PayloadView, by: Selective, context: FixContext): Fix {
  const name = GRANULARITY + by;
  const flag = pasidFlag(view, by, context);
  return {
    title: `Write granularity = ${name}${flag.length > 0 ? ` and ${FLAGS[by]}` : ''}`,
    edits: [setField(view, 'granularity', name, context), ...flag],
  };
}

function pasidFlag(view: PayloadView, by: Selective, context: FixContext): Edit[] {
  const flags = view.fields.get(`${MEMBERS[by]}.flags`);
  const isKnown = flags === undefined || flags.value !== undefined;
  if (!isKnown || ((flags?.value ?? 0n) & context.rules.constant(FLAGS[by])) !== 0n) return [];
  return [addFlag(view, `${MEMBERS[by]}.flags`, FLAGS[by], context)];
}

/** Granularities whose member is filled in. */
const filled = (view: PayloadView): Selective[] => (['ADDR', 'PASID'] as const).filter((by) => isFilled(view, by));

/** Chooses the member that is filled in. */
export const member: Fixer = function* (diagnostic, context) {
  const view = context.viewAt(diagnostic);
  if (!view) return;
  if (view.struct.name === 'iommu_cache_invalidate_info') {
    const given = filled(view);
    for (const by of given)
      if (requestOf(view, context.rules)?.by !== by)
        yield { ...chooseGranularity(view, by, context), isPreferred: given.length === 1 };
    return;
  }
  // Other unions: the constant that chooses the member around the finding.
  for (const { located, path, member: chosen, selector } of unionsOf(view, context.rules))
    for (const [name, other] of Object.entries(located.field.selector?.members ?? {}))
      if (other !== chosen && [...view.fields.keys()].some((key) => key.startsWith(`${path}.${other}.`)))
        yield { title: `Write ${selector.path} = ${name}`, edits: [setField(view, selector.path, name, context)] };
};

/** Another granularity, or without the cache that cannot be flushed by this one. */
export const pair: Fixer = function* (diagnostic, context) {
  const view = context.viewAt(diagnostic);
  const request = view && requestOf(view, context.rules);
  if (!view || !request?.types || request.by === undefined) return;
  const { types } = request;
  const works = (by: Selective): boolean =>
    types.every((type) => SUPPORTED_INVALIDATIONS[type].includes(by)) && !refusedPair({ ...request, by });
  const able = filled(view).filter(works);
  for (const by of able) yield { ...chooseGranularity(view, by, context), isPreferred: able.length === 1 };
  const current = request.by;
  const unable = types.filter((type) => !SUPPORTED_INVALIDATIONS[type].includes(current));
  const cache = view.fields.get('cache');
  if (!cache || unable.length === 0 || unable.length === types.length) return;
  const bits = unable.reduce((sum, type) => sum | context.rules.constant(CACHE_TYPE + type), 0n);
  yield {
    title: `Leave ${unable.map((type) => CACHE_TYPE + type).join(' and ')} out`,
    edits: [clearBits(view, cache, bits, context)],
    isPreferred: able.length === 0,
  };
};

/** An invalidation that names no cache means the IOTLB. */
export const cache: Fixer = function* (diagnostic, context) {
  yield* empty(diagnostic, context);
  const view = context.viewAt(diagnostic);
  const by = view && requestOf(view, context.rules)?.by;
  if (!view || !by || !SUPPORTED_INVALIDATIONS.IOTLB.includes(by)) return;
  const name = `${CACHE_TYPE}IOTLB`;
  yield { title: `Write cache = ${name}`, edits: [setField(view, 'cache', name, context)], isPreferred: true };
};

/** Without its flag a PASID is not read. */
export const pasid: Fixer = function* (diagnostic, context) {
  const view = context.viewAt(diagnostic);
  const by = view && requestOf(view, context.rules)?.by;
  if (!view || (by !== 'PASID' && by !== 'ADDR')) return;
  const edits = pasidFlag(view, by, context);
  if (edits.length > 0) yield { title: `Add ${FLAGS[by]}`, edits, isPreferred: true };
};

const PAGE = 0x1000n;

/** Widens a range to the power-of-two block of pages, aligned to its size, that holds all of it. */
export const range: Fixer = function* (diagnostic, context) {
  const view = context.viewAt(diagnostic);
  const request = view && requestIn(view, context.rules);
  const asked = view && request && rangeOf(view, request);
  if (!asked || asked.meant !== asked.bytes) return;
  const { addr, granule, count, bytes } = asked;
  const start = addr.value;
  const length = bytes === 0n ? PAGE : bytes;
  let block = PAGE;
  const from = (): bigint => (start ?? 0n) - ((start ?? 0n) % block);
  while (from() + block < (start ?? 0n) + length) block <<= 1n;
  const unit =
    granule.value === undefined || granule.value === 0n || block % granule.value !== 0n ? PAGE : granule.value;
  const edits: Edit[] = [];
  if (start !== undefined && from() !== start) edits.push(setField(view, addr.path, hexGrouped(from()), context));
  if (granule.value !== unit) edits.push(setField(view, granule.path, sizeText(unit), context));
  if (count.value !== block / unit) edits.push(setField(view, count.path, `${block / unit}`, context));
  if (edits.length === 0) return;
  const place = start === undefined ? '' : ` from ${hexGrouped(from())} on`;
  yield { title: `Flush ${sizeText(block)}${place}`, edits, isPreferred: true };
};
