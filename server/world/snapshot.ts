import { indexLines, type Lines } from '../features/lines.ts';
import { analyse } from '../language/analyse.ts';
import type { Diagnostic } from '../language/diagnostic.ts';
import { KeptFindings } from '../language/kept-findings.ts';
import { type FileHost, type Resolved, resolve } from '../language/resolve.ts';

/**
 * Characters of a text that is checked at every change. Above that an editor would stand still for seconds; the command
 * line has the patience.
 */
export const MAX_TEXT = 2_000_000;

/** Where a snapshot has its includes from, and who is told that somebody works with it. */
export interface SnapshotHost extends FileHost {
  used(snapshot: Snapshot): void;
}

/**
 * A document as it was at one version, with everything static that is known of it and of what it includes. Computed when
 * first asked for, then shared by all features. When the document or an included file changes, another takes its place.
 */
export class Snapshot {
  /** As the client spells it. */
  readonly uri: string;
  /** The one spelling by which files know one another. */
  readonly file: string;
  readonly version: number;
  readonly lines: Lines;
  readonly #host: SnapshotHost;
  /** Passed on from one version of the document to the next. */
  #kept: KeptFindings;
  /** Every file that was asked for, with the text found; undefined for one that could not be read. */
  readonly #reads = new Map<string, string | undefined>();
  readonly #linesOf = new Map<string, Lines>();
  #resolved: Resolved | undefined;
  #diagnostics: readonly Diagnostic[] | undefined;

  /** @param before what the document was last */
  constructor(uri: string, file: string, version: number, lines: Lines, host: SnapshotHost, before?: Snapshot) {
    this.uri = uri;
    this.file = file;
    this.version = version;
    this.lines = lines;
    this.#host = host;
    this.#kept = before ? before.#kept : new KeptFindings();
    this.#linesOf.set(file, lines);
  }

  get resolved(): Resolved {
    this.#resolved ??= resolve(this.file, this.isTooLarge ? '' : this.lines.text, {
      resolve: (from, path) => this.#host.resolve(from, path),
      read: (file) => {
        const known = this.#reads.get(file);
        if (known !== undefined) return known;
        const text = this.#host.read(file);
        this.#reads.set(file, typeof text === 'string' ? text : undefined);
        return text;
      },
    });
    this.#host.used(this);
    return this.#resolved;
  }

  /** Lets go what can be worked out again from the texts: nobody has asked for it for a while. */
  rest(): void {
    this.#resolved = undefined;
    this.#kept = new KeptFindings();
  }

  /** All findings, those in included files among them. */
  get diagnostics(): readonly Diagnostic[] {
    this.#diagnostics ??= this.isTooLarge ? [tooLarge(this.file, this.lines.text)] : analyse(this.resolved, this.#kept);
    return this.#diagnostics;
  }

  get isTooLarge(): boolean {
    return MAX_TEXT < this.lines.text.length;
  }

  /** Whether findings are at hand without work. */
  get isAnalysed(): boolean {
    return this.#diagnostics !== undefined;
  }

  /** Files this one includes, at any hand, and files it would include if they could be read; as far as was looked. */
  get reads(): ReadonlyMap<string, string | undefined> {
    return this.#reads;
  }

  /** The lines of this file or of one it includes. */
  linesOf(file: string): Lines {
    let lines = this.#linesOf.get(file);
    if (!lines) {
      lines = indexLines(this.resolved.sources.find((s) => s.file === file)?.text ?? '');
      this.#linesOf.set(file, lines);
    }
    return lines;
  }
}

const tooLarge = (file: string, text: string): Diagnostic => ({
  file,
  start: 0,
  end: 0,
  code: 'file-too-large',
  severity: 'warning',
  message: `this file has ${megabytes(text)} MB; above ${MAX_TEXT / 1e6} MB nothing is checked or run here, only by vsva run`,
});

const megabytes = (text: string): string => (text.length / 1e6).toFixed(1);
