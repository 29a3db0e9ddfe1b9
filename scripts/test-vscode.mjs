// Runs the extension in a real VS Code: from the sources, installed from the package, in the browser's worker, and once
// through the user interface. Installs what is missing. Ends with one line: `N passed, N failed`.
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build } from 'esbuild';
import { ensureInstalled } from '../test/vscode/install.mjs';
import { chromiumBinary } from '../test/vscode/lib.mjs';

const root = join(import.meta.dirname, '..');
const VSIX = 'dist/vsva.vsix';

process.chdir(root);
const total = { passed: 0, failed: 0 };

const stages = {
  /** The suites print their own totals; a run that ends badly without naming a failed test has failed all the same. */
  sources: () => suite('sources'),
  package: () => suite('package', VSIX),
  web: () => suite('web'),
  ui: () => suite('ui'),
  'a killed extension host is no pass': () => one(async () => (await run('sources', 'dies')).status !== 0),
};

try {
  prepare();
  await bundleTests();
  const only = process.argv.slice(2);
  for (const [name, stage] of Object.entries(stages)) {
    if (0 < only.length && !only.includes(name)) continue;
    console.log(`\n-- ${name}`);
    await stage();
  }
} catch (error) {
  console.error(error);
  total.failed++;
}
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 ? 0 : 1);

function prepare() {
  if (!chromiumBinary() && process.platform === 'linux' && process.getuid() === 0) {
    for (const args of [['update'], ['install', '-y', '--no-install-recommends', 'chromium', 'fonts-dejavu-core']]) {
      const { status } = spawnSync('apt-get', ['-qq', ...args], {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      });
      if (status !== 0) console.error(`apt-get ${args[0]} ended with ${status}`);
    }
  }
  ensureInstalled();
  const node = (...args) => command(process.execPath, args);
  if (!process.env.VSVA_BUILT) node('scripts/build.mjs');
  node('node_modules/@vscode/vsce/vsce', 'package', '--no-dependencies', '--no-rewrite-relative-links', '--out', VSIX);
}

function command(name, args) {
  const { status, error } = spawnSync(name, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`${args[0]} ended with ${status}${error ? `: ${error.message}` : ''}`);
}

/** The tests as VS Code loads them, once for each of its hosts. */
async function bundleTests() {
  const common = { bundle: true, format: 'cjs', external: ['vscode'], logLevel: 'warning', absWorkingDir: root };
  await Promise.all([
    build({
      ...common,
      platform: 'node',
      target: 'node20',
      entryPoints: { suite: 'test/vscode/suite/index.ts', dies: 'test/vscode/suite/dies.ts' },
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

async function suite(...args) {
  const { status, output } = await run(...args);
  const found = [...output.matchAll(/: (\d+) passed, (\d+) failed/g)].at(-1);
  const [passed, failed] = found ? [Number(found[1]), Number(found[2])] : [0, 0];
  total.passed += passed;
  total.failed += status === 0 && 0 < passed ? failed : Math.max(failed, 1);
}

async function one(holds) {
  if (await holds()) total.passed++;
  else total.failed++;
}

function run(...args) {
  const child = spawn(process.execPath, ['test/vscode/main.mjs', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
    process.stdout.write(chunk);
  });
  return new Promise((done) => child.on('close', (status) => done({ status, output })));
}
