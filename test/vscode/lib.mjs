// A real VS Code for tests: the server with its Node extension host, and the workbench in headless Chromium.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { extname, join, relative, resolve, sep } from 'node:path';
import { ensureInstalled, harnessRoot, serverRoot } from './install.mjs';

/** No marketplace: nothing may leave this machine. */
const NO_GALLERY = JSON.stringify({
  serviceUrl: '',
  itemUrl: '',
  resourceUrlTemplate: '',
  controlUrl: '',
  recommendationsUrl: '',
});

/** Lines of the workbench's own that say nothing of a test. */
export const NOISE =
  /^(Canceled: Canceled|Resolv(ing|ed) connection token|Creating a socket|\[reconnection-grace-time\]|\[AgentHost|\[AccountPolicyGate\]|\[DefaultAccount\]|\[chat|\[Service Worker\]|Ignoring fetching additional builtin|Updating additional builtin|Adding additional builtin|Auto updating)/;

/** The Node that VS Code's server wants; the system's own may be too old for it. */
function nodeBinary() {
  const packaged = join(harnessRoot, `node_modules/node-${process.platform}-${process.arch}/bin/node`);
  if (existsSync(packaged)) return packaged;
  if (24 <= Number(process.versions.node.split('.')[0])) return process.execPath;
  throw new Error(`no Node 24 for ${process.platform}-${process.arch}: add its package to test/vscode/package.json`);
}

export function chromiumBinary() {
  const places = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
  return places.find((place) => place && existsSync(place));
}

function cleanEnvironment(extra) {
  const ours = ([name]) => !/^(VSCODE_|ELECTRON_|CODE_SERVER_)/.test(name) && name !== 'NODE_OPTIONS';
  return {
    ...Object.fromEntries(Object.entries({ ...process.env, ...extra }).filter(ours)),
    EXTENSIONS_GALLERY: NO_GALLERY,
  };
}

/** Writes the quiet user settings, with those that a test asks for on top. */
export function writeSettings(userData, settings = {}) {
  const folder = join(userData, 'User');
  mkdirSync(folder, { recursive: true });
  const quiet = JSON.parse(readFileSync(join(import.meta.dirname, 'settings.json'), 'utf8'));
  writeFileSync(join(folder, 'settings.json'), JSON.stringify({ ...quiet, ...settings }, undefined, 2));
}

/**
 * Starts VS Code's server on a free port. `dataDir` holds `data/User/settings.json`; without one the server gets its own,
 * with the quiet settings. The whole process group ends with this process, whatever ends it but SIGKILL.
 */
export async function startServer({ dataDir, extensionsDir, settings, timeoutMs = 30_000 } = {}) {
  ensureInstalled();
  const data = dataDir ?? mkdtempSync(join(tmpdir(), 'vsva-code-'));
  if (!dataDir) writeSettings(join(data, 'data'), settings);
  const args = [
    join(serverRoot, 'out/server-main.js'),
    ...['--host', '127.0.0.1', '--port', '0', '--without-connection-token', '--accept-server-license-terms'],
    ...[
      '--enable-smoke-test-driver',
      '--telemetry-level',
      'off',
      '--disable-workspace-trust',
      '--server-data-dir',
      data,
    ],
    ...(extensionsDir ? ['--extensions-dir', extensionsDir] : []),
  ];
  const child = spawn(nodeBinary(), args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Sockets go where the rest goes, and vanish with it.
    env: cleanEnvironment({ XDG_RUNTIME_DIR: data }),
    detached: true,
  });
  let log = '';
  const listeners = new Set();
  const exited = new Promise((done) => child.on('exit', (code, signal) => done({ code, signal })));
  const listening = new Promise((done, fail) => {
    const heard = (chunk) => {
      log += chunk;
      for (const listener of listeners) listener(String(chunk));
      const port = /Extension host agent listening on (\d+)/.exec(log)?.[1];
      if (port) done(Number(port));
    };
    child.stdout.on('data', heard);
    child.stderr.on('data', heard);
    void exited.then((end) => fail(new Error(`the server exited: ${JSON.stringify(end)}\n${log}`)));
    setTimeout(() => fail(new Error(`the server did not start\n${log}`)), timeoutMs).unref();
  });

  const kill = (signal) => {
    try {
      process.kill(-child.pid, signal);
    } catch {}
  };
  let stopped = false;
  process.on('exit', () => {
    if (stopped) return;
    kill('SIGKILL');
    if (!dataDir) rmSync(data, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    if (process.listenerCount(signal) === 0) process.once(signal, () => process.exit(130));
  const stop = async () => {
    if (stopped) return;
    stopped = true;
    kill('SIGTERM');
    const late = setTimeout(() => kill('SIGKILL'), 3000);
    await exited;
    clearTimeout(late);
    kill('SIGKILL');
    if (!dataDir) rmSync(data, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };

  try {
    const port = await listening;
    return {
      port,
      origin: `http://127.0.0.1:${port}`,
      exited,
      stop,
      onLog: (listener) => listeners.add(listener),
      get log() {
        return log;
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Runs the server's command line: --install-extension, --list-extensions and the like. Gives its exit code. */
export function serverCli(args) {
  ensureInstalled();
  const command = [join(serverRoot, 'out/server-main.js'), '--accept-server-license-terms', ...args];
  const child = spawn(nodeBinary(), command, { stdio: 'inherit', env: cleanEnvironment() });
  return new Promise((done) => child.on('exit', (code) => done(code ?? 1)));
}

export function versionText() {
  const read = (name) => JSON.parse(readFileSync(join(serverRoot, name), 'utf8'));
  return `${read('package.json').version}\n${read('product.json').commit ?? ''}\n${process.arch}`;
}

export function launchBrowser() {
  const executablePath = chromiumBinary();
  if (!executablePath) throw new Error('no Chromium found: install it, or set CHROMIUM to its path');
  const { chromium } = createRequire(join(harnessRoot, 'package.json'))('playwright-core');
  // The page that openWorkbench rewrites counts as public to Chromium, which would then refuse it the loopback server.
  const off = ['Translate', 'OptimizationHints', 'LocalNetworkAccessChecks', 'LocalNetworkAccessChecksWebSockets'];
  return chromium.launch({
    executablePath,
    headless: process.env.HEADED !== '1',
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      ...['--disable-background-timer-throttling', '--disable-backgrounding-occluded-windows'],
      ...['--disable-renderer-backgrounding', `--disable-features=${off.join(',')}`],
    ],
  });
}

const TYPES = {
  '.cjs': 'text/javascript',
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
};

/**
 * Opens a workbench. With `web` the extension runs in the browser's worker instead of the Node extension host.
 * `testsExit` settles with the exit code that VS Code gives to the tests at `testsPath`.
 */
export async function openWorkbench(browser, server, options) {
  const { folder, extension, testsPath, web = false, payload = [], onTestLog, viewport } = options;
  const context = await browser.newContext({
    viewport: viewport ?? { width: 1280, height: 800 },
    reducedMotion: 'reduce',
    deviceScaleFactor: Number(process.env.HARNESS_SCALE || 1),
  });
  const isLocal = (url) => ['127.0.0.1', 'localhost'].includes(url.hostname) || !/^https?:$/.test(url.protocol);
  await context.route(
    (url) => !isLocal(url),
    (route) => route.abort(),
  );
  if (web) await serveAsWebExtension(context, server, { extension, testsPath });

  const page = await context.newPage();
  let done;
  const testsExit = new Promise((resolved) => {
    done = resolved;
  });
  await page.exposeFunction('codeAutomationLog', (type, args) => onTestLog?.(type, args ?? []));
  await page.exposeFunction('codeAutomationExit', (code, logs) => done({ code, logs }));
  page.on('crash', () => done({ code: 70, reason: 'the browser page crashed' }));

  const remote = (path) => `vscode-remote://127.0.0.1:${server.port}${resolve(path)}`;
  const query = new URLSearchParams({ folder: resolve(folder) });
  const node = web
    ? []
    : [
        ['extensionDevelopmentPath', extension && remote(extension)],
        ['extensionTestsPath', testsPath && remote(testsPath)],
      ];
  const entries = [
    ['skipWelcome', 'true'],
    ['skipReleaseNotes', 'true'],
    ...node.filter(([, value]) => value),
    ...payload,
  ];
  query.set('payload', JSON.stringify(entries));
  await page.goto(`${server.origin}/?${query}`, { waitUntil: 'commit' });
  return { context, page, testsExit };
}

/**
 * Names extension and tests in the page's own settings, as files under the page's own origin: its policy allows no other,
 * and the development path of a remote would stay in the Node host.
 */
async function serveAsWebExtension(context, server, { extension, testsPath }) {
  const root = resolve(extension);
  const uri = (path) => {
    const inside = relative(root, resolve(path)).split(sep).join('/');
    return {
      scheme: 'http',
      authority: `127.0.0.1:${server.port}`,
      path: inside === '' ? '/__ext' : `/__ext/${inside}`,
    };
  };
  const development = { extensions: [uri(root)], ...(testsPath ? { extensionTestsPath: uri(testsPath) } : {}) };
  await context.route(
    (url) => url.origin === server.origin && url.pathname.startsWith('/__ext/'),
    (route) => {
      const file = join(root, decodeURIComponent(new URL(route.request().url()).pathname.slice('/__ext/'.length)));
      return file.startsWith(root) && existsSync(file) && statSync(file).isFile()
        ? route.fulfill({
            path: file,
            contentType: TYPES[extname(file)] ?? 'application/octet-stream',
            headers: { 'Access-Control-Allow-Origin': '*' },
          })
        : route.fulfill({ status: 404 });
    },
  );
  await context.route(
    (url) => url.origin === server.origin && url.pathname === '/',
    async (route) => {
      const response = await route.fetch();
      const body = (await response.text()).replace(
        /(id="vscode-workbench-web-configuration" data-settings=")([^"]*)/,
        (_, before, json) => {
          const settings = JSON.parse(json.replaceAll('&quot;', '"').replaceAll('&amp;', '&'));
          settings.developmentOptions = { ...settings.developmentOptions, ...development };
          return before + JSON.stringify(settings).replaceAll('&', '&amp;').replaceAll('"', '&quot;');
        },
      );
      await route.fulfill({ response, body });
    },
  );
}
