import {
  type Check,
  count,
  encodePayload,
  evaluate,
  findFormat,
  isNoValue,
  KNOWN_FORMAT_NAMES,
  Names,
  type NoValue,
  nearest,
  type ScenarioFile,
  type Skip,
  WIDEST_LIMITS,
} from '../../engine/index.ts';
import type { Diagnostic } from './diagnostic.ts';
import type { Resolved } from './resolve.ts';
import { RULES } from './rules/index.ts';
import type { Finding, PayloadView, Rule, RuleContext, Use } from './rules/rule.ts';
import { checkScenario, namesBoundInAll } from './scenario-names.ts';
import type { Expr, Payload, Span } from './syntax.ts';
import { buildViews } from './views.ts';

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
    for (const mapping of node.mappings) {
      expression(mapping.from, where);
      expression(mapping.to, where);
      if (mapping.size) expression(mapping.size, where);
      if (mapping.page) expression(mapping.page, where);
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
  return finding.predicts !== undefined && uses.length > 0 && uses.every((use) => expects(use, finding.predicts!));
}

function expects({ step }: Use, predicted: Check | Skip): boolean {
  const errno = 'errno' in predicted ? predicted.errno : undefined;
  return (step.expect?.groups ?? []).some((group) =>
    group.some(
      (o) =>
        o.kind === 'any' ||
        (o.kind === 'hidden' && (o.errno === undefined || o.errno === errno)) ||
        (o.kind === 'errno' && o.name === errno) ||
        (o.kind === 'reason' && o.rule === predicted.id),
    ),
  );
}

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
  const cut = unique.slice(0, MAX_DIAGNOSTICS);
  const last = cut.at(-1)!;
  return [
    ...cut,
    {
      file: last.file,
      start: last.start,
      end: last.end,
      code: 'too-many',
      severity: 'error',
      message: `${count(unique.length - MAX_DIAGNOSTICS, 'further finding')} not shown`,
    },
  ];
}

const isMistake = (value: unknown): value is NoValue =>
  isNoValue(value as NoValue) && (value as NoValue).noValue === 'mistake';
