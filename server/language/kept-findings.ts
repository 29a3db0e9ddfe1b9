import type { ScenarioFile } from '../../engine/index.ts';
import type { Diagnostic } from './diagnostic.ts';
import { footprintOf, KnownTexts, type Part, type Parts } from './parts.ts';
import { rangesText } from './pasid-requests.ts';
import type { Resolved } from './resolve.ts';
import type { RuleContext } from './rules/rule.ts';
import type { Declaration, Span } from './syntax.ts';

/** A finding with its place among those that begin at the same offset. */
export interface Found {
  readonly diagnostic: Diagnostic;
  readonly rank: number;
}

/** Checks one declaration as if nothing were known of it. Says whether that asked for the ranges of all requests. */
export type Check = (declaration: Declaration) => { readonly found: readonly Found[]; readonly usesRanges: boolean };

/** A place by the part of a footprint that it lies in, counted from the start of that part. */
interface Anchored extends Span {
  readonly part: number;
}

/** What is found in one declaration. */
interface Kept {
  readonly places: readonly Place[];
  /** The ranges of all requests, where the findings hang on them. */
  readonly ranges: string | undefined;
}

interface Place {
  readonly found: Found;
  readonly at: Anchored;
  readonly related: readonly Anchored[];
}

/** So many names that nobody knows are a missing include; from then on not all get a suggestion, in order of asking. */
const MOST_STRANGE = 30;

/**
 * The findings of a document's declarations, kept from one version to the next.
 *
 * The invariant: what is found in a declaration depends on its footprint alone, which is its text, the texts of what it
 * names and, for a payload, of what names it, at any hand; on the facts of the file; and on the ranges that its requests
 * ask for, where a rule says so. All places in it lie in its footprint. So what was found once holds where the footprint's texts and the facts are the same, at the places where
 * they stand now. What may break this rule is not kept: a finding with a place elsewhere, or with a suggestion out of all
 * names of the file.
 */
export class KeptFindings {
  readonly #texts = new KnownTexts();
  #facts = '';
  #kept: ReadonlyMap<string, Kept> = new Map();

  /** The declarations of a version, which is the present one from now on. */
  partsOf(resolved: Resolved, file: ScenarioFile): Parts {
    return this.#texts.partsOf(resolved, file);
  }

  /** What is found in these declarations, in their order. `check` is asked for those whose findings are not known. */
  of(declarations: readonly Declaration[], parts: Parts, context: RuleContext, check: Check): Found[] {
    const { file, resolved } = context;
    const machine = resolved.machineDecl && parts.of.get(resolved.machineDecl.node as Declaration);
    const everywhere = machine ? footprintOf(machine, []) : [];
    const facts = factsOf(file, context, everywhere);
    if (facts === undefined || facts !== this.#facts) this.#kept = new Map();
    this.#facts = facts ?? '';
    const next = new Map<string, Kept>();
    const all: Found[] = [];
    for (const declaration of declarations) {
      const footprint = everywhere && footprintOf(parts.of.get(declaration)!, everywhere);
      const key = footprint && parts.strange <= MOST_STRANGE ? footprint.map(({ mark }) => mark).join() : undefined;
      const known = key === undefined ? undefined : this.#kept.get(key);
      if (known && (known.ranges === undefined || known.ranges === rangesText(context))) {
        for (const place of known.places) all.push(placed(place, footprint!));
        next.set(key!, known);
        continue;
      }
      const { found, usesRanges } = check(declaration);
      for (const each of found) all.push(each);
      const places = key === undefined ? undefined : anchoredAll(found, footprint!);
      if (places) next.set(key!, { places, ranges: usesRanges ? rangesText(context) : undefined });
    }
    this.#kept = next;
    return all;
  }
}

/** What holds for every declaration, other than texts; undefined where the text is so broken that nothing is sure. */
function factsOf(
  file: ScenarioFile,
  context: RuleContext,
  everywhere: readonly Part[] | undefined,
): string | undefined {
  const { generation, quirks, scenarios, included } = file;
  if (context.resolved.sources.some(({ problems }) => problems.some(({ code }) => code === 'too-many-problems')))
    return undefined;
  return [
    generation.id,
    ...[...quirks].map(([name, on]) => `${name}=${on}`),
    ...evolvedText(context),
    `${scenarios.length > 0}`,
    ...included,
    ...(everywhere ?? []).map(({ mark }) => mark),
  ].join('\n');
}

/** What the file adds to the structs of its generation, with the places that numbers of other declarations give it. */
function evolvedText({ file: { generation }, resolved: { sources } }: RuleContext): readonly string[] {
  const texts = sources.flatMap(({ text, program }) =>
    program.declarations.flatMap(({ kind, start, end }) => (kind === 'evolve' ? [text.slice(start, end)] : [])),
  );
  const sizes = [...(generation.evolved ?? [])].map(
    ([struct, versions]) =>
      `${struct}: ${versions.map(({ version, struct: { size } }) => `${version} ${size}`).join()}`,
  );
  return [...texts, ...sizes];
}

/** Findings by the parts they lie in; undefined where they may hang on something else. */
function anchoredAll(found: readonly Found[], footprint: readonly Part[]): readonly Place[] | undefined {
  const all: Place[] = [];
  for (const each of found) {
    const { diagnostic } = each;
    if (SUGGESTS.test(diagnostic.code)) return undefined;
    const at = anchored(diagnostic, footprint);
    const related = (diagnostic.related ?? []).map((place) => anchored(place, footprint));
    if (!at || !related.every((place) => place !== undefined)) return undefined;
    all.push({ found: each, at, related });
  }
  return all;
}

/** Findings that look through all names of the file for one that may be meant. */
const SUGGESTS = /^(unknown|name)-/;

function anchored(place: Span & { readonly file: string }, footprint: readonly Part[]): Anchored | undefined {
  const part = footprint.findIndex((p) => p.file === place.file && p.start <= place.start && place.end <= p.end);
  if (part < 0) return undefined;
  const { start } = footprint[part]!;
  return { part, start: place.start - start, end: place.end - start };
}

/** A finding where the parts of its footprint stand now. */
function placed({ found, at, related }: Place, footprint: readonly Part[]): Found {
  const { diagnostic, rank } = found;
  const spanOf = ({ part, start, end }: Anchored): Span => {
    const from = footprint[part]!.start;
    return { start: from + start, end: from + end };
  };
  return {
    rank,
    diagnostic: {
      ...diagnostic,
      ...spanOf(at),
      ...(diagnostic.related
        ? { related: diagnostic.related.map((place, i) => ({ ...place, ...spanOf(related[i]!) })) }
        : {}),
    },
  };
}
