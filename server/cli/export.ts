import { exportNamed, type Format } from '../features/export.ts';
import { checkFile } from '../features/run-file.ts';
import { EXIT, UsageError } from './exit.ts';
import { diskHost, readText, STDIN } from './files.ts';
import { complain, print } from './output.ts';

export interface ExportCommand {
  /** `FILE`, or `FILE#NAME`. */
  readonly input: string;
  readonly format: Format;
  readonly headers: boolean;
}

/** `vsva export`: a payload as C, hex or Rust, a scenario as a C program. */
export function exportFile({ input, format, headers }: ExportCommand): number {
  if (headers && format !== 'c') throw new UsageError('--headers is for --as c');
  const [path, name] = splitAt(input);
  const file = path === '-' ? STDIN : path;
  const text = readText(file);
  if (typeof text !== 'string') {
    complain(`${file} cannot be read: ${text.problem}`);
    return EXIT.usage;
  }
  const { diagnostics, resolved } = checkFile(file, text, diskHost);
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  for (const { file: where, line, message } of errors) complain(`${where}:${line}: ${message}`);
  if (errors.length > 0) return EXIT.findings;
  const exported = exportNamed(resolved, name, { format, headers });
  if ('problem' in exported) throw new UsageError(exported.problem);
  print(exported.text);
  return EXIT.ok;
}

/** The name stands behind the first `#` that follows the path's ending. */
function splitAt(input: string): readonly [path: string, name: string | undefined] {
  const found = /^(.*?\.vsva|<stdin>)#(.*)$/s.exec(input);
  return found ? [found[1]!, found[2]!] : [input, undefined];
}
