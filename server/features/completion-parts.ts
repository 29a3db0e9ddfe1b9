import type { Reader } from './completion-reader.ts';

/** One of a few words; true when the cursor stands at it. */
export function words(r: Reader, list: readonly string[], place: 'option' | 'step'): boolean {
  if (r.end) {
    for (const word of list) r.offers.keywords([word], place, { rank: 1 });
    return true;
  }
  r.next();
  return false;
}

export function device(r: Reader): boolean {
  if (r.end) {
    r.offers.devices();
    return true;
  }
  r.next();
  return false;
}

export function table(r: Reader): boolean {
  if (r.end) {
    r.offers.tables(1);
    return true;
  }
  r.next();
  return false;
}

/** The format of the table that stands here. */
export const formatOf = (r: Reader): string =>
  r.offers.resolved.scenarioFile?.tables.get(r.word)?.node.format.text ?? 'x86-64';

/** `[size N]`, behind an address; true when the cursor stands in it. */
export function sized(r: Reader): boolean {
  if (r.end) {
    r.offers.keywords(['size'], 'option');
    return false;
  }
  return r.takeWord('size') ? r.expression() : false;
}
