import {
  checksOf,
  ERRNO,
  type Field,
  findFormat,
  findGeneration,
  isErrno,
  KNOWN_GENERATION_IDS,
  locate,
  modelById,
  skipsOf,
  WIDEST_LIMITS,
} from '../../engine/index.ts';
import type { BitLayout } from '../../engine/models/bit-layout.ts';
import { sysfsProperty } from '../../engine/models/sysfs.ts';
import { FAULTS } from '../../engine/models/vtd/faults.ts';
import { RULES } from '../language/rules/index.ts';
import { type KeywordPlace, keywordDoc } from './keyword-docs.ts';
import { targetText } from './target-text.ts';

/** The documentation behind an item's `docKey`, as Markdown; empty where nothing is known. */
export function completionDoc(docKey: string): string {
  const [kind, ...words] = docKey.split(' ');
  return DOCS[kind ?? '']?.(words, docKey) ?? '';
}

const DOCS: Readonly<Record<string, (words: readonly string[], key: string) => string | undefined>> = {
  text: (_words, key) => key.slice('text '.length),
  keyword([place, word]) {
    const known = keywordDoc(word ?? '', place as KeywordPlace);
    return known && `\`${known.form}\`\n\n${known.doc}`;
  },
  generation([id]) {
    const generation = findGeneration(id ?? '');
    return generation ? `**${generation.title}**\n\n${generation.doc}` : KNOWN_GENERATION_IDS.get(id ?? '');
  },
  struct([id, name]) {
    const struct = findGeneration(id ?? '')?.structs.get(name ?? '');
    return struct && `**struct ${struct.name}** · ${struct.size} bytes\n\n${struct.doc}\n\n*${struct.source}*`;
  },
  field([id, name, path]) {
    const struct = findGeneration(id ?? '')?.structs.get(name ?? '');
    const found = struct && locate(struct, (path ?? '').split('.'));
    return found && !('missing' in found) ? fieldDoc(found.field, found.path, found.offset) : undefined;
  },
  constant([id, name]) {
    const constant = findGeneration(id ?? '')?.constants.get(name ?? '');
    return (
      constant &&
      `**${constant.name}** = ${constant.value} (0x${constant.value.toString(16)})\n\n${constant.doc}\n\n*${constant.source}*`
    );
  },
  ioctl([id, name]) {
    const ioctl = findGeneration(id ?? '')?.ioctls.get(name ?? '');
    return ioctl && `**${ioctl.name}** · 0x${ioctl.number.toString(16)}\n\n${ioctl.doc}\n\n*${ioctl.source}*`;
  },
  call([id, name]) {
    const call = findGeneration(id ?? '')?.calls.get(name ?? '');
    return call && `**${call.name}** · \`struct ${call.struct} *\`\n\n${call.doc}\n\n*${call.source}*`;
  },
  sysfs([name]) {
    if (name === 'model') return `**model**\n\n${keywordDoc('model', 'machine')!.doc}`;
    const property = sysfsProperty(name ?? '');
    const words = Object.entries(property?.words ?? {}).map(([word, number]) => `\`${word}\` is ${number}`);
    return property && [`**${property.name}**`, property.doc, words.join(', ')].filter(Boolean).join('\n\n');
  },
  quirk([id, name]) {
    const quirk = findGeneration(id ?? '')?.quirks.get(name ?? '');
    return quirk && `**${quirk.name}**, ${quirk.on ? 'on' : 'off'} by default\n\n${quirk.doc}\n\n*${quirk.evidence}*`;
  },
  errno: ([name]) =>
    name !== undefined && isErrno(name) ? `**${name}** (${ERRNO[name].code}): ${ERRNO[name].means}.` : undefined,
  fault([name]) {
    const fault = FAULTS.find((f) => f.name === name);
    return fault && `**${fault.name}** (0x${fault.code.toString(16)})\n\n${fault.text}`;
  },
  rule([id, generation]) {
    const check = checksOf(generation ?? '').find((c) => c.id === id);
    const skip = skipsOf(generation ?? '').find((s) => s.id === id);
    const rule = RULES.find((r) => r.id === id);
    const lines = [
      check && `**${check.errno}** from \`${check.at}\`: ${check.doc}`,
      skip?.doc,
      rule && `${rule.summary[0]!.toUpperCase()}${rule.summary.slice(1)}. ${rule.why}`,
    ];
    return lines.filter(Boolean).join('\n\n');
  },
  capability([model, name]) {
    const registers = Object.values(modelById(model ?? '')?.capabilities ?? {});
    const field = registers.flatMap(({ fields }) => fields).find((f) => f.name === name);
    return (
      field &&
      `**${field.name}**, bit ${field.lo}${field.width === 1 ? '' : ` to ${field.lo + field.width - 1}`}\n\n${field.doc}`
    );
  },
  command([model, name]) {
    const layout = modelById(model ?? '')?.hardware?.commands.find((c) => c.name === name);
    return layout && bitsDoc(layout, layout.fixed);
  },
  record([model, name]) {
    const layout = modelById(model ?? '')?.hardware?.records.find((r) => r.name === name);
    return layout && bitsDoc(layout);
  },
  bits([model, owner, name]) {
    const { commands = [], records = [] } = modelById(model ?? '')?.hardware ?? {};
    const layout = [...commands, ...records].find((each) => each.name === owner);
    const field = layout?.fields.find((f) => f.name === name);
    return field && `**${field.name}** · ${field.width} bits\n\n${field.doc}`;
  },
  register([model, name]) {
    const register = modelById(model ?? '')?.hardware?.registers.find((r) => r.name === name);
    return register && `**${name}** · ${register.width} bits, ${register.access}\n\n${register.doc}`;
  },
  format([name]) {
    const data = findFormat(name ?? '')?.make(WIDEST_LIMITS).data;
    return data && `**${data.name}**: ${data.levels} levels, ${data.inputBits}-bit addresses (${data.source})`;
  },
  bit([format, attribute]) {
    const flag = findFormat(format ?? '')
      ?.make(WIDEST_LIMITS)
      .data.flags.find((f) => f.attribute === attribute || (attribute ?? '') in (f.values ?? {}));
    return flag && `**${flag.name}**: ${flag.doc}`;
  },
};

/** A command or record with the fields that a file may give. */
function bitsDoc({ name, source, doc, fields }: BitLayout, fixed: object = {}): string {
  const rows = fields.filter((f) => !(f.name in fixed)).map((f) => `- \`${f.name}\`: ${f.doc}`);
  return `**${name}** (${source})\n\n${doc}\n\n${rows.join('\n')}`;
}

function fieldDoc(field: Field, path: string, offset: number): string {
  const facts = [
    field.space && `Address space: ${field.space}${field.aligned ? `, a multiple of ${field.aligned}` : ''}`,
    field.unit && `Unit: ${field.unit}`,
    field.out && 'Written by the kernel',
    field.inout && 'Read and written back by the kernel',
    targetText(field),
    field.flags && `Flags: ${field.flags.map((name) => `\`${name}\``).join(', ')}`,
    field.oneOf && `One of: ${field.oneOf.map((name) => `\`${name}\``).join(', ')}`,
  ].filter(Boolean);
  const head = `**${path}** · \`${field.type}\` at byte ${offset}`;
  return [head, field.doc, ...(facts.length > 0 ? [facts.map((fact) => `- ${fact}`).join('\n')] : [])].join('\n\n');
}
