import { hex } from '../../base/text.ts';
import { check, type Refusal, refuse } from '../check.ts';
import type { Context, Handler, Ucmd } from './context.ts';
import { type Invalidated, isRefusal } from './driver.ts';
import { OBJECT_CHECKS } from './object-table.ts';
import { HwptNested, HwptPaging, ViommuObject, withArticle } from './objects.ts';

const SRC = 'Linux 6.8 and 7.2';
const NEW = 'Linux 6.12.107 and 7.2';
const POSTED = 'iommufd nesting v3, July 2023';
const invalidate = 'iommufd_hwpt_invalidate';
const PAGE_SIZE = 4096;
const ENTRIES_MAX = 1 << 19;

export const INVALIDATE_CHECKS = Object.freeze({
  reserved: check('invalidate-reserved', 'EOPNOTSUPP', invalidate, '__reserved must be 0.', 'source', SRC),
  array: check(
    'invalidate-array',
    'EINVAL',
    invalidate,
    'Entries need an address (data_uptr) and a length (entry_len).',
    'source',
    SRC,
  ),
  limits: check(
    'invalidate-limits',
    'EINVAL',
    invalidate,
    'entry_len may be a page at most, entry_num 524288.',
    'source',
    NEW,
  ),
  kindUnknown: check(
    'invalidate-kind-unknown',
    'ENOENT',
    'iommufd_get_hwpt_nested',
    'hwpt_id is an object, but no nested HWPT.',
    'source',
    'Linux 6.8 and 6.12.107',
  ),
  kind: check(
    'invalidate-kind',
    'EINVAL',
    invalidate,
    'hwpt_id is neither a nested HWPT nor a vIOMMU.',
    'source',
    'Linux 7.2',
  ),
  noOp: check(
    'invalidate-no-op',
    'EOPNOTSUPP',
    invalidate,
    'The driver takes no invalidations by this object.',
    'source',
    SRC,
  ),
  postedEmpty: check(
    'invalidate-empty',
    'EOPNOTSUPP',
    invalidate,
    'data_len is 0, or __reserved is not.',
    'posted patch',
    POSTED,
  ),
  postedParent: check('invalidate-no-parent', 'EINVAL', invalidate, 'The HWPT has no parent.', 'posted patch', POSTED),
});
const CHECKS = INVALIDATE_CHECKS;

/** IOMMU_HWPT_INVALIDATE. As merged, entry_num is written back whatever happens: 0 when the driver was not reached. */
export const hwptInvalidate: Handler = (ctx, ucmd) => {
  if (ucmd.call.version.posted) return invalidatePosted(ctx, ucmd);
  const { done, refusal } = run(ctx, ucmd);
  ucmd.cmd.set('entry_num', done);
  return ucmd.respond() ?? refusal;
};

function run(ctx: Context, { cmd, call }: Ucmd): Invalidated {
  const none = (refusal: Refusal): Invalidated => ({ done: 0, refusal });
  if (cmd.any('__reserved')) return none(refuse(CHECKS.reserved, { path: '__reserved', found: 'not 0' }));
  const array = {
    type: cmd.u32('data_type'),
    uptr: cmd.get('data_uptr'),
    entryLen: cmd.u32('entry_len'),
    entryNum: cmd.u32('entry_num'),
  };
  if (array.entryNum !== 0 && (array.uptr === 0n || array.entryLen === 0))
    return none(refuse(CHECKS.array, { path: array.uptr === 0n ? 'data_uptr' : 'entry_len', found: '0' }));
  if (!call.quirk('entry_limits_unchecked') && (PAGE_SIZE < array.entryLen || ENTRIES_MAX < array.entryNum))
    return none(
      refuse(CHECKS.limits, {
        path: PAGE_SIZE < array.entryLen ? 'entry_len' : 'entry_num',
        found: PAGE_SIZE < array.entryLen ? `${array.entryLen}` : `${array.entryNum}`,
        wanted: `at most ${PAGE_SIZE < array.entryLen ? PAGE_SIZE : ENTRIES_MAX}`,
      }),
    );
  const obj = ctx.objects.get(cmd.u32('hwpt_id'), 'hwpt_id');
  if (isRefusal(obj)) return none(obj);
  if (!(obj instanceof HwptNested || obj instanceof ViommuObject)) {
    const seen = { path: 'hwpt_id', found: `${obj.id}, which is ${withArticle(obj.type)}`, wanted: 'a nested HWPT' };
    return none(refuse(call.quirk('wrong_kind_is_enoent') ? CHECKS.kindUnknown : CHECKS.kind, seen));
  }
  const target = obj instanceof HwptNested ? obj.domain : obj.driver;
  if (!target?.invalidate) return none(refuse(CHECKS.noOp, { path: 'hwpt_id', found: `${obj.type} ${obj.id}` }));
  return target.invalidate(array, call);
}

/** The posting of 2023: one payload, whose struct follows from the page table; nothing is written back here. */
function invalidatePosted(ctx: Context, { cmd, call }: Ucmd): Refusal | undefined {
  const len = cmd.u32('data_len');
  if (len === 0 || cmd.any('__reserved')) return refuse(CHECKS.postedEmpty, { path: 'data_len', found: hex(len) });
  const obj = ctx.objects.get(cmd.u32('hwpt_id'), 'hwpt_id', ['paging HWPT', 'nested HWPT']);
  if (isRefusal(obj)) return obj;
  if (obj instanceof HwptPaging) return refuse(CHECKS.postedParent, { path: 'hwpt_id', found: `HWPT ${obj.id}` });
  if (!(obj instanceof HwptNested)) return refuse(OBJECT_CHECKS.unknown, { path: 'hwpt_id' });
  if (!obj.domain.invalidatePosted) return refuse(CHECKS.noOp, { path: 'hwpt_id', found: `HWPT ${obj.id}` });
  return obj.domain.invalidatePosted({ uptr: cmd.get('data_uptr'), len }, call);
}
