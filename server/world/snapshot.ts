import { indexLines, type Lines } from '../features/lines.ts';
import { analyse } from '../language/analyse.ts';
import type { Diagnostic } from '../language/diagnostic.ts';
import { type FileHost, type Resolved, resolve } from '../language/resolve.ts';

/**
 * Characters of a text that is checked at every change. Above that an editor would stand still for seconds; the command
 * line has the patience.
 */
export const MAX_TEXT = 2_000_000;

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
  readonly #host: FileHost;
  /** Every file that was asked for, with the text found; undefined for one that could not be read. */
  readonly #reads = new Map<string, string | undefined>();
  readonly #linesOf = new Map<string, Lines>();
  #resolved: Resolved | undefined;
  #diagnostics: readonly Diagnostic[] | undefined;

  constructor(uri: string, file: string, version: number, lines: Lines, host: FileHost) {
    this.uri = uri;
    this.file = file;
    this.version = version;
    this.lines = lines;
    this.#host = host;
    this.#linesOf.set(file, lines);
  }

  get resolved(): Resolved {
    this.#resolved ??= resolve(this.file, this.isTooLarge ? '' : this.lines.text, {
      resolve: (from, path) => this.#host.resolve(from, path),
      read: (file) => {
        const text = this.#host.read(file);
        this.#reads.set(file, typeof text === 'string' ? text : undefined);
        return text;
      },
    });
    return this.#resolved;
  }

  /** All findings, those in included files among them. */
  get diagnostics(): readonly Diagnostic[] {
    this.#diagnostics ??= this.isTooLarge ? [tooLarge(this.file, this.lines.text)] : analyse(this.resolved);
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
