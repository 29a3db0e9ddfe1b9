import {
  type DiagnosticRelatedInformation,
  DiagnosticSeverity,
  DiagnosticTag,
  type Diagnostic as LspDiagnostic,
  type Position,
  type Range,
} from 'vscode-languageserver';
import { type Lines, placeOf } from '../features/lines.ts';
import type { Diagnostic, Severity } from '../language/diagnostic.ts';
import type { Span } from '../language/syntax.ts';
import type { Snapshot } from '../world/snapshot.ts';

/** What a column counts: code units, bytes or code points. The client chooses once. */
export type Encoding = 'utf-16' | 'utf-8' | 'utf-32';

/** The encoding to speak, of those a client offers; utf-16 costs nothing here and is what every client knows. */
export function chooseEncoding(offered: readonly string[] | undefined): Encoding {
  const known: readonly Encoding[] = ['utf-16', 'utf-8', 'utf-32'];
  return (offered && known.find((e) => offered.includes(e))) ?? 'utf-16';
}

export function toPosition({ text, starts }: Lines, offset: number, encoding: Encoding): Position {
  const { line, column } = placeOf({ text, starts }, offset);
  const start = starts[line - 1]!;
  return {
    line: line - 1,
    character: encoding === 'utf-16' ? column - 1 : width(text, start, start + column - 1, encoding),
  };
}

/** The offset of a position; one outside of the text or of its line is moved to the nearest end. */
export function toOffset({ text, starts }: Lines, { line, character }: Position, encoding: Encoding): number {
  if (!(0 <= line)) return 0;
  const start = starts[line];
  if (start === undefined) return text.length;
  let end = starts[line + 1] ?? text.length;
  while (start < end && isLineEnd(text.charCodeAt(end - 1))) end--;
  if (!(0 < character)) return start;
  if (encoding === 'utf-16') return Math.min(start + Math.trunc(character), end);
  let at = start;
  for (let left = character; at < end; ) {
    const point = text.codePointAt(at)!;
    left -= encoding === 'utf-32' ? 1 : bytesOf(point);
    if (left < 0) break;
    at += 0xffff < point ? 2 : 1;
  }
  return at;
}

export const toRange = (lines: Lines, { start, end }: Span, encoding: Encoding): Range => ({
  start: toPosition(lines, start, encoding),
  end: toPosition(lines, Math.max(start, end), encoding),
});

/** How many units of the encoding a stretch of text takes. */
export function width(text: string, start: number, end: number, encoding: Encoding): number {
  if (encoding === 'utf-16') return end - start;
  let n = 0;
  for (let at = start; at < end; ) {
    const point = text.codePointAt(at)!;
    n += encoding === 'utf-32' ? 1 : bytesOf(point);
    at += 0xffff < point ? 2 : 1;
  }
  return n;
}

const isLineEnd = (c: number): boolean => c === 10 || c === 13;
const bytesOf = (point: number): number => (point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4);

const SEVERITY: Readonly<Record<Severity, DiagnosticSeverity>> = {
  error: DiagnosticSeverity.Error,
  warning: DiagnosticSeverity.Warning,
  information: DiagnosticSeverity.Information,
  hint: DiagnosticSeverity.Hint,
};

/** Findings about something that could as well not be there; editors dim it. */
const UNNECESSARY: ReadonlySet<string> = new Set(['unused-name', 'unused-result']);

/** What a client can show of a finding, and how files are called to it. */
export interface DiagnosticStyle {
  readonly encoding: Encoding;
  readonly related: boolean;
  readonly tags: boolean;
  uriOf(file: string): string;
}

/** A finding of a document or of a file that it includes. */
export function toDiagnostic(
  diagnostic: Diagnostic,
  snapshot: Snapshot,
  style: DiagnosticStyle,
  source = 'vsva',
): LspDiagnostic {
  const { file, code, severity, message, errno, decidedAt, link } = diagnostic;
  const related = (diagnostic.related ?? []).map(
    (r): DiagnosticRelatedInformation => ({
      location: { uri: style.uriOf(r.file), range: toRange(snapshot.linesOf(r.file), r, style.encoding) },
      message: r.message,
    }),
  );
  const texts = [
    message,
    ...(errno ? [`${errno}${decidedAt ? ` (${decidedAt})` : ''}`] : []),
    ...(style.related ? [] : related.map((r) => `line ${r.location.range.start.line + 1}: ${r.message}`)),
  ];
  return {
    range: toRange(snapshot.linesOf(file), diagnostic, style.encoding),
    severity: SEVERITY[severity],
    source,
    code,
    message: texts.join('\n'),
    ...(link && /^https?:/.test(link) ? { codeDescription: { href: link } } : {}),
    ...(style.tags && UNNECESSARY.has(code) ? { tags: [DiagnosticTag.Unnecessary] } : {}),
    ...(style.related && related.length > 0 ? { relatedInformation: related } : {}),
  };
}
