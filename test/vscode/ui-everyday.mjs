// What else a day's work needs: completion, layouts, a run that takes too long, and switches.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  afterText,
  codeLens,
  command,
  cursorAt,
  editor,
  focused,
  noAfterTexts,
  openFile,
  shownText,
  total,
} from './workbench.mjs';

const FILES = {
  'typed.vsva': 'uapi vfio-2020-07\n\nbind_data b {\n  format = \n}\n',
  'endless.vsva': `uapi vfio-2020-07

scenario "long" {
  for i in 0..1_000_000_000_000 {
    dma read dev0 at 0x1000
  }
}
`,
  'switched.vsva': `uapi vfio-2020-07

pasid_request unused { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 2 } }

scenario "one access" {
  dma read dev0 at 0x1000
  dma read dev0 at 0x2000 expect fault
}
`,
};

export async function everyday({ page, workspace, set, step, shoot }) {
  for (const [name, content] of Object.entries(FILES)) writeFileSync(join(workspace, name), content);
  await step('the walkthrough opens its sample, whose results are there at once', async () => {
    await command(page, 'Welcome: Open Walkthrough', 'A missing invalidation');
    const walkthrough = page.locator('.getting-started-step.expanded');
    await walkthrough.waitFor();
    // The picture is a web page of its own, in a frame within a frame.
    const picture = page.frameLocator('iframe.webview.ready').frameLocator('iframe#active-frame');
    await picture.locator('svg text').first().waitFor();
    await shoot('walkthrough');
    await walkthrough.locator('.monaco-button', { hasText: 'Open the sample' }).click();
    const sample = page.locator('.editor-instance .monaco-editor[data-uri^="untitled:"]');
    await focused(sample);
    // The cursor is in the failing line, so that is in sight.
    await afterText(page, sample, /^✗ STALE/);
  });
  await step('its Show Walk leaves the sample in sight, where the quick fix mends it', async () => {
    const sample = page.locator('.editor-instance .monaco-editor[data-uri^="untitled:"]');
    await page.locator('.getting-started-step', { hasText: 'Look at the walk' }).click();
    await page.locator('.getting-started-step.expanded .monaco-button', { hasText: 'Show Walk' }).click();
    const walk = page.locator('.editor-instance .monaco-editor[data-uri^="vsva-text:"]');
    await walk.locator('.view-line', { hasText: 'STALE' }).first().waitFor();
    await shoot('walkthrough-walk');
    // The cursor still stands in the line that failed; a click could miss it, since lenses may come and move the lines.
    await page.keyboard.press('Control+2');
    await focused(sample);
    await page.keyboard.press('Control+.');
    await page.locator('.action-widget .monaco-list-row', { hasText: 'Flush the page before this access' }).click();
    await total(page, '1 passed').waitFor();
    await command(page, 'View: Close Editors in Other Groups');
    await walk.waitFor({ state: 'detached' });
  });
  const open = async (name) => {
    await openFile(page, name);
    const text = editor(page, name);
    await focused(text);
    return text;
  };

  await step('completion offers the constants of a field and writes the chosen one', async () => {
    const text = await open('typed.vsva');
    await cursorAt(page, text, 'format =');
    await page.keyboard.press('End');
    await page.keyboard.press('Control+Space');
    const rows = page.locator('.suggest-widget.visible .monaco-list-row');
    await rows.filter({ hasText: 'IOMMU_PASID_FORMAT_INTEL_VTD' }).first().waitFor();
    await shoot('completion');
    await page.keyboard.press('Enter');
    await page.locator('.suggest-widget.visible').waitFor({ state: 'hidden' });
    assert.match(await shownText(text), /format = IOMMU_PASID_FORMAT_INTEL_VTD/);
  });
  await step('Show Layout opens the bytes of the payload', async () => {
    const text = editor(page, 'typed.vsva');
    await cursorAt(page, text, 'bind_data b');
    await command(page, 'vsva: Show Layout');
    const view = page.locator('.editor-instance .monaco-editor[data-uri^="vsva-text:"]');
    await view.locator('.view-line', { hasText: 'argsz' }).first().waitFor();
    await shoot('layout');
    await command(page, 'View: Close Editors in Other Groups');
    await view.waitFor({ state: 'detached' });
  });
  await step('a loop without end runs until its item in the status bar is clicked', async () => {
    const text = await open('endless.vsva');
    await total(page, 'running').waitFor();
    await shoot('running');
    await total(page, 'running').locator('a').click();
    await page.mouse.move(5, 5);
    await afterText(page, text, /cancelled before it ended/);
    assert.doesNotMatch((await total(page).textContent()) ?? '', /running/);
    await shoot('cancelled');
  });
  await step('so does one that Run All started, until Cancel Run', async () => {
    await command(page, 'vsva: Run All Scenarios');
    await total(page, 'running').waitFor();
    await command(page, 'vsva: Cancel Run');
    await total(page, 'running').waitFor({ state: 'detached' });
    await afterText(page, editor(page, 'endless.vsva'), /cancelled before it ended/);
  });
  await step('each kind of hint has a switch, and one switch has them all', async () => {
    const text = await open('switched.vsva');
    const squiggles = (kind) => text.locator(`.cdr.squiggly-${kind}`).first();
    const faded = text.locator('.squiggly-inline-unnecessary, .cdr.squiggly-unnecessary, .cdr.squiggly-hint').first();
    const all = async () => {
      await afterText(page, text, /^✗ [^(]*$/);
      await codeLens(text, /run scenario/i).waitFor();
      await total(page, '1 failed').waitFor();
      await squiggles('error').waitFor();
      await faded.waitFor();
    };
    await all();
    await shoot('switches-on');
    const gone = {
      'vsva.results.enabled': () => noAfterTexts(page, text),
      'vsva.lens.enabled': () => text.locator('.codelens-decoration a').first().waitFor({ state: 'detached' }),
      'vsva.statusBar.enabled': () => total(page).waitFor({ state: 'hidden' }),
      'vsva.diagnostics.hints': () => faded.waitFor({ state: 'detached' }),
    };
    for (const [name, isGone] of Object.entries(gone)) {
      set({ [name]: false });
      await isGone();
      set();
      await all();
    }
    set({ 'vsva.hints.enabled': false });
    for (const isGone of Object.values(gone)) await isGone();
    // Errors are no hints.
    assert.ok(await squiggles('error').isVisible());
    await shoot('switches-off');
    set();
    await all();
  });
}
