import {
  count,
  encodePayload,
  evaluate,
  findFormat,
  isNoValue,
  KNOWN_FORMAT_NAMES,
  Names,
  type NoValue,
  nearest,
  PageTable,
  type ScenarioFile,
  WIDEST_LIMITS,
} from '../../engine/index.ts';
import type { Diagnostic } from './diagnostic.ts';
import type { Resolved } from './resolve.ts';
import { RULES } from './rules/index.ts';
import type { Finding, PayloadView, Rule, RuleContext, Use } from './rules/rule.ts';
import { checkScenario, namesBoundInAll } from './scenario-names.ts';
import type { Expr, Payload, Span } from './syntax.ts';
import { buildViews } from './views.ts';

const RANK: Readonly<Record<Diagnostic['severity'], number>> = { error: 0, warning: 1, information: 2, hint: 3 };

/** Most findings that are reported for one file; beyond it the file is noise. */
const MAX_DIAGNOSTICS = 1000;

/** All findings of a file and its includes: from parsing and resolving, from values, and from the rules. */
export function analyse(resolved: Resolved): Diagnostic[] {
  const { scenarioFile: file } = resolved;
  if (!file) return tidy(resolved.diagnostics);
  // What an included file's own scenarios bind, its payloads may name too.
  const bound = namesBoundInAll(
    resolved.sources.flatMap(({ program }) => program.declarations.filter((d) => d.kind === 'scenario')),
  );
  const names = Names.lasting(file, bound);
  return tidy([...resolved.diagnostics, ...checkValues(file, names, bound), ...applyRules(resolved, file, names)]);
}

/** Values that can be known before a run: names, types, widths. */
function checkValues(file: ScenarioFile, names: Names, bound: ReadonlySet<string>): Diagnostic[] {
  const found: Diagnostic[] = [];
  const error = (at: Span & { readonly file: string }, code: string, message: string): void => {
    found.push({ file: at.file, start: at.start, end: at.end, code, severity: 'error', message });
  };
  const expression = (expr: Expr, where: string): bigint | undefined => {
    const value = evaluate(expr, names.scope());
    if (isMistake(value)) error({ ...value.at, file: where }, value.code, value.message);
    return typeof value === 'bigint' ? value : undefined;
  };

  for (const { node, file: where } of file.lets.values()) expression(node.value, where);
  for (const declared of file.payloads.values()) {
    for (const trouble of encodePayload(declared, names).troubles) {
      // A file without scenarios, and any included one, leaves it to its users to bind what its payloads name.
      if (trouble.code !== 'unknown-name' || (file.scenarios.length > 0 && !file.included.has(trouble.file)))
        error(trouble, trouble.code, trouble.message);
      else if (!file.included.has(trouble.file))
        found.push({
          file: trouble.file,
          start: trouble.start,
          end: trouble.end,
          code: 'name-bound-elsewhere',
          severity: 'information',
          message: `${trouble.message} in this file; a scenario that submits the payload has to bind it`,
        });
    }
    if (declared.node.mapped) expression(declared.node.mapped, declared.file);
  }
  for (const { node, file: where } of file.tables.values()) {
    checkFormat(node.format, where, error);
    if (node.space && node.space.text !== 'hpa' && node.space.text !== 'gpa')
      error({ ...node.space, file: where }, 'unknown-name', `a space is gpa or hpa, not ${node.space.text}`);
    expression(node.root, where);
    let attributes: Readonly<Record<string, bigint>> | undefined;
    let table: PageTable | undefined;
    for (const mapping of node.mappings) {
      const ia = expression(mapping.from, where);
      const oa = expression(mapping.to, where);
      const page = mapping.page ? expression(mapping.page, where) : 0x1000n;
      const size = mapping.size ? expression(mapping.size, where) : page;
      if (ia !== undefined && oa !== undefined && size !== undefined && page !== undefined) {
        table ??= emptyTable(node.format.text);
        const misfit = table?.misfit({ ia, oa, size, page, read: true, write: true, execute: false, user: true });
        if (misfit !== undefined) error({ ...mapping, file: where }, 'mapping-impossible', misfit);
      }
      if (mapping.attributes.length === 0) continue;
      attributes ??= findFormat(node.format.text)?.make(WIDEST_LIMITS).data.attributes;
      for (const a of mapping.attributes)
        if (attributes && !(a.text in attributes))
          error(
            { ...a, file: where },
            'unknown-name',
            `${node.format.text} has no entry bit ${a.text}; it has ${Object.keys(attributes).join(', ')}`,
          );
    }
  }
  for (const scenario of file.scenarios) for (const d of checkScenario(scenario, file, names, bound)) found.push(d);
  return found;
}

/** A table nothing is written to, to ask what its format can hold. */
function emptyTable(format: string): PageTable | undefined {
  const nothing = { read64: () => 0n, write64: () => undefined };
  const choice = findFormat(format);
  return choice && new PageTable(choice.make(WIDEST_LIMITS), nothing, 0n, () => undefined);
}

function checkFormat(
  format: { readonly text: string } & Span,
  file: string,
  error: (at: Span & { file: string }, code: string, message: string) => void,
): void {
  if (findFormat(format.text)) return;
  if (KNOWN_FORMAT_NAMES.includes(format.text)) {
    error({ ...format, file }, 'not-available', `the page-table format ${format.text} is not available yet`);
    return;
  }
  const near = nearest(format.text, KNOWN_FORMAT_NAMES);
  error(
    { ...format, file },
    'unknown-format',
    `${format.text || 'this'} is not a page-table format${near ? `; did you mean ${near}?` : `; there are ${KNOWN_FORMAT_NAMES.join(', ')}`}`,
  );
}

function applyRules(resolved: Resolved, file: ScenarioFile, names: Names): Diagnostic[] {
  const views = buildViews(resolved, file, names);
  const context: RuleContext = {
    resolved,
    file,
    machine: file.machine,
    payloads: views.all,
    viewOf: (payload: Payload) => views.of.get(payload),
    constant: (name) => file.generation.constants.get(name)?.value ?? 0n,
  };
  const found: Diagnostic[] = [];
  // A payload that only lends its fields is judged in those that take them.
  const judged = views.all.filter((view) => !view.lends);
  const byStruct = new Map<string, PayloadView[]>();
  for (const view of judged) {
    const same = byStruct.get(view.struct.name);
    if (same) same.push(view);
    else byStruct.set(view.struct.name, [view]);
  }
  for (const rule of RULES) {
    const payloads = rule.structs ? rule.structs.flatMap((name) => byStruct.get(name) ?? []) : judged;
    if (rule.payload)
      for (const view of payloads)
        for (const finding of rule.payload(view, context))
          if (!isExpected(finding, finding.use ? [finding.use] : view.uses)) found.push(toDiagnostic(rule, finding));
    if (rule.scenario)
      for (const scenario of file.scenarios) {
        for (const finding of rule.scenario(scenario, context))
          if (!isExpected(finding, finding.use ? [finding.use] : [])) found.push(toDiagnostic(rule, finding));
      }
    for (const finding of rule.file?.(context) ?? []) found.push(toDiagnostic(rule, finding));
  }
  return found;
}

/** A prediction is no news where every submit of the payload says that it expects it. */
function isExpected(finding: Finding, uses: readonly Use[]): boolean {
  return finding.predicts !== undefined && uses.length > 0 && uses.every(expects);
}

/** Whether a submit says that it expects a refusal, be it of this check or of one that decides earlier. */
function expects({ step }: Use): boolean {
  return (step.expect?.groups ?? []).some((group) => group.some(({ kind }) => REFUSED.has(kind)));
}

const REFUSED: ReadonlySet<string> = new Set(['any', 'hidden', 'errno', 'returns', 'reason']);

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
function tidy(found: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Set<string>();
  const unique = found.filter((d) => {
    const key = `${d.file}:${d.start}:${d.end}:${d.code}:${d.message}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
  unique.sort((a, b) => (a.file === b.file ? a.start - b.start : 0));
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

const isMistake = (value: unknown): value is NoValue =>
  isNoValue(value as NoValue) && (value as NoValue).noValue === 'mistake';
