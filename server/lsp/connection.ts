import {
  CodeLensRefreshRequest,
  type Connection,
  DidChangeConfigurationNotification,
  DidChangeWatchedFilesNotification,
  type InitializeParams,
  type InitializeResult,
  LSPErrorCodes,
  ResponseError,
  TextDocumentSyncKind,
} from 'vscode-languageserver';
import { RESULTS } from '../protocol.ts';
import { Runner, type SpawnWorker } from '../world/runner.ts';
import type { Snapshot } from '../world/snapshot.ts';
import { canonicalUri } from '../world/uri.ts';
import { type ReadFile, World } from '../world/world.ts';
import { type Client, clientOf } from './client.ts';
import { Diagnostics } from './diagnostics.ts';
import { type Answer, capabilitiesFor, FEATURES } from './handlers.ts';
import { LiveResults } from './live-results.ts';
import { RemoteFiles } from './remote-files.ts';
import type { Server } from './server.ts';
import { DEFAULT_SETTINGS, readSettings, type Settings } from './settings.ts';
import { changedText } from './text-changes.ts';
import { WatchedFiles } from './watched-files.ts';

/** What the server needs from the process it lives in. */
export interface Platform {
  /** Reads a file that is not open, by URI; undefined where there are no files of that scheme. */
  read(uri: string): ReturnType<ReadFile> | undefined;
  /** Starts the worker that runs scenarios. */
  readonly spawn: SpawnWorker;
  readonly version: string;
}

/** Serves one client until it goes away. */
export function serve(connection: Connection, platform: Platform): void {
  let server: (Server & Wiring) | undefined;
  let isDown = false;
  const log = (text: string): void => connection.console.error(text);

  const answer: Answer = (name, empty, handler) => async (params, token) => {
    if (!server) return new ResponseError<never>(-32002, 'the server is not initialized');
    if (isDown) return new ResponseError<never>(-32600, 'the server was shut down');
    if (token.isCancellationRequested) return new ResponseError<never>(LSPErrorCodes.RequestCancelled, 'cancelled');
    try {
      return await handler(server, params, token);
    } catch (error) {
      if (error instanceof ResponseError) return error as ResponseError<never>;
      log(`${name}: ${error instanceof Error ? error.stack : String(error)}`);
      return empty;
    }
  };
  /** Notifications are not answered, and must not end the server either. */
  const heed =
    <P>(name: string, handler: (server: Server & Wiring, params: P) => void) =>
    (params: P): void => {
      if (!server) return;
      try {
        handler(server, params);
      } catch (error) {
        log(`${name}: ${error instanceof Error ? error.stack : String(error)}`);
      }
    };

  connection.onInitialize((params): InitializeResult => {
    const client = clientOf(params);
    server = wire(connection, platform, client, params);
    return {
      capabilities: {
        positionEncoding: client.encoding,
        textDocumentSync: {
          openClose: true,
          change: TextDocumentSyncKind.Incremental,
          save: { includeText: false },
        },
        ...capabilitiesFor(client),
      },
      serverInfo: { name: 'vsva', version: platform.version },
    };
  });
  connection.onInitialized(() => void server?.settle().catch((error) => log(String(error))));
  connection.onDidChangeConfiguration(heed('settings', (s, { settings }) => s.configured(settings)));
  connection.onDidOpenTextDocument(
    heed('open', (s, { textDocument: { uri, version, text } }) => s.opened(uri, version, text)),
  );
  connection.onDidChangeTextDocument(
    heed('change', (s, { textDocument, contentChanges }) => {
      const { uri, version } = textDocument;
      const snapshot = s.world.get(uri);
      if (!snapshot) throw new Error(`${uri} is not open`);
      s.edited(uri, version, changedText(snapshot.lines, contentChanges, s.client.encoding));
    }),
  );
  connection.onDidSaveTextDocument(heed('save', (s, { textDocument }) => s.saved(textDocument.uri)));
  connection.onDidCloseTextDocument(heed('close', (s, { textDocument }) => s.closed(textDocument.uri)));
  connection.onDidChangeWatchedFiles(
    heed('files', (s, { changes }) => s.filesChanged(changes.map((c) => canonicalUri(c.uri)))),
  );
  connection.onShutdown(() => {
    isDown = true;
    server?.stop();
  });
  for (const feature of FEATURES) feature.register(connection, answer);
  connection.listen();
}

/** What happens when something happens. */
interface Wiring {
  opened(uri: string, version: number, text: string): void;
  edited(uri: string, version: number, text: string): void;
  saved(uri: string): void;
  closed(uri: string): void;
  filesChanged(files: readonly string[]): void;
  configured(settings: unknown): void;
  /** Does what has to wait until the client is ready. */
  settle(): Promise<void>;
  stop(): void;
}

function wire(connection: Connection, platform: Platform, client: Client, params: InitializeParams): Server & Wiring {
  const log = (text: string): void => connection.console.error(text);
  const first = readSettings(params.initializationOptions, DEFAULT_SETTINGS);
  let settings: Settings = first;

  const remote = new RemoteFiles(client.readsFiles ? connection : undefined, (file) => outdated([file]));
  const watched = new WatchedFiles(client.watchesFolders ? connection : undefined, log);
  const world: World = new World((file) => {
    watched.add(file);
    return platform.read(file) ?? remote.read(file);
  });
  const style = {
    encoding: client.encoding,
    related: client.showsRelated,
    tags: client.showsTags,
    uriOf: (file: string) => world.get(file)?.uri ?? file,
  };
  const runner = new Runner(platform.spawn, log);
  const asides = new Runner(platform.spawn, log);
  let lensTexts = '';

  const live = new LiveResults({
    world,
    runner,
    asides,
    settings: () => settings,
    send: (results) => void connection.sendNotification(RESULTS, results),
    changed: (snapshot) => {
      const failed = live.failuresOf(snapshot).length > 0;
      if (failed || withFailures.has(snapshot.file)) refreshDiagnostics([snapshot]);
      if (failed) withFailures.add(snapshot.file);
      else withFailures.delete(snapshot.file);
      const states = live.outcomesOf(snapshot).map((o) => `${o.name} ${o.status}`);
      const texts = `${snapshot.uri}\n${states.join('\n')}`;
      if (client.refreshesLenses && (texts !== lensTexts || states.length > 0)) refreshLenses();
      lensTexts = texts;
      if (client.wantsInlayHints && client.refreshesInlayHints) connection.languages.inlayHint.refresh();
    },
    log,
  });
  /** Documents that were last told of with failures of a run. */
  const withFailures = new Set<string>();
  const diagnostics = new Diagnostics({ connection, world, live, style, pulled: client.pullsDiagnostics, log });

  const refreshLenses = (): void => void connection.sendRequest(CodeLensRefreshRequest.type).catch(() => undefined);
  const refreshDiagnostics = (snapshots: readonly Snapshot[]): void => {
    if (!client.pullsDiagnostics) for (const s of snapshots) diagnostics.schedule(s);
    else if (client.refreshesDiagnostics) connection.languages.diagnostics.refresh();
  };
  /** After an included file changed: these documents stand anew. */
  const renewed = (snapshots: readonly Snapshot[]): void => {
    for (const snapshot of snapshots) {
      live.includesChanged(snapshot);
      diagnostics.schedule(snapshot);
    }
    if (snapshots.length > 0) refreshDiagnostics(snapshots);
  };
  const outdated = (files: readonly string[]): void =>
    renewed(world.renewReadersOf(files.filter((file) => !world.get(file))));
  const set = (uri: string, version: number, text: string): Snapshot => {
    const readers = world.set(uri, version, text);
    const snapshot = world.get(uri)!;
    diagnostics.schedule(snapshot);
    live.textChanged(snapshot);
    renewed(readers);
    return snapshot;
  };
  const configure = (next: Settings): void => {
    const before = settings;
    settings = next;
    // What ran within another budget may end differently now, like after a change of an included file.
    if (next.maxSteps !== before.maxSteps) for (const snapshot of world.all()) live.includesChanged(snapshot);
    if (next.live !== before.live) live.settingsChanged();
  };

  const server: Server & Wiring = {
    connection,
    client,
    style,
    world,
    live,
    diagnostics,
    log,
    opened: (uri, version, text) => diagnostics.opened(set(uri, version, text)),
    edited: (uri, version, text) => void set(uri, version, text),
    saved: (uri) => {
      const snapshot = world.get(uri);
      if (snapshot) live.saved(snapshot);
      // Without watchers a save is the occasion to look at the disk.
      if (!client.registersWatchers) {
        renewed(world.renewOutdated());
      }
    },
    closed: (uri) => {
      const file = canonicalUri(uri);
      const readers = world.close(uri);
      live.closed(file);
      withFailures.delete(file);
      diagnostics.closed(file, uri);
      renewed(readers);
    },
    filesChanged: (files) => outdated(remote.changed(files)),
    configured: (sent) => {
      if (client.answersConfiguration) void ask().catch((error) => log(String(error)));
      else configure(readSettings(sent, first));
    },
    settle: async () => {
      if (client.registersConfiguration)
        await connection.client.register(DidChangeConfigurationNotification.type, { section: 'vsva' });
      if (client.registersWatchers)
        await connection.client.register(DidChangeWatchedFilesNotification.type, {
          watchers: [{ globPattern: '**/*.vsva' }],
        });
      if (client.answersConfiguration) await ask();
      if (settings.live !== 'off') runner.warmUp();
    },
    stop: () => {
      live.cancel();
      runner.dispose();
      asides.dispose();
    },
  };
  const ask = async (): Promise<void> =>
    configure(readSettings(await connection.workspace.getConfiguration('vsva'), first));
  return server;
}
