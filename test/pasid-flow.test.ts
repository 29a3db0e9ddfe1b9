import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runScenario } from '../engine/index.ts';
import { analyse } from '../server/language/analyse.ts';
import { resolve } from '../server/language/resolve.ts';
import { cases } from './property.ts';

const FLOW_RULES = ['pasid-not-allocated', 'double-bind', 'unbind-never-bound'];

const bindData = (name: string, hpasid: string): string =>
  `bind_data data_${name} { argsz = sizeof, version = 1, format = 1, addr_width = 48, hpasid = ${hpasid} }
nesting_op bind_${name}   { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL,   data = data_${name} }
nesting_op unbind_${name} { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL, data = data_${name} }`;

const request = (flag: string, min: string, max: string): string =>
  `pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_${flag}_PASID, range = { min = ${min}, max = ${max} } }`;

const HEAD = `uapi vfio-2020-07
${bindData('a', 'a')}
${bindData('b', 'b')}
${bindData('literal', '2')}
scenario "s" {
  submit ${request('ALLOC', '1', '50')} as a
  submit ${request('ALLOC', '1', '50')} as b
`;

function examine(steps: readonly string[]) {
  const text = `${HEAD}${steps.join('\n')}\n}`;
  const resolved = resolve('test.vsva', text, { resolve: (_, path) => path, read: () => ({ problem: 'none' }) });
  const file = resolved.scenarioFile!;
  const scenario = file.scenarios[0]!;
  const found = analyse(resolved).filter((d) => FLOW_RULES.includes(d.code));
  const ran = runScenario(file, { scenario, name: scenario.title }).steps.slice(2);
  return {
    found: ran.map(({ step }) => found.find((d) => step.start <= d.start && d.end <= step.end)?.code),
    ran: ran.map(({ detail }) => detail.reason),
  };
}

const findings = (...steps: string[]): (string | undefined)[] => examine(steps).found;

describe('what becomes of PASIDs', () => {
  test('is predicted as it comes, along straight lines', () => {
    const step = fc.oneof(
      fc
        .tuple(fc.constantFrom('bind', 'unbind'), fc.constantFrom('a', 'b', 'literal'))
        .map(([op, name]) => `  submit ${op}_${name}`),
      fc.constantFrom('a', 'b').map((name) => `  submit ${request('ALLOC', '1', '50')} as ${name}`),
      fc.constantFrom('a', 'b', '2').map((name) => `  submit ${request('FREE', name, name)}`),
      fc.constant(`  submit ${request('FREE', '0', '2')}`),
      fc.constant('  let a = b'),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const { found, ran } = examine(steps);
        expect(found.map((code) => (code === 'unbind-never-bound' ? undefined : code))).toEqual(ran);
      }),
      cases(300),
    );
  });

  test('an expected refusal is no finding, and its effect is known', () => {
    expect(findings('submit bind_a', 'submit bind_a expect hidden EBUSY', 'submit unbind_a')).toEqual([
      undefined,
      undefined,
      'unbind-never-bound',
    ]);
  });

  test('after a step that may have failed nothing is said', () => {
    expect(findings('submit bind_a expect ok or hidden ENOMEM', 'submit bind_a', 'submit unbind_a')).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('another refusal than the predicted one is taken for the author to know', () => {
    expect(findings('submit bind_a', 'submit bind_a expect hidden EINVAL')).toEqual([undefined, undefined]);
  });

  test('a loop that submits ends what is known', () => {
    expect(findings('for i in 0..2 { submit bind_a expect any }', 'submit bind_a').filter(Boolean)).toEqual([]);
  });

  test('a loop that submits nothing does not', () => {
    const { found } = examine(['submit bind_a', 'for i in 0..1 { note "x" }', 'submit bind_a']);
    expect(found.filter(Boolean)).toEqual(['double-bind']);
  });

  test('a detached group ends what is known', () => {
    expect(findings('submit bind_a', 'detach dev0', 'submit bind_a expect EOPNOTSUPP').filter(Boolean)).toEqual([]);
  });

  test('a PASID of unknown number is followed by its name', () => {
    const some = `submit ${request('ALLOC', '1', 'n + 50')} as a`;
    expect(findings('read gpa 0x1000 as n', some, 'submit bind_a', 'submit bind_a').at(-1)).toBe('double-bind');
    expect(findings('read gpa 0x1000 as n', some, 'submit bind_literal', 'submit unbind_a').at(-1)).toBe(
      'unbind-never-bound',
    );
  });
});
