import { findFormat } from '../../engine/index.ts';
import { T } from '../language/scanner.ts';
import { ASSERTIONS, OUTCOMES, STEP_OPTIONS, type StepWord } from '../language/words.ts';
import type { Offers, Wanted } from './completion-offers.ts';
import type { Reader } from './completion-reader.ts';

/** Options that the parser reads for other generations. */
const IDLE_OPTIONS: Readonly<Partial<Record<StepWord, readonly string[]>>> = {
  submit: ['on'],
  attach: ['to', 'pasid'],
  detach: ['pasid'],
};

const SNIPPETS: Readonly<Partial<Record<StepWord, string>>> = {
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: snippet placeholders
  for: 'for ${1:i} in ${2:0}..${3:4} {\n  $0\n}',
  note: 'note "$0"',
  let: 'let ${1:NAME} = $0',
  dma: 'dma ${1|read,write,exec|} ',
  invalidate: 'invalidate iommu0 ',
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: snippet placeholders
};

const ALONE: ReadonlySet<string> = new Set(['exit', 'for', 'note', 'let', 'dma', 'invalidate']);

/** What may stand at the cursor in a scenario. */
export function offerStep(r: Reader): void {
  const { offers } = r;
  if (r.end) {
    offerStepWords(offers);
    return;
  }
  const step = r.word as StepWord;
  if (!(step in STEP_OPTIONS)) return;
  r.next();
  switch (step) {
    case 'submit':
      if (!r.expression({}, () => offerSubmits(offers))) options(r, step);
      return;
    case 'dma':
      if (words(r, ['read', 'write', 'exec'], 'option') || device(r)) return;
      options(r, step);
      return;
    case 'map': {
      const format = formatOf(r);
      if (!table(r)) mapping(r, format);
      return;
    }
    case 'unmap':
    case 'protect':
      if (table(r) || r.expression() || sized(r)) return;
      if (r.end && step === 'protect') offers.permissions();
      else if (step === 'protect') r.next();
      options(r, step);
      return;
    case 'host':
      host(r);
      return;
    case 'reuse':
      if (words(r, ['gpa', 'hpa'], 'option') || r.expression() || sized(r)) return;
      options(r, step);
      return;
    case 'read':
    case 'write':
      access(r, step);
      return;
    case 'invalidate':
      invalidate(r);
      return;
    case 'attach':
    case 'detach':
    case 'reset':
      if (!device(r)) options(r, step);
      return;
    case 'exit':
      options(r, step);
      return;
    case 'let':
      binding(r);
      return;
    case 'for':
      offerLoop(r);
      return;
    case 'expect':
      assertions(r);
      return;
  }
}

function offerStepWords(offers: Offers): void {
  for (const word of Object.keys(STEP_OPTIONS) as StepWord[]) {
    const snippet = SNIPPETS[word];
    offers.keywords([word], 'step', snippet ? { snippet } : ALONE.has(word) ? {} : { insert: `${word} ` });
  }
}

/** Payloads that an ioctl takes first, then those that only lie in others. */
function offerSubmits(offers: Offers): void {
  const { generation, place } = offers;
  if (place.path.length > 0) {
    offers.expression();
    return;
  }
  const taken = new Set([...generation.ioctls.values()].map((ioctl) => ioctl.struct));
  offers.payloads((struct) => struct !== undefined && taken.has(struct.name), 1);
  offers.kinds(
    [...generation.kinds.values()].filter((k) => k.ioctl),
    { named: false, rank: 3 },
  );
  offers.keywords(['struct'], 'declaration', { rank: 4 });
  offers.expression();
}

/** One of a few words; true when the cursor stands at it. */
function words(r: Reader, list: readonly string[], place: 'option' | 'step'): boolean {
  if (r.end) {
    for (const word of list) r.offers.keywords([word], place, { rank: 1 });
    return true;
  }
  r.next();
  return false;
}

function device(r: Reader): boolean {
  if (r.end) {
    r.offers.devices();
    return true;
  }
  r.next();
  return false;
}

function table(r: Reader): boolean {
  if (r.end) {
    r.offers.tables(1);
    return true;
  }
  r.next();
  return false;
}

/** The format of the table that stands here. */
const formatOf = (r: Reader): string =>
  r.offers.resolved.scenarioFile?.tables.get(r.word)?.node.format.text ?? 'x86-64';

/** `[size N]`, behind an address; true when the cursor stands in it. */
function sized(r: Reader): boolean {
  if (r.end) {
    r.offers.keywords(['size'], 'option');
    return false;
  }
  return r.takeWord('size') ? r.expression() : false;
}

/** What each option is followed by. */
const OPERANDS: Readonly<Record<string, Wanted | 'ioctl' | 'device' | 'name' | 'none'>> = {
  to: 'ioctl',
  on: 'device',
  mapped: { prefer: 'sizeof' },
  fail_nth: {},
  as: 'name',
  pasid: { prefer: 'pasids' },
  at: {},
  size: {},
  priv: 'none',
  ats: 'none',
};

/** Options in any order, `= V` of a dma, and `expect`. */
function options(r: Reader, step: StepWord): void {
  const { offers } = r;
  const idle = IDLE_OPTIONS[step] ?? [];
  const known: readonly string[] = STEP_OPTIONS[step];
  const given = new Set<string>();
  while (!r.end) {
    const { word } = r;
    if (word === 'expect') {
      r.next();
      outcomes(r, step);
      return;
    }
    r.next();
    if (word === '') {
      if (r.expression()) return;
      continue;
    }
    if (!known.includes(word)) return;
    given.add(word);
    const operand = OPERANDS[word] ?? 'none';
    if (operand === 'none') continue;
    if (operand === 'name') {
      if (r.end) return;
      r.next();
    } else if (operand === 'device') {
      if (device(r)) return;
    } else if (operand === 'ioctl') {
      if (r.expression({}, () => offers.ioctls())) return;
    } else if (r.expression(operand)) return;
  }
  const behind = optionsBehind(offers, known);
  const free = known.filter((word) => !given.has(word) && !idle.includes(word) && !behind.has(word));
  // A dma without `at` is no step, so that comes first once the PASID is said.
  for (const word of free) offers.keywords([word], 'option', { rank: word === 'at' || word === 'pasid' ? 1 : 2 });
  if (!behind.has('expect')) offers.keywords(['expect'], 'step', { rank: 3 });
}

/** Options that follow the cursor on its line. A word behind an option is its operand: `pasid pasid`. */
function optionsBehind({ place: { rest, replace } }: Offers, known: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>();
  const isOption = (word: string): boolean => known.includes(word) && OPERANDS[word] !== 'none';
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i]!;
    if (known.includes(word) || word === 'expect') {
      if (0 < i || replace.start === replace.end) found.add(word);
      if (isOption(word)) i++;
    }
  }
  return found;
}

/** `IOVA [size N] -> ADDR [perms] [page S] [attributes]`, of a table's body and, with `expect`, of a map step. */
export function mapping(r: Reader, format: string, { isStep = true } = {}): void {
  const { offers } = r;
  if (r.expression()) return;
  if (r.end) {
    offers.keywords(['size'], 'mapping');
    return;
  }
  if (r.takeWord('size') && r.expression()) return;
  if (!r.take(T.Arrow) || r.expression({ prefer: 'tables' })) return;
  let perms = false;
  while (!r.end) {
    if (isStep && r.takeWord('expect')) {
      outcomes(r, 'map');
      return;
    }
    if (r.takeWord('page')) {
      if (r.end) {
        for (const size of ['4K', '2M', '1G']) offers.add(size, 'value', { rank: 1 });
        return;
      }
      if (r.expression()) return;
    } else if (r.takeWord('size')) {
      if (r.expression()) return;
    } else {
      perms ||= /^[rwxugp]+$/.test(r.word);
      r.next();
    }
  }
  if (!perms) offers.permissions();
  offers.keywords(['page'], 'mapping');
  if (findFormat(format)) offers.attributes(format);
  if (isStep) offers.keywords(['expect'], 'step', { rank: 4 });
}

function host(r: Reader): void {
  const { offers } = r;
  const op = r.word;
  if (r.end) {
    for (const word of ['map', 'unmap', 'protect']) offers.add(word, 'keyword', { rank: 1, doc: 'keyword step host' });
    return;
  }
  r.next();
  if (words(r, ['gpa'], 'option') || r.expression() || sized(r)) return;
  if (op === 'map') {
    if (r.end || !r.take(T.Arrow) || r.expression()) return;
  }
  if (op !== 'unmap') {
    if (r.end) offers.permissions();
    else if (/^[rwxugp]+$/.test(r.word)) r.next();
  }
  options(r, 'host');
}

const WIDTHS = ['u8', 'u16', 'u32', 'u64'];

function access(r: Reader, step: 'read' | 'write'): void {
  if (words(r, ['gpa', 'hpa', 'user'], 'option') || r.expression({ prefer: 'tables' })) return;
  if (r.end) r.offers.keywords(WIDTHS, 'option');
  else if (WIDTHS.includes(r.word)) r.next();
  options(r, step);
}

function invalidate(r: Reader): void {
  if (r.end) {
    r.offers.iommus();
    return;
  }
  r.next();
  if (r.end) {
    r.offers.commands();
    return;
  }
  r.next();
  if (r.end) r.offers.keywords(['expect'], 'step');
  else if (!r.takeWord('expect')) return;
  else outcomes(r, 'invalidate');
}

/** `NAME = expr`, behind `let`. */
export function binding(r: Reader): void {
  r.next();
  if (r.take(T.Assign)) r.expression();
}

/** `X in values`, behind `for`. */
export function offerLoop(r: Reader): void {
  if (r.end) return;
  r.next();
  if (r.end) {
    r.offers.keywords(['in'], 'option', { rank: 0 });
    return;
  }
  if (!r.takeWord('in') || r.expression()) return;
  if (r.take(T.Range)) r.expression();
}

/** Outcomes that say something of a step, likeliest first. */
const LIKELY: Readonly<Partial<Record<StepWord, readonly string[]>>> = {
  dma: ['hpa', 'fault', 'miss', 'hit', 'refs', 'stale', 'fresh', 'request', 'config', 'gpa', 'value', 'any'],
  submit: ['ok', 'hidden', 'returns', 'reason', 'issued', 'any'],
  read: ['value', 'ok', 'any'],
};
const VALUED: ReadonlySet<string> = new Set(['returns', 'hpa', 'gpa', 'value', 'refs', 'config']);
const TAKES_ERRNO: ReadonlySet<StepWord> = new Set(['submit', 'attach', 'detach', 'host', 'read', 'write']);

/** `A, B or C`, behind `expect`. */
function outcomes(r: Reader, step: StepWord): void {
  const { offers } = r;
  const { place } = offers;
  for (;;) {
    if (r.end) {
      if (place.path.length > 0) offers.members(place.path);
      else offerOutcomes(offers, step);
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
    } else if (word === 'hidden') {
      if (r.end) {
        offers.errnos(1);
        return;
      }
      if (r.word.startsWith('E')) r.next();
    } else if (word === 'hit') {
      if (r.end) offers.keywords(['iotlb', 'devtlb'], 'outcome', { rank: 1 });
      else if (r.word === 'iotlb' || r.word === 'devtlb') r.next();
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
  if (step !== 'submit') return;
  // Fields that the kernel fills in can be compared as they are after the call.
  for (const struct of offers.generation.structs.values()) {
    if (![...offers.generation.ioctls.values()].some((ioctl) => ioctl.struct === struct.name)) continue;
    for (const field of struct.fields)
      if (field.out)
        offers.add(field.name, 'field', {
          rank: 4,
          detail: struct.name,
          doc: `field ${offers.generation.id} ${struct.name} ${field.name}`,
        });
  }
}

/** What `expect` says alone, of state. */
function assertions(r: Reader): void {
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
        return;
      }
      if (r.takeWord('pasid') && r.expression({ prefer: 'pasids' })) return;
      if (r.end) {
        if (word.endsWith('cached')) offers.keywords(['at'], 'option', { rank: 1 });
        return;
      }
      if (r.takeWord('at') && r.expression()) return;
    } else {
      r.takeWord('faults');
      if (r.expression()) return;
    }
    if (!r.take(T.Comma)) return;
  }
}
