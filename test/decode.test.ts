import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  encodePayload,
  findGeneration,
  GENERATIONS,
  type Generation,
  Names,
  putUint,
  type Struct,
  walkFields,
} from '../engine/index.ts';
import { decodePayload } from '../server/features/decode.ts';
import { readInput } from '../server/features/decode-input.ts';
import { pastePayload } from '../server/features/decode-paste.ts';
import { guessStruct } from '../server/features/decode-struct.ts';
import { resolve } from '../server/language/resolve.ts';
import { cases } from './property.ts';

/**
 * Bytes to payload and back, for every struct of every generation. `FUZZ_TIMES=29` makes it 100,000 payloads and more.
 */
const PER_STRUCT = 10;
const HOST = { resolve: (_from: string, path: string) => path, read: () => ({ problem: 'no such file' }) };

/** The bytes that the declarations of a decoded text encode to, one behind the other. */
function encoded(text: string, generation: Generation): Uint8Array {
  const resolved = resolve('/decoded.vsva', `uapi ${generation.id}\n${text}`, HOST);
  expect(resolved.diagnostics.filter((d) => d.severity === 'error').map((d) => d.message)).toEqual([]);
  const names = Names.lasting(resolved.scenarioFile!, new Set());
  const bytes = [...resolved.scenarioFile!.payloads.values()].flatMap((declared) => {
    const image = encodePayload(declared, names);
    expect(image.troubles).toEqual([]);
    expect(image.later).toEqual([]);
    const { mapped } = declared.node;
    if (mapped?.kind !== 'int') return [...image.bytes];
    expect(image.bytes.subarray(Number(mapped.value)).every((byte) => byte === 0)).toBe(true);
    return [...image.bytes.subarray(0, Number(mapped.value))];
  });
  return Uint8Array.from(bytes);
}

interface Case {
  readonly bytes: Uint8Array;
  /** Nothing lies between the fields, so the payload is one of the struct and not raw. */
  readonly byFields: boolean;
}

/** Values that mean something, beside values that mean nothing: a field's own constants, small numbers, all bits. */
function bytesOf(struct: Struct, generation: Generation): fc.Arbitrary<Case> {
  const wordOf = (names: readonly string[], size: number): fc.Arbitrary<bigint> => {
    const known = names.map((name) => generation.constants.get(name)!.value);
    const any = fc.bigInt({ min: 0n, max: (1n << BigInt(size * 8)) - 1n });
    return fc.oneof(
      fc.constant(0n),
      any,
      fc.nat(255).map(BigInt),
      ...(known.length > 0 ? [fc.constantFrom(...known)] : []),
    );
  };
  const leaves = walkFields(struct).filter(({ field }) => field.kind === 'uint');
  const sensible = fc
    .tuple(
      fc.tuple(...leaves.map(({ field }) => wordOf(field.oneOf ?? field.flags ?? [], field.size))),
      fc.uint8Array({ maxLength: 96 }),
      fc.nat(2),
    )
    .map(([values, behind, more]) => {
      const tail = more === 0 ? behind : behind.subarray(0, 0);
      const bytes = new Uint8Array(struct.size + tail.length);
      for (const [i, { field, offset }] of leaves.entries()) putUint(bytes, offset, field.size, values[i]!);
      for (const { field, offset } of leaves)
        if (field.role === 'size' && values[0]! % 2n === 0n) putUint(bytes, offset, field.size, BigInt(bytes.length));
      bytes.set(tail, struct.size);
      return bytes;
    });
  return fc.oneof(
    { weight: 3, arbitrary: sensible.map((bytes) => ({ bytes, byFields: true })) },
    {
      weight: 1,
      arbitrary: fc
        .uint8Array({ minLength: 1, maxLength: struct.size + 32 })
        .map((bytes) => ({ bytes, byFields: false })),
    },
  );
}

describe.each(
  GENERATIONS.filter(({ structs }) => structs.size > 0).map((generation) => [generation.id, generation] as const),
)('%s', (_id, generation) => {
  test.each([...generation.structs.values()].map((struct) => [struct.name, struct] as const))(
    'every %s comes back byte for byte',
    (_name, struct) => {
      fc.assert(
        fc.property(bytesOf(struct, generation), ({ bytes, byFields }) => {
          const { text, struct: read } = decodePayload(bytes, struct, generation, 'x');
          if (byFields) expect(read, text).toBeDefined();
          expect(encoded(text, generation), text).toEqual(bytes);
        }),
        cases(PER_STRUCT),
      );
    },
    600_000,
  );
});

const hexOf = (text: string): string => {
  const input = readInput(text);
  if ('problem' in input) return input.problem;
  return Buffer.from(input.bytes).toString('hex') + (input.ioctl === undefined ? '' : ` ${input.ioctl}`);
};

describe('input', () => {
  const wanted = '1000000001000000';
  test.each([
    ['digits', '1000000001000000', wanted],
    ['0x in front', '0x1000000001000000', wanted],
    ['pairs over lines', '10 00 00 00\n01 00 00 00\n', wanted],
    ['an array of C', '{ 0x10, 0x0, 0x0, 0x0, 0x1, 0, 0, 0 };', wanted],
    ['bytes of the language', 'bytes "10 00 00 00 01 00 00 00"', wanted],
    ['a string of C', '"\\x10\\x00\\x00\\x00\\x01\\x00\\x00\\x00"', wanted],
    ['hexdump -C', '00000000  10 00 00 00 01 00 00 00                           |........|\n00000008\n', wanted],
    ['xxd', '00000000: 1000 0000 0100 0000                      ........\n', wanted],
    ['xxd whose characters look like hex', '00000000: 6162 6364                                abcd\n', '61626364'],
    ['a dump in the log', '[   12.3] foo: 00000000: 10 00 00 00 01 00 00 00  ........', wanted],
    [
      'lines that repeat',
      '00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n*\n00000030  ff  |.|\n00000031\n',
      `${'00'.repeat(48)}ff`,
    ],
    ['strace with the bytes in octal', 'ioctl(5, 0x3b76, "\\20\\0\\0\\0\\1\\0\\0\\0") = 0', `${wanted} 15222`],
    ['strace in hex', 'ioctl(5, _IO(0x3b, 0x76), "\\x10\\x00\\x00\\x00\\x01\\x00\\x00\\x00") = 3', `${wanted} 15222`],
    ['strace with an address', 'ioctl(5, _IOC(_IOC_NONE, 0x3b, 0x77, 0), 0x7ffe12345678) = -1 EINVAL', ' 15223'],
    ['strace with a name', '[pid 7] ioctl(5, VFIO_IOMMU_MAP_DMA, 0x7ffe0000) = 0', ' VFIO_IOMMU_MAP_DMA'],
    ['a letter as the type', "ioctl(3, _IO(';', 0x77), 0x1)", ' 15223'],
    ['a direction and a size', 'ioctl(3, _IOC(_IOC_READ|_IOC_WRITE, 0x3b, 0x77, 0x10), 0x1)', ` ${0xc010_3b77}`],
    ['nothing', '  \n', 'there are no bytes'],
    ['half a byte', '123', '"123" has an odd number of digits'],
    ['words', 'hello', '"hello" is not hex; wanted are hex digits, hexdump -C, xxd or a line of strace'],
    [
      'hexdump without -C',
      '0000000 0010 0000\n0000004',
      'hexdump without -C prints words and not bytes: use hexdump -C or xxd',
    ],
    ['a gap', '00000000: 1000  ..\n00000010: 1000  ..', 'the dump jumps to offset 0x10 behind 2 bytes'],
  ])('%s', (_what, text, hex) => expect(hexOf(text)).toBe(hex));

  test('a trace that was cut says so', () =>
    expect(readInput('ioctl(5, 0x3b76, "\\20\\0"...) = 0')).toMatchObject({ cut: true }));
});

const V6 = findGeneration('vfio-2020-07')!;
const guessed = (text: string, generation = V6): string => {
  const input = readInput(text);
  if ('problem' in input) return input.problem;
  const answer = guessStruct(input, generation);
  return 'problem' in answer ? answer.problem : answer.struct.name;
};

describe('the struct, where nobody names it', () => {
  test.each([
    ['that of the ioctl', 'ioctl(3, 0x3b77, "\\10\\0")', 'vfio_iommu_type1_nesting_op'],
    ['that of the ioctl by name', 'ioctl(3, VFIO_IOMMU_MAP_DMA, "\\0")', 'vfio_iommu_type1_dma_map'],
    ['one that tells its size', '10000000 01000000 01000000 64000000', 'vfio_iommu_type1_pasid_request'],
    [
      'one that tells its size, with an unknown flag and something behind it',
      '10000000 01000080 01000000 64000000 cafe',
      'vfio_iommu_type1_pasid_request',
    ],
    [
      'several fit',
      '0c000000 01000000',
      '8 bytes may be vfio_info_cap_header or vfio_iommu_type1_nesting_op; say which it is',
    ],
  ])('%s', (_what, text, struct) => expect(guessed(text)).toBe(struct));

  test('an ioctl of another generation says of which', () =>
    expect(guessed('ioctl(3, 0x3b85, "\\0")')).toMatch(
      /^vfio-2020-07 has no ioctl 0x3b85; it is IOMMU_IOAS_MAP in iommufd-6\.5/,
    ));
});

const decoded = (hex: string, struct: string, generation = V6): string =>
  decodePayload(
    Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex')),
    generation.structs.get(struct)!,
    generation,
    'p',
  ).text;

describe('the payload', () => {
  test('what the header says lies in its data, by names', () => {
    const head = '28000000 02000000';
    const info = '38000000 01000000 0183 000000000000 0300000000000000 0000000000000000';
    expect(
      decoded(`${head} ${info}`, 'vfio_iommu_type1_nesting_op'),
    ).toBe(`// The input ends after 40 of 64 bytes; nothing can be read behind them.
nesting_op p mapped 40 {
  argsz = 40
  flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD
  data  = cache_invalidate_info {
    argsz       = sizeof
    version     = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
    cache       = IOMMU_CACHE_INV_TYPE_IOTLB
    granularity = 131
    granu.pasid_info.flags = IOMMU_INV_PASID_FLAGS_PASID | IOMMU_INV_PASID_FLAGS_ARCHID
  }
}
`);
  });
  test('the member that the selector chooses; a zero that chooses is named', () => {
    expect(decoded('10000000 00000000 05000000 09000000', 'vfio_iommu_type1_nesting_op')).toContain(
      'flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL',
    );
    const pasid = `38000000 01000000 01 01 000000000000 01000000 00000000 0500000000000000 ${'00'.repeat(32)}`;
    expect(decoded(pasid, 'iommu_cache_invalidate_info')).toContain(`  granu.pasid_info {
    flags = IOMMU_INV_PASID_FLAGS_PASID
    pasid = 5
  }`);
  });
  test('unknown flags are kept beside the known ones', () => {
    const info = decoded('03000080 00000000 0700000000000000', 'iommu_inv_pasid_info');
    expect(info).toContain('flags = IOMMU_INV_PASID_FLAGS_PASID | IOMMU_INV_PASID_FLAGS_ARCHID | 0x80000000');
  });
  test('what lies behind it is a raw of its own', () => {
    expect(
      decoded('10000000 01000000 01000000 64000000 dead', 'vfio_iommu_type1_pasid_request'),
    ).toBe(`pasid_request p {
  argsz = sizeof
  flags = VFIO_IOMMU_FLAG_ALLOC_PASID
  range {
    min = 1
    max = 100
  }
}

// 2 bytes lay behind p, from offset 16 on; no field of vfio_iommu_type1_pasid_request covers them.
raw p_tail bytes "de ad"
`);
  });
  test('bytes between fields that are not zero make it raw', () => {
    const migration = findGeneration('vfio-2020-07')!;
    const hex = '0100 0100 00000000 00000000 ff000000 0010000000000000 0000010000000000';
    expect(decoded(hex, 'vfio_iommu_type1_info_cap_migration', migration)).toMatch(
      /^\/\/ Not a vfio_iommu_type1_info_cap_migration by its fields: bytes at 0xc are not zero, .*\nraw p bytes "01 00/,
    );
  });
  test('the length of a payload elsewhere is its sizeof', () => {
    const generation = findGeneration('iommufd-6.8')!;
    const word = (value: bigint | number): string => Buffer.from(Uint32Array.of(Number(value)).buffer).toString('hex');
    const type = generation.constants.get('IOMMU_HWPT_INVALIDATE_DATA_VTD_S1')!.value;
    const entry = generation.structs.get('iommu_hwpt_vtd_s1_invalidate')!.size;
    const words = [32, 3, 0x1000, 0, type, entry, 2, 0].map(word).join('');
    expect(decoded(words, 'iommu_hwpt_invalidate', generation)).toContain(
      'entry_len = sizeof(struct iommu_hwpt_vtd_s1_invalidate)',
    );
  });
});

describe('pasting', () => {
  const file = (text: string) => resolve('/paste.vsva', text, HOST);
  const HEX = '10000000 01000000 01000000 64000000';
  test('goes behind the declaration of the cursor, under a free name', () => {
    const text = 'uapi vfio-2020-07\nraw pasted size 1\nscenario "s" {\n  submit pasted to VFIO_IOMMU_GET_INFO\n}\n';
    const answer = pastePayload(file(text), HEX, undefined, text.indexOf('submit'));
    expect(answer).toMatchObject({ line: 5, text: expect.stringMatching(/^\npasid_request pasted2 \{\n/) });
  });
  test('several structs are there to choose from, the likely ones first', () => {
    const answer = pastePayload(file('uapi vfio-2020-07\n'), '0c000000 01000000', undefined, 18);
    if (!('choose' in answer)) throw new Error(JSON.stringify(answer));
    expect(answer.choose.slice(0, 2).map(({ struct }) => struct)).toEqual([
      'vfio_info_cap_header',
      'vfio_iommu_type1_nesting_op',
    ]);
    expect(answer.choose).toHaveLength(V6.structs.size);
    const chosen = pastePayload(file('uapi vfio-2020-07\n'), '0c000000 01000000', 'vfio_info_cap_header', 18);
    expect(chosen).toMatchObject({ line: 1, text: expect.stringMatching(/^struct vfio_info_cap_header pasted \{/) });
  });
  test.each([
    ['no hex', 'uapi vfio-2020-07', 'hello', '"hello" is not hex'],
    ['no generation', 'raw r size 1', HEX, 'the file names no generation'],
    ['a trace without bytes', 'uapi vfio-2020-07', 'ioctl(3, 0x3b77, 0x7ffe)', 'none of its bytes are here'],
  ])('%s says why not', (_what, text, hex, problem) => {
    expect(pastePayload(file(text), hex, undefined, 0)).toEqual({ problem: expect.stringContaining(problem) });
  });
});
