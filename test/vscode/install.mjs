// Installs a real VS Code (server and web workbench, from npm) for the tests. Nothing is compiled. A stamp makes it
// idempotent. It lies outside of the tree, in VSCODE_HARNESS_DIR or the user's cache folder.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = import.meta.dirname;
const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
export const harnessRoot = resolve(process.env.VSCODE_HARNESS_DIR || join(cache, 'vsva-vscode-test'));
/** The VS Code server inside code-server. */
export const serverRoot = join(harnessRoot, 'node_modules/code-server/lib/vscode');

const STAMP = join(harnessRoot, 'node_modules/.stamp');
const INPUTS = ['package.json', 'package-lock.json', 'install.mjs'];

/** What the tests never use and what would only start noise. github-authentication stays: the workbench waits for it. */
const PRUNED = [
  'node_modules/@github',
  'node_modules/@microsoft/mxc-sdk',
  'node_modules/@devcontainers',
  'extensions/copilot',
  'extensions/tunnel-forwarding',
  'extensions/mermaid-markdown-features',
];

/**
 * Replaces the native logger. VS Code imports these names from an ES module, so each needs an assignment of its own
 * that a static look at the file finds.
 */
const SPDLOG = `'use strict';
const fs = require('node:fs');
const path = require('node:path');
const LEVELS = ['trace', 'debug', 'info', 'warning', 'error', 'critical'];
class Logger {
  constructor(file) {
    this.file = file;
    this.level = 2;
    this.raw = false;
    fs.mkdirSync(path.dirname(file), { recursive: true });
  }
  write(level, message) {
    if (level < this.level) return;
    try {
      fs.appendFileSync(this.file, this.raw ? message : new Date().toISOString() + ' [' + LEVELS[level] + '] ' + message + '\\n');
    } catch {}
  }
  trace(message) { this.write(0, message); }
  debug(message) { this.write(1, message); }
  info(message) { this.write(2, message); }
  warn(message) { this.write(3, message); }
  error(message) { this.write(4, message); }
  critical(message) { this.write(5, message); }
  getLevel() { return this.level; }
  setLevel(level) { this.level = level; }
  setPattern() {}
  clearFormatters() { this.raw = true; }
  flush() {}
  drop() {}
}
exports.version = 0;
exports.setLevel = () => {};
exports.setFlushOn = () => {};
exports.Logger = Logger;
exports.createRotatingLogger = async (name, file) => new Logger(file);
exports.createAsyncRotatingLogger = async (name, file) => new Logger(file);
`;

/** Installs what is missing; says whether there was anything to do. */
export function ensureInstalled() {
  const wanted = createHash('sha256')
    .update(INPUTS.map((name) => readFileSync(join(here, name))).join('\0'))
    .digest('hex');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return false;

  const began = Date.now();
  console.error(`installing VS Code for the tests into ${harnessRoot}`);
  mkdirSync(harnessRoot, { recursive: true });
  if (harnessRoot !== here)
    for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(here, name), join(harnessRoot, name));
  npm(harnessRoot, 'ci');
  // The lock file that code-server ships lacks a peer dependency, which a strict `npm ci` refuses.
  npm(serverRoot, 'ci', '--omit=dev', '--legacy-peer-deps');

  const modules = join(serverRoot, 'node_modules');
  writeFileSync(join(modules, '@vscode/spdlog/index.js'), SPDLOG);
  writeFileSync(join(modules, '@vscode/native-watchdog/index.js'), 'module.exports = { start() {}, stop() {} };\n');
  for (const path of PRUNED) rmSync(join(serverRoot, path), { recursive: true, force: true });
  const ripgrep = join(modules, '@vscode/ripgrep-universal/bin');
  for (const platform of existsSync(ripgrep) ? readdirSync(ripgrep) : [])
    if (platform !== `${process.platform}-${process.arch}`)
      rmSync(join(ripgrep, platform), { recursive: true, force: true });

  writeFileSync(STAMP, wanted);
  console.error(`installed in ${((Date.now() - began) / 1000).toFixed(1)} s`);
  return true;
}

function npm(cwd, ...args) {
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--engine-strict=false'];
  // Run by npm, this process has npm's own settings in its environment; only those of the registry are meant for us.
  const ours =
    /^npm_(config_(?!registry|cache|userconfig|globalconfig|cafile|proxy|https_proxy|noproxy)|package_|lifecycle_)/i;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
  const { status, error } = spawnSync('npm', [...args, ...quiet], {
    cwd,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed in ${cwd}${error ? `: ${error.message}` : ''}`);
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url) && !ensureInstalled())
  console.error(`VS Code for the tests is up to date in ${harnessRoot}`);
