// How to drive the workbench with Playwright. No step sleeps: each waits for what it needs.

/** Until the workbench stands; `driver` comes with --enable-smoke-test-driver. */
export async function ready(page) {
  await page.waitForFunction(() => Boolean(globalThis.driver?.whenWorkbenchRestored), undefined, { timeout: 30_000 });
  await page.evaluate(() => globalThis.driver.whenWorkbenchRestored());
}

/** Runs a command by the title that the palette shows. */
export async function command(page, title) {
  await page.keyboard.press('F1');
  const input = page.locator('.quick-input-widget:visible input').first();
  await input.waitFor();
  await input.fill(`>${title}`);
  const label = page.locator('.label-name', { hasText: title });
  const row = page.locator('.quick-input-list .monaco-list-row', { has: label }).first();
  await row.click();
  await page.locator('.quick-input-widget').first().waitFor({ state: 'hidden' });
}

export async function openFile(page, name) {
  await page.keyboard.press('Control+P');
  const input = page.locator('.quick-input-widget:visible input').first();
  await input.waitFor();
  await input.fill(name);
  await page.locator('.quick-input-list .monaco-list-row', { hasText: name }).first().click();
  await editor(page, name).waitFor();
}

export const editor = (page, name) => page.locator(`.editor-instance .monaco-editor[data-uri$="/${name}"]`);

export const codeLens = (within, title) => within.locator('.codelens-decoration a', { hasText: title }).first();

/** Where a text stands on the screen. Spaces are no-break spaces in the editor's lines, and a word may span elements. */
export async function boxOf(within, text) {
  const box = await within.evaluate((root, wanted) => {
    for (const line of root.querySelectorAll('.view-lines .view-line')) {
      const nodes = [];
      let all = '';
      for (const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT); walker.nextNode(); ) {
        nodes.push({ from: all.length, node: walker.currentNode });
        all += walker.currentNode.data.replaceAll('\u00a0', ' ');
      }
      const index = all.indexOf(wanted);
      if (index < 0) continue;
      const range = document.createRange();
      const place = (offset) => {
        const { from, node } = nodes.findLast((n) => n.from <= offset);
        return [node, offset - from];
      };
      range.setStart(...place(index));
      const [node, offset] = place(index + wanted.length - 1);
      range.setEnd(node, offset + 1);
      const { x, y, width, height } = range.getBoundingClientRect();
      return { x, y, width, height };
    }
  }, text);
  if (!box) throw new Error(`${text} is not in sight`);
  return box;
}

/** The texts that decorations add behind lines, with their colour and place. */
export const afterTexts = (within) =>
  within.evaluate((root) =>
    [...root.querySelectorAll('.view-lines .view-line span')].flatMap((span) => {
      const style = getComputedStyle(span, '::after');
      const content = /^"(.*)"$/s.exec(style.content)?.[1];
      const { x, y, width, height } = span.getBoundingClientRect();
      return content ? [{ text: content, colour: style.color, box: { x, y, width, height } }] : [];
    }),
  );

/** Waits for a text behind a line. */
export async function afterText(page, within, pattern) {
  const end = Date.now() + 15_000;
  for (;;) {
    const all = await afterTexts(within);
    const found = all.find(({ text }) => pattern.test(text));
    if (found) return found;
    if (end < Date.now()) throw new Error(`no ${pattern} behind a line, but ${JSON.stringify(all)}`);
    await page.evaluate(() => new Promise((next) => requestAnimationFrame(next)));
  }
}

/** Lines of the Problems view. */
export async function problems(page) {
  await command(page, 'Problems: Focus on Problems View');
  const rows = page.locator('.markers-panel .monaco-list-row');
  await rows.first().waitFor();
  return rows.evaluateAll((all) => all.map((row) => row.getAttribute('aria-label') ?? ''));
}

/** Shows the hover at the cursor until it says what is wanted; its parts come one after the other. */
export async function hoverAtCursor(page, wanted) {
  for (let attempt = 0; ; attempt++) {
    await page.keyboard.press('Control+K');
    await page.keyboard.press('Control+I');
    try {
      await page.waitForFunction(
        (pattern) => {
          const all = [...document.querySelectorAll('.monaco-hover:not(.hidden) .hover-contents')];
          return new RegExp(pattern).test(all.map((e) => e.textContent.replaceAll('\u00a0', ' ')).join('\n'));
        },
        wanted.source,
        { timeout: 3000 },
      );
      return;
    } catch (error) {
      if (attempt === 4) throw error;
    }
  }
}
