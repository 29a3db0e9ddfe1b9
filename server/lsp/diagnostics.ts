import type { Connection, Diagnostic as LspDiagnostic } from 'vscode-languageserver';
import { RUN_SOURCE } from '../protocol.ts';
import type { Snapshot } from '../world/snapshot.ts';
import type { World } from '../world/world.ts';
import { type DiagnosticStyle, toDiagnostic } from './convert.ts';
import type { LiveResults } from './live-results.ts';

/** A check that took this long is not made again before as much time has passed, in milliseconds. */
const SLOW = 100;
const LONGEST_REST = 300;

export interface DiagnosticsHost {
  readonly connection: Connection;
  readonly world: World;
  readonly live: LiveResults;
  readonly style: DiagnosticStyle;
  /** The client asks for those of open documents itself. */
  readonly pulled: boolean;
  log(text: string): void;
}

/**
 * Findings of open documents, pulled or pushed, and of the files that they include, which are always pushed: nobody asks
 * for files that are not open.
 */
export class Diagnostics {
  readonly #host: DiagnosticsHost;
  /** What was pushed, by the client's URI, so that nothing is sent twice. */
  readonly #pushed = new Map<string, string>();
  /** For each file that is not open, what each document that includes it has found there. */
  readonly #included = new Map<string, Map<string, readonly LspDiagnostic[]>>();
  readonly #due = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #took = new Map<string, number>();

  constructor(host: DiagnosticsHost) {
    this.#host = host;
  }

  /** All findings of an open document, those of its last run included while they are true. */
  of(snapshot: Snapshot): LspDiagnostic[] {
    const { world, live, style } = this.#host;
    return [
      ...world.findingsIn(snapshot).map(({ finding, by }) => toDiagnostic(finding, by, style)),
      ...live.failuresOf(snapshot).map((d) => toDiagnostic(d, snapshot, style, RUN_SOURCE)),
    ];
  }

  /** Sends what has to be sent of a document soon, once for changes that come in one go. */
  schedule({ file }: Snapshot): void {
    clearTimeout(this.#due.get(file));
    const took = this.#took.get(file) ?? 0;
    const rest = took < SLOW ? 0 : Math.min(took, LONGEST_REST);
    this.#due.set(
      file,
      setTimeout(() => {
        this.#due.delete(file);
        const snapshot = this.#host.world.get(file);
        if (!snapshot) return;
        try {
          this.#publish(snapshot);
        } catch (error) {
          this.#host.log(`checking ${snapshot.uri}: ${error instanceof Error ? error.stack : String(error)}`);
        }
      }, rest),
    );
  }

  /** A document was opened: from now on it speaks for itself. */
  opened({ file, uri }: Snapshot): void {
    if (this.#included.delete(file) && this.#host.pulled) this.#push(uri, []);
  }

  closed(file: string, uri: string): void {
    clearTimeout(this.#due.get(file));
    this.#due.delete(file);
    this.#took.delete(file);
    if (!this.#host.pulled) this.#push(uri, []);
    this.#setIncluded(file, new Map());
  }

  #publish(snapshot: Snapshot): void {
    const { world, style, pulled } = this.#host;
    const began = performance.now();
    const byFile = new Map<string, LspDiagnostic[]>();
    for (const d of snapshot.diagnostics) {
      // An included file that is open reports for itself.
      if (d.file === snapshot.file || world.get(d.file)) continue;
      const found = byFile.get(d.file);
      if (found) found.push(toDiagnostic(d, snapshot, style));
      else byFile.set(d.file, [toDiagnostic(d, snapshot, style)]);
    }
    this.#took.set(snapshot.file, performance.now() - began);
    if (!pulled) this.#push(snapshot.uri, this.of(snapshot), snapshot.version);
    this.#setIncluded(snapshot.file, byFile);
  }

  /** Takes over what a document found in files that it includes, and sends what that changes. */
  #setIncluded(document: string, byFile: ReadonlyMap<string, readonly LspDiagnostic[]>): void {
    const touched = new Set(byFile.keys());
    for (const [file, finders] of this.#included) if (finders.delete(document)) touched.add(file);
    for (const file of touched) {
      const finders = this.#included.get(file) ?? new Map<string, readonly LspDiagnostic[]>();
      this.#included.set(file, finders);
      const found = byFile.get(file);
      if (found) finders.set(document, found);
      const all = new Map([...finders.values()].flat().map((d) => [JSON.stringify(d), d]));
      if (finders.size === 0) this.#included.delete(file);
      this.#push(this.#host.style.uriOf(file), [...all.values()]);
    }
  }

  #push(uri: string, diagnostics: LspDiagnostic[], version?: number): void {
    const text = diagnostics.length === 0 ? '' : JSON.stringify(diagnostics);
    const isNew = version !== undefined || (this.#pushed.get(uri) ?? '') !== text;
    if (!isNew) return;
    if (text === '') this.#pushed.delete(uri);
    else this.#pushed.set(uri, text);
    void this.#host.connection.sendDiagnostics({ uri, diagnostics, ...(version === undefined ? {} : { version }) });
  }
}
