import { type ConfigurationScope, workspace } from 'vscode';
import type { LineOutcome } from '../server/protocol.ts';

/** The switches of package.json that the client itself obeys. `vsva.hints.enabled` turns off all that is not an error. */
export type Surface = 'results' | 'statusBar' | 'lens';

const read = (name: string, scope: ConfigurationScope | undefined): boolean =>
  workspace.getConfiguration('vsva', scope).get(name, true);

export const isOn = (surface: Surface, scope?: ConfigurationScope): boolean =>
  read('hints.enabled', scope) && read(`${surface}.enabled`, scope);

export const showsHints = (scope?: ConfigurationScope): boolean =>
  read('hints.enabled', scope) && read('diagnostics.hints', scope);

export const showsKind = (kind: LineOutcome['kind'], scope?: ConfigurationScope): boolean =>
  read(`results.${kind}`, scope);

/** What the server obeys, so that it knows before it is told of changes. */
export const runSettings = () => {
  const run = workspace.getConfiguration('vsva.run');
  return { live: run.get<string>('live'), maxSteps: run.get<number>('maxSteps') };
};
