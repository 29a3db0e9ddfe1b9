// The way of a user through the sample, with mouse and keys, and pictures of it in light, dark and high contrast.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { launchBrowser, openWorkbench, startServer } from './lib.mjs';
import { scratch } from './run-tests.mjs';
import {
  afterText,
  afterTexts,
  boxOf,
  codeLens,
  command,
  editor,
  hoverAtCursor,
  openFile,
  problems,
  ready,
} from './workbench.mjs';

const root = join(import.meta.dirname, '../..');
const SHOTS = process.env.HARNESS_SHOTS ?? join(root, 'dist/screenshots');
const SAMPLE = 'missing-invalidation.vsva';

const THEMES = { dark: 'Default Dark Modern', light: 'Default Light Modern', 'high-contrast': 'Default High Contrast' };

export async function runUi() {
  mkdirSync(SHOTS, { recursive: true });
  const counts = { passed: 0, failed: 0 };
  const browser = await launchBrowser();
  try {
    for (const [name, theme] of Object.entries(THEMES)) await walkthrough(browser, name, theme, counts);
  } finally {
    await browser.close();
  }
  console.log(`  user interface: ${counts.passed} passed, ${counts.failed} failed`);
  if (0 < counts.failed) throw new Error(`${counts.failed} failed`);
}

async function walkthrough(browser, name, theme, counts) {
  const { workspace, remove } = scratch();
  const server = await startServer({
    settings: { 'workbench.colorTheme': theme, 'editor.fontFamily': 'DejaVu Sans Mono' },
  });
  let page;
  const shoot = (what) => page.screenshot({ path: join(SHOTS, `${name}-${what}.png`) });
  const step = async (what, work) => {
    const began = Date.now();
    try {
      await work();
      counts.passed++;
      console.log(`    ✓ ${name}: ${what} (${Date.now() - began} ms)`);
    } catch (error) {
      counts.failed++;
      console.log(`    ✗ ${name}: ${what}\n${error.stack}`);
      await shoot(`failed-${counts.failed}`).catch(() => {});
    }
  };
  try {
    ({ page } = await openWorkbench(browser, server, {
      folder: workspace,
      extension: root,
      viewport: { width: 1200, height: 760 },
    }));
    page.setDefaultTimeout(15_000);
    await ready(page);
    await openFile(page, SAMPLE);
    const text = editor(page, SAMPLE);
    await command(page, 'View: Close Primary Side Bar').catch(() => page.keyboard.press('Escape'));

    await step('the failing line says why', async () => {
      await page.keyboard.press('Control+End');
      await afterText(page, text, /^✗ STALE: edited line \d+, cached line \d+/);
      assert.ok((await afterTexts(text)).some(({ text: t }) => /^✓ HPA 0x1_4000_0000 · 24 refs · miss$/.test(t)));
      // The lens comes after the results and pushes lines down, once.
      await codeLens(text, /failed/).waitFor();
      await shoot('results');
    });
    await step('the status bar has the total', async () => {
      const item = page.locator('#vsva\\.vsva\\.vsva\\.total, [id$="vsva.total"]').first();
      await item.waitFor();
      assert.match((await item.textContent()) ?? '', /1 failed/);
      assert.match((await item.locator('a').first().getAttribute('aria-label')) ?? '', /1 failed/);
    });
    await step('the hover has the whole story', async () => {
      const box = await boxOf(text, 'expect fault');
      await page.mouse.click(box.x + box.width - 6, box.y + box.height / 2);
      await page.mouse.move(5, 5);
      await hoverAtCursor(page, /IOTLB still held/);
      await shoot('hover');
      await page.keyboard.press('Escape');
    });
    await step('so has the hover of the result itself', async () => {
      await page.keyboard.press('End');
      await hoverAtCursor(page, /Failed · STALE/);
      await shoot('result-hover');
      await page.keyboard.press('Escape');
    });
    await step('the Problems view has an entry', async () => {
      const rows = await problems(page);
      assert.ok(
        rows.some((row) => /vsva/.test(row)),
        JSON.stringify(rows),
      );
      await shoot('problems');
      await page.keyboard.press('Control+J');
      await page.locator('.part.panel').waitFor({ state: 'hidden' });
    });
    await step('a keystroke greys the results and moves nothing', async () => {
      const fresh = await afterText(page, text, /^✗ STALE/);
      const tops = () =>
        text.evaluate((e) =>
          [...e.querySelectorAll('.view-line')]
            .map((l) => Math.round(l.getBoundingClientRect().top))
            .sort((a, b) => a - b),
        );
      const before = await tops();
      await page.evaluate(() => {
        globalThis.vsvaSeen = [];
        const look = () => {
          for (const span of document.querySelectorAll('.view-line span')) {
            const content = getComputedStyle(span, '::after').content;
            if (/\(stale\)"$/.test(content)) globalThis.vsvaSeen.push(content);
          }
          globalThis.vsvaLooking = requestAnimationFrame(look);
        };
        look();
      });
      const box = await boxOf(text, 'expect fault');
      await page.mouse.click(box.x + box.width - 1, box.y + box.height / 2);
      await page.keyboard.press('End');
      await page.keyboard.type(' // x');
      await page.waitForFunction(() => 0 < globalThis.vsvaSeen.length);
      await page.evaluate(() => cancelAnimationFrame(globalThis.vsvaLooking));
      const back = await afterText(page, text, /^✗ STALE: [^(]*$/);
      assert.equal(back.colour, fresh.colour);
      assert.deepEqual(await tops(), before);
    });
    await step('the lens runs the scenario', async () => {
      await page.keyboard.press('Control+Home');
      await codeLens(text, /run all/i).waitFor();
      await page.keyboard.press('Control+End');
      await codeLens(text, /run scenario/i).click();
      await afterText(page, text, /^✗ STALE: [^(]*$/);
    });
    await step('Show Walk opens beside', async () => {
      const box = await boxOf(text, 'expect fault');
      await page.mouse.click(box.x + 2, box.y + box.height / 2);
      await command(page, 'vsva: Show Walk');
      await page.locator('.editor-instance .monaco-editor[data-uri^="vsva-text:"]').waitFor();
      await shoot('walk');
      await command(page, 'View: Close Editors in Other Groups');
      await page.locator('.editor-instance .monaco-editor[data-uri^="vsva-text:"]').waitFor({ state: 'detached' });
    });
    await step('the invalidation mends it', async () => {
      await takeTheQuickFix(page, text);
      await page.locator('[id$="vsva.total"]', { hasText: '1 passed' }).waitFor();
      // The new payload has pushed the scenario down.
      await page.keyboard.press('Control+End');
      await afterText(page, text, /^⊘ fault SFS\.2[^(]*$/);
      await codeLens(text, /passed/).waitFor();
      await shoot('mended');
    });
  } finally {
    await page?.context().close();
    await server.stop();
    remove();
  }
}

async function takeTheQuickFix(page, text) {
  const box = await boxOf(text, 'expect fault');
  await page.mouse.click(box.x + 2, box.y + box.height / 2);
  await page.keyboard.press('Control+.');
  await page.locator('.action-widget .monaco-list-row', { hasText: 'Flush the page before this access' }).click();
}
