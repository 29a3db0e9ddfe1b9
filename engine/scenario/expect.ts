import { ERRNO, isErrno } from '../base/errno.ts';
import { hexGrouped } from '../base/text.ts';
import { describe, evaluate, integer, isNoValue, type Scope, type Value } from './evaluate.ts';
import type { Expectation, Outcome } from './program.ts';
import type { Detail, OutcomeWord } from './result.ts';

/** What a step did, before it is held against its expectation. */
export interface Happened {
  readonly outcome: OutcomeWord;
  readonly detail: Detail;
  /** Message of a step that makes no sense; nothing but a mend helps. */
  readonly problem?: string;
}

export interface Verdict {
  readonly passed: boolean;
  /** Why not; empty when it passed. */
  readonly message: string;
}

const PASSED: Verdict = { passed: true, message: '' };
const failed = (message: string): Verdict => ({ passed: false, message });

/** Outcomes of an access that got no answer. */
const NOT_DONE: ReadonlySet<Happened['outcome']> = new Set(['fault', 'request', 'stall']);

/** How a fault field of an outcome compares by name; an architecture may know several spellings. */
export type FaultNames = (wanted: string, found: string) => boolean;

/**
 * Holds what happened against `expect`. Without one the step must succeed; hidden errors and stale translations pass
 * only where they are named or `any` is, and a stale access to memory with a new owner never passes.
 */
export function judge(
  expectation: Expectation | undefined,
  happened: Happened,
  scope: Scope,
  fieldScope: Scope,
): Verdict {
  if (happened.problem !== undefined) return failed(happened.problem);
  if (happened.detail.staleCause?.breach)
    return failed(
      `breach: a stale translation reached memory that has a new owner, whatever was expected; ${staleText(happened.detail)}`,
    );
  const verdict = judgeGroups(expectation, happened, scope, fieldScope);
  // Whatever else went wrong, a stale translation is the likeliest reason for it.
  if (verdict.passed || !happened.detail.stale || verdict.message.includes(staleText(happened.detail))) return verdict;
  return failed(`${verdict.message}; ${staleText(happened.detail)}`);
}

function judgeGroups(
  expectation: Expectation | undefined,
  happened: Happened,
  scope: Scope,
  fieldScope: Scope,
): Verdict {
  if (!expectation) return judgeGroup([], happened, scope, fieldScope);
  const verdicts = expectation.groups.map((group) => judgeGroup(group, happened, scope, fieldScope));
  return verdicts.find((v) => v.passed) ?? failed([...new Set(verdicts.map((v) => v.message))].join('; or '));
}

function judgeGroup(group: readonly Outcome[], happened: Happened, scope: Scope, fieldScope: Scope): Verdict {
  for (const outcome of group) {
    const verdict = judgeOutcome(outcome, group, happened, scope, fieldScope);
    if (!verdict.passed) return verdict;
  }
  const names = (...kinds: Outcome['kind'][]): boolean => group.some((o) => kinds.includes(o.kind));
  if (names('any')) return PASSED;
  const { outcome, detail } = happened;
  if (detail.commandError && !names('error'))
    return failed(`command error ${detail.commandError}: ${detail.commandErrorText}`);
  if (detail.hidden && !names('hidden')) return failed(hiddenText(detail));
  if (detail.stale && outcome !== 'fault' && !names('stale')) return failed(staleText(detail));
  if (names('ok', 'errno', 'fault', 'request', 'returns', 'hidden', 'reason', 'stall', 'error')) return PASSED;
  if (outcome === 'fault' && detail.stale && names('stale')) return PASSED;
  if (outcome === 'fault')
    return failed(`${faultText(detail)}${group.length === 0 ? ' and the step expects nothing else' : ''}`);
  if (outcome === 'request') return failed('the page is not present: a page request was queued instead of an answer');
  if (outcome === 'stall') return failed(stallText(detail));
  if (isErrno(outcome)) return failed(errnoText(outcome, detail));
  return PASSED;
}

function judgeOutcome(
  wanted: Outcome,
  group: readonly Outcome[],
  happened: Happened,
  scope: Scope,
  fieldScope: Scope,
): Verdict {
  const { outcome, detail } = happened;
  const instead = (what: string): Verdict => failed(`expected ${what}, got ${summary(happened)}`);
  switch (wanted.kind) {
    case 'any':
      return PASSED;
    case 'ok':
      if (NOT_DONE.has(outcome) || isErrno(outcome) || detail.commandError) return instead('ok');
      return detail.hidden && !group.some((o) => o.kind === 'hidden') ? failed(hiddenText(detail)) : PASSED;
    case 'errno':
      return outcome === wanted.name ? PASSED : instead(wanted.name);
    case 'hidden':
      if (!detail.hidden) return instead(`a hidden ${wanted.errno ?? 'refusal'}`);
      return wanted.errno === undefined || wanted.errno === detail.hidden
        ? PASSED
        : instead(`a hidden ${wanted.errno}`);
    case 'miss':
      return detail.hit === false ? PASSED : instead('a miss');
    case 'hit':
      if (wanted.cache === 'psc') return detail.psc ? PASSED : instead('a walk shortened by a paging-structure cache');
      if (detail.hit === undefined || detail.hit === false)
        return instead(`a hit${wanted.cache ? ` in the ${wanted.cache}` : ''}`);
      return wanted.cache === undefined || wanted.cache === detail.hit
        ? PASSED
        : instead(`a hit in the ${wanted.cache}`);
    case 'stale':
      return detail.stale ? PASSED : instead('a stale translation');
    case 'fresh':
      return detail.stale ? failed(staleText(detail)) : PASSED;
    case 'request':
      return outcome === 'request' ? PASSED : instead('a page request');
    case 'stall':
      return outcome === 'stall' ? PASSED : instead('a stalled access');
    case 'fault':
      return judgeFault(wanted, happened, scope, instead);
    case 'hpa':
    case 'gpa':
    case 'value':
    case 'refs':
    case 'config': {
      const found = detail[wanted.kind];
      return compare(wanted.kind, wanted.value, found === undefined ? undefined : BigInt(found), scope, instead);
    }
    case 'returns':
      return compare('returns', wanted.value, detail.returns, scope, instead);
    case 'event':
      return sameWords(wanted.words, detail.event, scope, instead, 'the event');
    case 'issued':
      return sameCommands(wanted.commands, detail.issued ?? [], scope, instead);
    case 'error':
      return detail.commandError === wanted.name ? PASSED : instead(`command error ${wanted.name}`);
    case 'reason':
      return detail.reason === wanted.rule ? PASSED : instead(`reason ${wanted.rule}`);
    case 'field':
      return judgeField(wanted, detail, scope, fieldScope);
  }
}

function judgeFault(
  wanted: Extract<Outcome, { kind: 'fault' }>,
  happened: Happened,
  scope: Scope,
  instead: (what: string) => Verdict,
): Verdict {
  const { detail } = happened;
  const isFault = happened.outcome === 'fault' || detail.ignored === true;
  if (wanted.code) {
    const code = integer(wanted.code, scope);
    if (isNoValue(code)) return failed(code.message);
    return isFault && BigInt(detail.code ?? -1) === code ? PASSED : instead(`fault 0x${code.toString(16)}`);
  }
  if (!isFault) return instead(`fault${wanted.name ? ` ${wanted.name}` : ''}`);
  return wanted.name === undefined || wanted.name === detail.fault ? PASSED : instead(`fault ${wanted.name}`);
}

function compare(
  what: string,
  expr: Parameters<typeof integer>[0],
  found: bigint | undefined,
  scope: Scope,
  instead: (what: string) => Verdict,
): Verdict {
  const wanted = integer(expr, scope);
  if (isNoValue(wanted)) return failed(wanted.message);
  if (found !== undefined && BigInt.asUintN(64, found) === wanted) return PASSED;
  const shown = what === 'refs' || what === 'config' ? `${wanted}` : hexGrouped(wanted);
  return found === undefined
    ? instead(`${what} ${shown}`)
    : failed(
        `expected ${what} ${shown}, got ${what} ${what === 'refs' || what === 'config' ? found : hexGrouped(BigInt.asUintN(64, found))}`,
      );
}

function judgeField(
  wanted: Extract<Outcome, { kind: 'field' }>,
  detail: Detail,
  scope: Scope,
  fieldScope: Scope,
): Verdict {
  const name = wanted.path.map((p) => p.text).join('.');
  const [object, ...path] = wanted.path;
  let found: Value | undefined;
  // A field of the payload that was just submitted comes first, then what is known of the outcome, then any other name.
  const own = fieldScope.member(object!, wanted.path);
  const known = path.length === 0 ? outcomeNumber(detail, object!.text) : undefined;
  if (own !== undefined && !isNoValue(own)) found = own;
  else if (known !== undefined) found = known;
  else {
    const other = path.length > 0 ? scope.member(object!, path) : scope.name(object!.text, object!);
    if (other === undefined) return failed(isNoValue(own) ? own.message : `${name} is not known`);
    if (isNoValue(other)) return failed(other.message);
    found = other;
  }
  const value = evaluate(wanted.value, scope);
  if (isNoValue(value)) return failed(value.message);
  if (typeof found !== 'bigint' || typeof value !== 'bigint') {
    const same = equalValues(found, value);
    return (wanted.op === '==') === same && (wanted.op === '==' || wanted.op === '!=')
      ? PASSED
      : failed(`expected ${name} ${wanted.op} ${describe(value)}, got ${describe(found)}`);
  }
  const holds = {
    '==': found === value,
    '!=': found !== value,
    '<': found < value,
    '<=': found <= value,
    '>': found > value,
    '>=': found >= value,
  }[wanted.op];
  return holds ? PASSED : failed(`expected ${name} ${wanted.op} ${hexGrouped(value)}, got ${hexGrouped(found)}`);
}

/** `refs <= 24`, `value != 0`: numbers of the outcome by their report names. */
function outcomeNumber(detail: Detail, name: string): bigint | undefined {
  if (!['hpa', 'gpa', 'value', 'refs', 'config', 'returns', 'code', 'stag'].includes(name)) return undefined;
  const found = detail[name as 'hpa' | 'refs'];
  return found === undefined ? undefined : BigInt.asUintN(64, BigInt(found));
}

function equalValues(a: Value, b: Value): boolean {
  const list = (v: Value): readonly Value[] | undefined =>
    v instanceof Uint8Array ? [...v].map(BigInt) : typeof v === 'object' ? (v as readonly Value[]) : undefined;
  const [x, y] = [list(a), list(b)];
  if (x && y) return x.length === y.length && x.every((item, i) => equalValues(item, y[i]!));
  return a === b;
}

const word = (w: bigint | undefined): bigint => w ?? 0n;

function sameWords(
  expr: Parameters<typeof evaluate>[0],
  found: readonly bigint[] | undefined,
  scope: Scope,
  instead: (what: string) => Verdict,
  what: string,
): Verdict {
  const wanted = evaluate(expr, scope);
  if (isNoValue(wanted)) return failed(wanted.message);
  if (!Array.isArray(wanted)) return failed(`${what} is compared with a list of words`);
  const text = (words: readonly unknown[]): string =>
    `[${words.map((w) => (typeof w === 'bigint' ? hexGrouped(w) : '?')).join(', ')}]`;
  if (!found) return instead(`${what} ${text(wanted)}`);
  const n = Math.max(wanted.length, found.length);
  for (let i = 0; i < n; i++)
    if (word(wanted[i] as bigint | undefined) !== word(found[i]))
      return failed(`expected ${what} ${text(wanted)}, got ${text(found)}`);
  return PASSED;
}

function sameCommands(
  expr: Parameters<typeof evaluate>[0],
  issued: readonly (readonly bigint[])[],
  scope: Scope,
  instead: (what: string) => Verdict,
): Verdict {
  const wanted = evaluate(expr, scope);
  if (isNoValue(wanted)) return failed(wanted.message);
  if (!Array.isArray(wanted)) return failed('issued is compared with a list of commands, each a list of words');
  const text = (commands: readonly unknown[]): string =>
    `[${commands.map((c) => (Array.isArray(c) ? `[${c.map((w) => hexGrouped(w as bigint)).join(', ')}]` : '?')).join(', ')}]`;
  const same =
    wanted.length === issued.length &&
    wanted.every((command, i) => {
      if (!Array.isArray(command)) return false;
      const n = Math.max(command.length, issued[i]!.length);
      return Array.from({ length: n }, (_, k) => word(command[k]) === word(issued[i]![k])).every(Boolean);
    });
  return same
    ? PASSED
    : issued.length === 0
      ? instead(`commands ${text(wanted)}`)
      : failed(`expected commands ${text(wanted)}, got ${text(issued)}`);
}

/** One line of what happened: `hpa 0x1_4000_0010 (hit iotlb)`, `fault SFS.2: ..`, `EINVAL: ..`. */
export function summary(happened: Happened): string {
  const { outcome, detail } = happened;
  if (outcome === 'fault') return faultText(detail) + (detail.stale ? ' (stale: a walk would now succeed)' : '');
  if (isErrno(outcome)) return errnoText(outcome, detail);
  if (outcome === 'hpa') {
    const how = detail.hit ? `hit ${detail.hit}` : `miss, refs ${detail.refs ?? 0}${detail.psc ? ', hit psc' : ''}`;
    return `hpa ${hexGrouped(detail.hpa ?? 0n)} (${how}${detail.stale ? ', STALE' : ''})`;
  }
  if (outcome === 'request') return 'a page request';
  if (outcome === 'stall') return stallText(detail);
  if (outcome === 'interrupt') return 'an interrupt message, which is not translated';
  if (detail.hidden) return hiddenText(detail);
  if (detail.commandError) return `command error ${detail.commandError}: ${detail.commandErrorText}`;
  return detail.returns !== undefined && detail.returns !== 0n
    ? `${outcome} (returned ${hexGrouped(BigInt.asUintN(64, detail.returns))})`
    : outcome;
}

/** `stalled with STAG 3: F_TRANSLATION, ..`. */
export const stallText = (detail: Detail): string =>
  `stalled with STAG ${detail.stag ?? 0}: ${detail.fault ?? ''}${detail.faultText ? `, ${detail.faultText}` : ''}`;

export const faultText = (detail: Detail): string =>
  `fault ${detail.fault ?? ''}${detail.faultText ? `: ${detail.faultText}` : ''}`;

export function errnoText(errno: string, detail: Detail): string {
  const why = detail.refusal
    ? refusalText(detail)
    : (detail.notes?.join('; ') ?? (isErrno(errno) ? ERRNO[errno].means : ''));
  return why === '' ? errno : `${errno}: ${why}`;
}

/** Which check refused, what it found and what it wanted, where it stands in the kernel. */
export function refusalText({ refusal }: Detail): string {
  if (!refusal) return '';
  const { check, path, found, wanted, injected } = refusal;
  if (injected) return `injected failure in ${check.at}${found ? ` (${found})` : ''}`;
  const seen = [path, found && (path ? `is ${found}` : found)].filter(Boolean).join(' ');
  return `${seen || check.doc.replace(/\.$/, '')}${wanted ? `, wanted ${wanted}` : ''} (${check.at}, ${check.id}; ${check.evidence}: ${check.source})`;
}

export function hiddenText(detail: Detail): string {
  if (detail.skip)
    return `hidden: the driver skipped ${detail.skip.found} and returned 0, so the caller cannot see it (${detail.skip.id}; ${detail.skip.evidence}: ${detail.skip.source})`;
  return `hidden ${detail.hidden}: the call returned 0 although ${refusalText(detail)}; the caller cannot see it`;
}

/** What kept a stale translation, what was edited, what a walk gives now and what would have covered it. */
export const staleText = (detail: Detail): string => {
  const cause = detail.staleCause;
  if (!cause) return 'STALE: a translation was used that a walk would not give now';
  const edited = cause.entry ? `; ${cause.entry} was edited and not invalidated` : '';
  const missed = cause.missed.length > 0 ? `; ${cause.missed.map((m) => m.what).join(', ')} did not reach it` : '';
  const covers = cause.remedyText ? `; ${cause.remedyText} would have covered it` : '';
  return `STALE: the ${cause.cache} still held ${cause.tag}${edited}; a walk now gives ${cause.now}${missed}${covers}`;
};
