// The way through the sample: from the failing line to the invalidation that mends it.
import assert from 'node:assert/strict';
import {
  afterText,
  afterTexts,
  codeLens,
  command,
  cursorAt,
  editor,
  focused,
  hoverAtCursor,
  openFile,
  problems,
  total,
} from './workbench.mjs';

const SAMPLE = 'missing-invalidation.vsva';
const TEXT_VIEW = '.editor-instance .monaco-editor[data-uri^="vsva-text:"]';

export async function mending({ page, step, shoot }) {
  await openFile(page, SAMPLE);
  const text = editor(page, SAMPLE);
  await focused(text);

  await step('the failing line says why', async () => {
    await page.keyboard.press('Control+End');
    await afterText(page, text, /^✗ STALE: edited line \d+, cached line \d+/);
    assert.ok((await afterTexts(text)).some(({ text: t }) => /^✓ HPA 0x1_4000_0000 · 24 refs · miss$/.test(t)));
    await codeLens(text, /failed/).waitFor();
    await shoot('results');
  });
  await step('the status bar has the total', async () => {
    const item = total(page, '1 failed');
    await item.waitFor();
    assert.match((await item.locator('a').first().getAttribute('aria-label')) ?? '', /1 failed/);
  });
  await step('the hover has the whole story', async () => {
    await cursorAt(page, text, 'buffer expect fault');
    await hoverAtCursor(page, text, /IOTLB still held/);
    await shoot('hover');
    await page.keyboard.press('Escape');
  });
  await step('so has the hover of the result itself', async () => {
    await page.keyboard.press('End');
    await hoverAtCursor(page, text, /Failed · STALE/);
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
    await cursorAt(page, text, 'buffer expect fault');
    const before = await tops();
    await page.evaluate(() => {
      globalThis.vsvaSeen = [];
      const look = () => {
        for (const span of document.querySelectorAll('.view-line span')) {
          const { content, color } = getComputedStyle(span, '::after');
          if (/\(stale\)"$/.test(content)) globalThis.vsvaSeen.push(color);
        }
        globalThis.vsvaLooking = requestAnimationFrame(look);
      };
      look();
    });
    await page.keyboard.press('End');
    await page.keyboard.type(' ');
    await page.waitForFunction(() => 0 < globalThis.vsvaSeen.length);
    const back = await afterText(page, text, /^✗ STALE: [^(]*$/);
    const greyed = await page.evaluate(() => {
      cancelAnimationFrame(globalThis.vsvaLooking);
      return [...new Set(globalThis.vsvaSeen)];
    });
    assert.equal(back.colour, fresh.colour);
    // One colour for all that is outdated, and none of those that mean something.
    assert.equal(greyed.length, 1);
    assert.ok(!(await afterTexts(text)).some(({ colour }) => colour === greyed[0]));
    assert.deepEqual(await tops(), before);
    await page.keyboard.press('Backspace');
  });
  await step('the lens runs the scenario', async () => {
    await page.keyboard.press('Control+Home');
    await codeLens(text, /run all/i).waitFor();
    await page.keyboard.press('Control+End');
    await codeLens(text, /run scenario/i).click();
    await afterText(page, text, /^✗ STALE: [^(]*$/);
  });
  await step('Show Walk opens beside', async () => {
    await cursorAt(page, text, 'buffer expect fault');
    await command(page, 'vsva: Show Walk');
    await page.locator(TEXT_VIEW).locator('.view-line').first().waitFor();
    await shoot('walk');
    await command(page, 'View: Close Editors in Other Groups');
    await page.locator(TEXT_VIEW).waitFor({ state: 'detached' });
  });
  await step('the invalidation mends it', async () => {
    await cursorAt(page, text, 'buffer expect fault');
    await page.keyboard.press('Control+.');
    await page.locator('.action-widget .monaco-list-row', { hasText: 'Flush the page before this access' }).click();
    await total(page, '1 passed').waitFor();
    // The new payload has pushed the scenario down.
    await focused(text);
    await page.keyboard.press('Control+End');
    await afterText(page, text, /^⊘ fault SFS\.2[^(]*$/);
    await codeLens(text, /passed/).waitFor();
    await shoot('mended');
  });
  await step('results stay greyed until the new ones are there', async () => {
    await openFile(page, 'kinds.vsva');
    const kinds = editor(page, 'kinds.vsva');
    await focused(kinds);
    await page.keyboard.press('Control+End');
    await afterText(page, kinds, /^✗ STALE: [^(]*$/);
    await codeLens(kinds, /failed/).waitFor();
    await shoot('kinds');
    // The loop in front becomes endless, so the run does not get to what is below.
    await cursorAt(page, kinds, '0..3');
    await page.keyboard.type('000000000000');
    await total(page, 'running').waitFor();
    await page.keyboard.press('Control+End');
    await afterText(page, kinds, /^✗ STALE: .*\(stale\)$/);
    const texts = (await afterTexts(kinds)).filter(({ text: t }) => !/^·/.test(t));
    assert.deepEqual(
      texts.filter(({ text: t }) => !/\(stale\)$/.test(t)),
      [],
    );
    await shoot('stale');
    await page.keyboard.press('Control+Z');
    await afterText(page, kinds, /^✗ STALE: [^(]*$/);
    await total(page, '1 failed').waitFor();
  });
}
