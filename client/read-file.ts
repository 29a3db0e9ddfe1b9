import { FileSystemError, FileType, Uri, workspace } from 'vscode';
import type { ReadAnswer, ReadParams } from '../server/protocol.ts';

/** Bytes of a file that are worth sending to the server: it takes no more than two million characters. */
const MOST = 8_000_000;

/** Why a file could not be read, in words that fit behind "cannot be read:". */
const PROBLEMS: Readonly<Record<string, string>> = {
  FileNotFound: 'no such file',
  FileIsADirectory: 'it is a directory',
  NoPermissions: 'permission denied',
  Unavailable: 'its file system is not available',
};

/** Reads a file for the server, from whatever file system the editor has for it. */
export async function readFile({ uri }: ReadParams): Promise<ReadAnswer> {
  const file = Uri.parse(uri);
  if (file.scheme === 'untitled') return { problem: 'a text that was never saved has no folder to look in' };
  try {
    const { type, size } = await workspace.fs.stat(file);
    if ((type & FileType.Directory) !== 0) return { problem: PROBLEMS['FileIsADirectory']! };
    if (MOST < size) return { problem: `it has more than ${MOST / 1e6} MB` };
    return { text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(await workspace.fs.readFile(file)) };
  } catch (error) {
    const known = error instanceof FileSystemError ? PROBLEMS[error.code] : undefined;
    return { problem: known ?? (error instanceof Error ? error.message : String(error)) };
  }
}
