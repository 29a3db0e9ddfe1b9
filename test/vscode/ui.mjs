// The extension as a user meets it, with mouse and keys, and pictures of it in light, dark and high contrast.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { launchBrowser, openWorkbench, startServer } from './lib.mjs';
import { scratch } from './run-tests.mjs';
import { everyday } from './ui-everyday.mjs';
import { mending } from './ui-mending.mjs';
import { ready } from './workbench.mjs';

const root = join(import.meta.dirname, '../..');
const SHOTS = process.env.HARNESS_SHOTS ?? join(root, 'dist/screenshots');

const FLOWS = [
  { name: 'dark', theme: 'Default Dark Modern', flow: mending },
  { name: 'light', theme: 'Default Light Modern', flow: mending },
  { name: 'high-contrast', theme: 'Default High Contrast', flow: mending },
  { name: 'everyday', theme: 'Default Dark Modern', flow: everyday },
];

/** Runs the flows, or the one that is named. One that fails is tried once more, after it has said why: a browser may be starved by its machine. */
export async function runUi(only) {
  rmSync(SHOTS, { recursive: true, force: true });
  mkdirSync(SHOTS, { recursive: true });
  const total = { passed: 0, failed: 0 };
  const browser = await launchBrowser();
  try {
    for (const each of FLOWS.filter(({ name }) => !only || name === only)) {
      let counts = await run(browser, each, '');
      if (0 < counts.failed) {
        console.log(`  ${each.name}: ${counts.failed} failed; once more`);
        counts = await run(browser, each, 'again-');
      }
      total.passed += counts.passed;
      total.failed += counts.failed;
    }
  } finally {
    await browser.close();
  }
  console.log(`  user interface: ${total.passed} passed, ${total.failed} failed`);
  if (0 < total.failed) throw new Error(`${total.failed} failed`);
}

/** One flow in a window of its own. What it needs not to begin at all counts as a failure, too. */
async function run(browser, { name, theme, flow }, attempt) {
  const counts = { passed: 0, failed: 0 };
  const { workspace, remove } = scratch();
  const set = settingsOf(workspace);
  set();
  const closing = [remove];
  let page;
  const shoot = (what) => page.screenshot({ path: join(SHOTS, `${name}-${what}.png`), animations: 'disabled' });
  const step = async (what, work) => {
    const began = Date.now();
    try {
      await work();
      counts.passed++;
      console.log(`    ✓ ${name}: ${what} (${Date.now() - began} ms)`);
    } catch (error) {
      counts.failed++;
      console.log(`    ✗ ${name}: ${what}\n${error.stack}`);
      await shoot(`${attempt}failed-${counts.failed}`).catch(() => {});
    }
  };
  try {
    const server = await startServer({
      settings: { 'workbench.colorTheme': theme, 'editor.fontFamily': 'DejaVu Sans Mono' },
    });
    closing.unshift(server.stop);
    const opened = await openWorkbench(browser, server, {
      folder: workspace,
      extension: root,
      viewport: { width: 1200, height: 760 },
    });
    closing.unshift(() => opened.context.close());
    page = opened.page;
    page.setDefaultTimeout(15_000);
    await ready(page);
    await page.locator('.part.sidebar').waitFor();
    await page.keyboard.press('Control+B');
    await page.locator('.part.sidebar').waitFor({ state: 'hidden' });
    await flow({ page, workspace, set, step, shoot });
  } catch (error) {
    counts.failed++;
    console.log(`    ✗ ${name}: does not get to its steps\n${error.stack}`);
    if (page) await shoot(`${attempt}failed-${counts.failed}`).catch(() => {});
  } finally {
    for (const close of closing) await close();
  }
  return counts;
}

/** Writes the settings of a workspace, which its window follows. No endless loop may end by itself. */
function settingsOf(workspace) {
  const folder = join(workspace, '.vscode');
  mkdirSync(folder);
  return (more = {}) =>
    writeFileSync(
      join(folder, 'settings.json'),
      JSON.stringify({ 'vsva.run.maxSteps': 1_000_000_000_000_000, ...more }),
    );
}
