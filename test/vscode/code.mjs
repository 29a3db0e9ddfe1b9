// Understands the command line of desktop VS Code as @vscode/test-electron writes it, and runs it on the VS Code server
// with headless Chromium. Exit codes: those of the tests; 70 page or harness broke, 71 extension host died, 72 server
// died, 73 browser died, 124 nothing happened in time, 130 stopped.
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { format } from 'node:util';
import { launchBrowser, NOISE, openWorkbench, serverCli, startServer, versionText } from './lib.mjs';

const LIMIT_MS = Number(process.env.HARNESS_TIMEOUT_MS || 300_000);
const VERBOSE = Boolean(process.env.HARNESS_VERBOSE);

const { named, folders } = parseArguments(process.argv.slice(2));
const one = (name) => named.get(name)?.at(-1);
const all = (name) => named.get(name) ?? [];

if (one('version') !== undefined) {
  console.log(versionText());
  process.exit(0);
}
if (named.has('install-extension') || named.has('list-extensions')) {
  const extensions = one('extensions-dir');
  process.exit(
    await serverCli([
      ...(extensions ? ['--extensions-dir', resolve(extensions)] : []),
      ...all('install-extension').flatMap((file) => ['--install-extension', file, '--force']),
      ...(named.has('list-extensions') ? ['--list-extensions', '--show-versions'] : []),
    ]),
  );
}
if (!one('extensionTestsPath')) {
  console.error('only tests, --install-extension, --list-extensions and --version are understood here');
  process.exit(64);
}
await runTests();

function parseArguments(args) {
  const WITH_VALUE = new Set(['user-data-dir', 'extensions-dir', 'install-extension']);
  const named = new Map();
  const folders = [];
  for (let i = 0; i < args.length; i++) {
    const [, name, value] = /^--?([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(args[i]) ?? [];
    if (!name) folders.push(args[i]);
    else named.set(name, [...(named.get(name) ?? []), value ?? (WITH_VALUE.has(name) ? args[++i] : '')]);
  }
  return { named, folders };
}

async function runTests() {
  // The server wants its user data at <data>/data.
  const data = mkdtempSync(join(tmpdir(), 'vsva-code-'));
  const userData = resolve(one('user-data-dir'));
  mkdirSync(userData, { recursive: true });
  symlinkSync(userData, join(data, 'data'));

  let server;
  let browser;
  let closing = false;
  const finish = async (code, why) => {
    if (closing) return;
    closing = true;
    if (why) console.error(`code: ${why}`);
    await Promise.race([browser?.close().catch(() => {}), new Promise((done) => setTimeout(done, 3000))]);
    await server?.stop().catch(() => {});
    rmSync(data, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    process.stdout.write('', () => process.exit(code));
  };
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void finish(130, `stopped by ${signal}`));
  for (const event of ['uncaughtException', 'unhandledRejection'])
    process.on(event, (error) => void finish(70, error instanceof Error ? error.stack : String(error)));
  setTimeout(() => void finish(124, `no result after ${LIMIT_MS} ms`), LIMIT_MS).unref();

  const extensions = one('extensions-dir');
  server = await startServer({ dataDir: data, ...(extensions ? { extensionsDir: resolve(extensions) } : {}) });

  // VS Code reports 0 when its extension host is killed. So the host's own end counts, not only the number.
  let hostEnd;
  const hostEnded = new Promise((done) => {
    server.onLog((text) => {
      if (VERBOSE) process.stderr.write(`[server] ${text}`);
      const [, code, signal] = /Extension Host Process exited with code: (\w+), signal: (\w+)/.exec(server.log) ?? [];
      if (code === undefined || hostEnd) return;
      hostEnd = { clean: code === '0' && signal === 'null', text: `code ${code}, signal ${signal}` };
      done();
    });
  });
  void server.exited.then((end) => finish(72, `the server died: ${JSON.stringify(end)}`));
  browser = await launchBrowser();
  browser.on('disconnected', () => void finish(73, 'the browser died'));

  const { testsExit } = await openWorkbench(browser, server, {
    folder: folders.map((f) => resolve(f)).find((f) => statSync(f, { throwIfNoEntry: false })?.isDirectory()) ?? data,
    extension: one('extensionDevelopmentPath'),
    testsPath: one('extensionTestsPath'),
    payload: named.has('disable-extensions') ? [['disableExtensions', 'true']] : [],
    onTestLog: (type, args) => {
      const line = format(...args);
      if (VERBOSE || !NOISE.test(line))
        (type === 'error' || type === 'warn' ? process.stderr : process.stdout).write(`${line}\n`);
    },
  });

  const died = () => `the extension host died (${hostEnd.text})`;
  const early = hostEnded.then(async () => {
    // A host that ends well has reported already, or will at once.
    if (hostEnd.clean) await new Promise((done) => setTimeout(done, 2000));
    return { code: 71, reason: `${died()} before it reported a result` };
  });
  const { code, reason } = await Promise.race([testsExit, early]);
  if (code !== 0) return finish(code, reason);
  await Promise.race([hostEnded, new Promise((done) => setTimeout(done, 5000))]);
  if (!hostEnd) return finish(71, 'the extension host did not end');
  return hostEnd.clean ? finish(0) : finish(71, died());
}
