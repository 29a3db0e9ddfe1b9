import { nearest } from '../../engine/index.ts';
import { type CompatTable, compatJson, compatOf, compatTexts } from '../features/compat/index.ts';
import { resolve } from '../language/resolve.ts';
import { EXIT, UsageError } from './exit.ts';
import { diskHost, readText, STDIN } from './files.ts';
import { complain, print } from './output.ts';

export interface CompatCommand {
  /** `FILE` or `FILE#PAYLOAD`. */
  readonly inputs: readonly string[];
  readonly format: 'pretty' | 'json';
}

/**
 * `vsva compat FILE[#PAYLOAD]`: what every generation would make of one payload, or of all that the file declares. The
 * table is an answer and no judgement, so a refusal in it does not fail the command.
 */
export function compat({ inputs, format }: CompatCommand): number {
  const tables: CompatTable[] = [];
  const texts: string[] = [];
  let code: number = EXIT.ok;
  for (const input of inputs) {
    const { file, payload } = parts(input);
    const text = readText(file);
    if (typeof text !== 'string') {
      complain(`${file} cannot be read: ${text.problem}`);
      code = EXIT.usage;
      continue;
    }
    const resolved = resolve(file, text, diskHost);
    const declared = resolved.scenarioFile?.payloads;
    if (!declared) {
      complain(`${file}: ${resolved.diagnostics[0]?.message ?? 'it names no generation that is known'}`);
      if (code === EXIT.ok) code = EXIT.findings;
      continue;
    }
    if (payload !== undefined && !declared.has(payload)) {
      const near = nearest(payload, declared.keys());
      throw new UsageError(`${file} has no payload ${payload}${near ? `; did you mean ${near}?` : ''}`);
    }
    const chosen =
      payload === undefined ? [...declared.values()].filter((d) => d.file === file) : [declared.get(payload)!];
    const ofFile: CompatTable[] = [];
    for (const each of chosen) {
      const table = compatOf(resolved, each);
      if (!('problem' in table)) ofFile.push(table);
      // Of a whole file, what has no other generation to be held against is left out.
      else if (payload !== undefined) {
        complain(`${input}: ${table.problem}`);
        if (code === EXIT.ok) code = EXIT.findings;
      }
    }
    tables.push(...ofFile);
    if (format === 'pretty') texts.push(...compatTexts(ofFile));
  }
  if (format === 'json') print(`${JSON.stringify({ version: 1, payloads: tables.map(compatJson) }, undefined, 2)}\n`);
  else print(texts.join('\n'));
  return code;
}

function parts(input: string): { readonly file: string; readonly payload: string | undefined } {
  const hash = input.lastIndexOf('#');
  const file = hash < 0 ? input : input.slice(0, hash);
  return { file: file === '-' ? STDIN : file, payload: hash < 0 ? undefined : input.slice(hash + 1) };
}
