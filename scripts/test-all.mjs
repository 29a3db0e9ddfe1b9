// Runs everything that must hold, from lint to the packed extension, and ends with one line: `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';

const RESULTS = 'dist/test-results.json';
const EDITOR_RESULTS = 'dist/test-vscode-results.json';
const npx = (...args) => ({
  command: process.platform === 'win32' ? 'npx.cmd' : 'npx',
  args: ['--no-install', ...args],
});
const node = (...args) => ({ command: process.execPath, args });

const STAGES = [
  { name: 'lint', ...npx('biome', 'check', '--error-on-warnings', '.') },
  { name: 'types: engine', ...npx('tsc', '-p', 'engine') },
  { name: 'types: server', ...npx('tsc', '-p', 'server') },
  { name: 'types: client', ...npx('tsc', '-p', 'client') },
  { name: 'types: test', ...npx('tsc', '-p', 'test') },
  { name: 'build', ...node('scripts/build.mjs') },
  {
    name: 'unit and conformance tests',
    ...npx('vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${RESULTS}`),
    counts: RESULTS,
  },
  { name: 'layouts against the C compiler', ...node('scripts/verify-uapi.mjs') },
  { name: 'models against QEMU', ...node('scripts/test-oracle.mjs') },
  {
    name: 'package',
    ...npx('vsce', 'package', '--no-dependencies', '--no-rewrite-relative-links', '--out', 'dist/vsva.vsix'),
  },
  {
    name: 'in a real VS Code',
    ...node('scripts/test-vscode.mjs', '--built', '--results', EDITOR_RESULTS),
    counts: EDITOR_RESULTS,
  },
];

const durations = [];
let passed = 0;
let failed = 0;
mkdirSync('dist', { recursive: true });
for (const { name, command, args, counts } of STAGES) {
  console.log(`\n== ${name}`);
  if (counts) rmSync(counts, { force: true });
  const began = Date.now();
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  durations.push(`${seconds.padStart(7)} s  ${name}`);
  if (error) console.error(`${name}: ${error.message}`);
  const tally = counts ? testCounts(counts) : undefined;
  passed += tally ? tally.passed : status === 0 ? 1 : 0;
  // A runner that died without naming a failed test has failed all the same.
  failed += tally ? Math.max(tally.failed, status === 0 ? 0 : 1) : status === 0 ? 0 : 1;
  console.log(`== ${name}: ${status === 0 ? 'passed' : 'FAILED'} in ${seconds} s`);
}
console.log(`\n${durations.join('\n')}`);
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

function testCounts(file) {
  try {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(file, 'utf8'));
    return { passed: numPassedTests, failed: numFailedTests };
  } catch {
    return { passed: 0, failed: 1 };
  }
}
