// How to drive the workbench with Playwright. No step sleeps: each waits for what it needs.

/** Until the workbench stands; `driver` comes with --enable-smoke-test-driver. */
export async function ready(page) {
  await page.waitForFunction(() => Boolean(globalThis.driver?.whenWorkbenchRestored), undefined, { timeout: 30_000 });
  await page.evaluate(() => globalThis.driver.whenWorkbenchRestored());
}

/** Runs a command by the title that the palette shows; one that asks is given the choice that has these words. */
export async function command(page, title, choice) {
  await page.keyboard.press('F1');
  const input = page.locator('.quick-input-widget:visible input').first();
  await input.waitFor();
  await input.fill(`>${title}`);
  for (const words of choice === undefined ? [title] : [title, choice]) {
    const label = page.locator('.label-name', { hasText: words });
    await page.locator('.quick-input-list .monaco-list-row', { has: label }).first().click();
  }
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

/** A code lens that is in sight: those of lines further up or down stay in the page, hidden. */
export const codeLens = (within, title) =>
  within.locator('.codelens-decoration a', { hasText: title }).filter({ visible: true }).first();

/** The extension's item in the status bar. */
export const total = (page, words) => page.locator('[id$="vsva.total"]', words ? { hasText: words } : {});

const nextFrame = (page) => page.evaluate(() => new Promise((next) => requestAnimationFrame(() => next())));

/** Asks again with every frame until there is an answer. */
async function eventually(page, probe, complaint) {
  const end = Date.now() + 15_000;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (end < Date.now()) throw new Error(await complaint());
    await nextFrame(page);
  }
}

/** Waits until keys go to the editor: widgets that close give the focus back a moment later. */
export const focused = (within) =>
  within.and(within.page().locator('.monaco-editor.focused')).first().waitFor({ timeout: 15_000 });

/** Puts the cursor behind a text, whose line may still move while the mouse is on its way. */
export async function cursorAt(page, within, text) {
  await eventually(
    page,
    async () => {
      const box = await boxOf(within, text);
      await page.mouse.click(box.x + box.width - 3, box.y + box.height / 2);
      await focused(within);
      const cursor = await within.locator('.cursors-layer .cursor').first().boundingBox();
      const { x, y, width } = await boxOf(within, text);
      return cursor && Math.abs(cursor.y - y) < 6 && Math.abs(cursor.x - x - width) < 3;
    },
    () => `the cursor does not come to ${text}`,
  );
  // The mouse would bring up hovers of its own.
  await page.mouse.move(5, 5);
}

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
export const afterText = (page, within, pattern) =>
  eventually(
    page,
    async () => (await afterTexts(within)).find(({ text }) => pattern.test(text)),
    async () => `no ${pattern} behind a line, but ${JSON.stringify((await afterTexts(within)).map((t) => t.text))}`,
  );

/** Waits until no line has a text behind it. */
export const noAfterTexts = (page, within) =>
  eventually(
    page,
    async () => (await afterTexts(within)).length === 0,
    async () => `still behind lines: ${JSON.stringify((await afterTexts(within)).map((t) => t.text))}`,
  );

/** Lines of the Problems view. */
export async function problems(page) {
  await command(page, 'Problems: Focus on Problems View');
  const rows = page.locator('.markers-panel .monaco-list-row');
  await rows.first().waitFor();
  return rows.evaluateAll((all) => all.map((row) => row.getAttribute('aria-label') ?? ''));
}

/** Shows the hover at the cursor; its parts come one after the other, so waits for what is wanted. */
export async function hoverAtCursor(page, within, wanted) {
  await focused(within);
  await page.keyboard.press('Control+K');
  await page.keyboard.press('Control+I');
  const seen = () =>
    page
      .locator('.monaco-hover:not(.hidden) .hover-contents')
      .allTextContents()
      .then((all) => all.join('\n').replaceAll('\u00a0', ' '));
  await eventually(
    page,
    async () => wanted.test(await seen()),
    async () => `no ${wanted} in the hover: ${await seen()}`,
  );
}

/** The text of the lines in sight. */
export const shownText = (within) =>
  within
    .locator('.view-lines .view-line')
    .allTextContents()
    .then((lines) => lines.join('\n').replaceAll('\u00a0', ' '));
