import { count, Names, type ScenarioFile } from '../../engine/index.ts';
import type { Diagnostic } from './diagnostic.ts';
import { type Check, type Found, KeptFindings } from './kept-findings.ts';
import type { Resolved } from './resolve.ts';
import { RULES } from './rules/index.ts';
import { expectsRefusal, type Finding, type Rule, type RuleContext, type Use } from './rules/rule.ts';
import { checkScenario } from './scenario-names.ts';
import type { Declaration } from './syntax.ts';
import { ValueChecks } from './value-checks.ts';
import { ruleContext } from './views.ts';

const RANK: Readonly<Record<Diagnostic['severity'], number>> = { error: 0, warning: 1, information: 2, hint: 3 };

/** Most findings that are reported for one file; beyond it the file is noise. */
const MAX_DIAGNOSTICS = 1000;

/**
 * All findings of a file and its includes: from parsing and resolving, from values, and from the rules. With the findings
 * `kept` of an earlier version only what a change concerns is checked; the answer is the same.
 */
export function analyse(resolved: Resolved, kept = new KeptFindings()): Diagnostic[] {
  const found = resolved.diagnostics.map((diagnostic): Found => ({ diagnostic, rank: 0 }));
  const { scenarioFile: file } = resolved;
  if (file) {
    const parts = kept.partsOf(resolved, file);
    const names = Names.lasting(file, parts.bound);
    let usesRanges = false;
    const context = ruleContext(resolved, file, names, () => {
      usesRanges = true;
    });
    const values = new ValueChecks(names);
    const check: Check = (declaration) => {
      usesRanges = false;
      const inValues = valuesIn(declaration, values, context, names, parts.bound);
      const all = [...inValues.map((diagnostic) => ({ diagnostic, rank: 1 })), ...rulesIn(declaration, context)];
      return { found: all, usesRanges };
    };
    for (const each of kept.of(checkedOf(file), parts, context, check)) found.push(each);
    for (const [i, rule] of RULES.entries())
      for (const finding of rule.file?.(context) ?? [])
        found.push({ diagnostic: toDiagnostic(rule, finding), rank: rankOf(i) });
  }
  return tidy(found, resolved);
}

/** What can be wrong by itself, in the order in which it is looked at. */
const checkedOf = ({ lets, payloads, tables, scenarios }: ScenarioFile): readonly Declaration[] => [
  ...[...lets.values(), ...payloads.values(), ...tables.values()].map(({ node }) => node as Declaration),
  ...(scenarios as readonly Declaration[]),
];

/** Values that can be known before a run. */
function valuesIn(
  declaration: Declaration,
  values: ValueChecks,
  { file }: RuleContext,
  names: Names,
  bound: ReadonlySet<string>,
): readonly Diagnostic[] {
  switch (declaration.kind) {
    case 'let':
      return values.let(file.lets.get(declaration.name.text)!);
    case 'payload':
      return values.payload(file.payloads.get(declaration.name!.text)!);
    case 'pagetable':
      return values.table(file.tables.get(declaration.name.text)!);
    case 'scenario':
      return checkScenario(declaration, file, names, bound);
    default:
      return [];
  }
}

/** What rules find in a declared payload or a scenario, and in the payloads that stand in it. */
function rulesIn(declaration: Declaration, context: RuleContext): Found[] {
  const found: Found[] = [];
  const add = (index: number, findings: Iterable<Finding>, uses: readonly Use[]): void => {
    const rule = RULES[index]!;
    for (const finding of findings)
      if (!isExpected(finding, finding.use ? [finding.use] : uses))
        found.push({ diagnostic: toDiagnostic(rule, finding), rank: rankOf(index) });
  };
  if (declaration.kind !== 'payload' && declaration.kind !== 'scenario') return found;
  for (const view of context.viewsIn(declaration)) {
    // A payload that only lends its fields is judged in those that take them.
    if (view.lends) continue;
    for (const index of rulesOf(view.struct.name)) add(index, RULES[index]!.payload!(view, context), view.uses);
  }
  if (declaration.kind === 'scenario')
    for (const index of SCENARIO_RULES) add(index, RULES[index]!.scenario!(declaration, context), []);
  return found;
}

/** Behind what resolving and values bring. */
const rankOf = (rule: number): number => rule + 2;

const SCENARIO_RULES = [...RULES.keys()].filter((i) => RULES[i]!.scenario);

/** The rules that look at payloads of a struct. */
function rulesOf(struct: string): readonly number[] {
  let rules = byStruct.get(struct);
  if (!rules) {
    rules = [...RULES.keys()].filter((i) => RULES[i]!.payload && (RULES[i]!.structs?.includes(struct) ?? true));
    byStruct.set(struct, rules);
  }
  return rules;
}
const byStruct = new Map<string, readonly number[]>();

/** A prediction is no news where every submit of the payload says that it expects it. */
function isExpected(finding: Finding, uses: readonly Use[]): boolean {
  const isPrediction = finding.predicts !== undefined || finding.mayRefuse === true;
  return isPrediction && uses.length > 0 && uses.every(expects);
}

/** Whether a submit says that it expects a refusal, be it of this check or of one that decides earlier. */
const expects = ({ step }: Use): boolean => expectsRefusal(step);

function toDiagnostic(rule: Rule, finding: Finding): Diagnostic {
  const { predicts, related } = finding;
  const errno = predicts && 'errno' in predicts ? predicts.errno : undefined;
  return {
    file: finding.file,
    start: finding.at.start,
    end: finding.at.end,
    code: rule.id,
    severity: finding.severity ?? rule.severity,
    message: finding.message,
    ...(errno ? { errno } : {}),
    ...(predicts
      ? { decidedAt: `${'at' in predicts ? `${predicts.at}, ` : ''}${predicts.evidence}: ${predicts.source}` }
      : {}),
    ...(related && related.length > 0 ? { related } : {}),
    link: `REFERENCE.md#${rule.id}`,
  };
}

/** In source order, each finding once, and not more than anybody reads. */
function tidy(found: readonly Found[], { sources }: Resolved): Diagnostic[] {
  const seen = new Set<string>();
  const order = new Map(sources.map(({ file }, i) => [file, i]));
  const unique = found
    .filter(({ diagnostic: d }) => {
      const key = `${d.file}:${d.start}:${d.end}:${d.code}:${d.message}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    })
    .sort(
      ({ diagnostic: a, rank: i }, { diagnostic: b, rank: j }) =>
        order.get(a.file)! - order.get(b.file)! || a.start - b.start || i - j,
    )
    .map(({ diagnostic }) => diagnostic);
  if (unique.length <= MAX_DIAGNOSTICS) return unique;
  // Hints go first, errors last; what is cut is said once, where it concerns no declaration.
  const kept = new Set([...unique].sort((a, b) => RANK[a.severity] - RANK[b.severity]).slice(0, MAX_DIAGNOSTICS));
  const { file } = unique[0]!;
  const message = `${count(unique.length - MAX_DIAGNOSTICS, 'further finding')} not shown, the least severe ones`;
  return [
    { file, start: 0, end: 0, code: 'too-many', severity: 'information', message },
    ...unique.filter((d) => kept.has(d)),
  ];
}
