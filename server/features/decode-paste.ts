import type { Resolved } from '../language/resolve.ts';
import { decodePayload } from './decode.ts';
import { readInput } from './decode-input.ts';
import { guessStruct, structNamed } from './decode-struct.ts';
import { indexLines, placeOf } from './lines.ts';

/** Declarations and the line to insert them at, from 0, or which structs the bytes may be, or why they are none. */
export type Pasted =
  | { readonly text: string; readonly line: number }
  | { readonly choose: readonly { readonly struct: string; readonly detail: string }[]; readonly problem: string }
  | { readonly problem: string };

/** Hex, a dump or a trace as a payload of the file's generation, under a name that the file does not have yet. */
export function pastePayload(resolved: Resolved, hex: string, struct: string | undefined, offset: number): Pasted {
  const file = resolved.scenarioFile;
  if (!file) return { problem: 'the file names no generation whose structs are known' };
  const { generation } = file;
  const input = readInput(hex);
  if ('problem' in input) return input;
  const answer = struct === undefined ? guessStruct(input, generation) : structNamed(struct, generation);
  if ('problem' in answer) {
    if (!answer.candidates || input.bytes.length === 0) return { problem: answer.problem };
    const others = [...generation.structs.values()].filter((s) => !answer.candidates!.includes(s));
    const choose = [...answer.candidates, ...others].map(({ name, size, doc }) => ({
      struct: name,
      detail: `${size} bytes. ${doc}`,
    }));
    return { choose, problem: answer.problem };
  }
  if (input.bytes.length === 0)
    return { problem: `the call takes a ${answer.struct.name}, but none of its bytes are here` };
  const { text } = decodePayload(input.bytes, answer.struct, generation, freeName(resolved));
  const behind = declarationEnd(resolved, offset);
  return behind === undefined
    ? { text: `${text}\n`, line: lineAt(resolved, offset) }
    : { text: `\n${text}`, line: lineAt(resolved, behind) + 1 };
}

/** The end of the declaration around an offset: a payload cannot stand inside another declaration. */
function declarationEnd({ sources }: Resolved, offset: number): number | undefined {
  return sources[0]!.program.declarations.find(({ start, end }) => start <= offset && offset <= end)?.end;
}

const lineAt = ({ sources }: Resolved, offset: number): number =>
  placeOf(indexLines(sources[0]!.text), offset).line - 1;

function freeName({ scenarioFile: file }: Resolved): string {
  const taken = (name: string): boolean =>
    [name, `${name}_tail`].some((each) => [file?.payloads, file?.lets, file?.tables].some((table) => table?.has(each)));
  for (let n = 1; ; n++) {
    const name = n === 1 ? 'pasted' : `pasted${n}`;
    if (!taken(name)) return name;
  }
}
