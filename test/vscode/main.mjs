// One run of one suite: `main.mjs sources [dies] | package FILE | web | ui [FLOW] | figures [WINDOWS]`. Exits with 0 only
// when it passed.
import { join, resolve } from 'node:path';
import { executable, runPackage, runSources, runWeb } from './run-tests.mjs';
import { runUi } from './ui.mjs';

const suiteNamed = (name) => join(import.meta.dirname, `../../dist/test-vscode/${name}.cjs`);

const [what, argument] = process.argv.slice(2);
const RUNS = {
  sources: async () =>
    argument === 'dies'
      ? runSources(await executable(), { suite: suiteNamed('dies') })
      : runSources(await executable()),
  package: async () => runPackage(await executable(), resolve(argument)),
  web: runWeb,
  ui: () => runUi(argument),
  // Each window is cold once.
  figures: async () => {
    const code = await executable();
    for (let left = Number(argument ?? 1); 0 < left; left--) await runSources(code, { suite: suiteNamed('figures') });
  },
};

try {
  await RUNS[what]();
  process.exit(0);
} catch (error) {
  console.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exit(1);
}
