// Holds the engine against stock QEMU (test/qemu): finds the emulators, installs them where it can, and runs the cases.
// VSVA_ORACLE_CASES and VSVA_ORACLE_SEED choose how many and which; VSVA_ORACLE_ONLY runs one case again.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const BACKPORTS = '/etc/apt/sources.list.d/vsva-oracle-backports.sources';

/** Emulators, the Debian packages they come in, and the variables that tell test/qemu/main.ts where they are. */
const EMULATORS = [
  { binary: 'qemu-system-x86_64', package: 'qemu-system-x86', variable: 'VSVA_QEMU_X86' },
  { binary: 'qemu-system-aarch64', package: 'qemu-system-arm', variable: 'VSVA_QEMU_AARCH64' },
];

const env = { ...process.env };
for (const emulator of EMULATORS) {
  if (env[emulator.variable]) continue;
  const problem = isThere(emulator.binary) ? undefined : install(emulator.package);
  if (isThere(emulator.binary)) env[emulator.variable] = emulator.binary;
  else console.log(`skipped: no ${emulator.binary}, and ${problem}`);
}

const outfile = join(root, 'dist', 'oracle.js');
await build({
  entryPoints: [join(root, 'test', 'qemu', 'main.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  legalComments: 'none',
  logLevel: 'warning',
});
const { status } = spawnSync(process.execPath, [outfile], { stdio: 'inherit', env });
process.exit(status ?? 1);

function isThere(binary) {
  return spawnSync(binary, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Why the package could not be installed, or nothing. */
function install(name) {
  if (process.getuid?.() !== 0) return `only root can install ${name}`;
  const codename = existsSync('/etc/os-release')
    ? readFileSync('/etc/os-release', 'utf8').match(/^VERSION_CODENAME=(\w+)/m)?.[1]
    : undefined;
  if (!codename || !isThere('apt-get')) return `this is no Debian that could install ${name}`;
  const suite = `${codename}-backports`;
  const added = addBackports(codename, suite);
  if (apt('update')) {
    // Newer than the release's own, which knows legacy mode and the second stage only.
    if (apt('install', '--target-release', suite, name)) return undefined;
  } else if (added) {
    rmSync(BACKPORTS);
    apt('update');
  }
  console.log(`${suite} has no ${name}; trying ${codename}`);
  return apt('install', name) ? undefined : `apt-get could not install ${name}`;
}

function apt(...args) {
  console.log(`apt-get ${args.join(' ')}`);
  const { status, stderr } = spawnSync('apt-get', ['-y', '-q', '--no-install-recommends', ...args], {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status !== 0) console.log(stderr.trim());
  return status === 0;
}

/** Adds the backports suite from the same place as the machine's own packages. True when a source was written. */
function addBackports(codename, suite) {
  const sources = aptSources();
  if (sources.some(({ suites }) => suites.includes(suite))) return false;
  const own = sources.find(({ suites }) => suites.includes(codename));
  if (!own) return false;
  const signed = own.signedBy ? `Signed-By: ${own.signedBy}\n` : '';
  const text = `Types: deb\nURIs: ${own.uri}\nSuites: ${suite}\nComponents: ${own.components}\n${signed}`;
  writeFileSync(BACKPORTS, text);
  console.log(`${BACKPORTS}: ${suite} from ${own.uri}`);
  return true;
}

/** Package sources of both formats (sources.list(5)): where, which suites, which components. */
function aptSources() {
  const folder = '/etc/apt/sources.list.d';
  const files = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  return [...files, '/etc/apt/sources.list'].filter(existsSync).flatMap((file) => {
    const lines = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => !line.startsWith('#'));
    if (file.endsWith('.sources'))
      return lines
        .join('\n')
        .split(/\n\s*\n/)
        .flatMap(stanza);
    return file.endsWith('.list') ? lines.flatMap(oneLine) : [];
  });
}

function stanza(text) {
  const field = (name) => text.match(new RegExp(`^${name}:[ \\t]*(.+)$`, 'im'))?.[1].trim();
  const [types, uris, suites] = [field('Types'), field('URIs'), field('Suites')];
  if (!types?.split(/\s+/).includes('deb') || !uris || !suites || field('Enabled') === 'no') return [];
  const uri = uris.split(/\s+/)[0];
  return [{ uri, suites: suites.split(/\s+/), components: field('Components') ?? '', signedBy: field('Signed-By') }];
}

function oneLine(line) {
  const found = line.match(/^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.+)$/);
  if (!found) return [];
  const [, options = '', uri, suite, components] = found;
  return [{ uri, suites: [suite], components: components.trim(), signedBy: options.match(/signed-by=(\S+)/)?.[1] }];
}
