import type { Names, ScenarioFile } from '../../engine/index.ts';
import type { Resolved } from '../language/resolve.ts';
import { EDITOR_FORMATS, type Exported, type ExportOptions, exportPayloads, type Named } from './export-payloads.ts';
import { programC } from './export-program.ts';
import { payloadRust } from './export-rust.ts';

export const FORMATS = [...EDITOR_FORMATS, 'rust'] as const;
export type Format = (typeof FORMATS)[number];

/** A payload by its name, a scenario by its title, or without a name all payloads that the file declares itself. */
export function exportNamed(resolved: Resolved, name: string | undefined, options: ExportOptions): Exported {
  const file = resolved.scenarioFile;
  if (!file) return { problem: 'the file names no generation whose structs are known' };
  if (name === undefined) {
    const own = [...file.payloads].filter(([, declared]) => declared.file === file.file);
    if (own.length > 0) return exportPayloads(file, own, options, rust);
    return { problem: `the file declares no payload${options.format === 'c' ? `; ${inIt(file)}` : ''}` };
  }
  const payload = file.payloads.get(name);
  if (payload) return exportPayloads(file, [[name, payload]], options, rust);
  const scenario = file.scenarios.find(({ title }) => title === name);
  if (!scenario) return { problem: `there is no payload or scenario "${name}"; ${inIt(file)}` };
  if (options.format !== 'c') return { problem: 'a scenario is exported as c only: it is a program' };
  if (file.generation.ioctls.size === 0)
    return { problem: `${file.generation.id} has no ioctls, so no program can do what its scenarios do` };
  return { title: name, text: programC(resolved, file, scenario, options) };
}

const inIt = ({ payloads, scenarios }: ScenarioFile): string => {
  const names = [...[...payloads.keys()], ...scenarios.map(({ title }) => `"${title}"`)];
  return names.length > 0 ? `it has ${names.slice(0, 12).join(', ')}` : 'it has neither';
};

function rust(payloads: readonly Named[], names: Names, title: string): Exported {
  const [[name, declared], ...others] = payloads as [Named, ...Named[]];
  if (others.length > 0)
    return { problem: `rust takes one payload at a time: #${payloads.map(([n]) => n).join(', #')}` };
  return { title, text: payloadRust(declared, names, name) };
}
