import { indexLines } from '../features/lines.ts';
import type { Diagnostic } from '../language/diagnostic.ts';
import { MAX_TEXT, Snapshot, type SnapshotHost } from './snapshot.ts';
import { canonicalUri, includeUri } from './uri.ts';

/** Documents whose trees stay in memory. Of the others the text and the findings do; they are parsed again when needed. */
const AWAKE = 10;

/** How files that are not open are read, by URI. */
export type ReadFile = (uri: string) => string | { readonly problem: string };

/** The open documents. Their texts win over those on disk, in includes too. */
export class World {
  readonly #snapshots = new Map<string, Snapshot>();
  readonly #host: SnapshotHost;
  /** Snapshots with trees, the one that was asked last at the end. */
  readonly #awake = new Set<Snapshot>();

  constructor(read: ReadFile) {
    this.#host = {
      resolve: includeUri,
      read: (file) => {
        const text = this.#snapshots.get(file)?.lines.text ?? read(file);
        return typeof text === 'string' && MAX_TEXT < text.length
          ? { problem: `it has more than ${MAX_TEXT / 1e6} MB` }
          : text;
      },
      used: (snapshot) => this.#used(snapshot),
    };
  }

  #used(snapshot: Snapshot): void {
    this.#awake.delete(snapshot);
    this.#awake.add(snapshot);
    if (this.#awake.size <= AWAKE) return;
    const [oldest] = this.#awake;
    this.#awake.delete(oldest!);
    oldest!.rest();
  }

  get(uri: string): Snapshot | undefined {
    return this.#snapshots.get(canonicalUri(uri));
  }

  all(): readonly Snapshot[] {
    return [...this.#snapshots.values()];
  }

  /** Opens a document or takes over its new text. Answers the documents that include it and now stand anew. */
  set(uri: string, version: number, text: string): readonly Snapshot[] {
    const file = canonicalUri(uri);
    const before = this.#snapshots.get(file);
    if (before) this.#awake.delete(before);
    this.#snapshots.set(file, new Snapshot(uri, file, version, indexLines(text), this.#host, before));
    return this.renewReadersOf([file]);
  }

  close(uri: string): readonly Snapshot[] {
    const file = canonicalUri(uri);
    const last = this.#snapshots.get(file);
    if (last) this.#awake.delete(last);
    this.#snapshots.delete(file);
    return this.renewReadersOf([file]);
  }

  /** After files have changed: the documents that read one of them stand anew, at the version they had. */
  renewReadersOf(files: readonly string[]): readonly Snapshot[] {
    return this.#renew((s) => files.some((file) => s.reads.has(file)));
  }

  /** The same when nobody says which files changed: looks at every included file that is not open. */
  renewOutdated(): readonly Snapshot[] {
    const texts = new Map<string, string | undefined>();
    const present = (file: string): string | undefined => {
      if (!texts.has(file)) {
        const text = this.#host.read(file);
        texts.set(file, typeof text === 'string' ? text : undefined);
      }
      return texts.get(file);
    };
    return this.#renew((s) => [...s.reads].some(([file, text]) => present(file) !== text));
  }

  #renew(isOutdated: (snapshot: Snapshot) => boolean): readonly Snapshot[] {
    const renewed: Snapshot[] = [];
    for (const old of this.all()) {
      if (!isOutdated(old)) continue;
      const snapshot = new Snapshot(old.uri, old.file, old.version, old.lines, this.#host, old);
      this.#awake.delete(old);
      this.#snapshots.set(old.file, snapshot);
      renewed.push(snapshot);
    }
    return renewed;
  }

  /**
   * Findings in an open document: its own, and what those that include it have found there by now (a name declared
   * twice shows only when both files are seen). Each with the document whose analysis it comes from.
   */
  findingsIn(snapshot: Snapshot): readonly { readonly finding: Diagnostic; readonly by: Snapshot }[] {
    const found = snapshot.diagnostics
      .filter((d) => d.file === snapshot.file)
      .map((finding) => ({ finding, by: snapshot }));
    const known = new Set(found.map(({ finding }) => key(finding)));
    for (const by of this.#snapshots.values()) {
      if (by === snapshot || !by.isAnalysed || !by.reads.has(snapshot.file)) continue;
      for (const finding of by.diagnostics) {
        if (finding.file !== snapshot.file || known.has(key(finding))) continue;
        known.add(key(finding));
        found.push({ finding, by });
      }
    }
    return found;
  }
}

const key = (d: Diagnostic): string => `${d.start}:${d.end}:${d.code}:${d.message}`;
