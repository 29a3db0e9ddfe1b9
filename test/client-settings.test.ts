/** Every switch of package.json: where it is read, and what it takes away. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';

const { settings, drawnIn } = vi.hoisted(() => ({
  settings: new Map<string, unknown>(),
  drawnIn: new Map<number, readonly unknown[]>(),
}));

vi.mock('vscode', () => {
  let types = 0;
  const item = { shown: false, show: () => (item.shown = true), hide: () => (item.shown = false) };
  class Uri {}
  class MarkdownString {
    readonly value: string;
    constructor(value: string) {
      this.value = value;
    }
  }
  return {
    Uri,
    MarkdownString,
    ThemeColor: class {},
    OverviewRulerLane: { Left: 1 },
    DiagnosticSeverity: { Error: 0, Warning: 1, Information: 2, Hint: 3 },
    StatusBarAlignment: { Left: 1 },
    window: {
      createTextEditorDecorationType: () => ({ id: types++, dispose: () => undefined }),
      createStatusBarItem: () => item,
      item,
    },
    workspace: {
      getConfiguration: (section: string) => ({
        get: (name: string, fallback?: unknown) => settings.get(`${section}.${name}`) ?? fallback,
      }),
    },
  };
});
vi.mock('vscode-languageclient', () => ({ vsdiag: { DocumentDiagnosticReportKind: { full: 'full' } } }));

const { window } = (await import('vscode')) as unknown as { readonly window: { item: { shown: boolean } } };
const { FILTERED } = await import('../client/filters.ts');
const { ResultDecorations } = await import('../client/decorations.ts');
const { StatusBar } = await import('../client/status-bar.ts');
const { isOn, runSettings } = await import('../client/settings.ts');
const { readSettings, DEFAULT_SETTINGS } = await import('../server/lsp/settings.ts');

const properties = (
  JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
    readonly contributes: {
      readonly configuration: {
        readonly properties: Readonly<
          Record<string, { readonly type: string; readonly default: unknown; readonly scope: string }>
        >;
      };
    };
  }
).contributes.configuration.properties;

const KINDS = ['ok', 'fault', 'errno', 'hidden', 'stale', 'failed', 'note'] as const;

/** What is in sight with these settings: texts at the ends of lines, marks, lenses, problems, the status bar item. */
async function seen(): Promise<Record<string, string>> {
  const lines = KINDS.map((kind, line) => ({
    line,
    text: kind,
    kind,
    failed: kind === 'failed',
    afterFailure: false,
    hover: '',
  }));
  const scenario = { name: 'a', line: 99, status: 'failed', message: '', current: true, lines } as const;
  const shown = { version: 1, running: false, scenarios: [scenario] };
  const range = { end: {}, with: () => range };
  const document = {
    languageId: 'vsva',
    lineCount: 100,
    lineAt: () => ({ range }),
    validateRange: () => range,
    uri: {},
  };
  const editor = {
    document,
    visibleRanges: [],
    setDecorations: (type: { readonly id: number }, drawn: readonly unknown[]) => drawnIn.set(type.id, drawn),
  };
  drawnIn.clear();
  new ResultDecorations().draw(editor as never, shown);
  const [texts, marks] = [...drawnIn.entries()].sort(([a], [b]) => a - b).map(([, drawn]) => drawn);
  const commands = ['vsva.runAll', 'vsva.runScenario'].map((command) => ({ command: { command } }));
  // The lens of a payload has no command before it is in sight.
  const all = [...commands, { data: {} }];
  const lenses = (await FILTERED.provideCodeLenses!(document as never, {} as never, () => all as never)) ?? [];
  const found = [
    { severity: 0, source: 'vsva', message: 'error' },
    { severity: 3, source: 'vsva', message: 'hint' },
    { severity: 0, source: 'vsva run', message: 'failure' },
  ];
  const report = await FILTERED.provideDiagnostics!(
    document as never,
    undefined,
    {} as never,
    () => ({ kind: 'full', items: found }) as never,
  );
  new StatusBar().show(document as never, shown, { is: 'up', restarts: 0 });
  const textOf = (option: unknown): string =>
    (option as { renderOptions: { after: { contentText: string } } }).renderOptions.after.contentText;
  return {
    results: texts!.map((t) => textOf(t).split(' ')[1]).join(' '),
    marks: `${marks!.length}`,
    lenses: lenses.map((l) => l.command?.command ?? 'payload').join(' '),
    problems: (report as { items: { message: string }[] }).items.map((d) => d.message).join(' '),
    statusBar: `${window.item.shown}`,
  };
}

const ALL = {
  results: KINDS.join(' '),
  marks: '1',
  lenses: 'vsva.runAll vsva.runScenario payload',
  problems: 'error hint failure',
  statusBar: 'true',
};
const without = (kind: string): string => KINDS.filter((k) => k !== kind).join(' ');

/** What each switch takes away. A setting that is missing here is not a switch of something in sight. */
const TAKEN: Readonly<Record<string, Partial<typeof ALL>>> = {
  'vsva.hints.enabled': { results: '', marks: '0', lenses: '', problems: 'error failure', statusBar: 'false' },
  'vsva.results.enabled': { results: '', marks: '0' },
  ...Object.fromEntries(KINDS.map((kind) => [`vsva.results.${kind}`, { results: without(kind) }])),
  'vsva.results.failed': { results: without('failed'), marks: '0' },
  'vsva.results.overviewRuler': { marks: '0' },
  'vsva.lens.enabled': { lenses: '' },
  'vsva.lens.runScenario': { lenses: 'vsva.runAll payload' },
  'vsva.lens.runAll': { lenses: 'vsva.runScenario payload' },
  'vsva.lens.compat': { lenses: 'vsva.runAll vsva.runScenario' },
  'vsva.statusBar.enabled': { statusBar: 'false' },
  'vsva.diagnostics.hints': { problems: 'error failure' },
  'vsva.diagnostics.results': { problems: 'error hint' },
};

describe('settings', () => {
  beforeEach(() => settings.clear());

  test('everything is on by default', async () => {
    expect(await seen()).toEqual(ALL);
    expect(isOn('results.enabled')).toBe(true);
  });

  test('there is no switch that switches nothing, and none without an entry in package.json', () => {
    const switches = Object.keys(properties).filter((name) => properties[name]!.type === 'boolean');
    expect(switches.sort()).toEqual(Object.keys(TAKEN).sort());
    expect(Object.values(properties).filter((p) => p.type === 'boolean' && p.default !== true)).toEqual([]);
  });

  test.each(Object.entries(TAKEN))('%s', async (name, taken) => {
    settings.set(name, false);
    expect(await seen()).toEqual({ ...ALL, ...taken });
  });

  test('what the server obeys reaches it with the first message, and belongs to the window', () => {
    settings.set('vsva.run.live', 'onSave');
    settings.set('vsva.run.maxSteps', 5);
    expect(readSettings({ run: runSettings() }, DEFAULT_SETTINGS)).toEqual({ live: 'onSave', maxSteps: 5 });
    const run = ['vsva.run.live', 'vsva.run.maxSteps'].map((name) => properties[name]!);
    expect(run.map((p) => [p.default, p.scope])).toEqual([
      [DEFAULT_SETTINGS.live, 'window'],
      [DEFAULT_SETTINGS.maxSteps, 'window'],
    ]);
    expect(Object.keys(properties).filter((name) => !TAKEN[name])).toEqual(['vsva.run.live', 'vsva.run.maxSteps']);
  });

  test('those of what is seen can differ per folder', () => {
    expect(Object.keys(TAKEN).filter((name) => properties[name]!.scope !== 'resource')).toEqual([]);
  });
});
