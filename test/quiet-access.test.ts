import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runScenario, type ScenarioFile, startScenario, type Variant, variantsOf } from '../engine/index.ts';
import { resolve } from '../server/language/resolve.ts';
import { cases } from './property.ts';
import { filesHost, scenarioText } from './run-text.ts';

/**
 * Behind the results that are kept, accesses of a loop go a shorter way (`engine/scenario/quiet-access.ts`). Random loops,
 * run once with every result kept and once with few: both ways must come to the same.
 */
const BASE = '0x7f00_0000_0000';

const address = fc.oneof(
  { arbitrary: fc.constantFrom('(i & 1) * 4K', 'j * 4K + 8', '(i & 3) * 4K + 0x10', '(i % 2) << 12'), weight: 4 },
  { arbitrary: fc.constantFrom('i ^ 0x1008', 'STRIDE * i', '(j | i) * 8', '2 * near'), weight: 2 },
  // Past the mapped 64K, across a page, and below 0, which wraps.
  fc.constantFrom('i * 16K', '0xffe + i', '(i - 3) * 4K', '(1 << 60) * i', '-BASE + i', '4K / i', '4K * (i == 2)'),
);
const expectation = fc.constantFrom(
  '',
  '',
  ' expect ok',
  ' expect any',
  ' expect fresh, hit',
  ' expect miss or hit iotlb',
  ' expect hpa 0x1_4000_0000 + i * 4K, refs 24 or hit',
  ' expect gpa 0x4000_0010 + (i & 3) * 4K',
  ' expect config 0 or miss',
  ' expect hit psc',
  ' expect refs <= 24',
  ' expect stale or fault or ok',
  ' expect value 0',
  ' expect hit devtlb or miss',
);
const access = fc
  .record({
    way: fc.constantFrom('read', 'read', 'read', 'exec', 'write'),
    pasid: fc.constantFrom(...Array(12).fill('pasid'), 'pasid + 1', '1 << 21', ''),
    address,
    tail: fc.constantFrom(...Array(6).fill(''), ' size 8', ' size 0', ' size 1 + i', ' ats', ' ats', ' priv'),
    expectation,
    name: fc.constantFrom('', '', '', ' as near'),
  })
  .map(({ way, pasid, address, tail, expectation, name }) => {
    const value = way === 'write' ? ' = 0x1f0 * i' : '';
    const given = pasid === '' ? '' : ` pasid ${pasid}`;
    return `dma ${way} dev0${given} at BASE + (${address})${tail}${value}${name}${expectation}`;
  });
const step = fc.oneof(
  { arbitrary: access, weight: 8 },
  {
    arbitrary: fc.constantFrom(
      `map gpt ${BASE} + (i & 3) * 4K -> 0x5000_0000 r expect any`,
      `unmap gpt ${BASE} + (i & 1) * 4K expect any`,
      `unmap gpt ${BASE} + j * 4K expect any`,
      'submit flush expect any',
      'let near = i * 4K',
      'let i = 1',
      'let STRIDE = i',
      'reuse 0x1_4000_0000 size 8K',
      'expect cached dev0 pasid pasid at BASE + i * 4K',
    ),
    weight: 2,
  },
);
const block = fc.array(step, { minLength: 1, maxLength: 4 }).map((steps) => steps.join('\n'));
const scenario = fc
  .record({ turns: fc.integer({ min: 2, max: 14 }), inner: fc.option(block), first: block, last: block })
  .map(({ turns, inner, first, last }) => {
    const nested = inner === null ? '' : `for j in [3, i, 0] {\n${inner}\n}`;
    const steps = `submit alloc as pasid\nsubmit bind\nlet near = 0\nlet j = 2
for i in 0..${turns} {\n${first}\n${nested}\n${last}\n}
for i in 0..16 { dma read dev0 pasid pasid at BASE + i * 4K expect refs 99, value 1 }`;
    const declarations = `machine { device dev0 { ats = 1 } }\nlet BASE = ${BASE}\nlet STRIDE = PAGE * 2\nlet PAGE = 4K`;
    return scenarioText(steps, { declarations });
  });

function onlyScenario(text: string): { file: ScenarioFile; variant: Variant } {
  const file = resolve('test.vsva', text, filesHost({})).scenarioFile!;
  const variants = variantsOf(file, file.scenarios[0]!);
  if ('problem' in variants) throw new Error(variants.problem);
  return { file, variant: variants[0]! };
}

describe('a loop of accesses', () => {
  test('comes to the same whether its results are kept or not', () => {
    let quiet = 0;
    let stale = 0;
    fc.assert(
      fc.property(scenario, fc.integer({ min: 1, max: 12 }), (text, keep) => {
        const { file, variant } = onlyScenario(text);
        const long = runScenario(file, variant);
        const short = runScenario(file, variant, { keep });
        const failures = long.steps.slice(keep).filter((s) => s.status === 'failed');
        quiet += long.steps.length - keep - failures.length;
        stale += failures.filter(({ detail }) => 1 < (detail.staleCause?.filled?.run ?? 0)).length;
        expect(short).toEqual({ ...long, steps: [...long.steps.slice(0, keep), ...failures.slice(0, keep)] });
      }),
      cases(80),
    );
    // Accesses that could go the shorter way, and stale ones whose cache was filled by a turn of a loop.
    expect(quiet).toBeGreaterThan(1000);
    expect(stale).toBeGreaterThan(50);
  });

  test('lets others in and ends within its budget, whatever is kept', () => {
    const steps = `submit alloc as pasid\nsubmit bind
for i in 0..100000 { dma read dev0 pasid pasid at ${BASE} + (i & 15) * 4K }`;
    const { file, variant } = onlyScenario(scenarioText(steps));
    const run = startScenario(file, variant, { keep: 1, budget: 60_001 });
    let pauses = 0;
    for (;;) {
      const next = run.next();
      if (next.done) {
        expect(next.value).toMatchObject({ status: 'failed', stepsRun: 60_001 });
        expect(next.value.message).toMatch(/step budget of 60001/);
        break;
      }
      pauses++;
    }
    expect(pauses).toBeGreaterThan(60_000 / 256);
  });
});
