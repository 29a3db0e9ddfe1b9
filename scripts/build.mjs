// Bundles what ships: the command line, the extension's client and language server for desktop and browser, dist/engine.js
// for scripts, and with --bench dist/bench.js.
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const out = process.argv.includes('--out') ? process.argv[process.argv.indexOf('--out') + 1] : join(root, 'dist');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** One file that Node 20 runs as it is. @param {import('esbuild').BuildOptions} options */
const bundle = (entry, outfile, options = {}) =>
  build({
    entryPoints: [join(root, entry)],
    outfile: join(out, outfile),
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

/** What extension hosts load: CommonJS that is given `vscode`. */
const HOSTED = { format: 'cjs', external: ['vscode'] };
/** One script for Node and for browsers; what belongs to the other host lies in it asleep. */
const EITHER = { format: 'cjs', conditions: ['node', 'browser'] };

await Promise.all([
  bundle('server/cli.ts', 'cli.js', { banner: { js: `#!/usr/bin/env node\n${REQUIRE}` } }),
  bundle('server/main.ts', 'server.cjs', { format: 'cjs' }),
  bundle('server/main-web.ts', 'web/server.js', EITHER),
  bundle('client/extension.ts', 'client.cjs', { ...EITHER, ...HOSTED }),
  bundle('engine/index.ts', 'engine.js', { minify: false }),
  process.argv.includes('--bench') && bundle('test/bench/main.ts', 'bench.js', { minify: false }),
]);
chmodSync(join(out, 'cli.js'), 0o755);
