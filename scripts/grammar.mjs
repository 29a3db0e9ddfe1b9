// Writes syntaxes/vsva.tmLanguage.json anew from the tables of engine and language; a test keeps it fresh.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const { outputFiles } = await build({
  entryPoints: [join(root, 'syntaxes/grammar.ts')],
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  write: false,
});
const { grammar } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
);
writeFileSync(join(root, 'syntaxes/vsva.tmLanguage.json'), `${JSON.stringify(grammar, undefined, 2)}\n`);
