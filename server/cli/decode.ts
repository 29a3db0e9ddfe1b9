import { statSync } from 'node:fs';
import { decodePayload } from '../features/decode.ts';
import { type InputAnswer, readInput } from '../features/decode-input.ts';
import { guessStruct, meanings, structNamed } from '../features/decode-struct.ts';
import { EXIT, UsageError } from './exit.ts';
import { readBytes, STDIN } from './files.ts';
import { generationOf, ids } from './layout.ts';
import { complain, print } from './output.ts';

export interface DecodeCommand {
  readonly uapi: string | undefined;
  readonly struct: string | undefined;
  readonly name: string;
  /** Hex, a file, or `-`. */
  readonly inputs: readonly string[];
}

/** `vsva decode`: bytes as a file of the language that holds the payload they are. */
export function decode({ uapi, struct, name, inputs }: DecodeCommand): number {
  if (inputs.length === 0) throw new UsageError('decode needs hex, a file or -');
  if (!/^[A-Za-z_]\w*$/.test(name)) throw new UsageError(`--name ${name} is no name`);
  const input = inputOf(inputs);
  if ('problem' in input) throw new UsageError(input.problem);
  if (uapi === undefined) {
    const known = input.ioctl === undefined ? '' : meanings(input.ioctl);
    throw new UsageError(`decode needs --uapi ID; ${known ? `the ioctl is ${known}` : `there are ${ids()}`}`);
  }
  const generation = generationOf(uapi);
  const answer = struct === undefined ? guessStruct(input, generation) : structNamed(struct, generation);
  if ('problem' in answer) throw new UsageError(`${answer.problem}${answer.candidates ? ' with --struct' : ''}`);
  if (input.bytes.length === 0)
    throw new UsageError(
      `the call takes a ${answer.struct.name}, but the trace has none of its bytes; strace -e raw=ioctl shows an address only`,
    );
  if (input.cut) complain('the trace shows only the first bytes of the payload');
  print(`uapi ${generation.id}\n\n${decodePayload(input.bytes, answer.struct, generation, name).text}`);
  return EXIT.ok;
}

function inputOf(inputs: readonly string[]): InputAnswer {
  const [file] = inputs;
  const isFile = inputs.length === 1 && (file === '-' || statSync(file!, { throwIfNoEntry: false })?.isFile());
  if (!isFile) return readInput(inputs.join(' '));
  const bytes = readBytes(file === '-' ? STDIN : file!);
  if ('problem' in bytes) return { problem: `${file} cannot be read: ${bytes.problem}` };
  if (bytes.length === 0) return { problem: `${file === '-' ? 'the input' : file} is empty` };
  // A dump is text; what has other bytes than text has is the payload itself.
  const text = new TextDecoder('latin1').decode(bytes);
  return /^[\t\r\n -~]*$/.test(text) ? readInput(text) : { bytes: Uint8Array.from(bytes) };
}
