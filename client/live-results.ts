import type { LineOutcome, ResultsParams, ScenarioOutcome } from '../server/protocol.ts';
import { type Anchor, type LineEdit, shiftThrough } from './line-shift.ts';

/** A scenario's outcome at the lines where its text stands by now. */
export interface ShownScenario extends ScenarioOutcome, Anchor {
  readonly lines: readonly (LineOutcome & Anchor)[];
  /** False as soon as the text has changed, until results of the new text are there. */
  readonly current: boolean;
}

export interface ShownLine extends LineOutcome {
  readonly current: boolean;
}

export interface Shown {
  readonly version: number;
  readonly running: boolean;
  readonly scenarios: readonly ShownScenario[];
}

interface Entry extends Shown {
  /** Edits of late, so that results of a version that is no longer the present one find their lines. */
  readonly edits: readonly { readonly version: number; readonly edits: readonly LineEdit[] }[];
}

/** Edits that are kept per document: a run that takes longer than this many keystrokes has nothing to show. */
const KEPT_EDITS = 1000;

const NOTHING: Entry = { version: -1, running: false, scenarios: [], edits: [] };

/**
 * The results that are known of each open document. A result is current only while the document has the version that was
 * run; every edit takes that away at once.
 */
export class LiveResults {
  readonly #entries = new Map<string, Entry>();

  of(uri: string): Shown | undefined {
    return this.#entries.get(uri);
  }

  /** Takes over what the server sent; `present` is the document's version by now. Says whether anything changed. */
  receive({ uri, version, done, scenarios }: ResultsParams, present: number): boolean {
    const entry = this.#entries.get(uri) ?? NOTHING;
    const since = entry.edits.filter((e) => version < e.version);
    // A version of the future is one of the past: of a document that was closed and had the same name.
    if (version < entry.version || present < version || since.length !== present - version) return false;
    const current = since.every((e) => e.edits.length === 0);
    const arrived = since.reduce<readonly ScenarioOutcome[]>((moved, { edits }) => shiftAll(moved, edits), scenarios);
    const names = new Set(arrived.map((s) => s.name));
    // While a run goes on, what it has not reached yet stays in sight as outdated.
    const left = done ? [] : entry.scenarios.filter((s) => !names.has(s.name)).map((s) => ({ ...s, current: false }));
    const shown = [...arrived.map((s) => ({ ...s, current })), ...left];
    this.#entries.set(uri, { version, running: !done, scenarios: shown, edits: entry.edits });
    return true;
  }

  /** The document is at `version` now; a change of line ends alone comes without edits and outdates nothing. */
  edited(uri: string, version: number, edits: readonly LineEdit[]): void {
    const entry = this.#entries.get(uri) ?? NOTHING;
    if (edits.length === 0 && version <= Math.max(entry.version, entry.edits.at(-1)?.version ?? -1)) return;
    const moved = shiftAll(entry.scenarios, edits);
    this.#entries.set(uri, {
      ...entry,
      scenarios: edits.length === 0 ? entry.scenarios : moved.map((s) => ({ ...s, current: false })),
      edits: [...entry.edits.slice(-KEPT_EDITS + 1), { version, edits }],
    });
  }

  /** No server works on anything any more; what is shown is outdated. */
  interrupted(): void {
    for (const [uri, entry] of this.#entries)
      this.#entries.set(uri, {
        ...entry,
        version: -1,
        running: false,
        scenarios: entry.scenarios.map((s) => ({ ...s, current: false })),
      });
  }

  closed(uri: string): void {
    this.#entries.delete(uri);
  }
}

/** The lines of all scenarios; a scenario that did not run, or failed outside of its steps, says so at its head. */
export function shownLines({ scenarios }: Shown): ShownLine[] {
  return scenarios.flatMap(({ lines, line, status, message, current }) => {
    const head: LineOutcome[] =
      message === '' || lines.some((l) => l.line === line)
        ? []
        : [
            {
              line,
              text: status === 'skipped' ? `skipped: ${message}` : message,
              kind: status === 'failed' ? 'failed' : 'note',
              failed: status === 'failed',
              afterFailure: false,
              hover: '',
            },
          ];
    return [...head, ...lines].map((l) => ({ ...l, current }));
  });
}

function shiftAll<S extends ScenarioOutcome>(scenarios: readonly S[], edits: readonly LineEdit[]): S[] {
  return scenarios.map((scenario) => ({
    ...(shiftThrough(scenario, edits) ?? scenario),
    lines: scenario.lines.flatMap((line) => shiftThrough(line, edits) ?? []),
  }));
}
