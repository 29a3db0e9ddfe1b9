import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { indexLines, lineOf } from '../../server/features/lines.ts';
import { walkOfLine } from '../../server/features/walk-text.ts';
import { type FileHost, resolve } from '../../server/language/resolve.ts';
import { stepsOf } from '../../server/language/scenario-names.ts';
import { filesHost, scenarioText } from '../run-text.ts';

type Choice = Parameters<typeof walkOfLine>[2];

/** The walk of the line with the `$0`. */
function walkAt(fixture: string, choice?: Choice): ReturnType<typeof walkOfLine> {
  const text = fixture.replace('$0', '');
  const line = lineOf(indexLines(text), fixture.indexOf('$0'));
  return walkOfLine(resolve('test.vsva', text, filesHost({})), line, choice);
}

function textAt(fixture: string, choice?: Choice): string {
  const answer = walkAt(fixture, choice);
  if ('problem' in answer) throw new Error(answer.problem);
  return answer.text;
}

const bound = (steps: string, options?: Parameters<typeof scenarioText>[1]): string =>
  scenarioText(`submit alloc as pasid\nsubmit bind\n${steps}`, options);

/** How often a text has each name of an entry. */
const entries = (text: string): number => [...text.matchAll(/^ +\d+ {2}/gm)].length;

describe('the walk of an access', () => {
  test('of a request without PASID reads the second stage', () => {
    expect(textAt(scenarioText('dma $0read dev0 at 0x1ff0'))).toBe(`dma read dev0 at 0x1ff0
line 21 of "s"

Request  read by dev0, no PASID, address 0x1ff0
Outcome  HPA 0x1_0000_1ff0 · 4 refs · miss

Caches before the access
  context cache  nothing
  PASID cache    nothing
  IOTLB          nothing

Configuration, as memory holds it
  root entry at 0x40_0040_4000
    LP=1 LCTP=0x40_0042_6000
  context entry at 0x40_0042_6200
    P=1 PDTS=7 PASIDDIRPTR=0x40_0040_5000
  PASID directory entry at 0x40_0040_5000
    P=1 SMPTBLPTR=0x40_0042_5000
  PASID table entry at 0x40_0042_5000
    P=1 AW=2 (48-bit) PGTT=2 (second-stage) SSPTPTR=0x40_0000_0000 DID=2
    PWSNP=1

Second stage: 4 entries, address and value
  1  SS-PML4E  0x40_0000_0000  0x40_0000_1003  table  R W
  2  SS-PDPE   0x40_0000_1000  0x40_0000_2003  table  R W
  3  SS-PDE    0x40_0000_2000  0x40_0000_3003  table  R W
  4  SS-PTE    0x40_0000_3008  0x1_0000_1003   page   R W

The walk leads to 0x1_0000_1ff0.
`);
  });

  test('under nesting groups the second-stage reads below what they translate', () => {
    const text = textAt(bound('dma $0read dev0 pasid pasid at 0x7f00_0000_1010'));
    expect(entries(text)).toBe(24);
    expect(text).toContain('  PTE at GPA 0x1000_3008\n  16  SS-PML4E');
    expect(text).toContain(
      '  20  PTE       0x1_1000_3008   0x4000_1007     page   P RW US\n  page at GPA 0x4000_1010\n',
    );
    expect(text).toContain('The walk leads to 0x1_4000_1010.');
  });

  test('shows what the access met, not what it left behind', () => {
    const write = textAt(bound('dma $0write dev0 pasid pasid at 0x7f00_0000_0000'));
    expect(write).toContain('0x4000_0007');
    expect(write).not.toContain('0x4000_0067');
  });

  test('names the caches, the saved walk and the incident of a stale access', () => {
    const text = textAt(
      bound(`dma read dev0 pasid pasid at 0x7f00_0000_0000
unmap gpt 0x7f00_0000_0000
dma $0read dev0 pasid pasid at 0x7f00_0000_0000 expect stale`),
    );
    expect(text).toContain('  IOTLB          DID 2, PASID 1, 0x7f00_0000_0000 (4K) to 0x1_4000_0000,');
    expect(text).toContain('A cache answered.');
    expect(text).toContain('PTE       0x1_1000_3000   0x0             not present');
    expect(text).toContain('SFS.2: A first-stage entry is not present.');
    expect(text).toContain('STALE: not what a walk from the present tables gives\nused     HPA 0x1_4000_0000');
    expect(text).toMatch(/^edited {3}line 24$/m);
    expect(text).toMatch(/^covers {3}IOTLB by ADDR, PASID 1, 0x7f00_0000_0000 size 4K$/m);
  });

  test('with ATS shows the TLB of the device', () => {
    const text = textAt(
      bound(
        `dma read dev0 pasid pasid at 0x7f00_0000_0000 ats
dma $0read dev0 pasid pasid at 0x7f00_0000_0000 ats`,
        { declarations: 'machine { device dev0 { ats = 1 } }' },
      ),
    );
    expect(text).toContain('  device TLB     0x7f00_0000_0000 (4K) to 0x1_4000_0000, r, filled line');
    expect(text).toContain('ATS');
  });

  test('of an access across pages has its pieces, and their configuration once', () => {
    const text = textAt(scenarioText('dma $0read dev0 at 0x1ffe size 8'));
    expect(text).toContain('Piece 2, from 0x2000');
    expect(text.match(/PASID table entry/g)).toHaveLength(1);
    expect(textAt(scenarioText('dma $0read dev0 at 0 size 64K'))).toContain('and 12 more pieces of this access');
  });

  test('ends where the fault is', () => {
    const text = textAt(scenarioText('dma $0read dev0 pasid 5 at 0x1000 expect fault'));
    expect(text).toContain('SCT.6');
    expect(text).not.toContain('Second stage');
    expect(textAt(scenarioText('dma $0read dev0 at 0xfee0_0000'))).toContain('interrupt message');
  });

  test('also of an assertion about a cache, which does nothing itself', () => {
    const text = textAt(scenarioText('dma read dev0 at 0x1000\nexpect $0cached dev0 at 0x1000'));
    expect(text).toContain('  IOTLB          DID 2, 0x1000 (4K) to 0x1_0000_1000');
    expect(text).not.toContain('Outcome');
  });
});

describe('which access is meant', () => {
  const loop = scenarioText('for i in 0..4 { dma $0read dev0 at 0x7fff_e000 + i * 4K }');

  test('in a loop the first run that fails, or the one that is asked for', () => {
    expect(textAt(loop)).toContain('run 3 of this step');
    expect(textAt(loop, { run: 2 })).toContain('0x7fff_f000');
    expect(walkAt(loop, { run: 9 })).toHaveProperty('problem');
  });

  test('of a scenario with values the first that fails, or the one that is asked for', () => {
    const text = `uapi vfio-2020-07
scenario "s" for at in [0x1000, 0x9000_0000] {
  dma $0read dev0 at at
}`;
    expect(textAt(text)).toContain('address 0x9000_0000');
    expect(textAt(text, { scenario: 's [at=0x1000]' })).toContain('address 0x1000');
    expect(walkAt(text, { scenario: 'another' })).toHaveProperty('problem');
  });

  test('a step over several lines is found on each of them', () => {
    expect(textAt(scenarioText('dma read dev0 at 0x1000 +\n  $016'))).toContain('address 0x1010');
  });

  test('says why there is none', () => {
    const problem = (fixture: string): string => {
      const answer = walkAt(fixture);
      return 'problem' in answer ? answer.problem : 'none';
    };
    expect(problem(scenarioText('no$0te "x"'))).toContain('no access');
    expect(problem('scenario "s" {\n dma $0read dev0 at 0\n}')).toContain('no generation');
    expect(problem(scenarioText('dma $0read dev9 at 0'))).toContain('no device dev9');
    expect(problem(scenarioText('dma $0read dev0 at missing'))).toContain('missing');
    expect(problem(scenarioText('for i in 0..1_000_000 { note "x" }\ndma $0read dev0 at 0'))).toContain(
      'more than 20000',
    );
  });
});

test('every access of the examples has a walk of at most 72 columns', () => {
  const host: FileHost = {
    resolve: (from, path) => join(dirname(from), path),
    read: (file) => readFileSync(file, 'utf8'),
  };
  for (const name of readdirSync('examples').filter((f) => f.endsWith('.vsva'))) {
    const file = join('examples', name);
    const text = readFileSync(file, 'utf8');
    const resolved = resolve(file, text, host);
    const lines = indexLines(text);
    for (const scenario of resolved.scenarioFile?.scenarios ?? [])
      for (const step of [...stepsOf(scenario.steps)].filter((s) => s.kind === 'dma')) {
        const answer = walkOfLine(resolved, lineOf(lines, step.start));
        expect(answer, `${name}:${lineOf(lines, step.start)}`).toHaveProperty('text');
        for (const line of 'text' in answer ? answer.text.split('\n') : [])
          expect(line.length, line).toBeLessThanOrEqual(72);
      }
  }
});
