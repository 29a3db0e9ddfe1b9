import { type Disposable, StatusBarAlignment, type TextDocument, window } from 'vscode';
import type { Shown } from './live-results.ts';
import { isOn } from './settings.ts';

export interface Status {
  readonly text: string;
  /** The same for a screen reader. */
  readonly label: string;
  readonly tooltip: string;
  readonly command: string;
}

/** How the language server is: `restarts` counts how often it ended by itself lately and was started again. */
export type ServerState =
  | { readonly is: 'up'; readonly restarts: number }
  | { readonly is: 'restarting' }
  | { readonly is: 'down'; readonly why: string };

export const times = (count: number): string => (count === 1 ? 'once' : `${count} times`);

/** What the status bar says of a document. */
export function statusOf(shown: Shown | undefined, server: ServerState): Status {
  if (server.is === 'down')
    return {
      text: '$(warning) vsva: stopped',
      label: `vsva: the language server stopped: ${server.why}`,
      tooltip: `The language server stopped: ${server.why}. Click to restart it; the command Show Output says more.`,
      command: 'vsva.restartServer',
    };
  if (server.is === 'restarting')
    return {
      text: '$(sync~spin) vsva: restarting',
      label: 'vsva: the language server ended by itself and is started again',
      tooltip: 'The language server ended by itself and is started again. Click to show the output.',
      command: 'vsva.showOutput',
    };
  const status = statusOfRuns(shown);
  return server.restarts === 0
    ? status
    : {
        ...status,
        tooltip: `${status.tooltip}\nThe language server ended by itself ${times(server.restarts)} and was started again; the command Show Output says more.`,
      };
}

function statusOfRuns(shown: Shown | undefined): Status {
  if (shown?.running)
    return {
      text: '$(sync~spin) vsva: running',
      label: 'vsva: scenarios are running',
      tooltip: 'Scenarios are running. Click to cancel.',
      command: 'vsva.cancelRun',
    };
  if (!shown || (shown.version < 0 && shown.scenarios.length === 0))
    return {
      text: '$(circle-outline) vsva: not run',
      label: 'vsva: nothing has run yet',
      tooltip: 'Nothing has run yet. Click to run all scenarios.',
      command: 'vsva.runAll',
    };
  const count = (status: string): number => shown.scenarios.filter((s) => s.status === status).length;
  const failed = count('failed');
  const skipped = count('skipped');
  const outdated = shown.scenarios.some((s) => !s.current);
  const passed = count('passed');
  const main =
    0 < failed
      ? `${failed} failed`
      : 0 < passed
        ? `${passed} passed`
        : 0 < skipped
          ? `${skipped} skipped`
          : 'no scenarios';
  const words = `vsva: ${main}${outdated ? ' (stale)' : ''}`;
  const icon = outdated ? 'history' : 0 < failed ? 'error' : 0 < skipped ? 'warning' : 'pass';
  const totals = [`${passed} passed`, `${failed} failed`, ...(skipped === 0 ? [] : [`${skipped} skipped`])].join(', ');
  const why = outdated ? ' This may not hold any more.' : '';
  return {
    text: `$(${icon}) ${words}`,
    label: `vsva: ${totals}${outdated ? ', stale' : ''}`,
    tooltip: [
      `${totals}.${why} Click to run all scenarios.`,
      ...shown.scenarios.filter((s) => s.status === 'failed').map((s) => `✗ ${s.name}`),
    ].join('\n'),
    command: 'vsva.runAll',
  };
}

/** One status bar item with the total of the active document. */
export class StatusBar implements Disposable {
  readonly #item = window.createStatusBarItem('vsva.total', StatusBarAlignment.Left, 10);

  constructor() {
    this.#item.name = 'vsva';
  }

  show(document: TextDocument | undefined, shown: Shown | undefined, server: ServerState): void {
    if (document?.languageId !== 'vsva' || !isOn('statusBar.enabled', document)) {
      this.#item.hide();
      return;
    }
    const { text, label, tooltip, command } = statusOf(shown, server);
    this.#item.text = text;
    this.#item.accessibilityInformation = { label, role: 'button' };
    this.#item.tooltip = tooltip;
    this.#item.command = command;
    this.#item.show();
  }

  dispose(): void {
    this.#item.dispose();
  }
}
