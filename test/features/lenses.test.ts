import { describe, expect, test } from 'vitest';
import { type Lens, lenses } from '../../server/features/lenses.ts';
import { checkFile, runFile, type ScenarioReport } from '../../server/features/run-file.ts';
import { filesHost } from '../run-text.ts';
import { resolveText } from './fixture.ts';

const TEXT = `uapi vfio-2020-07
scenario "good" {
  expect 1 == 1
}
scenario "bad" {
  expect 1 == 2
}
scenario "some" for n in [1, 2, 3] {
  expect n == 1
}
scenario "broken" {
  expect unknown == 1
}
`;

const reports = (text: string): ScenarioReport[] =>
  [...runFile(checkFile('test.vsva', text, filesHost({})))].filter((r) => r !== undefined);

const titles = (found: readonly Lens[]): string[] => found.map(({ title }) => title);

describe('lenses', () => {
  test('one on the file and one on each scenario', () => {
    expect(
      lenses(resolveText(TEXT)).map(({ span, ...rest }) => ({ at: TEXT.slice(span.start, span.end), ...rest })),
    ).toEqual([
      { at: '', title: '$(run-all) Run all', command: 'vsva.runAll', args: ['test.vsva'] },
      ...['good', 'bad', 'some', 'broken'].map((name) => ({
        at: `scenario "${name}"`,
        title: '$(play) Run scenario',
        command: 'vsva.runScenario',
        args: ['test.vsva', name],
      })),
    ]);
  });

  test('none without scenarios', () => {
    expect(lenses(resolveText('uapi vfio-2020-07\nlet a = 1\n'))).toEqual([]);
  });

  test('what came of it is part of the title, in words', () => {
    expect(titles(lenses(resolveText(TEXT), reports(TEXT)))).toEqual([
      '$(run-all) Run all · $(error) 3 of 6 failed',
      '$(play) Run scenario · $(pass) passed',
      '$(play) Run scenario · $(error) failed',
      '$(play) Run scenario · $(error) 2 of 3 failed',
      '$(play) Run scenario · $(circle-slash) skipped',
    ]);
  });

  test('two scenarios of one name keep their own results', () => {
    const text = 'uapi vfio-2020-07\nscenario "s" {\n  expect 1 == 1\n}\nscenario "s" {\n  expect 1 == 2\n}\n';
    expect(titles(lenses(resolveText(text), reports(text))).slice(1)).toEqual([
      '$(play) Run scenario · $(pass) passed',
      '$(play) Run scenario · $(error) failed',
    ]);
  });

  test('number and places stay while steps are typed', () => {
    const [head, tail] = ['uapi vfio-2020-07\nscenario "one" {\n', '\n}\nscenario "two" {\n  note "n"\n}\n'];
    const typed = '  dma read dev0 pasid (1 + at 0x10 expect hpa [1, { submit nesting_op = x { argsz = "';
    const count = (text: string): number[] =>
      lenses(resolveText(text)).map(({ span }) => text.slice(0, span.start).split('\n').length);
    for (let i = 0; i <= typed.length; i++)
      expect(count(`${head}${typed.slice(0, i)}${tail}`), typed.slice(0, i)).toEqual([1, 2, 5]);
  });
});
