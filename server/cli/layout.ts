import {
  findGeneration,
  GENERATIONS,
  type Generation,
  KNOWN_GENERATION_IDS,
  layoutOf,
  nearest,
  paholeText,
  RUNNABLE_GENERATION_IDS,
  type Struct,
} from '../../engine/index.ts';
import { EXIT, UsageError } from './exit.ts';
import { machineJson, machineText } from './machine-text.ts';
import { print } from './output.ts';

export interface LayoutCommand {
  readonly uapi: string | undefined;
  readonly structs: readonly string[];
  readonly format: 'pretty' | 'json';
  readonly quirks: boolean;
  readonly machine: boolean;
}

/** `vsva layout`: structs as a C compiler lays them out, the quirks of a generation, the default machine. */
export function layout({ uapi, structs, format, quirks, machine }: LayoutCommand): number {
  if (uapi === undefined && !machine) throw new UsageError(`layout needs --uapi ID; there are ${ids()}`);
  const generation = generationOf(uapi ?? RUNNABLE_GENERATION_IDS[0]!);
  const json: Record<string, unknown> = {};
  const pretty: string[] = [];
  if ((!quirks && !machine) || structs.length > 0) {
    const chosen =
      structs.length > 0 ? structs.map((name) => structOf(generation, name)) : [...generation.structs.values()];
    json['structs'] = chosen.map(layoutOf);
    pretty.push(chosen.length > 0 ? chosen.map(paholeText).join('\n') : `${generation.id} has no structs\n`);
  }
  if (quirks) {
    json['quirks'] = [...generation.quirks.values()].map(({ name, on, doc, evidence }) => ({
      name,
      on,
      doc,
      evidence,
    }));
    pretty.push(quirksText(generation));
  }
  if (machine) {
    json['machine'] = machineJson(generation);
    pretty.push(machineText(generation));
  }
  print(format === 'json' ? `${JSON.stringify(json, undefined, 2)}\n` : pretty.join('\n'));
  return EXIT.ok;
}

export const ids = (): string => GENERATIONS.map((g) => g.id).join(', ');

export function generationOf(id: string): Generation {
  const generation = findGeneration(id);
  if (generation) return generation;
  if (KNOWN_GENERATION_IDS.has(id)) throw new UsageError(`${id} is not available yet; there are ${ids()}`);
  const near = nearest(id, KNOWN_GENERATION_IDS.keys());
  throw new UsageError(`${id} is not a generation${near ? `; did you mean ${near}?` : ''}; there are ${ids()}`);
}

/** A struct by its name, with or without `struct`, or by its short kind. */
function structOf({ id, structs, kinds }: Generation, given: string): Struct {
  const name = given.replace(/^struct\s+/, '');
  const found = structs.get(name) ?? structs.get(kinds.get(name)?.struct ?? '');
  if (found) return found;
  const near = nearest(name, [...structs.keys(), ...kinds.keys()]);
  throw new UsageError(
    `${id} has no struct ${name}${near ? `; did you mean ${near}?` : `; it has ${[...structs.keys()].join(', ')}`}`,
  );
}

function quirksText({ id, quirks }: Generation): string {
  if (quirks.size === 0) return `${id} has no quirks\n`;
  const width = Math.max(...[...quirks.keys()].map((name) => name.length));
  return [...quirks.values()]
    .map(({ name, on, doc, evidence }) => `${name.padEnd(width)}  ${on ? 'on ' : 'off'}  ${doc} (${evidence})\n`)
    .join('');
}
