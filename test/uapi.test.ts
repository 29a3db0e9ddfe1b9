import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  array,
  extend,
  findGeneration,
  flex,
  GENERATIONS,
  type GenerationData,
  generation,
  getUint,
  inlineStruct,
  KNOWN_GENERATION_IDS,
  layoutOf,
  locate,
  nested,
  offsetofend,
  overlay,
  paholeText,
  putUint,
  struct,
  u8,
  u32,
  u64,
  union,
  walkFields,
} from '../engine/uapi/index.ts';
import measured from './data/uapi-vfio-2020-07.json' with { type: 'json' };
import { cases } from './property.ts';

const v6 = findGeneration('vfio-2020-07')!;
const structs = [...v6.structs.values()];

describe('vfio-2020-07 against the measured layouts', () => {
  test('has exactly the measured structs', () => {
    expect([...v6.structs.keys()].sort()).toEqual(measured.structs.map((s) => s.name).sort());
  });

  test.each(measured.structs)('$name: offsets, sizes and types', (wanted) => {
    expect(layoutOf(v6.structs.get(wanted.name)!)).toEqual(wanted);
  });

  test('has exactly the constants, by value', () => {
    const ours = Object.fromEntries([...v6.constants.values()].map((c) => [c.name, Number(c.value)]));
    expect(ours).toEqual(measured.constants);
  });

  test('has exactly the ioctls, by number', () => {
    const ours = Object.fromEntries([...v6.ioctls.values()].map((i) => [i.name, i.number]));
    expect(ours).toEqual(measured.ioctls);
  });
});

describe('what a generation says', () => {
  test.each(GENERATIONS)('$id explains everything in one sentence', (g) => {
    const documented = [
      { what: g.id, doc: g.doc },
      ...[...g.structs.values()].flatMap((s) => [
        { what: s.name, doc: s.doc },
        ...walkFields(s).map(({ path, field }) => ({ what: `${s.name}.${path}`, doc: field.doc })),
      ]),
      ...[...g.constants.values(), ...g.ioctls.values(), ...g.calls.values(), ...g.quirks.values()].map((item) => {
        return { what: item.name, doc: item.doc };
      }),
    ];
    for (const { what, doc } of documented) {
      expect(doc, what).toMatch(/^[A-Z].*[^.]\.$/);
      expect(doc, what).not.toMatch(/[.!?]\s/);
    }
  });

  test.each(GENERATIONS)('$id explains no two constants of a field alike', ({ constants }) => {
    const docs = [...constants.values()].map((c) => `${c.group}: ${c.doc}`);
    expect(docs.filter((doc, i) => docs.indexOf(doc) !== i)).toEqual([]);
  });

  test.each(GENERATIONS)('every struct, constant, ioctl and call of $id names its source', (g) => {
    for (const { name, source } of [
      ...g.structs.values(),
      ...g.constants.values(),
      ...g.ioctls.values(),
      ...g.calls.values(),
    ])
      expect(source, name).toMatch(/include\/(uapi\/)?linux\/(iommu|vfio|iommufd)\.h|iommufd_test\.h/);
  });

  const fields = GENERATIONS.flatMap(({ id, structs, constants }) =>
    [...structs.values()].flatMap((s) =>
      walkFields(s).map(({ field, path }) => ({
        field,
        where: `${id}: ${s.name}.${path}`,
        value: (name: string): bigint => constants.get(name)!.value,
      })),
    ),
  );

  test('a bit of a field is a power of two, and no two bits of a field are one', () => {
    for (const { field, where, value } of fields) {
      const bits = (field.flags ?? []).map(value);
      expect(new Set(bits).size, where).toBe(bits.length);
      for (const bit of bits) expect(bit & (bit - 1n), where).toBe(0n);
    }
  });

  test('values and bits fit the field that names them', () => {
    for (const { field, where, value } of fields)
      for (const name of [...(field.flags ?? []), ...(field.oneOf ?? [])])
        expect(value(name) >> BigInt(8 * field.size), `${where}: ${name}`).toBe(0n);
  });

  test('no field is both written only and read too', () => {
    for (const { field, where } of fields) expect(field.out && field.inout, where).toBeFalsy();
  });

  test('every quirk of the version is on, the later check is there', () => {
    expect([...v6.quirks.values()].filter((q) => !q.on).map((q) => q.name)).toEqual(['vendor_size_unchecked']);
  });

  test('the known ids are those with tables, under their titles, and bare', () => {
    expect([...KNOWN_GENERATION_IDS.keys()]).toEqual(GENERATIONS.map((g) => g.id));
    expect(GENERATIONS.at(-1)!.id).toBe('bare');
    expect(findGeneration('bare')!.structs.size).toBe(0);
    for (const g of GENERATIONS) expect(KNOWN_GENERATION_IDS.get(g.id)).toBe(g.title);
    expect(new Set(KNOWN_GENERATION_IDS.values()).size).toBe(KNOWN_GENERATION_IDS.size);
  });

  test('an unknown generation is not found', () => {
    expect(findGeneration('vfio-1999')).toBeUndefined();
  });
});

describe('pahole text', () => {
  const text = (name: string) => paholeText(v6.structs.get(name)!);

  test('opens nested members and counts from the outermost struct', () => {
    expect(text('vfio_iommu_type1_pasid_request')).toBe(
      [
        'struct vfio_iommu_type1_pasid_request {',
        '    __u32 argsz;                                    /*     0     4 */',
        '    __u32 flags;                                    /*     4     4 */',
        '    struct {',
        '        __u32 min;                                  /*     8     4 */',
        '        __u32 max;                                  /*    12     4 */',
        '    } range;                                        /*     8     8 */',
        '',
        '    /* size: 16, cachelines: 1, members: 3 */',
        '};',
        '',
      ].join('\n'),
    );
  });

  test('names a hole', () => {
    expect(text('vfio_iommu_type1_info_cap_migration')).toContain('/* XXX 4 bytes hole */');
    expect(text('vfio_iommu_type1_info_cap_migration')).toContain('/* sum members: 28, holes: 1, sum holes: 4 */');
  });

  test('names the padding at the end', () => {
    expect(text('vfio_iommu_type1_info')).toContain('/* padding: 4 */');
  });

  test('puts the members of an unnamed union together again', () => {
    expect(text('iommu_fault')).toMatch(/^ {4}union \{\n(?: {8}.*\n)+ {4}\}; +\/\* +8 +56 \*\/$/m);
  });

  test('keeps to 72 columns', () => {
    for (const s of structs) for (const line of paholeText(s).split('\n')) expect(line.length).toBeLessThanOrEqual(72);
  });
});

describe('codec', () => {
  /** A place that holds one number: a field of up to 8 bytes or an array element. */
  const places = structs.flatMap((s) =>
    [...walkFields(s)].flatMap(({ field, offset, path }) => {
      if (field.kind !== 'uint' && field.kind !== 'array') return [];
      return Array.from({ length: field.size / field.element }, (_, i) => ({
        struct: s,
        path,
        offset: offset + i * field.element,
        size: field.element,
      }));
    }),
  );

  test('what is put is got, and nothing else changes', () => {
    const putting = fc
      .constantFrom(...places)
      .chain((place) =>
        fc.tuple(
          fc.constant(place),
          fc.bigInt({ min: 0n, max: (1n << BigInt(8 * place.size)) - 1n }),
          fc.uint8Array({ minLength: place.struct.size, maxLength: place.struct.size }),
        ),
      );
    fc.assert(
      fc.property(putting, ([{ offset, size }, value, before]) => {
        const bytes = before.slice();
        putUint(bytes, offset, size, value);
        expect(getUint(bytes, offset, size)).toBe(value);
        expect(bytes.slice(0, offset)).toEqual(before.slice(0, offset));
        expect(bytes.slice(offset + size)).toEqual(before.slice(offset + size));
      }),
      cases(100),
    );
  });

  test('stores little-endian', () => {
    const bytes = new Uint8Array(4);
    putUint(bytes, 0, 4, 0x11223344n);
    expect([...bytes]).toEqual([0x44, 0x33, 0x22, 0x11]);
  });

  test('drops what lies past the end and reads 0 there', () => {
    const bytes = new Uint8Array(2);
    putUint(bytes, 0, 4, 0x11223344n);
    expect(getUint(bytes, 0, 4)).toBe(0x3344n);
  });

  test('every path that is walked is located at the same place', () => {
    for (const s of structs)
      for (const walked of walkFields(s)) expect(locate(s, walked.path.split('.'))).toEqual(walked);
  });

  test('a path that leads nowhere tells how far it got', () => {
    const bind = v6.structs.get('iommu_gpasid_bind_data')!;
    expect(locate(bind, ['vendor', 'vtd', 'colour'])).toMatchObject({
      missing: 2,
      parent: { name: 'iommu_gpasid_bind_data_vtd' },
    });
  });

  test('offsetofend is where the least argsz of a bind ends', () => {
    const padding = locate(v6.structs.get('iommu_gpasid_bind_data')!, ['padding']);
    expect('field' in padding && offsetofend(padding)).toBe(56);
  });
});

describe('broken tables throw at load', () => {
  const info = { doc: 'A struct.', source: 'test' };
  const a = u32('a', { doc: 'A field.' });
  const one = { name: 'ONE', value: 1n, group: 'N', doc: 'One.', source: 'test' };
  const s = struct('s', info, [a]);
  const sound: GenerationData = {
    id: 'g',
    title: 't',
    doc: 'A generation.',
    model: 'vtd',
    structs: [s],
    constants: [one],
    ioctls: [{ name: 'CALL', number: 0x3b64, struct: 's', doc: 'A call.', source: 'test' }],
    kinds: [{ kind: 'k', struct: 's', ioctl: 'CALL' }],
    quirks: [{ name: 'q', on: true, doc: 'A quirk.', evidence: 'derived' }],
  };
  const chosen = (field: string, member: string) =>
    struct('s', info, [a, union('of', { doc: 'A union.' }, { field, members: { ONE: member } }, [u64('wide', a)])]);

  test('a sound one loads', () => {
    expect(generation({ ...sound, structs: [chosen('a', 'wide')] }).structs.get('s')!.size).toBe(16);
  });

  test.each<[string, () => unknown, string]>([
    ['two fields of a name', () => struct('s', info, [a, a]), 's: two fields are called a'],
    [
      'a name twice through an unnamed union',
      () => struct('s', info, [a, overlay([u8('b', a), array('a', 1, 4, a)])]),
      's: two fields are called a',
    ],
    [
      'a flexible array before the end',
      () => struct('s', info, [flex('f', '__u8', 1, 1, a), a]),
      's.f: a flexible array must be last',
    ],
    ['a selector that is no field', () => chosen('b', 'wide'), 's.of is selected by b, which is not a field of s'],
    ['a selected member that is none', () => chosen('a', 'thin'), 's.of selects thin, which is not a member of it'],
    ['a struct twice', () => generation({ ...sound, structs: [s, s] }), 'g: s is listed twice'],
    ['a constant twice', () => generation({ ...sound, constants: [one, one] }), 'g: ONE is listed twice'],
    [
      'an ioctl twice',
      () => generation({ ...sound, ioctls: [...sound.ioctls, ...sound.ioctls] }),
      'g: CALL is listed twice',
    ],
    ['a kind twice', () => generation({ ...sound, kinds: [...sound.kinds, ...sound.kinds] }), 'g: k is listed twice'],
    [
      'a quirk twice',
      () => generation({ ...sound, quirks: [...sound.quirks, ...sound.quirks] }),
      'g: q is listed twice',
    ],
    [
      'an ioctl on a struct that is not there',
      () => generation({ ...sound, ioctls: [{ ...sound.ioctls[0]!, struct: 'x' }] }),
      'g: CALL takes x, which is not listed',
    ],
    [
      'a kind of a struct that is not there',
      () => generation({ ...sound, kinds: [{ kind: 'k', struct: 'x' }] }),
      'g: kind k means x, which is not listed',
    ],
    [
      'a kind of an ioctl that is not there',
      () => generation({ ...sound, kinds: [{ kind: 'k', struct: 's', ioctl: 'X' }] }),
      'g: kind k is submitted by X, which is not listed',
    ],
    [
      'a bit that is no constant',
      () => generation({ ...sound, structs: [struct('s', info, [{ ...a, flags: ['X'] }])] }),
      'g: s.a names X, which is not listed',
    ],
    [
      'a nested value that is no constant',
      () => generation({ ...sound, structs: [struct('s', info, [inlineStruct('in', a, [{ ...a, oneOf: ['X'] }])])] }),
      'g: s.in.a names X, which is not listed',
    ],
    [
      'a union chosen by what is no constant',
      () => generation({ ...sound, structs: [chosen('a', 'wide')], constants: [] }),
      'g: s.of names ONE, which is not listed',
    ],
    [
      'two names for one field',
      () => struct('s', info, [a, u32('b', { ...a, doc: 'B.', aliases: ['a'] })]),
      's: two fields are called a',
    ],
    [
      'a payload with the length of no field',
      () => struct('s', info, [u64('p', { doc: 'P.', target: { length: 'x' } })]),
      's.p is described by x, which is not a field of s',
    ],
    [
      'a payload that is no struct',
      () =>
        generation({ ...sound, structs: [struct('s', info, [a, u64('p', { doc: 'P.', target: { struct: 'x' } })])] }),
      'g: s.p leads to x, which is not listed',
    ],
    [
      'a payload chosen by what is no constant',
      () =>
        generation({
          ...sound,
          structs: [struct('s', info, [a, u64('p', { doc: 'P.', target: { by: 'a', to: { X: 's' } } })])],
        }),
      'g: s.p names X, which is not listed',
    ],
    [
      'a call of a struct that is not there',
      () => generation({ ...sound, calls: [{ name: 'bind', struct: 'x', doc: 'B.', source: 'C' }] }),
      'g: bind takes x, which is not listed',
    ],
    [
      'a member of a struct that is not there',
      () => generation({ ...sound, structs: [s, struct('t', info, [nested('in', struct('x', info, [a]), a)])] }),
      'g: t.in holds x, which is not listed',
    ],
    [
      'a difference that drops nothing',
      () => extend(generation(sound), { id: 'h', title: 't', drop: ['x'] }),
      'h drops x, which g does not have',
    ],
  ])('%s', (_, load, message) => {
    expect(load).toThrow(message);
  });

  test('a difference drops, replaces and adds', () => {
    const two = { ...one, name: 'TWO', value: 2n };
    const next = extend(generation(sound), {
      id: 'h',
      title: 't',
      drop: ['q', 'ONE'],
      structs: [struct('s', info, [u64('a', a)])],
      constants: [two],
    });
    expect(next.quirks.size).toBe(0);
    expect([...next.constants.keys()]).toEqual(['TWO']);
    expect(next.structs.get('s')!.size).toBe(8);
    expect(next.calls.size).toBe(0);
  });

  test('a difference carries calls over, and says itself whether it is a header alone', () => {
    const call = { name: 'bind', struct: 's', doc: 'Binds.', source: 'C' };
    const base = generation({ ...sound, calls: [call], header: true });
    expect(base.header).toBe(true);
    const next = extend(base, { id: 'h', title: 't', calls: [{ ...call, name: 'unbind' }] });
    expect([...next.calls.keys()]).toEqual(['bind', 'unbind']);
    expect(next.header).toBeUndefined();
    expect([...extend(next, { id: 'i', title: 't', drop: ['bind'], header: true }).calls.keys()]).toEqual(['unbind']);
  });
});
