/** What a test needs in both extension hosts: no package, no Node. */

export interface Test {
  readonly suite: string;
  readonly name: string;
  readonly run: () => Promise<void>;
}

export const tests: Test[] = [];

/** Registers the tests of a suite, in order. */
export function suite(title: string, cases: Readonly<Record<string, () => Promise<void>>>): void {
  for (const [name, run] of Object.entries(cases)) tests.push({ suite: title, name, run });
}

export function same(actual: unknown, expected: unknown, what = 'value'): void {
  const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== e) throw new Error(`${what}: found ${a}, wanted ${e}`);
}

export function matches(actual: string, pattern: RegExp, what = 'text'): void {
  if (!pattern.test(actual)) throw new Error(`${what}: ${JSON.stringify(actual)} does not match ${pattern}`);
}

/** Waits until the probe gives something, and gives it. The last thing that was seen instead stands in the error. */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false | Thenable<T | undefined | false>,
  ms = 10_000,
): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found as T;
    if (end < Date.now()) throw new Error(`waited ${ms} ms in vain: ${what}`);
    await new Promise((later) => setTimeout(later, 10));
  }
}

/** Runs what is registered, or in a Node host what VSVA_ONLY chooses, and prints one line for each. Throws when one failed, which VS Code turns into an exit code. */
export async function runAll(host: string, cleanUp: () => Promise<void>): Promise<void> {
  const only = new RegExp(globalThis.process?.env?.VSVA_ONLY ?? '');
  const chosen = tests.filter(({ suite: title, name }) => only.test(`${title}: ${name}`));
  let failed = 0;
  let last = '';
  for (const { suite: title, name, run } of chosen) {
    if (title !== last) console.log(`  ${title}`);
    last = title;
    const began = Date.now();
    try {
      await within(run(), 30_000);
      console.log(`    ✓ ${name} (${Date.now() - began} ms)`);
    } catch (error) {
      failed++;
      console.log(`    ✗ ${name}\n${error instanceof Error ? error.stack : String(error)}`);
      await cleanUp();
    }
  }
  console.log(`  ${host}: ${chosen.length - failed} passed, ${failed} failed`);
  if (0 < failed) throw new Error(`${failed} failed`);
}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`took longer than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
