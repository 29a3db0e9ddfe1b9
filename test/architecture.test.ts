import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/** Imports go one way (ARCHITECTURE.md, "What may import what"). The longest matching folder on the left decides. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'engine/base': ['engine/base'],
  'engine/uapi': ['engine/base', 'engine/uapi'],
  'engine/memory': ['engine/base', 'engine/memory'],
  'engine/pagetable': ['engine/base', 'engine/memory', 'engine/pagetable'],
  'engine/cache': ['engine/base', 'engine/cache'],
  'engine/models': ['engine/base', 'engine/memory', 'engine/pagetable', 'engine/cache', 'engine/models'],
  'engine/host': ['engine/base', 'engine/uapi', 'engine/memory', 'engine/pagetable', 'engine/models', 'engine/host'],
  'engine/scenario': [
    'engine/base',
    'engine/uapi',
    'engine/memory',
    'engine/pagetable',
    'engine/models',
    'engine/host',
    'engine/scenario',
  ],
  'engine/index.ts': ['engine'],
  'server/language': ['engine', 'server/language'],
  'server/features': ['engine', 'server/language', 'server/features'],
  'server/report': ['engine', 'server/language', 'server/features', 'server/report'],
  'server/cli': ['engine', 'server/language', 'server/features', 'server/report', 'server/cli'],
  'server/world': ['engine', 'server/language', 'server/features', 'server/world', 'server/protocol.ts'],
  'server/lsp': ['engine', 'server/language', 'server/features', 'server/world', 'server/lsp', 'server/protocol.ts'],
  'server/protocol.ts': [],
  'server/cli.ts': ['engine', 'server/language', 'server/features', 'server/report', 'server/cli'],
  'server/main.ts': [],
  'server/main-web.ts': ['server/host-node.ts', 'server/host-web.ts'],
  'server/host-node.ts': ['server/lsp', 'server/world'],
  'server/host-web.ts': ['server/lsp', 'server/world'],
  client: ['client', 'server/protocol.ts'],
};

/** Packages by folder; everything else imports none. Node's own modules are listed where a process lives. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  'server/lsp': ['vscode-languageserver'],
  'server/main.ts': ['node:'],
  'server/host-node.ts': ['vscode-languageserver', 'node:'],
  'server/host-web.ts': ['vscode-languageserver'],
  'server/cli': ['node:', 'tinyglobby'],
  'server/cli.ts': ['node:', 'tinyglobby'],
  client: ['vscode', 'vscode-languageclient', 'node:'],
};

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name).split(sep).join('/'));
}

const importsOf = (file: string): string[] =>
  [
    ...readFileSync(join(ROOT, file), 'utf8').matchAll(
      /^(?:import|export|\}).*\bfrom '([^']+)';$|^import '([^']+)';$|\bimport\('([^']+)'\)/gm,
    ),
  ].map((m) => m[1] ?? m[2] ?? m[3]!);

const owner = (file: string, table: Readonly<Record<string, unknown>>): string | undefined =>
  Object.keys(table)
    .filter((folder) => file === folder || file.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length)[0];

const files = ['engine', 'server', 'client'].flatMap(sources);

describe('imports go one way', () => {
  test('every source file has its place in the table', () => {
    expect(files.length).toBeGreaterThan(50);
    expect(files.filter((file) => !owner(file, MAY_IMPORT))).toEqual([]);
  });

  test('no file imports upward or sideways', () => {
    const wrong = files.flatMap((file) => {
      const allowed = MAY_IMPORT[owner(file, MAY_IMPORT)!]!;
      return importsOf(file)
        .filter((target) => target.startsWith('.'))
        .map((target) =>
          relative(ROOT, join(ROOT, dirname(file), target))
            .split(sep)
            .join('/'),
        )
        .filter((target) => !allowed.some((folder) => target === folder || target.startsWith(`${folder}/`)))
        .map((target) => `${file} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  test('scenarios know no model by name', () => {
    const models = readdirSync(join(ROOT, 'engine/models'), { withFileTypes: true }).filter((e) => e.isDirectory());
    const wrong = files
      .filter((file) => file.startsWith('engine/scenario/'))
      .flatMap((file) => importsOf(file).map((target) => `${file} imports ${target}`))
      .filter((line) => models.some(({ name }) => line.includes(`/models/${name}/`)));
    expect(models.length).toBeGreaterThan(1);
    expect(wrong).toEqual([]);
  });

  test('packages and Node are used only where a process or a protocol lives', () => {
    const wrong = files.flatMap((file) => {
      const allowed = PACKAGES[owner(file, PACKAGES) ?? ''] ?? [];
      return importsOf(file)
        .filter((target) => !target.startsWith('.'))
        .filter(
          (target) =>
            !allowed.some((name) => target === name || target.startsWith(name.endsWith(':') ? name : `${name}/`)),
        )
        .map((target) => `${file} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  test('the engine sees no ambient types, so Node and the DOM do not resolve in it', () => {
    const config = JSON.parse(readFileSync(join(ROOT, 'engine/tsconfig.json'), 'utf8')) as {
      compilerOptions: { types: string[]; lib?: string[] };
    };
    expect(config.compilerOptions.types).toEqual([]);
    const base = JSON.parse(readFileSync(join(ROOT, 'tsconfig.base.json'), 'utf8')) as {
      compilerOptions: { lib: string[] };
    };
    expect(base.compilerOptions.lib).toEqual(['ES2023']);
  });

  test('nothing reaches outside of the project', () => {
    const outside = [...files, ...sources('test'), ...sources('scripts')].filter((file) =>
      /\.\.\/shared|\/work\//.test(
        readFileSync(join(ROOT, file), 'utf8').replaceAll('/\\.\\.\\/shared|\\/work\\//', ''),
      ),
    );
    expect(outside.filter((file) => file !== 'test/architecture.test.ts')).toEqual([]);
  });
});
