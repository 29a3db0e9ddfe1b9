import type { Diagnostic } from '../../language/diagnostic.ts';
import { likelyGenerations } from '../../language/likely-generation.ts';
import type { Resolved } from '../../language/resolve.ts';
import { stepsOf } from '../../language/scenario-names.ts';
import { removeLines, replace } from './edits.ts';
import type { Fix, Fixer } from './fix.ts';

/** What a finding says was probably meant, whichever part of the language found it. */
export function* suggestion({ file, start, end, fix }: Diagnostic): Iterable<Fix> {
  if (fix === undefined || start === end) return;
  yield { title: `Change to ${fix}`, edits: [replace(file, { start, end }, fix)], isPreferred: true };
}

/** The first line of every file. */
export function* generation({ file }: Diagnostic, resolved: Resolved): Iterable<Fix> {
  const text = resolved.sources.find((source) => source.file === file)?.text ?? '';
  const start = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  const likely = likelyGenerations(resolved.sources.flatMap(({ program }) => program.declarations));
  for (const [rank, { id, knows }] of likely.entries())
    yield {
      title: `Begin the file with uapi ${id}`,
      edits: [replace(file, { start, end: start }, `uapi ${id}\n\n`)],
      isPreferred: rank === 0 && (likely[1]?.knows ?? -1) < knows,
    };
}

/** What nothing names can go. */
export const unusedName: Fixer = function* ({ file, start }, { resolved, text }) {
  const source = resolved.sources.find((s) => s.file === file);
  for (const declaration of source?.program.declarations ?? []) {
    if (start < declaration.start || declaration.end < start) continue;
    const step =
      declaration.kind === 'scenario'
        ? [...stepsOf(declaration.steps)].find((s) => s.kind === 'let' && s.name.start === start)
        : undefined;
    const node = declaration.kind === 'scenario' ? step : declaration;
    const name = step?.kind === 'let' ? step.name : 'name' in declaration ? declaration.name : undefined;
    if (node && name)
      yield { title: `Remove ${name.text}`, edits: [removeLines(file, text(file), node)], isPreferred: true };
  }
};

/** `as NAME` that nothing refers to. */
export const unusedResult: Fixer = function* ({ file, start, end }, { text }) {
  const before = /\s+as\s+$/.exec(text(file).slice(0, start));
  if (!before) return;
  const name = text(file).slice(start, end);
  yield {
    title: `Remove as ${name}`,
    edits: [replace(file, { start: start - before[0].length, end }, '')],
    isPreferred: true,
  };
};
