import { encodePayload, evaluate, isErrno } from '../../engine/index.ts';
import { cType } from '../language/c-types.ts';
import type { EvolveDecl, Span } from '../language/syntax.ts';
import { commandMarkdown, commandOf, recordMarkdown } from './hover-commands.ts';
import { isAt, isKnown, type Place, staticNames } from './hover-context.ts';
import { attributeMarkdown, faultMarkdown, formatMarkdown, permissionsMarkdown } from './hover-hardware.ts';
import { code, paragraphs, prose } from './hover-markdown.ts';
import {
  errnoMarkdown,
  fieldMarkdown,
  generationMarkdown,
  quirkMarkdown,
  reasonMarkdown,
  structMarkdown,
} from './hover-uapi.ts';
import { numberText } from './hover-values.ts';
import { type KeywordPlace, keywordDoc } from './keyword-docs.ts';
import { resultMembers } from './members.ts';

/** A hover with the span that it is about, where that is more than the token. */
export interface WordHover {
  readonly markdown: string;
  readonly span?: Span;
}

const just = (markdown: string | undefined, span?: Span): WordHover | undefined =>
  markdown === undefined ? undefined : { markdown, ...(span ? { span } : {}) };

/** Ids that are no names of the file: generations, quirks, formats, capabilities, commands, faults, errnos, reasons. */
export function idHover(place: Place): WordHover | undefined {
  const { declaration, steps, token } = place;
  const step = steps.at(-1);
  switch (declaration?.kind) {
    case 'evolve':
      return just(evolveMarkdown(place, declaration));
    case 'uapi': {
      if (isAt(place, declaration.id)) return just(generationMarkdown(declaration.id.text), declaration.id);
      const quirk = declaration.quirks.find(({ name }) => isAt(place, name));
      const known = quirk && isKnown(place) ? place.generation.quirks.get(quirk.name.text) : undefined;
      return known && isKnown(place) ? just(quirkMarkdown(known, place.file.quirks.get(known.name))) : undefined;
    }
    case 'pagetable':
      if (isAt(place, declaration.format)) return just(formatMarkdown(declaration.format.text), declaration.format);
      return mappingHover(place, declaration.format.text);
  }
  if (step?.kind === 'map' && isKnown(place))
    return mappingHover(place, place.file.tables.get(step.table.text)?.node.format.text ?? '');
  if ((step?.kind === 'protect' || step?.kind === 'host') && isAt(place, step.perms))
    return just(permissionsMarkdown(token.text));
  if (step?.kind === 'invalidate' && isAt(place, step.command) && isKnown(place)) {
    const command = commandOf(token.text, place.file);
    return command && just(commandMarkdown(command));
  }
  if (isAt(place, place.payloads.at(-1)?.word) && isKnown(place)) {
    const record = recordMarkdown(token.text, place.file);
    if (record) return just(record);
  }
  return outcomeHover(place);
}

/** The type and the name of a field that a later version adds, at its place in the struct. */
function evolveMarkdown(place: Place, { struct, version, fields }: EvolveDecl): string | undefined {
  const field = fields.find(({ type, name }) => isAt(place, type) || isAt(place, name));
  if (!field || !isKnown(place)) return undefined;
  const { generation, token } = place;
  if (isAt(place, field.type)) {
    const known = generation.structs.get(token.text);
    return known ? structMarkdown(known, generation) : typeMarkdown(token.text);
  }
  const number = evaluate(version, staticNames(place).scope());
  const made = generation.evolved?.get(struct.text)?.find((v) => BigInt(v.version) === number)?.struct;
  const laid = made?.fields.find((f) => f.name === token.text);
  return laid && fieldMarkdown({ field: laid, path: laid.name, offset: laid.offset, struct: made! }, generation);
}

/** An integer type as a header writes it. */
function typeMarkdown(type: string): string | undefined {
  const known = cType([type], false);
  return (
    known &&
    `**${type}** · ${known.signed ? 'signed' : 'unsigned'} integer of ${known.bits} bits, ${known.bits / 8} bytes`
  );
}

function mappingHover(place: Place, format: string): WordHover | undefined {
  const { mapping, token } = place;
  if (isAt(place, mapping?.perms)) return just(permissionsMarkdown(mapping!.perms!.text), mapping!.perms);
  return mapping?.attributes.some((a) => isAt(place, a)) ? just(attributeMarkdown(format, token.text)) : undefined;
}

/** Errnos, faults and reasons behind `expect`: their names are parts of the outcome without a span of their own. */
function outcomeHover(place: Place): WordHover | undefined {
  const { outcome, token } = place;
  if (!outcome) return undefined;
  const behind = outcome.start < token.start;
  const tail = (name: string): Span => ({ start: outcome.end - name.length, end: outcome.end });
  if (outcome.kind === 'fault' && behind && outcome.name !== undefined)
    return just(faultMarkdown(outcome.name), tail(outcome.name));
  if (outcome.kind === 'reason' && behind)
    return just(reasonMarkdown(outcome.rule, place.resolved.scenarioFile?.generation), tail(outcome.rule));
  if (outcome.kind === 'field' && isKnown(place) && isAt(place, outcome.path[0])) {
    const step = place.steps.at(-1);
    const member = step && resultMembers(step, place.generation).find(({ name }) => name === place.token.text);
    return member && just(`**${member.name}** · ${member.doc}`);
  }
  if ((outcome.kind === 'errno' || outcome.kind === 'hidden') && isErrno(token.text))
    return just(errnoMarkdown(token.text, place.resolved.scenarioFile?.generation));
  return undefined;
}

/** A word of the language itself. */
export function keywordHover(place: Place): string | undefined {
  const found = keywordDoc(place.token.text, ...placesOf(place));
  if (!found) return undefined;
  const doc = docOf(place);
  const here = valueHere(place);
  return paragraphs(
    `**${found.word}** · ${code(found.form)}`,
    found.doc,
    here !== undefined && `Here: ${code(numberText(here))}`,
    doc && prose(doc),
  );
}

/** The value of the `sizeof` or `offsetof` whose word the token is. */
function valueHere(place: Place): bigint | undefined {
  const expr = place.exprs.at(-1);
  if (!isKnown(place) || (expr?.kind !== 'sizeof' && expr?.kind !== 'offsetof') || expr.start !== place.token.start)
    return undefined;
  const names = staticNames(place);
  const payload = place.payloads.at(-1);
  const self = payload && encodePayload({ node: payload, file: place.resolved.file }, names).bytes.length;
  const value = evaluate(expr, names.scope(self === undefined ? undefined : BigInt(self)));
  return typeof value === 'bigint' ? value : undefined;
}

/** The doc comment of the declaration whose first word the token is. */
function docOf({ declaration, token }: Place): string | undefined {
  return declaration && 'doc' in declaration && declaration.start === token.start ? declaration.doc : undefined;
}

/** What the word may be at its place, the likeliest first. */
function placesOf(place: Place): readonly KeywordPlace[] {
  const { declaration, steps, outcome, mapping, exprs, token, assertion, item } = place;
  const step = steps.at(-1);
  // A name that is a whole expression is no keyword, except for the words that only expressions know.
  const expr = exprs.at(-1);
  if (expr?.kind === 'sizeof' || expr?.kind === 'offsetof') return ['expression', 'declaration'];
  if (expr && expr.kind !== 'payload' && expr.kind !== 'binary') return ['expression'];
  if (step) {
    if (step.start === token.start) return ['step'];
    if (outcome) return ['outcome'];
    if (assertion) return assertion.kind === 'bound' ? ['assertion', 'attach', 'option'] : ['assertion', 'option'];
    if (step.expect && step.expect.start <= token.start) return ['step', 'outcome'];
    if (mapping) return ['mapping', 'option'];
    if (step.kind === 'attach' || step.kind === 'replace' || step.kind === 'detach') return ['attach', 'option'];
    return step.kind === 'dma' || step.kind === 'host' ? ['option', 'step'] : ['option', 'declaration'];
  }
  if (!declaration) return ['declaration'];
  if (declaration.start === token.start) return ['declaration'];
  if (item) return ['machine', 'mapping', 'option'];
  if (mapping) return ['mapping'];
  return declaration.kind === 'machine' ? ['machine'] : ['declaration', 'option', 'expression'];
}
