import { count, type Detail, hexGrouped, type OutcomeWord, type StaleCause } from '../../engine/index.ts';

/** What the text needs of a step's result. */
export interface Outcome {
  readonly outcome: OutcomeWord;
  readonly detail: Detail;
  readonly message: string;
}

const CACHE_TITLES = { iotlb: 'IOTLB', devtlb: 'device TLB' } as const;

/**
 * What a step did, in one short line that stands at the end of its source line and in verbose reports alike:
 * `HPA 0x1_4000_0010 · 24 refs · miss`, `EINVAL hidden: addr_width 40`, `STALE: edited line 52, cached line 50`.
 */
export function outcomeText(result: Outcome, lineOf: (offset: number) => number): string {
  const { outcome, detail, message } = result;
  switch (outcome) {
    case 'problem':
      return `error: ${message}`;
    case 'hpa':
      return detail.stale
        ? staleText(detail, lineOf)
        : [`HPA ${hexGrouped(detail.hpa ?? 0n)}`, ...walk(detail)].join(' · ');
    case 'fault':
      return [faultText(detail), ...(detail.stale ? ['stale: a walk would now succeed'] : walk(detail))].join(' · ');
    case 'request':
      return ['page request queued', ...walk(detail)].join(' · ');
    case 'stall':
      return [`stalled, STAG ${detail.stag ?? 0}: ${detail.fault ?? ''}`, ...walk(detail)].join(' · ');
    case 'interrupt':
      return 'interrupt message, not translated';
    case 'ok':
      return detail.hidden ? hiddenText(detail) : okText(detail);
    default:
      return [outcome, refusalText(detail)].filter(Boolean).join(': ');
  }
}

function walk(detail: Detail): string[] {
  const { refs, hit, psc } = detail;
  if (hit) return [`hit ${CACHE_TITLES[hit]}`];
  return refs === undefined
    ? []
    : [count(refs, 'ref'), ...(hit === false ? ['miss'] : []), ...(psc ? ['paging-structure cache'] : [])];
}

const faultText = (detail: Detail): string =>
  `fault ${detail.fault ?? ''}${detail.faultText ? `: ${detail.faultText}` : ''}`;

function staleText({ staleCause: cause }: Detail, lineOf: (offset: number) => number): string {
  const edited = cause?.edited && `edited line ${lineOf(cause.edited.step.start)}`;
  const filled = cause?.filled && `cached line ${lineOf(cause.filled.step.start)}`;
  return `${cause?.breach ? 'BREACH, STALE' : 'STALE'}: ${[edited, filled].filter(Boolean).join(', ') || (cause?.now ?? 'not what a walk gives')}`;
}

function hiddenText(detail: Detail): string {
  if (detail.hidden === 'skipped') return `skipped, hidden: ${detail.skip?.found ?? detail.reason ?? ''}`;
  return `${detail.hidden} hidden: ${refusalText(detail)}`;
}

/** The field that decided and what it held, without the members around it; else the check. */
function refusalText({ refusal, reason, notes }: Detail): string {
  if (!refusal) return reason ?? notes?.join('; ') ?? '';
  const { check, path, found, wanted, injected } = refusal;
  if (injected) return `injected failure in ${check.at}`;
  const field = path?.split('.').at(-1);
  const seen = [field, found].filter(Boolean).join(' ');
  return seen ? `${seen}${wanted ? `, wanted ${wanted}` : ''}` : check.id;
}

function okText(detail: Detail): string {
  const { returns, value, issued, issuedText, notes, commandError, commandErrorText } = detail;
  const parts = [
    ...(value === undefined ? [] : [hexGrouped(value)]),
    ...(returns === undefined || returns === 0n ? [] : [`returned ${hexGrouped(BigInt.asUintN(64, returns))}`]),
    ...(issued === undefined ? [] : [issued.length === 1 ? (issuedText?.[0] ?? '') : count(issued.length, 'command')]),
    ...(commandError === undefined ? [] : [`error ${commandError}${commandErrorText ? `: ${commandErrorText}` : ''}`]),
    ...(notes ?? []),
  ];
  return parts.length === 0
    ? 'ok'
    : parts[0] === notes?.[0] || value !== undefined || commandError !== undefined
      ? parts.join(' · ')
      : ['ok', ...parts].join(' · ');
}

/** Why nothing is named that would have covered a stale access. */
export const noRemedyText = ({ candidates, owed }: StaleCause): string =>
  candidates
    ? 'only the first stale accesses of a scenario are advised about'
    : owed
      ? `no call of this generation reaches this entry; ${owed}`
      : 'no call of this generation is known here that reaches this entry';
