import type { Resolved } from '../language/resolve.ts';
import type { Declaration, FieldInit, MachineItem, Name, Payload, Span } from '../language/syntax.ts';

export type SymbolKind =
  | 'generation'
  | 'include'
  | 'let'
  | 'machine'
  | 'item'
  | 'setting'
  | 'payload'
  | 'field'
  | 'table'
  | 'struct'
  | 'scenario';

export interface DocumentSymbol {
  readonly name: string;
  /** What stands behind the name: the kind of a payload, the format of a table. */
  readonly detail: string;
  readonly kind: SymbolKind;
  readonly span: Span;
  /** The name itself, inside `span`. */
  readonly selection: Span;
  readonly children: readonly DocumentSymbol[];
}

/** The outline of the file: declarations, fields of payloads, parts of the machine. Steps are left out. */
export function documentSymbols({ sources }: Resolved): readonly DocumentSymbol[] {
  return sources[0]!.program.declarations.map((declaration) => symbolOf(declaration, sources[0]!.text));
}

function symbolOf(declaration: Declaration, text: string): DocumentSymbol {
  const span = { start: declaration.start, end: declaration.end };
  const symbol = (
    kind: SymbolKind,
    name: string,
    selection: Span,
    more: { readonly detail?: string; readonly children?: readonly DocumentSymbol[] } = {},
  ): DocumentSymbol => ({
    kind,
    name: name || '(unnamed)',
    detail: more.detail ?? '',
    span,
    selection: within(selection, span),
    children: more.children ?? [],
  });
  const word = (length: number): Span => ({ start: span.start, end: Math.min(span.end, span.start + length) });
  switch (declaration.kind) {
    case 'uapi':
      return symbol('generation', declaration.id.text, declaration.id, {
        detail: declaration.quirks.map((q) => `${q.name.text} = ${q.value.text}`).join(', '),
      });
    case 'include':
      return symbol('include', declaration.path, declaration.pathSpan, { detail: 'include' });
    case 'let':
      return symbol('let', declaration.name.text, declaration.name, { detail: oneLine(text, declaration.value) });
    case 'machine':
      return symbol('machine', 'machine', word('machine'.length), {
        children: declaration.items.map((item) => itemSymbol(item, text)),
      });
    case 'payload':
      return symbol('payload', declaration.name?.text ?? '', declaration.name ?? declaration.word, {
        detail: payloadDetail(declaration),
        children: [
          ...fieldSymbols(declaration.fields, text),
          ...(declaration.elements ?? []).map((fields, i) => elementSymbol(fields, i, span, text)),
        ],
      });
    case 'pagetable':
      return symbol('table', declaration.name.text, declaration.name, {
        detail: `${declaration.format.text} at ${oneLine(text, declaration.root)}`,
      });
    case 'evolve':
      return symbol('struct', declaration.struct.text, declaration.struct, { detail: 'evolve' });
    case 'scenario':
      return symbol('scenario', declaration.title, declaration.titleSpan, {
        detail: declaration.loop ? `for ${declaration.loop.name.text}` : '',
      });
  }
}

const payloadDetail = ({ word, struct, base }: Payload): string =>
  [word.text, word.text === 'array' ? `of ${struct?.text ?? ''}` : struct?.text, base && `= ${base.text}`]
    .filter(Boolean)
    .join(' ');

const fieldSymbols = (fields: readonly FieldInit[], text: string): DocumentSymbol[] =>
  fields
    .filter(({ path }) => path.length > 0)
    .map(({ path, value, fields: inner, start, end }) => {
      const payload = value?.kind === 'payload' ? value.payload : undefined;
      return {
        kind: 'field',
        name: path.map((name) => name.text).join('.'),
        detail: payload ? payloadDetail(payload) : value ? oneLine(text, value) : '',
        span: { start, end },
        selection: within({ start: path[0]!.start, end: path.at(-1)!.end }, { start, end }),
        children: fieldSymbols(inner ?? payload?.fields ?? [], text),
      };
    });

function elementSymbol(fields: readonly FieldInit[], index: number, whole: Span, text: string): DocumentSymbol {
  const [first, last] = [fields[0], fields.at(-1)];
  const span = first && last ? { start: first.start, end: last.end } : { start: whole.start, end: whole.start };
  return {
    kind: 'item',
    name: `[${index}]`,
    detail: '',
    span,
    selection: { start: span.start, end: span.start },
    children: fieldSymbols(fields, text),
  };
}

function itemSymbol({ word, name, settings, ram, start, end }: MachineItem, text: string): DocumentSymbol {
  const span = { start, end };
  const isSetting = settings.length === 1 && settings[0]!.key === word;
  return {
    kind: isSetting ? 'setting' : 'item',
    name: [word.text, name?.text].filter(Boolean).join(' '),
    detail: ram
      ? `${oneLine(text, ram.gpa)} size ${oneLine(text, ram.size)}`
      : isSetting
        ? oneLine(text, settings[0]!.value)
        : '',
    span,
    selection: within(name ?? word, span),
    children: isSetting
      ? []
      : settings.map(({ key, value, ...at }) =>
          settingSymbol(key, oneLine(text, value), { start: at.start, end: at.end }),
        ),
  };
}

const settingSymbol = (key: Name, detail: string, span: Span): DocumentSymbol => ({
  kind: 'setting',
  name: key.text || '(unnamed)',
  detail,
  span,
  selection: within(key, span),
  children: [],
});

/** Clients refuse a selection that leaves its symbol, which a missing name behind the last token may do. */
const within = (inner: Span, outer: Span): Span => {
  const start = Math.max(outer.start, Math.min(inner.start, outer.end));
  return { start, end: Math.max(start, Math.min(inner.end, outer.end)) };
};

const MAX_DETAIL = 60;

function oneLine(text: string, { start, end }: Span): string {
  const shown = text.slice(start, end).replace(/\s+/g, ' ');
  return shown.length <= MAX_DETAIL ? shown : `${shown.slice(0, MAX_DETAIL - 1)}…`;
}
