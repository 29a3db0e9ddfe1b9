import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '../..');

/** The tests as VS Code loads them, once for each of its hosts. */
export async function bundleTests() {
  const common = { bundle: true, format: 'cjs', external: ['vscode'], logLevel: 'warning', absWorkingDir: root };
  const suites = ['dies', 'figures'].map((name) => [name, `test/vscode/suite/${name}.ts`]);
  await Promise.all([
    build({
      ...common,
      platform: 'node',
      target: 'node20',
      entryPoints: { suite: 'test/vscode/suite/index.ts', ...Object.fromEntries(suites) },
      outdir: 'dist/test-vscode',
      outExtension: { '.js': '.cjs' },
    }),
    build({
      ...common,
      platform: 'browser',
      target: 'es2022',
      entryPoints: ['test/vscode/suite/index.ts'],
      outfile: 'dist/test-vscode/suite-web.cjs',
    }),
  ]);
}
