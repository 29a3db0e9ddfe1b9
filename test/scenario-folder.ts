import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { runText } from './run-text.ts';

/** Every file of `test/scenarios/NAME` holds and has no error; one file per subject. @param more than this many there are */
export function holdsFolder(name: string, more: number): void {
  const folder = fileURLToPath(new URL(`./scenarios/${name}`, import.meta.url));
  const files = readdirSync(folder).filter((file) => file.endsWith('.vsva'));

  test('there are files', () => {
    expect(files.length).toBeGreaterThan(more);
  });

  describe.each(files)('%s', (file) => {
    test('holds', () => {
      const { diagnostics, scenarios } = runText(readFileSync(join(folder, file), 'utf8'));
      expect(diagnostics.filter((d) => d.severity === 'error').map((d) => d.message)).toEqual([]);
      const failed = scenarios.flatMap(({ name: title, steps }) =>
        steps.filter((s) => s.status !== 'passed').map((s) => `${title}: ${s.message}`),
      );
      expect(failed).toEqual([]);
      expect(scenarios.filter((s) => s.status !== 'passed').map((s) => `${s.name}: ${s.message}`)).toEqual([]);
    });
  });
}
