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

/** What the status bar says of a document; `broken` is why there is no server. */
export function statusOf(shown: Shown | undefined, broken: string | undefined): Status {
  if (broken)
    return {
      text: '$(warning) vsva: stopped',
      label: `vsva: the language server stopped: ${broken}`,
      tooltip: `The language server stopped: ${broken}. Click to restart it.`,
      command: 'vsva.restartServer',
    };
  if (shown?.running)
    return {
      text: '$(sync~spin) vsva: running',
      label: 'vsva: scenarios are running',
      tooltip: 'Scenarios are running. Click to cancel.',
      command: 'vsva.cancelRun',
    };
  if (!shown || shown.version < 0)
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
  const main =
    0 < failed ? `${failed} failed` : shown.scenarios.length === 0 ? 'no scenarios' : `${count('passed')} passed`;
  const words = `vsva: ${main}${outdated ? ' (stale)' : ''}`;
  const icon = outdated ? 'history' : 0 < failed ? 'error' : 0 < skipped ? 'warning' : 'pass';
  const totals = [
    `${count('passed')} passed`,
    `${failed} failed`,
    ...(skipped === 0 ? [] : [`${skipped} skipped`]),
  ].join(', ');
  const why = outdated ? ' The text has changed since.' : '';
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

  show(document: TextDocument | undefined, shown: Shown | undefined, broken: string | undefined): void {
    if (document?.languageId !== 'vsva' || !isOn('statusBar', document)) {
      this.#item.hide();
      return;
    }
    const { text, label, tooltip, command } = statusOf(shown, broken);
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
