// Runs the extension in a real VS Code: from the sources, installed from the package, in the browser's worker, and through
// the user interface. Installs what is missing. Ends with one line: `N passed, N failed`.
//
//   test-vscode.mjs [--built] [--results FILE] [STAGE ...]
//
// --built takes dist/ and dist/vsva.vsix as they are; --results writes the total as JSON; a stage's name runs it alone.
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundleTests } from '../test/vscode/bundle.mjs';
import { ensureInstalled } from '../test/vscode/install.mjs';
import { chromiumBinary } from '../test/vscode/lib.mjs';

const root = join(import.meta.dirname, '..');
const VSIX = 'dist/vsva.vsix';
/** Nothing takes a third of this; a stage that does hangs. */
const LIMIT_MS = 8 * 60_000;
/** A mirror that fails is asked again so often. */
const ATTEMPTS = 3;

const STAGES = {
  sources: () => suite('sources'),
  package: () => suite('package', VSIX),
  web: () => suite('web'),
  ui: () => suite('ui'),
  'killed host': killedHost,
};

const { values, positionals } = parseArgs({
  options: { built: { type: 'boolean' }, results: { type: 'string' } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !(name in STAGES));
if (0 < unknown.length) {
  console.error(`no stage ${unknown.join(', ')}; there are ${Object.keys(STAGES).join(', ')}`);
  process.exit(2);
}

process.chdir(root);
const total = { passed: 0, failed: 0 };
try {
  await timed('install', install);
  await timed('build', buildAll);
  for (const [name, stage] of Object.entries(STAGES))
    if (positionals.length === 0 || positionals.includes(name)) await timed(name, stage);
} catch (error) {
  console.error(error);
  total.failed++;
}
if (values.results)
  writeFileSync(values.results, JSON.stringify({ numPassedTests: total.passed, numFailedTests: total.failed }));
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 ? 0 : 1);

async function timed(name, work) {
  console.log(`\n-- ${name}`);
  const began = Date.now();
  await work();
  console.log(`-- ${name}: ${((Date.now() - began) / 1000).toFixed(1)} s`);
}

/** Chromium where root may install it, and VS Code. */
function install() {
  const mayInstall = process.platform === 'linux' && process.getuid() === 0;
  for (let left = ATTEMPTS; 0 < left && mayInstall && !chromiumBinary(); left--) {
    aptGet('update');
    aptGet('install', '-y', '--no-install-recommends', 'chromium', 'fonts-dejavu-core');
  }
  if (!chromiumBinary()) throw new Error('there is no Chromium: install it, or set CHROMIUM to its path');
  for (let left = ATTEMPTS - 1; ; left--) {
    try {
      ensureInstalled();
      return;
    } catch (error) {
      if (left === 0) throw error;
      console.error(`${error.message}; once more`);
    }
  }
}

function aptGet(...args) {
  const { status, error } = spawnSync('apt-get', ['-qq', ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status !== 0) console.error(`apt-get ${args[0]} ended with ${error?.message ?? status}`);
}

async function buildAll() {
  if (!values.built) {
    node('scripts/build.mjs');
    node('node_modules/@vscode/vsce/vsce', 'package', '--no-dependencies', '--no-rewrite-relative-links', '-o', VSIX);
  }
  await bundleTests();
}

function node(...args) {
  const { status, error } = spawnSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`${args[0]} ended with ${error?.message ?? status}`);
}

/** A suite prints its own total; one that ends badly without naming a failed test has failed all the same. */
async function suite(...args) {
  const { status, output } = await run(...args);
  const found = [...output.matchAll(/: (\d+) passed, (\d+) failed/g)].at(-1);
  const [passed, failed] = found ? [Number(found[1]), Number(found[2])] : [0, 0];
  total.passed += passed;
  total.failed += status === 0 && 0 < passed ? failed : Math.max(failed, 1);
}

/** A suite whose extension host is killed must fail, and for this very reason. */
async function killedHost() {
  const { status, output } = await run('sources', 'dies');
  const holds = status !== 0 && /extension host (died|terminated)/i.test(output);
  console.log(`  ${holds ? '✓' : '✗'} a killed extension host is no pass`);
  if (holds) total.passed++;
  else total.failed++;
}

function run(...args) {
  const child = spawn(process.execPath, ['test/vscode/main.mjs', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
  });
  let output = '';
  for (const [from, to] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ])
    from.on('data', (chunk) => {
      output += chunk;
      to.write(chunk);
    });
  return new Promise((done) => {
    child.on('error', (error) => done({ status: 1, output: error.message }));
    child.on('close', (status) => done({ status, output }));
  });
}
