import { isRam, type Step, type Variant } from './vtd-case.ts';
import type { FaultRecord, Past, Seen, VtdDifference } from './vtd-difference.ts';
import { removes } from './vtd-flush.ts';
import type { Expected } from './vtd-order.ts';
import type { Answer } from './vtd-side.ts';
import { type Path, pageBitsOf } from './vtd-walk.ts';

/** Fault records that say the same in other words: turned into those of the specification before they are compared. */
export interface Spelling {
  readonly name: string;
  readonly why: string;
  readonly respell: (record: FaultRecord, engine: Answer, variant: Variant) => FaultRecord;
}

/** Something a stock QEMU does otherwise than the specification, or where the specification leaves it free, told narrowly. */
export interface Deviation {
  readonly name: string;
  readonly why: string;
  readonly explains: (difference: VtdDifference) => boolean;
}

/** Scalable-mode codes by the legacy code that QEMU reports in their place. */
const LEGACY_CODES: Readonly<Record<number, readonly number[]>> = {
  1: [0x39],
  2: [0x41],
  3: [0x7b],
  4: [0x83],
  5: [0x85, 0x79],
  6: [0x86, 0x79],
  7: [0x78],
  8: [0x38],
  9: [0x40],
  10: [0x3a],
  11: [0x42],
  12: [0x7a],
};

export const SPELLINGS: readonly Spelling[] = [
  {
    name: 'rid-pasid-in-record',
    why: 'PP and PV describe the PASID of the request; QEMU fills in RID_PASID for a request that had none.',
    respell: (record, _, { mode }) =>
      mode === 'scalable' && record.pasid !== null ? { ...record, pasid: null } : record,
  },
  {
    name: 'legacy-codes',
    why: 'Scalable mode has fault codes of its own; QEMU reports those of legacy mode for root, context and second stage. R=W=0 (79h) is a missing right to it.',
    respell: (record, { fault }, { mode }) => {
      const codes = mode === 'scalable' ? LEGACY_CODES[record.reason] : undefined;
      return codes ? { ...record, reason: codes.includes(fault) ? fault : codes[0]! } : record;
    },
  },
];

/** What QEMU did is what this walk gives. */
export function gives(expected: Expected, qemu: Seen): boolean {
  if (expected.reason === 0) {
    return qemu.record === null && qemu.at === (isRam(expected.hpa) ? expected.hpa & ~7n : null);
  }
  if (qemu.at !== null || (qemu.record !== null) !== expected.logged) return false;
  return qemu.record === null || qemu.record.reason === expected.reason;
}

/** QEMU did what a walk through memory gives, perhaps under a context entry that it had cached. */
export function walked(difference: VtdDifference): boolean {
  const { expected, underOldContexts, qemu } = difference;
  const walks = [expected, ...underOldContexts];
  if (walks.some((one) => gives(one, qemu))) return true;
  // Or what it cached at such a walk since the last edit on the way: then a denial goes unlogged.
  const { past, steps, access, engine, path } = difference;
  const page = Math.max(engine.pageBits, pageBitsOf(path));
  const since = steps.slice(lastEdit(steps, path) + 1);
  const filled = past.some(
    (one) =>
      one.access.sid === access.sid &&
      one.seen.at !== null &&
      samePage(one.access.address, access.address, page) &&
      since.includes(one.step),
  );
  return filled && qemu.record === null && qemu.at === null && walks.some(({ reason }) => DENIALS.has(reason));
}

/** The last edit of a paging entry that the path meets; -1 without. */
const lastEdit = (steps: readonly Step[], { entries }: Path): number =>
  steps.findLastIndex((step) => step.do === 'edit' && entries.some(({ at }) => at === step.at));

/** No right to read, to write or as a user, in both numberings. */
const DENIALS = new Set([0x05, 0x06, 0x81, 0x85, 0x86]);

const sameWords = (a: readonly bigint[], b: readonly bigint[]): boolean =>
  a.length === b.length && a.every((word, i) => word === b[i]);

/** Earlier accesses of the same device. */
const own = ({ past, access }: VtdDifference): readonly Past[] =>
  past.filter(({ access: { sid } }) => sid === access.sid);

const samePage = (a: bigint, b: bigint, bits: number): boolean => a >> BigInt(bits) === b >> BigInt(bits);

/** Steps since the device last got through to the page. */
function sinceOwnFill(difference: VtdDifference): readonly Step[] {
  const { access, engine, steps } = difference;
  const fill = own(difference).findLast(
    (one) => one.seen.at !== null && samePage(one.access.address, access.address, engine.pageBits),
  );
  return fill ? steps.slice(steps.indexOf(fill.step) + 1) : steps;
}

/**
 * Something that the engine keeps had to go after the last edit on the path, so that a stale answer from it cannot be
 * told from one that an invalidation forgot: it explains nothing.
 */
function overdue({ steps, path, access, engine }: VtdDifference, what: 'translation' | 'tables'): boolean {
  const last = steps.findLastIndex(({ do: kind }) => kind === 'edit');
  return steps.slice(last + 1).some((step) => removes(step, path, access.address, engine.pageBits)[what]);
}

/** QEMU refused without a record, as it does by a translation with fewer rights that it has cached at another time. */
const quietly = (difference: VtdDifference): boolean => {
  const { qemu, access, engine } = difference;
  if (qemu.at !== null || qemu.record !== null) return false;
  return own(difference).some(
    (one) => one.seen.at !== null && samePage(one.access.address, access.address, engine.pageBits),
  );
};

/** What QEMU may do where it holds another translation than the engine, or none. */
const otherwise = (difference: VtdDifference): boolean => walked(difference) || quietly(difference);

const isPasidWideFlush = (step: Step): boolean => step.do === 'invalidate' && (step.words[0]! & 0x3fn) === 0x26n;

/** The context entry of the device is read anew after this step. */
export function renewsContext(step: Step, sid: number): boolean {
  if (step.do === 'root') return true;
  if (step.do !== 'invalidate' || (step.words[0]! & 0xe0fn) !== 1n) return false;
  const ignored = [0, 4, 6, 7][Number((step.words[0]! >> 48n) & 3n)]!;
  const named = Number((step.words[0]! >> 32n) & 0xffffn);
  return ((step.words[0]! >> 4n) & 3n) !== 3n || ((named ^ sid) & ~ignored) === 0;
}

const sameContext = (a: Path, b: Path): boolean => a.root === b.root && sameWords(a.context, b.context);
const sameStructures = (a: Path, b: Path): boolean =>
  sameContext(a, b) && a.directory === b.directory && sameWords(a.pasid, b.pasid);

/** A fault that a unit reports only when all structures were valid, by QEMU's codes. */
const walksTables = (reason: number): boolean => reason >= 0x70 || (reason >= 4 && reason <= 7) || reason === 0x0c;

export const DENIAL_UNLOGGED = 'iotlb-denial-unlogged';

/** How caches differ. The first that explains a difference names it. */
export const DEVIATIONS: readonly Deviation[] = [
  {
    name: DENIAL_UNLOGGED,
    why: 'A request that a cached translation forbids faults like any other; QEMU lets it fail without a record.',
    explains: ({ engine, qemu }) => engine.hit && !engine.ok && qemu.at === null && qemu.record === null,
  },
  {
    name: 'pass-through-until-context-invalidation',
    why: 'A pass-through entry is used until its PASID-cache entry goes; QEMU takes the device off translation, limits and faults included, until its context entry is invalidated.',
    explains: ({ access, qemu, untranslated }) =>
      untranslated && qemu.record === null && qemu.at === (isRam(access.address) ? access.address & ~7n : null),
  },
  {
    name: 'srtp-empties-caches',
    why: 'Without ESRTPS a new root table leaves the caches as they are; QEMU empties them, as it may.',
    explains: (difference) => sinceOwnFill(difference).some((step) => step.do === 'root') && walked(difference),
  },
  {
    name: 'iotlb-by-source',
    why: 'Translations are shared by all devices with the same tags; QEMU keeps them per source id, so another device makes it walk.',
    explains: (difference) => {
      const { access, engine, filler } = difference;
      const foreign = filler?.do === 'access' && filler.sid !== access.sid;
      return engine.hit && foreign && !overdue(difference, 'translation') && otherwise(difference);
    },
  },
  {
    name: 'no-structure-caches',
    why: 'Tables may be cached until an invalidation covers them; QEMU has no paging-structure caches.',
    explains: (difference) => {
      const { engine, filler, past } = difference;
      if (overdue(difference, 'tables')) return false;
      if (engine.shortened) return walked(difference);
      // Or a translation that was filled from such a table, where QEMU's may have fewer rights and deny without a record.
      const inherited = past.some((one) => one.step === filler && one.engine.shortened && one.engine.stale);
      return engine.hit && inherited && otherwise(difference);
    },
  },
  {
    name: 'page-flush-takes-more',
    why: 'A page-selective flush must remove what overlaps; QEMU 7.2 now and then removes another page of the domain with it.',
    explains: (difference) => {
      const { engine, path } = difference;
      const flushed = sinceOwnFill(difference).some(
        (step) =>
          step.do === 'invalidate' &&
          (step.words[0]! & 0xe3fn) === 0x32n &&
          Number((step.words[0]! >> 16n) & 0xffffn) === path.did,
      );
      return engine.hit && flushed && !overdue(difference, 'translation') && otherwise(difference);
    },
  },
  {
    name: 'pasid-flush-takes-second-stage',
    why: 'A PASID-selective flush need not remove second-stage translations (VT-d 6.5.2); QEMU removes them.',
    explains: (difference) =>
      difference.variant.stage === 'second' &&
      difference.engine.hit &&
      difference.steps.some(isPasidWideFlush) &&
      otherwise(difference),
  },
  {
    name: 'no-pasid-cache',
    why: 'PASID entries may be cached until pc_inv; QEMU reads directory and PASID entry for every access.',
    explains: (difference) => {
      const { path } = difference;
      const changed = own(difference).some(
        (one) => one.path.directory !== path.directory || !sameWords(one.path.pasid, path.pasid),
      );
      return changed && walked(difference);
    },
  },
  {
    name: 'fpd-skips-pasid-structures',
    why: 'FPD keeps a fault out of the log; with FPD in a cached context entry QEMU walks on without a valid PASID entry, and logs nothing.',
    explains: ({ path, expected, qemu, ...difference }) =>
      (path.context[0]! & 2n) !== 0n &&
      difference.past.some(({ access: { sid } }) => sid === difference.access.sid) &&
      expected.reason >= 0x50 &&
      expected.reason <= 0x5f &&
      qemu.record === null &&
      qemu.at === null,
  },
  {
    name: 'context-domain-flush-is-global',
    why: 'A domain-selective flush of the context cache need remove entries of that domain only; QEMU empties the cache.',
    explains: (difference) =>
      difference.steps.some((step) => step.do === 'invalidate' && (step.words[0]! & 0xe3fn) === 0x21n) &&
      gives(difference.expected, difference.qemu),
  },
  {
    name: 'context-cached-when-all-is-valid',
    why: 'A present, valid context entry may be cached; QEMU caches it only if its PASID entry was valid, too.',
    explains: (difference) => {
      const { path, expected, qemu, variant } = difference;
      const changed = own(difference).filter(({ path: then }) => !sameContext(then, path));
      const uncached = changed.every(({ seen: { at, record } }) => at === null && !walksTables(record?.reason ?? 0));
      return variant.mode === 'scalable' && changed.length > 0 && uncached && gives(expected, qemu);
    },
  },
  {
    name: 'iotlb-before-context',
    why: 'In legacy mode, too, a translation is looked up by the domain id of the context entry; QEMU asks the IOTLB first and may not cache the context entry at all.',
    explains: (difference) => {
      const { variant, path, steps, access, expected, qemu } = difference;
      const changed = own(difference).some(({ path: then }) => !sameContext(then, path));
      const renewed = steps.some((step) => renewsContext(step, access.sid));
      return variant.mode === 'legacy' && changed && renewed && gives(expected, qemu);
    },
  },
  {
    name: 'iotlb-tag-without-domain',
    why: 'A translation is tagged with domain id and type, which take valid structures to know; QEMU finds it by source id and PASID alone.',
    explains: (difference) => {
      const { access, engine, qemu, path } = difference;
      if (engine.hit || qemu.record !== null) return false;
      return own(difference).some(({ access: { address }, path: then, seen: { at } }) => {
        if (at === null || sameStructures(then, path)) return false;
        // A denial by such a line is not logged.
        const offset = (1n << BigInt(pageBitsOf(then))) - 1n;
        if ((address & ~offset) !== (access.address & ~offset)) return false;
        return qemu.at === null || qemu.at === (at & ~offset) + (access.address & offset & ~7n);
      });
    },
  },
];

/** Descriptors that only one side takes. */
export const DESCRIPTOR_DEVIATIONS: readonly {
  readonly name: string;
  readonly why: string;
  readonly explains: (words: readonly bigint[], engineTakes: boolean) => boolean;
}[] = [
  {
    name: 'pc-inv-unchecked',
    why: 'Reserved bits and granularity of pc_inv are checked by hardware; QEMU, which has no PASID cache, skips the descriptor.',
    explains: (words, engineTakes) => !engineTakes && (words[0]! & 0xe0fn) === 7n,
  },
];
