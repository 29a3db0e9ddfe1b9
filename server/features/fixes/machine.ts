import { evaluate, findFormat, hexGrouped, Names, rootPages, WIDEST_LIMITS } from '../../../engine/index.ts';
import { capsOf } from '../../language/nesting-uses.ts';
import { replace, setField } from './edits.ts';
import type { Fixer } from './fix.ts';

/** `gpgd` at the page that it lies in, by the name of the table there if there is one. */
export const gpgd: Fixer = function* (diagnostic, context) {
  const view = context.viewAt(diagnostic);
  const value = view?.fields.get('gpgd')?.value;
  if (!view || value === undefined) return;
  const page = value - (value % 0x1000n);
  const names = new Names(context.rules.file);
  const table = [...context.rules.file.tables].find(([, { node }]) => evaluate(node.root, names.scope()) === page);
  const written = table ? `${table[0]}.root` : hexGrouped(page);
  yield { title: `Write gpgd = ${written}`, edits: [setField(view, 'gpgd', written, context)], isPreferred: true };
};

/** A table begins at a page of its format. */
export const root: Fixer = function* ({ file, start, end }, context) {
  for (const { node, file: where } of context.rules.file.tables.values()) {
    if (where !== file || node.root.start !== start || node.root.end !== end) continue;
    const value = evaluate(node.root, new Names(context.rules.file).scope());
    const format = findFormat(node.format.text)?.make(WIDEST_LIMITS);
    if (typeof value !== 'bigint' || !format) return;
    const aligned = hexGrouped(value - (value % rootPages(format)));
    yield { title: `Begin the table at ${aligned}`, edits: [replace(file, node.root, aligned)], isPreferred: true };
  }
};

/** The width of the table that gpgd names, if this machine can walk it; four levels otherwise. */
export const width: Fixer = function* (diagnostic, context) {
  const view = context.viewAt(diagnostic);
  if (!view) return;
  const expr = view.fields.get('gpgd')?.expr;
  const table = expr?.kind === 'member' ? context.rules.file.tables.get(expr.object.text) : undefined;
  const wanted = table?.node.format.text === 'x86-64-la57' ? 57 : 48;
  if (wanted === 57 && capsOf(context.rules).FS5LP === 0) return;
  yield {
    title: `Write addr_width = ${wanted}`,
    edits: [setField(view, 'addr_width', `${wanted}`, context)],
    isPreferred: true,
  };
};

/** A container that nests. */
export const container: Fixer = function* ({ related }, context) {
  const at = related?.[0];
  if (!at || !context.text(at.file).slice(at.start, at.end).startsWith('type')) return;
  const setting = 'type = VFIO_TYPE1_NESTING_IOMMU';
  yield { title: `Write ${setting}`, edits: [replace(at.file, at, setting)], isPreferred: true };
};

/** `pri = 1` needs `ats = 1`. */
export const ats: Fixer = function* ({ file, start, end }, context) {
  const { machineDecl } = context.resolved;
  if (machineDecl?.file !== file) return;
  for (const { settings } of machineDecl.node.items) {
    const pri = settings.find((s) => s.key.text === 'pri' && s.start <= start && end <= s.end);
    if (!pri) continue;
    const given = settings.find((s) => s.key.text === 'ats');
    const edit = given
      ? replace(file, given.value, '1')
      : replace(file, { start: pri.start, end: pri.start }, 'ats = 1, ');
    yield { title: given ? 'Write ats = 1' : 'Add ats = 1', edits: [edit], isPreferred: true };
  }
};

/** A unit that nests. */
export const nest: Fixer = function* (_diagnostic, context) {
  const { machineDecl } = context.resolved;
  const unit = machineDecl?.node.items.find((item) => item.word.text === 'iommu');
  const setting = unit?.settings.find((s) => s.key.text === 'NEST');
  if (!machineDecl || !setting) return;
  yield { title: 'Write NEST = 1', edits: [replace(machineDecl.file, setting.value, '1')], isPreferred: true };
};
