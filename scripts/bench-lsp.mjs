// `npm run bench:lsp`: what the language server makes people wait, over stdio as editors speak to it, and what the extension
// does in fresh windows of a real VS Code. Prints medians and 95th percentiles beside what is aimed at; asserts nothing, because machines differ. `--dist DIR` takes another build,
// `--only TEXT` the figures whose names contain it.
import { execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { build } from 'esbuild';
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from 'vscode-languageserver/node';
import { bundleTests } from '../test/vscode/bundle.mjs';
import { serverRoot } from '../test/vscode/install.mjs';
import { chromiumBinary } from '../test/vscode/lib.mjs';

const root = join(import.meta.dirname, '..');
const { values: options } = parseArgs({ options: { dist: { type: 'string' }, only: { type: 'string' } } });
const dist = options.dist ?? join(root, 'dist');
const SIZES = [1_000, 10_000];
const KEYSTROKES = 100;
const WARM_UP = 20;
const STARTS = 20;
const FILES = 100;
const WINDOWS = 5;
/** As test/vscode/suite/figures.ts names them. */
const IN_WINDOWS = { 'loading the client': 60, 'activate()': 60, 'first diagnostics in a cold window': 500 };

/** Behind what a digit is typed and taken back: in payloads, scenarios and names, and in page tables. */
const PLACES = /addr_width = 4|refs 2|nesting_op bind_\d+|max = 10|granule_size = |hpasid {5}= pas/;
const IN_TABLES = /-> 0x[0-9a-f_]+/;

const { generateFile } = await imported('test/bench/generate.ts');

const [cpu] = cpus();
console.log(
  `${cpu?.model.trim() ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.version}, ${process.platform}`,
);
console.log('over stdio; median, 95th percentile, what the 95th percentile should be\n');

const starting = (file) => async (add) => {
  for (let i = 0; i < STARTS; i++) {
    const began = performance.now();
    const server = start(file);
    await server.initialize({ run: { live: 'off' } });
    add(performance.now() - began);
    await server.stop();
  }
};
await measure('server start to initialize, as the extension does', 'ms', 150, starting(['server.cjs']));
await measure('server start to initialize, vsva lsp', 'ms', 150, starting(['cli.js', 'lsp']));
for (const [i, lines] of SIZES.entries()) {
  const title = lines.toLocaleString('en');
  const timed = (live, where, hear) => (add) =>
    typing(lines, { live, where }, async (_server, type) => {
      const began = performance.now();
      await hear(type());
      add(performance.now() - began);
    });
  const shown = ({ diagnosed, ran }) => Promise.all([diagnosed, ran]);
  await measure(
    `keystroke to diagnostics, ${title} lines`,
    'ms',
    [10, 30][i],
    timed('off', PLACES, (t) => t.diagnosed),
  );
  await measure(`with live results, ${title} lines`, 'ms', [100, 200][i], timed('onType', PLACES, shown));
  // Every scenario may look at the memory that a page table lies in, so all of them run again.
  await measure(`.. in a page table, ${title} lines`, 'ms', [100, 200][i], timed('onType', IN_TABLES, shown));
}
const largest = SIZES.at(-1);
for (const what of ['completion', 'hover'])
  await measure(`${what} behind a keystroke, ${largest.toLocaleString('en')} lines`, 'ms', 30, (add) =>
    typing(largest, { live: 'onType', where: PLACES }, async (server, type) => {
      const { diagnosed, ran } = type();
      const began = performance.now();
      await server.ask(`textDocument/${what}`, { textDocument: { uri: server.uri }, position: server.cursor });
      add(performance.now() - began);
      await Promise.all([diagnosed, ran]);
    }),
  );
await measure('cancelling an endless run', 'ms', 100, async (add) => {
  const server = start();
  await server.initialize({ run: { live: 'off', maxSteps: 1e15 } });
  const endless = 'scenario "s" { for i in 0..1_000_000_000_000 { note "x" } }';
  await server.open('file:///bench/endless.vsva', `uapi vfio-2020-07\n${endless}\n`).diagnosed;
  for (let i = 0; i < STARTS; i++) {
    const began = server.hear('part', 1);
    const run = server.ask('vsva/run', { uri: server.uri });
    await began;
    const asked = performance.now();
    await server.ask('vsva/cancel', { uri: server.uri });
    await run;
    add(performance.now() - asked);
  }
  await server.stop();
});
for (const lines of [100, 1_000])
  await measure(`memory with ${FILES} open files of ${lines.toLocaleString('en')} lines`, 'MB', 120, async (add) => {
    const server = start();
    await server.initialize({});
    const text = generateFile(lines);
    for (let i = 0; i < FILES; i++) {
      const { diagnosed, ran } = server.open(`file:///bench/${i}.vsva`, `// file ${i}\n${text}`);
      await Promise.all([diagnosed, ran]);
    }
    add(memoryOf(server.pid));
    await server.stop();
  });
await windows();
size('the .vsix', join(dist, 'vsva.vsix'), 500);

/** Prints one line: what was measured, beside the aim for its 95th percentile. */
async function measure(name, unit, aim, work) {
  if (options.only !== undefined && !name.includes(options.only)) return;
  const values = [];
  await work((value) => values.push(value));
  values.sort((a, b) => a - b);
  const median = values[values.length >> 1];
  const p95 = values[Math.ceil(values.length * 0.95) - 1];
  print(name, unit, values.length === 1 ? [median] : [median, p95], aim);
}

function print(name, unit, values, aim) {
  const text = (n) => n.toFixed(1).padStart(8);
  const verdict = values.at(-1) <= aim ? '' : '  missed';
  const columns = values.length === 1 ? ['        ', text(values[0])] : values.map(text);
  console.log(`${name.padEnd(52)}${columns.join('')} ${unit}  (${aim})${verdict}`);
}

function size(name, file, aim) {
  if (options.only !== undefined && !name.includes(options.only)) return;
  const found = statSync(file, { throwIfNoEntry: false });
  if (found) print(name, 'KB', [found.size / 1000], aim);
  else console.log(`${name.padEnd(52)} not built; npm run package makes it`);
}

/** What the extension in dist/ does in windows of VS Code that are cold. */
async function windows() {
  const chosen = Object.entries(IN_WINDOWS).filter(([name]) => name.includes(options.only ?? ''));
  if (chosen.length === 0) return;
  const why =
    options.dist !== undefined
      ? 'VS Code loads the extension from dist/'
      : existsSync(serverRoot) && chromiumBinary()
        ? undefined
        : 'npm run test:vscode installs VS Code';
  let printed = '';
  if (why === undefined) {
    await bundleTests();
    const main = join(root, 'test/vscode/main.mjs');
    printed = (await promisify(execFile)(process.execPath, [main, 'figures', `${WINDOWS}`])).stdout;
  }
  for (const [name, aim] of chosen) {
    if (why !== undefined) console.log(`${name.padEnd(52)} not measured: ${why}`);
    else
      await measure(name, 'ms', aim, (add) => {
        for (const [, figure, ms] of printed.matchAll(/^figure (.+): ([\d.]+) ms$/gm))
          if (figure === name) add(Number(ms));
      });
  }
}

/** Opens a file and types in it, one key after the other, each when `key` says that what the last one brought is there. */
async function typing(lines, { live, where }, key) {
  const server = start();
  await server.initialize({ run: { live } });
  const text = generateFile(lines);
  const settled = ({ diagnosed, ran }) => Promise.all([diagnosed, live === 'onType' && ran]);
  await settled(server.open('file:///bench/typed.vsva', text));
  const places = placesToType(text, where);
  // The first keys find nothing warm; people notice them once.
  for (let i = -WARM_UP; i < KEYSTROKES; i++) {
    const { line, character } = places[(i + WARM_UP) >> 1];
    const back = i % 2 !== 0;
    const end = { line, character: back ? character + 1 : character };
    const type = () => {
      server.cursor = { line, character: back ? character : character + 1 };
      return server.change({ range: { start: { line, character }, end }, text: back ? '' : '1' });
    };
    if (0 <= i) await key(server, type);
    else await settled(type());
  }
  await server.stop();
}

/** Places of a text behind what `where` finds, all over it and the same each time. A digit behind a name breaks what names it. */
function placesToType(text, where) {
  const found = text.split('\n').flatMap((line, at) => {
    const spot = where.exec(line);
    return spot ? [{ line: at, character: spot.index + spot[0].length }] : [];
  });
  let seed = 1;
  return Array.from({ length: KEYSTROKES + WARM_UP }, () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return found[(seed >> 8) % found.length];
  });
}

/** A server as an editor sees it: it is pushed diagnostics and results. */
function start([file, ...args] = ['cli.js', 'lsp']) {
  const child = spawn(process.execPath, [join(dist, file), ...args, '--stdio'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const connection = createMessageConnection(
    new StreamMessageReader(child.stdout),
    new StreamMessageWriter(child.stdin),
  );
  let wanted = [];
  const heard = (kind, uri, version) => {
    wanted = wanted.filter((w) => {
      if (w.kind !== kind || uri !== server.uri || version !== w.version) return true;
      w.resolve();
      return false;
    });
  };
  const hear = (kind, version) => new Promise((resolve) => wanted.push({ kind, version, resolve }));
  const answersTo = (version) => ({ diagnosed: hear('diagnostics', version), ran: hear('results', version) });
  connection.onNotification('textDocument/publishDiagnostics', (p) => heard('diagnostics', p.uri, p.version));
  connection.onNotification('vsva/results', (p) => heard(p.done ? 'results' : 'part', p.uri, p.version));
  connection.onRequest(() => null);
  connection.listen();
  const server = {
    pid: child.pid,
    uri: '',
    version: 0,
    cursor: { line: 0, character: 0 },
    hear,
    ask: (method, params) => connection.sendRequest(method, params),
    /** Answers what the server will say to this text: promises of its findings and results. */
    open(uri, text) {
      Object.assign(server, { uri, version: 1 });
      const answers = answersTo(1);
      const textDocument = { uri, languageId: 'vsva', version: 1, text };
      void connection.sendNotification('textDocument/didOpen', { textDocument });
      return answers;
    },
    change(change) {
      const textDocument = { uri: server.uri, version: ++server.version };
      const answers = answersTo(server.version);
      void connection.sendNotification('textDocument/didChange', { textDocument, contentChanges: [change] });
      return answers;
    },
    async initialize(initializationOptions) {
      await connection.sendRequest('initialize', {
        processId: process.pid,
        rootUri: null,
        capabilities: {},
        initializationOptions,
      });
      void connection.sendNotification('initialized', {});
    },
    async stop() {
      await connection.sendRequest('shutdown');
      const ended = new Promise((resolve) => child.on('exit', resolve));
      void connection.sendNotification('exit');
      await ended;
      connection.dispose();
    },
  };
  return server;
}

/** What of a process lies in memory, in MB, its threads included. */
function memoryOf(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)[1]) / 1024;
}

/** A module of the sources, which Node 20 cannot load as they are. */
async function imported(file) {
  const { outputFiles } = await build({ entryPoints: [join(root, file)], bundle: true, format: 'esm', write: false });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
}
