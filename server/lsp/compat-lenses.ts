import type { CodeLens, Range } from 'vscode-languageserver';
import { isNoStruct, structOf } from '../../engine/index.ts';
import { compatKey, isComparable } from '../features/compat/index.ts';
import type { Payload } from '../language/syntax.ts';
import type { Snapshot } from '../world/snapshot.ts';
import { type Encoding, toRange } from './convert.ts';
import { type Server, snapshotOf } from './server.ts';

/** What an unresolved lens is known by: the payload by its name, since lines move. */
interface LensData {
  readonly uri: string;
  readonly payload: string;
}

export const NOWHERE: Range = { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } };
/** Titles that are kept for payloads that say the same. */
const MAX_KEPT = 1000;

/** A lens above each payload with a name that asks for something, without a title yet. As many as there are heads of payloads. */
export function payloadLenses({ resolved, lines, uri }: Snapshot, encoding: Encoding): CodeLens[] {
  const generation = resolved.scenarioFile?.generation;
  if (!generation) return [];
  const hasTable = (payload: Payload): boolean => {
    const struct = structOf(payload, generation);
    return struct !== undefined && !isNoStruct(struct) && isComparable(struct, generation);
  };
  return resolved.sources[0]!.program.declarations.flatMap((d) =>
    d.kind === 'payload' && d.name && d.name.text !== '' && hasTable(d)
      ? [
          {
            range: toRange(lines, { start: d.word.start, end: d.name.end }, encoding),
            data: { uri, payload: d.name.text } satisfies LensData,
          },
        ]
      : [],
  );
}

/** `72 bytes · 3 of 5 generations accept`, worked out once for payloads that say the same. */
export class CompatTitles {
  readonly #titles = new Map<string, string>();

  async resolve(lens: CodeLens, server: Server): Promise<CodeLens> {
    const { uri, payload } = (lens.data ?? {}) as Partial<LensData>;
    const snapshot = snapshotOf(server, uri);
    const declared = payload === undefined ? undefined : snapshot?.resolved.scenarioFile?.payloads.get(payload);
    const plain = (title: string) => ({ ...lens, command: { title, command: '' } });
    if (!snapshot || !declared || declared.file !== snapshot.file) return plain('not compared');
    const key = compatKey(snapshot.resolved, declared);
    if (typeof key !== 'string') return plain('not compared: it has an error');
    let title = this.#titles.get(key);
    if (title === undefined) {
      const answer = await server.live.compat(snapshot, declared.node.word.start, true);
      if ('problem' in answer) return plain(`not compared: ${answer.problem}`);
      title = answer.title;
      if (MAX_KEPT <= this.#titles.size) this.#titles.clear();
      this.#titles.set(key, title);
    }
    const { line } = lens.range.start;
    return { ...lens, command: { title, command: 'vsva.compareGenerations', arguments: [snapshot.uri, line] } };
  }
}
