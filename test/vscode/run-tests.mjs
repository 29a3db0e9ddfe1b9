// The three ways in which the suite runs: from the sources, from an installed package, and in the browser's worker.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { format } from 'node:util';
import { downloadAndUnzipVSCode, resolveCliArgsFromVSCodeExecutablePath, runTests } from '@vscode/test-electron';
import { harnessRoot } from './install.mjs';
import { launchBrowser, NOISE, openWorkbench, startServer, writeSettings } from './lib.mjs';

const here = import.meta.dirname;
const root = join(here, '../..');
const SUITE = join(root, 'dist/test-vscode/suite.cjs');
const WEB_SUITE = join(root, 'dist/test-vscode/suite-web.cjs');
const SHIM = join(here, 'shim/code');

/** Desktop VS Code where it can be had and shown, else its stand-in; VSCODE_TEST=desktop|shim decides. */
export async function executable() {
  const mode = process.env.VSCODE_TEST ?? 'auto';
  const noDisplay = process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY;
  if (mode === 'shim' || (mode === 'auto' && noDisplay)) return SHIM;
  try {
    if (mode === 'auto') {
      const url = 'https://update.code.visualstudio.com/api/releases/stable';
      const { ok, status } = await fetch(url, { signal: AbortSignal.timeout(4000) });
      if (!ok) throw new Error(`status ${status}`);
    }
    return await downloadAndUnzipVSCode({
      cachePath: join(harnessRoot, 'desktop'),
      version: process.env.VSCODE_VERSION ?? 'stable',
    });
  } catch (error) {
    if (mode === 'desktop') throw error;
    console.log(
      `desktop VS Code cannot be downloaded (${error.cause?.code ?? error.message}): its server and Chromium take its place`,
    );
    return SHIM;
  }
}

/** A folder that may be written to, with the files that the tests work on, and folders for VS Code's own data. */
export function scratch() {
  const folder = mkdtempSync(join(tmpdir(), 'vsva-test-'));
  const workspace = join(folder, 'workspace');
  mkdirSync(workspace);
  cpSync(join(here, 'workspace'), workspace, { recursive: true });
  cpSync(join(root, 'samples'), workspace, { recursive: true });
  writeSettings(join(folder, 'user'));
  return {
    workspace,
    user: join(folder, 'user'),
    extensions: join(folder, 'extensions'),
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }),
  };
}

/** The extension from the sources, in the Node extension host. Throws when a test failed or the host died. */
export async function runSources(vscodeExecutablePath, { suite = SUITE, env = {} } = {}) {
  const { workspace, user, extensions, remove } = scratch();
  try {
    await runTests({
      vscodeExecutablePath,
      extensionDevelopmentPath: root,
      extensionTestsPath: suite,
      extensionTestsEnv: env,
      launchArgs: [workspace, '--disable-extensions', `--user-data-dir=${user}`, `--extensions-dir=${extensions}`],
    });
  } finally {
    remove();
  }
}

/** The packed extension, installed. */
export async function runPackage(vscodeExecutablePath, vsix) {
  if (!existsSync(vsix)) throw new Error(`there is no ${vsix}`);
  const { workspace, user, extensions, remove } = scratch();
  const folders = [`--user-data-dir=${user}`, `--extensions-dir=${extensions}`];
  const [cli] = resolveCliArgsFromVSCodeExecutablePath(vscodeExecutablePath);
  try {
    for (const args of [
      ['--install-extension', vsix],
      ['--list-extensions', '--show-versions'],
    ]) {
      const { status } = spawnSync(cli, [...folders, ...args], { stdio: 'inherit' });
      if (status !== 0) throw new Error(`${args[0]} failed with ${status}`);
    }
    await runTests({
      vscodeExecutablePath,
      extensionDevelopmentPath: join(here, 'empty-extension'),
      extensionTestsPath: SUITE,
      extensionTestsEnv: { VSVA_INSTALLED_IN: extensions },
      launchArgs: [workspace, ...folders],
    });
  } finally {
    remove();
  }
}

/** The extension in the browser's web worker extension host. */
export async function runWeb() {
  const { workspace, remove } = scratch();
  const server = await startServer();
  const browser = await launchBrowser();
  try {
    const { testsExit } = await openWorkbench(browser, server, {
      web: true,
      folder: workspace,
      extension: root,
      testsPath: WEB_SUITE,
      onTestLog: (_type, args) => {
        const line = format(...args);
        if (!NOISE.test(line)) console.log(line);
      },
    });
    const late = new Promise((done) =>
      setTimeout(() => done({ code: 124, reason: 'the web host gave no result in time' }), 300_000).unref(),
    );
    const { code, reason, logs } = await Promise.race([testsExit, late]);
    if (code === 0) return;
    if (process.env.HARNESS_VERBOSE)
      console.log((logs ?? []).map((l) => `${l.relativePath}\n${l.contents}`).join('\n'));
    throw new Error(reason ?? `the web host ended with ${code}`);
  } finally {
    await browser.close();
    await server.stop();
    remove();
  }
}
