import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Expr, evaluate, Names } from '../engine/index.ts';
import { exactly, NONE } from '../engine/scenario/exact.ts';
import { resolve } from '../server/language/resolve.ts';
import { cases } from './property.ts';
import { filesHost } from './run-text.ts';

/** Expressions over doubles against the evaluator over bigint: the same number, or none. */
const edges = ['0', '1', '3', '53', '64', '4K', '0x7fff_ffff', '0xffff_ffff', '1 << 32', '0x1f_ffff_ffff_ffff', '~0'];
const leaf = fc.oneof(
  fc.constantFrom(
    'i',
    'big',
    'LET',
    'DEEP',
    'FIXED',
    'word',
    'IOMMU_FAULT_PERM_EXEC',
    'EINVAL',
    'nowhere',
    'CYCLE',
    ...edges,
  ),
  fc.bigInt({ min: 0n, max: (1n << 54n) - 1n }).map(String),
  fc.nat(300).map(String),
);
const op = fc.constantFrom(...'+ - * / % << >> & | ^ == != < <= > >= &&'.split(' '));
const { text } = fc.letrec<{ text: string }>((tie) => ({
  text: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.tuple(tie('text'), op, tie('text')).map(([a, o, b]) => `((${a}) ${o} (${b}))`),
    fc.tuple(fc.constantFrom('-', '~', '!'), tie('text')).map(([o, a]) => `${o}(${a})`),
  ),
}));

test('an exact number is the one that the evaluator gives', () => {
  let exact = 0;
  fc.assert(
    fc.property(text, fc.nat(5000), (source, i) => {
      const declarations = `let X = ${source}\nlet LET = i * 2\nlet DEEP = LET + FIXED\nlet FIXED = 0x30\nlet CYCLE = CYCLE + 1`;
      const { scenarioFile } = resolve('t.vsva', `uapi vfio-2020-07\n${declarations}\n`, filesHost({}));
      const expr: Expr = scenarioFile!.lets.get('X')!.node.value;
      const names = new Names(scenarioFile!);
      names.scope().name('FIXED', expr);
      names.locals.set('word', { value: 'word' });
      names.locals.set('big', { value: (1n << 60n) + 1n });
      const ready = exactly(expr, names);
      // Asked again, it sees what the names mean by then.
      for (const value of [BigInt(i), 1n]) {
        names.locals.set('i', { value });
        const found = ready?.() ?? NONE;
        if (found === NONE) continue;
        exact++;
        expect(evaluate(expr, names.scope())).toBe(BigInt(found));
      }
    }),
    cases(3000),
  );
  expect(exact).toBeGreaterThan(1000);
});
