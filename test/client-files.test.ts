import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Connection } from 'vscode-languageserver';
import { RemoteFiles } from '../server/lsp/remote-files.ts';
import { WatchedFiles } from '../server/lsp/watched-files.ts';

const { FileSystemError, files } = vi.hoisted(() => {
  class FileSystemError extends Error {
    readonly code: string;
    constructor(code: string) {
      super(`EntryNotFound (FileSystemError): ${code}`);
      this.code = code;
    }
  }
  return { FileSystemError, files: new Map<string, Uint8Array | 'directory' | Error>() };
});

vi.mock('vscode', () => {
  const find = (uri: { readonly text: string }): Uint8Array | 'directory' => {
    const found = files.get(uri.text) ?? new FileSystemError('FileNotFound');
    if (found instanceof Error) throw found;
    return found;
  };
  return {
    FileSystemError,
    FileType: { File: 1, Directory: 2 },
    Uri: { parse: (text: string) => ({ text, scheme: text.split(':')[0] }) },
    workspace: {
      fs: {
        stat: async (uri: { readonly text: string }) => {
          const found = find(uri);
          return found === 'directory' ? { type: 2, size: 0 } : { type: 1, size: found.length };
        },
        readFile: async (uri: { readonly text: string }) => find(uri),
      },
    },
  };
});

const { readFile } = await import('../client/read-file.ts');

describe('files that the client reads for the server', () => {
  beforeEach(() => files.clear());

  test('are read from whatever file system there is', async () => {
    files.set('vscode-vfs://github/a/b/part.vsva', new TextEncoder().encode('let ä = 1\n'));
    expect(await readFile({ uri: 'vscode-vfs://github/a/b/part.vsva' })).toEqual({ text: 'let ä = 1\n' });
  });

  test('that cannot be read say why in plain words', async () => {
    files.set('memfs:/folder', 'directory');
    files.set('memfs:/secret', new FileSystemError('NoPermissions'));
    files.set('memfs:/large', new Uint8Array(8_000_001));
    files.set('memfs:/odd', new Error('the cable is out'));
    expect(await readFile({ uri: 'memfs:/missing' })).toEqual({ problem: 'no such file' });
    expect(await readFile({ uri: 'memfs:/folder' })).toEqual({ problem: 'it is a directory' });
    expect(await readFile({ uri: 'memfs:/secret' })).toEqual({ problem: 'permission denied' });
    expect(await readFile({ uri: 'memfs:/large' })).toEqual({ problem: 'it has more than 8 MB' });
    expect(await readFile({ uri: 'memfs:/odd' })).toEqual({ problem: 'the cable is out' });
  });

  test('beside a text that was never saved there is nothing', async () => {
    const { problem } = (await readFile({ uri: 'untitled:Untitled-1/../part.vsva' })) as { problem: string };
    expect(problem).toMatch(/never saved/);
  });
});

/** A connection that keeps what it is asked, and answers when the test says so. */
function connection() {
  const questions: { readonly uri: string; readonly answer: (answer: unknown) => Promise<void> }[] = [];
  const registered: unknown[] = [];
  const fake = {
    sendRequest: (_method: string, { uri }: { readonly uri: string }) =>
      new Promise((resolve) => {
        questions.push({
          uri,
          answer: async (value) => {
            resolve(value);
            await Promise.resolve();
            await Promise.resolve();
          },
        });
      }),
    client: {
      register: async (_type: unknown, { watchers }: { readonly watchers: readonly unknown[] }) =>
        void registered.push(...watchers),
    },
  };
  return { questions, registered, fake: fake as unknown as Connection };
}

describe('files that the server asks the client for', () => {
  const PART = 'memfs:/part.vsva';

  test('are missing until they arrive', async () => {
    const { questions, fake } = connection();
    const arrived: string[] = [];
    const files = new RemoteFiles(fake, (file) => arrived.push(file));
    expect(files.read(PART)).toEqual({ problem: 'it is still being read' });
    expect(files.read(PART)).toEqual({ problem: 'it is still being read' });
    expect(questions.map((q) => q.uri)).toEqual([PART]);
    await questions[0]!.answer({ text: 'one' });
    expect(arrived).toEqual([PART]);
    expect(files.read(PART)).toBe('one');
  });

  test('that change keep their text until the new one is there; an answer that was overtaken does not count', async () => {
    const { questions, fake } = connection();
    const arrived: string[] = [];
    const files = new RemoteFiles(fake, (file) => arrived.push(file));
    files.read(PART);
    await questions[0]!.answer({ text: 'one' });
    expect(files.changed([PART, 'memfs:/other.vsva'])).toEqual(['memfs:/other.vsva']);
    files.changed([PART]);
    expect(files.read(PART)).toBe('one');
    await questions[2]!.answer({ text: 'three' });
    await questions[1]!.answer({ text: 'two' });
    expect(files.read(PART)).toBe('three');
    expect(arrived).toEqual([PART, PART]);
    files.changed([PART]);
    await questions[3]!.answer({ text: 'three' });
    expect(arrived.length).toBe(2);
    files.changed([PART]);
    await questions[4]!.answer({ problem: 'no such file' });
    expect(files.read(PART)).toEqual({ problem: 'no such file' });
    files.changed([PART]);
    await questions[5]!.answer(null);
    expect(files.read(PART)).toEqual({ problem: 'the client has no text' });
  });

  test('are watched wherever they lie, each once', async () => {
    const { registered, fake } = connection();
    const watched = new WatchedFiles(fake, () => undefined);
    for (const file of [
      PART,
      'file:///far/off/a%20%5Bb%5D.inc',
      'vfs://host/x.vsva',
      PART,
      'untitled:Untitled-1/../x.vsva',
    ])
      watched.add(file);
    await Promise.resolve();
    expect(registered).toEqual([
      { globPattern: { baseUri: 'memfs:/', pattern: 'part.vsva' } },
      { globPattern: { baseUri: 'file:///far/off', pattern: 'a [[]b[]].inc' } },
      { globPattern: { baseUri: 'vfs://host/', pattern: 'x.vsva' } },
    ]);
  });
});
