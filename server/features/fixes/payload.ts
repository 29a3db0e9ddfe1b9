import { locate } from '../../../engine/index.ts';
import { unionsOf } from '../../language/rules/reading.ts';
import type { PayloadView } from '../../language/rules/rule.ts';
import { visitPayload } from '../../language/syntax.ts';
import { clearBits, valueText } from './bits.ts';
import { removeField, replace, setField } from './edits.ts';
import { choicesOf, type Fixer, fieldAt } from './fix.ts';

/** `argsz = sizeof`: the size follows the payload from then on. */
export const sizeOf: Fixer = function* (diagnostic, context) {
  const view = context.viewAt(diagnostic);
  const size = view && (fieldAt(view, diagnostic)?.path ?? view.struct.fields.find((f) => f.role === 'size')?.name);
  if (!view || !size) return;
  yield { title: `Write ${size} = sizeof`, edits: [setField(view, size, 'sizeof', context)], isPreferred: true };
};

/** The only legal value: `version`, `format`. */
const onlyChoice = (name: string): Fixer =>
  function* (diagnostic, context) {
    const view = context.viewAt(diagnostic);
    if (!view) return;
    // It may lie below: `config.version`. A finding on the payload itself is about one that is not given.
    const path = fieldAt(view, diagnostic)?.path ?? name;
    const found = locate(view.struct, path.split('.'));
    const [choice, ...others] = 'missing' in found ? [] : (found.field.oneOf ?? []);
    if (!choice || others.length > 0) return;
    yield { title: `Write ${path} = ${choice}`, edits: [setField(view, path, choice, context)], isPreferred: true };
  };
export const version = onlyChoice('version');
export const format = onlyChoice('format');

/** Padding is 0 where nothing is given. */
export const leaveOut: Fixer = function* (diagnostic, context) {
  const view = context.viewAt(diagnostic);
  const field = view && fieldAt(view, diagnostic);
  const init = field && view.image.entries.find((e) => e.expr === field.expr)?.init;
  if (!field || !init) return;
  yield {
    title: `Leave ${field.path} out, so that it is 0`,
    edits: [removeField(field.file, context.text(field.file), init)],
    isPreferred: true,
  };
};

/** The last value of a field wins, so the one before it goes. */
export const firstOfTwo: Fixer = function* ({ related }, context) {
  const [first] = related ?? [];
  const view = first && context.viewAt(first);
  if (!view) return;
  let edit: ReturnType<typeof removeField> | undefined;
  visitPayload(view.payload, {
    field: (init) => {
      const [name, last] = [init.path[0], init.path.at(-1)];
      if (!init.fields && name && last && first.start <= name.start && last.end === first.end)
        edit ??= removeField(first.file, context.text(first.file), init);
    },
  });
  if (edit) yield { title: 'Remove the first value, which has no effect', edits: [edit], isPreferred: true };
};

/** `flags = 2` -> its name. */
export const constant: Fixer = function* (diagnostic, context) {
  const view = context.viewAt(diagnostic);
  const field = view && fieldAt(view, diagnostic);
  if (field?.value === undefined) return;
  const names = valueText(field, field.value, context);
  if (/^\d/.test(names)) return;
  yield { title: `Write ${names}`, edits: [replace(field.file, field.expr, names)], isPreferred: true };
};

/** Constants that are the known bits of a field which holds a number rather than flags. */
const MASKS: Readonly<Record<string, string>> = {
  vfio_iommu_type1_pasid_request: 'VFIO_PASID_REQUEST_MASK',
  vfio_iommu_type1_nesting_op: 'VFIO_NESTING_OP_MASK',
};

/** Unknown bits are cleared, the known ones stay as they are written. */
export const knownBits: Fixer = function* (diagnostic, context) {
  const view = context.viewAt(diagnostic);
  const field = view && fieldAt(view, diagnostic);
  const mask = view && MASKS[view.struct.name];
  const names = field?.field.flags ?? (mask ? [mask] : undefined);
  if (!view || field?.value === undefined || !names) return;
  const known = names.reduce((bits, name) => bits | context.rules.constant(name), 0n);
  // An invalidation of no cache at all is another mistake.
  if (field.path === 'cache' && (field.value & known) === 0n) return;
  const edit = clearBits(view, field, field.value & ~known, context);
  yield { title: `Clear the unknown bits: ${field.path} = ${edit.newText}`, edits: [edit], isPreferred: true };
};

/** Attributes that the machine lacks, or the driver refuses. */
export const withoutFlags = (flags: readonly string[]): Fixer =>
  function* (diagnostic, context) {
    const view = context.viewAt(diagnostic);
    const field = view && fieldAt(view, diagnostic);
    if (!view || field?.value === undefined) return;
    const bits = flags.reduce((sum, name) => sum | context.rules.constant(name), 0n) & field.value;
    const asked = flags.filter((name) => (context.rules.constant(name) & bits) !== 0n);
    yield {
      title: `Leave ${asked.join(' and ')} out`,
      edits: [clearBits(view, field, bits, context)],
      isPreferred: true,
    };
  };

/** What a nesting operation is called by the struct it reads; a bind comes before an unbind. */
const OPERATIONS: Readonly<Record<string, readonly string[]>> = {
  iommu_gpasid_bind_data: ['VFIO_IOMMU_NESTING_OP_BIND_PGTBL', 'VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL'],
  iommu_cache_invalidate_info: ['VFIO_IOMMU_NESTING_OP_CACHE_INVLD'],
};

/** The operation that reads what `data` holds, or a PASID request that is one. */
export const operation: Fixer = function* (diagnostic, context) {
  const view = context.viewAt(diagnostic);
  if (!view) return;
  const nesting = view.struct.name === 'vfio_iommu_type1_nesting_op';
  const choices = nesting ? (OPERATIONS[view.data?.struct.name ?? ''] ?? []) : choicesOf(view.struct, 'flags');
  for (const [i, choice] of choices.entries())
    yield { title: `Write flags = ${choice}`, edits: [setField(view, 'flags', choice, context)], isPreferred: i === 0 };
};

/** More candidates than this are no choice. */
const MAX_CANDIDATES = 3;

/** A payload of the file that the operation could carry. */
export const data: Fixer = function* (diagnostic, context) {
  const view = context.viewAt(diagnostic);
  const flags = view?.fields.get('flags')?.value ?? 0n;
  const wanted = Object.entries(OPERATIONS).find(([, names]) =>
    names.some((name) => context.rules.constant(name) === flags),
  )?.[0];
  if (!view || wanted === undefined) return;
  const fits = ({ payload, struct, lends }: PayloadView): boolean =>
    payload.name !== undefined && !payload.elements && struct.name === wanted && !lends;
  const candidates = context.rules.payloads.filter(fits).slice(0, MAX_CANDIDATES);
  for (const { payload } of candidates)
    yield {
      title: `Add data = ${payload.name!.text}`,
      edits: [setField(view, 'data', payload.name!.text, context)],
      isPreferred: candidates.length === 1,
    };
};

/** Says that all bytes of the member that is read are meant to be 0. */
export const unionMember: Fixer = function* (diagnostic, context) {
  const view = context.viewAt(diagnostic);
  for (const { path, located, member } of view ? unionsOf(view, context.rules) : []) {
    if (member === undefined || [...view!.fields.keys()].some((key) => key.startsWith(`${path}.`))) continue;
    const first = located.field.struct?.fields.find((f) => f.name === member)?.struct?.fields[0];
    const wanted = `${path}.${member}${first ? `.${first.name}` : ''}`;
    yield { title: `Write ${wanted} = 0`, edits: [setField(view!, wanted, '0', context)], isPreferred: true };
  }
};
