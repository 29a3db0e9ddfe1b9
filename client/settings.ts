import { type ConfigurationScope, workspace } from 'vscode';
import type { LineOutcome } from '../server/protocol.ts';

/** The switches of package.json that the client itself obeys. `vsva.hints.enabled` turns off all that is not an error. */
export type Surface =
  | 'results.enabled'
  | `results.${LineOutcome['kind']}`
  | 'results.overviewRuler'
  | 'statusBar.enabled'
  | 'lens.enabled'
  | 'lens.runScenario'
  | 'lens.runAll'
  | 'lens.compat'
  | 'diagnostics.hints';

const read = (name: string, scope: ConfigurationScope | undefined): boolean =>
  workspace.getConfiguration('vsva', scope).get(name, true);

export const isOn = (surface: Surface, scope?: ConfigurationScope): boolean =>
  read('hints.enabled', scope) && read(surface, scope);

/** Steps that failed are errors; the master switch leaves them. */
export const showsFailures = (scope?: ConfigurationScope): boolean => read('diagnostics.results', scope);

/** Settings after whose change the server has to be asked again for what was filtered here. */
export const FILTERS = ['vsva.hints', 'vsva.lens', 'vsva.diagnostics'] as const;

/** What the server obeys, so that it knows before it is told of changes. */
export const runSettings = () => {
  const run = workspace.getConfiguration('vsva.run');
  return { live: run.get<string>('live'), maxSteps: run.get<number>('maxSteps') };
};
