import { walkFields } from '../../engine/index.ts';
import { T } from '../language/scanner.ts';
import { ASSERTIONS, OUTCOMES, type StepWord } from '../language/words.ts';
import { submittedHere, TARGETS } from './completion-ids.ts';
import { fieldKey, offerFields } from './completion-members.ts';
import type { Offers, Wanted } from './completion-offers.ts';
import { device } from './completion-parts.ts';
import type { Reader } from './completion-reader.ts';
import { hasIommufd, OF_DMA } from './members.ts';

/** Outcomes that say something of a step, likeliest first. */
const LIKELY: Readonly<Partial<Record<StepWord, readonly string[]>>> = {
  dma: ['hpa', 'fault', 'miss', 'hit', 'refs', 'stale', 'fresh', 'request', 'config', 'gpa', 'value', 'any'],
  submit: ['ok', 'hidden', 'returns', 'reason', 'issued', 'any'],
  attach: ['ok', 'reason', 'issued', 'any'],
  replace: ['ok', 'reason', 'issued', 'any'],
  detach: ['ok', 'reason', 'issued', 'any'],
  read: ['value', 'ok', 'any'],
  invalidate: ['ok', 'error', 'issued', 'any'],
  command: ['ok', 'error', 'issued', 'any'],
};
/** What may answer, or shorten a walk. */
const CACHES: readonly string[] = ['iotlb', 'psc', 'devtlb'];
const VALUED: ReadonlySet<string> = new Set(['returns', 'hpa', 'gpa', 'value', 'refs', 'config']);
const TAKES_ERRNO: ReadonlySet<StepWord> = new Set([
  'submit',
  'attach',
  'replace',
  'detach',
  'unbind',
  'host',
  'read',
  'write',
  'inject',
  'respond',
]);

/** `A, B or C`, behind `expect`. */
export function outcomes(r: Reader, step: StepWord): void {
  const { offers } = r;
  const { place } = offers;
  for (;;) {
    if (r.end) {
      if (place.path.length > 0) {
        offerFields(offers, submittedHere(offers), place.path);
        offers.members(place.path);
      } else offerOutcomes(offers, step);
      return;
    }
    const { word } = r;
    r.next();
    if (word === 'fault' && (r.end || r.kind === T.Word)) {
      if (r.end) {
        offers.faults();
        offers.keywords(['or'], 'outcome', { rank: 5 });
        return;
      }
      r.id();
    } else if (word === 'reason') {
      if (r.end) {
        offers.reasons();
        return;
      }
      r.id();
    } else if (word === 'error') {
      if (r.end) {
        offers.commandErrors();
        return;
      }
      r.id();
    } else if (word === 'hidden') {
      if (r.end) {
        offers.errnos(1);
        offers.keywords(['skipped'], 'outcome', { rank: 1 });
        return;
      }
      if (r.word.startsWith('E') || r.word === 'skipped') r.next();
    } else if (word === 'hit') {
      if (r.end) offers.keywords(CACHES, 'outcome', { rank: 1 });
      else if (CACHES.includes(r.word)) r.next();
    } else if (VALUED.has(word)) {
      if (r.kind >= T.Equal) r.next();
      if (r.expression()) return;
    } else if (r.kind === T.Dot || r.kind >= T.Equal) {
      while (r.take(T.Dot)) r.next();
      if (r.kind >= T.Equal) {
        r.next();
        if (r.expression(outcomeValue(offers, word))) return;
      }
    }
    if (r.end) {
      offers.keywords(['or'], 'outcome');
      return;
    }
    if (!r.take(T.Comma) && !r.takeWord('or')) return;
  }
}

/** The constants of a field that an outcome compares. */
function outcomeValue({ generation }: Offers, name: string): Wanted {
  for (const struct of generation.structs.values())
    for (const field of struct.fields) {
      const constants = field.name === name ? (field.flags ?? field.oneOf) : undefined;
      if (constants) return { constants };
    }
  return {};
}

function offerOutcomes(offers: Offers, step: StepWord): void {
  const likely = LIKELY[step] ?? ['ok', 'any'];
  offers.keywords(likely, 'outcome', { rank: 1 });
  if (TAKES_ERRNO.has(step)) offers.errnos(2);
  offers.keywords(OUTCOMES, 'outcome', { rank: 6 });
  const known = new Set<string>(OUTCOMES);
  for (const { name, doc } of step === 'dma' ? OF_DMA : [])
    if (!known.has(name)) offers.add(name, 'field', { rank: 6, detail: doc });
  if (step !== 'submit') return;
  // Fields that the kernel fills in can be compared as they are after the call.
  const submitted = submittedHere(offers);
  if (submitted) {
    for (const { field, path } of walkFields(submitted))
      if (!field.struct && field.role !== 'padding' && field.role !== 'reserved')
        offers.add(path, 'field', {
          rank: field.out || field.inout ? 4 : 7,
          detail: field.type,
          doc: fieldKey(offers, submitted, path.split('.'), field.doc),
        });
    return;
  }
  for (const struct of offers.generation.structs.values()) {
    if (![...offers.generation.ioctls.values()].some((ioctl) => ioctl.struct === struct.name)) continue;
    for (const field of struct.fields)
      if (field.out || field.inout)
        offers.add(field.name, 'field', {
          rank: 4,
          detail: struct.name,
          doc: `field ${offers.generation.id} ${struct.name} ${field.name}`,
        });
  }
}

/** What `expect` says alone, of state. */
export function assertions(r: Reader): void {
  const { offers } = r;
  for (;;) {
    if (r.end) {
      if (offers.place.path.length === 0) offers.keywords(ASSERTIONS, 'assertion', { rank: 1 });
      offers.expression();
      return;
    }
    const { word } = r;
    if (word === 'cached' || word === 'uncached' || word === 'bound' || word === 'unbound') {
      r.next();
      if (r.end && word.endsWith('cached')) offers.keywords(['devtlb'], 'assertion');
      if (word.endsWith('cached')) r.takeWord('devtlb');
      if (device(r)) return;
      if (r.end) {
        offers.keywords(word.endsWith('cached') ? ['pasid', 'at'] : ['pasid'], 'option', { rank: 1 });
        if (word === 'bound' && hasIommufd(offers.generation)) offers.keywords(['to'], 'attach', { rank: 1 });
        return;
      }
      if (r.takeWord('pasid') && r.expression({ prefer: 'pasids' })) return;
      if (r.end) {
        if (word.endsWith('cached')) offers.keywords(['at'], 'option', { rank: 1 });
        if (word === 'bound' && hasIommufd(offers.generation)) offers.keywords(['to'], 'attach', { rank: 1 });
        return;
      }
      if (
        word.endsWith('cached')
          ? r.takeWord('at') && r.expression()
          : r.takeWord('to') && r.expression({ ids: TARGETS })
      )
        return;
    } else if (offers.model.id === 'selftest' && (word === 'iotlb' || word === 'devcache')) {
      r.next();
      if (word === 'devcache' ? device(r) : r.expression({ ids: ['nested HWPT', 'HWPT'] })) return;
      if (r.take(T.Equal) && r.expression()) return;
    } else {
      r.takeWord('faults');
      if (r.expression()) return;
    }
    if (!r.take(T.Comma)) return;
  }
}
