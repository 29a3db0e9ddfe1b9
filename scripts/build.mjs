// Bundles what ships: dist/cli.js, dist/engine.js for scripts, and with --bench dist/bench.js.
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** One file that Node 20 runs as it is. @param {import('esbuild').BuildOptions} options */
const bundle = (entry, outfile, options = {}) =>
  build({
    entryPoints: [join(root, entry)],
    outfile: join(root, 'dist', outfile),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    minify: true,
    legalComments: 'none',
    logLevel: 'warning',
    define: { VSVA_VERSION: JSON.stringify(version) },
    ...options,
  });

/** Bundled CommonJS dependencies ask for Node's own modules with `require`. */
const REQUIRE = "import{createRequire}from'node:module';const require=createRequire(import.meta.url);";

await Promise.all([
  bundle('server/cli.ts', 'cli.js', { banner: { js: `#!/usr/bin/env node\n${REQUIRE}` } }),
  bundle('engine/index.ts', 'engine.js', { minify: false }),
  process.argv.includes('--bench') && bundle('test/bench/main.ts', 'bench.js', { minify: false }),
]);
chmodSync(join(root, 'dist/cli.js'), 0o755);
