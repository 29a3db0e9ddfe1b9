import { describe, expect, test } from 'vitest';
import { evolve, findGeneration, type Generation, layoutOf, newMember } from '../engine/index.ts';
import { runText } from './run-text.ts';

const base = findGeneration('vfio-2020-03')!;

/** A generation that grew, or a failed test. */
function grown(struct: string, version: number, ...fields: [type: string, name: string, count?: number][]): Generation {
  const members = fields.map(([type, name, count]) => {
    const member = newMember({ type, name, ...(count === undefined ? {} : { count }) }, version, base);
    if (typeof member === 'string') throw new Error(member);
    return member;
  });
  const made = evolve(base, struct, version, members);
  if (typeof made === 'string') throw new Error(made);
  return made;
}

const tail = (generation: Generation, struct: string): unknown[] => {
  const { fields, size } = layoutOf(generation.evolved!.get(struct)!.at(-1)!.struct);
  return [...fields.slice(-3).map(({ name, offset, size }) => `${name}@${offset}+${size}`), size];
};

describe('a struct of a later version', () => {
  test('has its new fields behind the old ones, aligned as C does', () => {
    expect(
      tail(grown('iommu_page_response', 2, ['__u8', 'a'], ['__u64', 'b'], ['__u32', 'c', 3]), 'iommu_page_response'),
    ).toEqual(['a@20+1', 'b@24+8', 'c@32+12', 48]);
  });
  test('makes the structs that end in it grow too', () => {
    const generation = grown('iommu_cache_invalidate_info', 2, ['__u64', 'hint']);
    expect(tail(generation, 'vfio_iommu_type1_cache_invalidate').at(-1)).toBe(64);
    expect(generation.structs).toBe(base.structs);
  });
  test.each([
    ['iommu_nothing', 2, /has no struct iommu_nothing$/],
    ['iommu_page_response', 1, /^version 1 of iommu_page_response must lie above 1$/],
    ['vfio_iommu_type1_bind', 2, /ends in a flexible array/],
  ])('%s version %i cannot be', (struct, version, why) => {
    expect(evolve(base, struct, version, [])).toMatch(why);
  });
  test('has no field twice and no type that C does not have', () => {
    const flags = newMember({ type: '__u32', name: 'format' }, 2, base);
    expect(evolve(base, 'iommu_gpasid_bind_data', 2, [flags as Exclude<typeof flags, string>])).toMatch(
      /^iommu_gpasid_bind_data has a field format already$/,
    );
    expect(newMember({ type: 'float', name: 'x' }, 2, base)).toMatch(/^float is no type of a new field/);
    expect(newMember({ type: '__u8', name: 'x', count: 0 }, 2, base)).toMatch(
      /^an array has 1 to 4096 elements, not 0$/,
    );
  });
});

describe('the version that a payload is written in', () => {
  const text = (payload: string): string =>
    `uapi vfio-2020-03
evolve struct iommu_gpasid_bind_data version 2 { __u64 extra }
evolve struct iommu_gpasid_bind_data version 3 { __u64 more }
bind_data old { version = 1 }
bind_data second { extra = 1 }
${payload}
scenario "s" { expect sizeof(p) == 0 }`;
  const sizeOf = (payload: string): string =>
    /^(0x[0-9a-f_]+|\d+) == /.exec(runText(text(payload)).scenarios[0]!.steps[0]!.message)![1]!;
  const bytes = (payload: string): number => Number(sizeOf(payload).replaceAll('_', ''));

  test.each([
    ['an old one gives no new field', 'bind_data p { version = 1 }', 184],
    ['a new field makes it new', 'bind_data p { extra = 0 }', 192],
    ['the lowest version that has the field', 'bind_data p { version = 2, more = 1 }', 200],
    ['a version as a plain number', 'bind_data p { version = 3 }', 200],
    ['a version that no kernel has', 'bind_data p { version = 9 }', 184],
    ['a base decides too', 'bind_data p = second { format = 1 }', 192],
    ['what it is derived from may be older', 'bind_data p = old { more = 1 }', 200],
    ['what it carries counts in its size', 'struct vfio_iommu_type1_bind p { data = second }', 200],
  ])('%s', (_title, payload, size) => {
    expect(bytes(payload)).toBe(size);
  });

  test('a field that no version has is an error', () => {
    const { diagnostics } = runText(text('bind_data p { extras = 1 }'));
    expect(diagnostics.map((d) => d.code)).toContain('unknown-field');
  });
  test('without evolve the new field is an error', () => {
    expect(runText('uapi vfio-2020-03\nbind_data p { extra = 1 }').diagnostics.map((d) => d.code)).toContain(
      'unknown-field',
    );
  });
});

test('a member by its path is the same as braces, for the version that is said and for a new field', () => {
  const { scenarios, diagnostics } = runText(`uapi vfio-2020-03
evolve struct iommu_cache_invalidate_info version 2 { __u64 hint }
struct vfio_iommu_type1_cache_invalidate old { argsz = sizeof, cache_info.version = 1 }
struct vfio_iommu_type1_cache_invalidate says { argsz = sizeof, cache_info.version = 2 }
struct vfio_iommu_type1_cache_invalidate gives { argsz = sizeof, cache_info.hint = 7 }
struct vfio_iommu_type1_cache_invalidate based = says { cache_info.addr_info.pasid = 1 }
scenario "sizes" {
  expect old.argsz == 56 && says.argsz == 64 && gives.argsz == 64 && based.argsz == 64
}`);
  expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
  expect(scenarios.map(({ status, message }) => `${status} ${message}`.trim())).toEqual(['passed']);
});

test('the form with argsz: neither old nor new callers break', () => {
  const { scenarios } = runText(`uapi vfio-2020-07
evolve struct iommu_gpasid_bind_data version 2 { __u64 extra }
pagetable gpt x86-64 at 0x1000_0000 { 0x7f00_0000_0000 -> 0x4000_0000 rw }
bind_data old { argsz = sizeof, version = 1, format = 1, addr_width = 48, gpgd = gpt.root, hpasid = pasid }
bind_data new = old { version = 2, extra = 7 }
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL }
scenario "s" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } } as pasid
  submit nesting_op = bind { data = old }
  submit nesting_op = bind { flags = VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL, data = old }
  submit nesting_op = bind { data = new }
  expect sizeof(new) == sizeof(old) + 8
}`);
  expect(scenarios[0]!.steps.map((s) => s.message).filter(Boolean)).toEqual([]);
});
