import type { Connection } from 'vscode-languageserver';
import type { Snapshot } from '../world/snapshot.ts';
import type { World } from '../world/world.ts';
import type { Client } from './client.ts';
import type { DiagnosticStyle } from './convert.ts';
import type { Diagnostics } from './diagnostics.ts';
import type { LiveResults } from './live-results.ts';

/** What the answers to requests are made of. Exists from `initialize` on. */
export interface Server {
  readonly connection: Connection;
  readonly client: Client;
  readonly style: DiagnosticStyle;
  readonly world: World;
  readonly live: LiveResults;
  readonly diagnostics: Diagnostics;
  log(text: string): void;
}

/** The open document that a request is about. */
export const snapshotOf = ({ world }: Server, uri: unknown): Snapshot | undefined =>
  typeof uri === 'string' ? world.get(uri) : undefined;
