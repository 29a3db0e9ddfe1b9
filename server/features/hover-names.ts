import { count, evaluate, hex, hexGrouped, isErrno, isNoValue, sizeText } from '../../engine/index.ts';
import { bitWordMarkdown } from './hover-commands.ts';
import { bindingIn, bindingOf, isAt, type KnownPlace, staticNames, textOf } from './hover-context.ts';
import {
  fdMarkdown,
  iommuMarkdown,
  iommuMemberMarkdown,
  machineHover,
  machineMemberMarkdown,
  processMarkdown,
} from './hover-machine.ts';
import { atMost, code, list, paragraphs, prose } from './hover-markdown.ts';
import { baseName, payloadMarkdown } from './hover-payload.ts';
import { callMarkdown, constantMarkdown, errnoMarkdown, ioctlMarkdown, structMarkdown } from './hover-uapi.ts';
import { isRound } from './hover-values.ts';
import { namedPayload } from './layout-text.ts';
import { indexLines, lineOf } from './lines.ts';
import { resultMembers } from './members.ts';

/** The token as the name of something: declared in the file, bound by a step, or known to the generation. */
export function nameHover(place: KnownPlace): string | undefined {
  const { token, exprs } = place;
  const word = bitWordMarkdown(place);
  if (word) return word;
  const payload = namedPayload(place);
  if (payload) return payloadMarkdown(payload, place);
  const declared = declaredHover(place) ?? machineHover(place);
  if (declared) return declared;
  const expr = exprs.at(-1);
  switch (expr?.kind) {
    case 'name': {
      if (place.item) return referenceHover(place) ?? named(expr.name, place);
      return named(expr.name, place);
    }
    case 'member':
      return isAt(place, expr.object)
        ? named(expr.object.text, place)
        : memberHover(expr.object.text, token.text, place);
    case 'address-of':
      return isAt(place, expr.name) ? named(expr.name.text, place) : undefined;
    case 'sizeof':
    case 'offsetof':
      return structHover(place);
    default:
      return referenceHover(place);
  }
}

/** A name wherever it may stand in an expression: bound names win over declared ones, those over the generation's. */
function named(name: string, place: KnownPlace): string | undefined {
  const { generation, file } = place;
  const payload = file.payloads.get(name);
  return (
    boundHover(name, place) ??
    letHover(name, place) ??
    (payload && payloadMarkdown(payload, place)) ??
    tableHover(name, place) ??
    deviceHover(name, place) ??
    constantHover(name, place) ??
    ioctlMarkdown(name, generation) ??
    callMarkdown(name, generation) ??
    fdMarkdown(name, file) ??
    (isErrno(name) ? errnoMarkdown(name, generation) : undefined)
  );
}

function constantHover(name: string, { generation }: KnownPlace): string | undefined {
  const constant = generation.constants.get(name);
  return constant && constantMarkdown(constant, generation);
}

function structHover({ generation, token }: KnownPlace): string | undefined {
  const struct = generation.structs.get(token.text);
  return struct && structMarkdown(struct, generation);
}

/** The declaration's own name, and the struct or kind that it begins with. */
function declaredHover(place: KnownPlace): string | undefined {
  const { declaration, generation, token } = place;
  const payload = place.payloads.at(-1);
  if (payload) {
    if (isAt(place, payload.word) && generation.kinds.has(token.text))
      return structMarkdown(generation.structs.get(generation.kinds.get(token.text)!.struct)!, generation);
    if (isAt(place, payload.struct)) return structHover(place);
  }
  if (declaration?.kind === 'let' && isAt(place, declaration.name)) return letHover(token.text, place);
  if (declaration?.kind === 'pagetable' && isAt(place, declaration.name)) return tableHover(token.text, place);
  if (declaration?.kind === 'evolve' && isAt(place, declaration.struct)) return structHover(place);
  return undefined;
}

/** Names that are no expressions: devices, tables and results of steps. */
function referenceHover(place: KnownPlace): string | undefined {
  const { steps, assertion, item, token, declaration, outcome } = place;
  if (item?.word.text === 'device' && isAt(place, item.name)) return deviceHover(token.text, place);
  if (item?.settings.some((s) => s.key.text === 'group' && isAt(place, s.value))) return groupHover(token.text, place);
  if (declaration?.kind === 'scenario' && isAt(place, declaration.loop?.name)) return boundHover(token.text, place);
  const step = steps.at(-1);
  if (!step) return undefined;
  if (
    ('device' in step && isAt(place, step.device)) ||
    (assertion && 'device' in assertion && isAt(place, assertion.device))
  )
    return deviceHover(token.text, place);
  if (step.kind === 'submit' && isAt(place, step.on)) return deviceHover(token.text, place);
  if ('table' in step && isAt(place, step.table)) return tableHover(token.text, place);
  if ('iommu' in step && isAt(place, step.iommu)) return deviceHover(token.text, place);
  if (step.kind === 'write-reg') {
    if (isAt(place, step.register.object)) return deviceHover(token.text, place);
    if (step.register.path.some((name) => isAt(place, name))) return iommuMemberMarkdown(token.text, place.file);
  }
  if ('process' in step && isAt(place, step.process)) return processMarkdown(token.text, place.file);
  if (step.kind === 'fd' && isAt(place, step.buffer)) return named(token.text, place);
  if ('as' in step && isAt(place, step.as)) return boundHover(token.text, place);
  if ((step.kind === 'let' || step.kind === 'for') && isAt(place, step.name)) return boundHover(token.text, place);
  if (outcome?.kind === 'field' && isAt(place, outcome.path[0])) return named(token.text, place);
  return undefined;
}

const lineIn = (place: KnownPlace, offset: number): number => lineOf(indexLines(place.source.text), offset);

function letHover(name: string, place: KnownPlace): string | undefined {
  const declared = place.file.lets.get(name);
  if (!declared) return undefined;
  const { node, file } = declared;
  const value = evaluate(node.value, staticNames(place).scope());
  const shown = isNoValue(value)
    ? value.message
    : typeof value === 'bigint'
      ? `= ${code(hexGrouped(value))}${value < 10n ? '' : `, ${code(`${value}`)}`}${isRound(value) ? `, ${code(sizeText(value))}` : ''}`
      : Array.isArray(value)
        ? count(value.length, 'element')
        : '';
  return paragraphs(
    [`**${name}**`, shown, 'constant', ...(file === place.resolved.file ? [] : [`in ${code(baseName(file))}`])]
      .filter(Boolean)
      .join(' · '),
    node.doc && prose(node.doc),
    code(textOf(place.resolved, file, node)),
  );
}

function tableHover(name: string, place: KnownPlace): string | undefined {
  const declared = place.file.tables.get(name);
  if (!declared) return undefined;
  const { node, file } = declared;
  const root = evaluate(node.root, staticNames(place).scope());
  const at =
    typeof root === 'bigint' ? `root at ${node.space?.text === 'hpa' ? 'HPA' : 'GPA'} ${code(hexGrouped(root))}` : '';
  const rows = atMost(
    node.mappings.map((m) => code(textOf(place.resolved, file, m))),
    8,
  );
  return paragraphs(
    [
      `**${name}** · page table ${code(node.format.text)}`,
      at,
      ...(file === place.resolved.file ? [] : [`in ${code(baseName(file))}`]),
    ]
      .filter(Boolean)
      .join(' · '),
    node.doc && prose(node.doc),
    list(rows),
  );
}

function deviceHover(name: string, { file }: KnownPlace): string | undefined {
  if (name === 'iommu0') return iommuMarkdown(file);
  const device = file.machine.devices.find((d) => d.name === name);
  if (!device) return undefined;
  const { bdf, sid, pasidBits, ats, pri, group } = device;
  const facts = [`${pasidBits} PASID bits`, ats ? 'ATS' : 'no ATS', pri ? 'PRI' : 'no PRI', `group ${group}`];
  return `**${name}** · device ${code(bdf)}, source id ${code(hex(sid))} · ${facts.join(' · ')}`;
}

function groupHover(name: string, { file: { machine } }: KnownPlace): string {
  const members = machine.devices.filter((d) => d.group === name).map((d) => code(d.name));
  return `**${name}** · IOMMU group of ${members.join(', ') || 'no device'}`;
}

function boundHover(name: string, place: KnownPlace): string | undefined {
  const { declaration } = place;
  if (declaration?.kind === 'scenario' && declaration.loop?.name.text === name)
    return paragraphs(
      `**${name}** · one value per run of the scenario`,
      code(`for ${place.source.text.slice(declaration.loop.name.start, declaration.body.start)}`),
    );
  const found = bindingOf(name, place);
  if (!found) return declaration?.kind === 'scenario' ? undefined : boundElsewhere(name, place);
  const { step, at } = found;
  const source = place.source.text.slice(
    step.start,
    step.kind === 'for' ? (step.steps[0]?.start ?? step.end) : step.head.end,
  );
  const what =
    step.kind === 'for' ? 'loop variable' : step.kind === 'let' ? 'bound by let' : `result of ${code(step.kind)}`;
  return paragraphs(`**${name}** · ${what}, line ${lineIn(place, at.start)}`, code(source.trimEnd()));
}

/** A name that a payload leaves to the scenarios that submit it. */
function boundElsewhere(name: string, place: KnownPlace): string | undefined {
  const bindings = place.file.scenarios.flatMap((scenario) => {
    const found = scenario.loop?.name.text === name ? { at: scenario.loop.name } : bindingIn(scenario, name);
    return found ? [`${code(scenario.title)}, line ${lineIn(place, found.at.start)}`] : [];
  });
  if (bindings.length === 0 || place.file.lets.has(name)) return undefined;
  return paragraphs(`**${name}** · known only when a scenario runs; bound by`, list(atMost(bindings, 8)));
}

/** `gpt.root`, `dev0.sid`, `ioas.id`, `iommu0.NEST`, `result.hpa`. */
function memberHover(object: string, member: string, place: KnownPlace): string | undefined {
  const { file } = place;
  if (/^iommu\d+$/.test(object)) return iommuMemberMarkdown(member, file);
  const table = file.tables.get(object);
  if (table && member === 'root') {
    const root = evaluate(table.node.root, staticNames(place).scope());
    return `**${object}.root** · where the page table begins${typeof root === 'bigint' ? `: ${code(hexGrouped(root))}` : ''}`;
  }
  const bound = bindingOf(object, place);
  if (!bound) return machineMemberMarkdown(object, member, file);
  const found = resultMembers(bound.step, place.generation).find((m) => m.name === member);
  return found && `**${object}.${member}** · ${found.doc}`;
}
