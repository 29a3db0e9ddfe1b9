import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import type { FileHost } from '../language/resolve.ts';

export const STDIN = '<stdin>';
const MAX_BYTES = 16 << 20;
const CHUNK = 64 << 10;

/** A file's text, or why it cannot be read. */
export type Text = string | { readonly problem: string };

/** What the arguments name: files in the order of the arguments, each once, and what is wrong with the rest. */
export async function findInputs(
  args: readonly string[],
): Promise<{ readonly files: readonly string[]; readonly problems: readonly string[] }> {
  const files = new Set<string>();
  const problems: string[] = [];
  for (const arg of args) {
    const found = await findInput(arg);
    if ('problem' in found) problems.push(found.problem);
    else for (const file of found.files) files.add(file);
  }
  return { files: [...files], problems };
}

async function findInput(arg: string): Promise<{ readonly files: readonly string[] } | { readonly problem: string }> {
  if (arg === '-') return { files: [STDIN] };
  const stat = statSync(arg, { throwIfNoEntry: false });
  if (stat?.isDirectory()) {
    const files = scenarioFilesIn(arg);
    return files.length > 0 ? { files } : { problem: `${arg}: no .vsva file in this directory` };
  }
  if (stat) return { files: [normalize(arg)] };
  if (!/[*?[\]{}]|[!+@]\(/.test(arg)) return { problem: `${arg}: no such file or directory` };
  const { globSync } = await import('tinyglobby');
  const files = globSync(arg, { absolute: isAbsolute(arg), expandDirectories: false, ignore: '**/node_modules/**' });
  return files.length > 0
    ? { files: files.map(normalize).sort() }
    : { problem: `${arg}: no file matches this pattern` };
}

/** All scenario files below a directory in one order on every machine; what tools keep for themselves is left out. */
function scenarioFilesIn(directory: string): string[] {
  const files: string[] = [];
  const look = (at: string): void => {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) {
        if (entry.name !== 'node_modules' && !entry.name.startsWith('.')) look(path);
      } else if (entry.name.endsWith('.vsva')) files.push(path);
    }
  };
  look(directory);
  return files.sort();
}

/** Reads a file or the standard input. */
export function readText(file: string): Text {
  const bytes = readBytes(file);
  return 'problem' in bytes ? bytes : decode(bytes);
}

/** The bytes of a file or of the standard input. */
export function readBytes(file: string): Buffer | { readonly problem: string } {
  let fd: number | undefined;
  try {
    fd = file === STDIN ? 0 : openSync(file, 'r');
    return readAll(fd) ?? { problem: `it has more than ${MAX_BYTES >> 20} MB` };
  } catch (error) {
    return { problem: reasonOf(error) };
  } finally {
    if (fd) closeSync(fd);
  }
}

/** All bytes, or undefined when there are too many; pipes and devices do not tell beforehand. */
function readAll(fd: number): Buffer | undefined {
  const chunks: Buffer[] = [];
  for (let size = 0; ; ) {
    const chunk = Buffer.allocUnsafe(CHUNK);
    const n = readSome(fd, chunk);
    if (n === 0) return Buffer.concat(chunks);
    chunks.push(chunk.subarray(0, n));
    size += n;
    if (MAX_BYTES < size) return undefined;
  }
}

/** Reads what there is, and waits where a terminal or pipe has nothing yet. */
function readSome(fd: number, chunk: Buffer): number {
  for (;;) {
    try {
      return readSync(fd, chunk);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}

function decode(bytes: Buffer): Text {
  if (bytes.includes(0)) return { problem: 'it is not text: it holds NUL bytes' };
  try {
    // The decoder drops a byte order mark.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { problem: 'it is not UTF-8 text' };
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
};

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return REASONS[code ?? ''] ?? message;
}

/** Includes are read from disk, relative to the file that names them; those of the standard input to where we are. */
export const diskHost: FileHost = {
  resolve: (from, path) => (isAbsolute(path) ? normalize(path) : join(from === STDIN ? '.' : dirname(from), path)),
  read: readText,
};
