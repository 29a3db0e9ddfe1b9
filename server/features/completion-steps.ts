import { findFormat, type Generation, leafSizes, sizeText, WIDEST_LIMITS } from '../../engine/index.ts';
import { T } from '../language/scanner.ts';
import { isPlanned } from '../language/scenario-names.ts';
import { FD_OPTIONS, STEP_OPTIONS, type StepWord } from '../language/words.ts';
import type { Offers } from './completion-offers.ts';
import { options } from './completion-options.ts';
import { assertions, outcomes } from './completion-outcomes.ts';
import { device, formatOf, sized, table, words } from './completion-parts.ts';
import type { Reader } from './completion-reader.ts';

const SNIPPETS: Readonly<Partial<Record<StepWord, string>>> = {
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: snippet placeholders
  for: 'for ${1:i} in ${2:0}..${3:4} {\n  $0\n}',
  note: 'note "$0"',
  let: 'let ${1:NAME} = $0',
  dma: 'dma ${1|read,write,exec|} ',
  invalidate: 'invalidate iommu0 ',
  command: 'command iommu0 [$0]',
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: snippet placeholders
};

const ALONE: ReadonlySet<string> = new Set(['exit', 'for', 'note', 'let', 'dma', 'invalidate', 'command']);

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
    case 'command':
      if (r.end) {
        offers.iommus();
        return;
      }
      r.next();
      if (!r.expression()) options(r, step);
      return;
    case 'attach':
    case 'replace':
    case 'detach':
    case 'unbind':
    case 'reset':
      if (!device(r)) options(r, step);
      return;
    case 'exit':
      exit(r);
      return;
    case 'inject':
      if (device(r)) return;
      if (!r.expression({}, () => offerInjections(offers))) options(r, step);
      return;
    case 'respond':
      if (!r.expression({}, () => offerRecords(offers, isResponse(offers.generation)))) options(r, step);
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

/** What a device can report: the structs of page requests and events. */
const isRecord = (struct: string): boolean => RECORDS.has(struct);
const RECORDS: ReadonlySet<string> = new Set([
  'page_response_msg',
  'iommu_hwpt_pgfault',
  'iommu_viommu_event_selftest',
  'iommu_vevent_arm_smmuv3',
]);

/** What a device can send: a report as the kernel takes it, or without one a record of the hardware. */
function offerInjections(offers: Offers): void {
  if (offers.generation.id !== 'bare') {
    offerRecords(offers, isRecord);
    return;
  }
  offers.records({ named: false, rank: 1 });
  offers.recordPayloads(1);
}

/** The struct that answers a page request by a call. */
const isResponse =
  ({ calls }: Generation) =>
  (struct: string): boolean =>
    calls.get('page_response')?.struct === struct;

/** Payloads of the structs that fit, and the words that begin an inline one. */
function offerRecords(offers: Offers, fits: (struct: string) => boolean): void {
  if (offers.place.path.length > 0) {
    offers.expression();
    return;
  }
  offers.payloads((struct) => struct !== undefined && fits(struct.name), 1);
  offers.kinds(
    [...offers.generation.kinds.values()].filter((kind) => fits(kind.struct)),
    { named: false, rank: 2 },
  );
  offers.keywords(['struct'], 'declaration', { rank: 3 });
  offers.payloads((struct) => struct !== undefined, 5);
}

/** `[PROCESS]`, behind `exit`. */
function exit(r: Reader): void {
  if (r.end) {
    for (const { name, pid } of r.offers.resolved.scenarioFile?.machine.processes ?? [])
      r.offers.add(name, 'device', { rank: 1, detail: `process ${pid}` });
  } else if (r.word !== 'expect') r.next();
  options(r, 'exit');
}

/** Payloads that an ioctl takes first, then those that only lie in others. */
function offerSubmits(offers: Offers): void {
  const { generation, place } = offers;
  if (place.path.length > 0) {
    offers.expression();
    return;
  }
  const taken = new Set([...generation.ioctls.values(), ...generation.calls.values()].map((call) => call.struct));
  offers.payloads((struct) => struct !== undefined && taken.has(struct.name), 1);
  offers.kinds(
    [...generation.kinds.values()].filter(
      (k) => k.ioctl || [...generation.calls.values()].some((c) => c.struct === k.struct),
    ),
    { named: false, rank: 3 },
  );
  offers.keywords(['struct'], 'declaration', { rank: 4 });
  offers.expression();
}

/** What `page` may say for a table of this format. */
function pageSizes(format: string): string[] {
  const choice = findFormat(format);
  return choice ? leafSizes(choice.make(WIDEST_LIMITS)).map(sizeText) : ['4K', '2M', '1G'];
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
        for (const size of pageSizes(format)) offers.add(size, 'value', { rank: 1 });
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
    offers.keywords(['map', 'unmap', 'protect'], 'option', { rank: 1 });
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
  const registers = step === 'write' && r.offers.hasHardware ? ['reg'] : [];
  const spaces = ['gpa', 'hpa', 'user', ...registers, ...(isPlanned('fd', r.offers) ? [] : ['fd'])];
  if (step === 'write' && r.word === 'reg') {
    r.next();
    writeReg(r);
    return;
  }
  if (r.word === 'fd') {
    r.next();
    queue(r, step);
    return;
  }
  if (words(r, spaces, 'option') || r.expression({ prefer: 'tables' })) return;
  if (r.end) r.offers.keywords(WIDTHS, 'option');
  else if (WIDTHS.includes(r.word)) r.next();
  options(r, step);
}

/** `iommu0.NAME = V`, behind `write reg`. */
function writeReg(r: Reader): void {
  const { offers } = r;
  if (r.end) {
    if (offers.place.path.length === 0) offers.iommus();
    else if (offers.place.path.length === 1)
      offers.registers(true, (name) => (offers.place.isFollowed ? name : `${name} = `));
    return;
  }
  r.next();
  while (r.take(T.Dot)) r.next();
  if (r.take(T.Assign) && !r.expression({ prefer: 'tables' })) options(r, 'write');
}

/** `E into NAME` and `E from NAME` with their options, behind `read fd` and `write fd`. */
function queue(r: Reader, step: 'read' | 'write'): void {
  const { offers } = r;
  if (r.expression({ ids: ['file descriptor'] })) return;
  const word = step === 'read' ? 'into' : 'from';
  if (r.end) {
    offers.keywords([word], 'option', { rank: 0 });
    return;
  }
  if (!r.takeWord(word)) return;
  if (r.end) {
    offers.payloads(() => true, 1);
    return;
  }
  r.next();
  options(r, step, FD_OPTIONS);
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
