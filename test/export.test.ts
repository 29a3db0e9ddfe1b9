/** Payloads and scenarios in other languages: compilers say whether the text is right, and what bytes it makes. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  encodePayload,
  GENERATIONS,
  type Generation,
  Names,
  putUint,
  type Struct,
  walkFields,
} from '../engine/index.ts';
import { decodePayload } from '../server/features/decode.ts';
import { exportNamed, type Format } from '../server/features/export.ts';
import { type Resolved, resolve } from '../server/language/resolve.ts';
import { cases } from './property.ts';
import { filesHost, scenarioText } from './run-text.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const has = (compiler: string): boolean => spawnSync(compiler, ['--version']).status === 0;
/** Without a compiler its tests are skipped, and the report says which. */
const GCC = has('gcc');
const RUSTC = has('rustc');

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'vsva-export-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const read = (text: string): Resolved => resolve('test.vsva', text, filesHost({}));

function exported(resolved: Resolved, name: string | undefined, format: Format = 'c', headers = false): string {
  const answer = exportNamed(resolved, name, { format, headers });
  if ('problem' in answer) throw new Error(answer.problem);
  return answer.text;
}

/** Compiles with all warnings as errors, and answers what the program prints. */
function runC(text: string): string {
  const [source, binary] = [join(directory, 'x.c'), join(directory, 'x')];
  writeFileSync(source, text);
  const compiled = spawnSync('gcc', ['-Wall', '-Werror', '-std=gnu11', '-o', binary, source], { encoding: 'utf8' });
  expect(compiled.stderr).toBe('');
  const ran = spawnSync(binary, [], { encoding: 'utf8', timeout: 20_000 });
  expect([ran.status, ran.signal, ran.stderr]).toEqual([0, null, '']);
  return ran.stdout;
}

function compilesC(text: string): void {
  const { stderr } = spawnSync('gcc', ['-Wall', '-Werror', '-std=gnu11', '-fsyntax-only', '-xc', '-'], {
    input: text,
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
}

/** Payloads of all structs that have fields, with values that a seed draws. */
function fileOf(generation: Generation): { readonly resolved: Resolved; readonly names: readonly string[] } {
  const structs = [...generation.structs.values()].filter(({ name }) => /^\w+$/.test(name));
  const texts = structs.map((struct, i) => decodePayload(drawn(struct), struct, generation, `x${i}`).text);
  const resolved = read(`uapi ${generation.id}\n${texts.join('\n')}`);
  expect(resolved.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return { resolved, names: [...resolved.scenarioFile!.payloads.keys()] };
}

function drawn(struct: Struct): Uint8Array {
  const leaves = walkFields(struct).filter(({ field }) => field.kind === 'uint');
  const { seed } = cases(1);
  const [values] = fc.sample(fc.array(fc.maxSafeNat(), { minLength: leaves.length, maxLength: leaves.length }), {
    seed: seed + struct.size + leaves.length,
    numRuns: 1,
  });
  const bytes = new Uint8Array(struct.size + (struct.fields.at(-1)?.kind === 'flex' ? 11 : 0)).fill(7, struct.size);
  for (const [i, { field, offset }] of leaves.entries()) putUint(bytes, offset, field.size, BigInt(values![i]!));
  return bytes;
}

function bytesIn(resolved: Resolved, name: string): string {
  const file = resolved.scenarioFile!;
  const { bytes } = encodePayload(file.payloads.get(name)!, Names.lasting(file, new Set()));
  return Buffer.from(bytes).toString('hex');
}

describe.runIf(GCC)('C (needs gcc)', () => {
  test.each(
    GENERATIONS.filter(({ structs }) => structs.size > 0).map((generation) => [generation.id, generation] as const),
  )(
    'every struct of %s has the bytes in C that it has here',
    (_id, generation) => {
      const { resolved, names } = fileOf(generation);
      const print = names.map((name) => `\tdump("${name}", &${name}, sizeof(${name}));\n`).join('');
      const main = `#include <stdio.h>
static void dump(const char *name, const void *from, size_t size)
{
	const unsigned char *at = from;
	printf("%s ", name);
	for (size_t i = 0; i < size; i++)
		printf("%02x", at[i]);
	printf("\\n");
}
int main(void)
{
${print}	return 0;
}
`;
      const printed = runC(`${exported(resolved, undefined)}\n${main}`)
        .trim()
        .split('\n');
      expect(printed).toEqual(names.map((name) => `${name} ${bytesIn(resolved, name)}`));
    },
    60_000,
  );

  test('constants and sizeof keep their names, a run value is a parameter', () => {
    const text = exported(read(scenarioText('submit alloc as pasid\nsubmit flush')), 'flush');
    expect(text).toContain('.head.flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD,');
    expect(text).toContain('.head.argsz = sizeof(flush),');
    expect(text).toContain('.data.granu.addr_info.pasid = pasid,');
    expect(text).toContain('static inline void fill_flush(void *to, __u64 pasid)');
    expect(text).toContain('_Static_assert(offsetof(struct iommu_inv_addr_info, nb_granules) == 32,');
    compilesC(`${text}\nvoid use(void *to);\nvoid use(void *to) { fill_flush(to, 1); }\n`);
  });

  test('what a payload points at comes in front of it', () => {
    const text = exported(
      read(`uapi iommufd-6.8
array entries of iommu_hwpt_vtd_s1_invalidate { { addr = 4096, npages = 1 }, { npages = ~0 } }
struct iommu_hwpt_invalidate flush {
  size = sizeof, hwpt_id = 3, data_uptr = &entries, data_type = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1
  entry_len = sizeof(struct iommu_hwpt_vtd_s1_invalidate), entry_num = 2
}`),
      'flush',
    );
    expect(text).toContain('.data_uptr = (__u64)(uintptr_t)&entries,');
    compilesC(text);
  });

  test('with the headers of the system, where it has them', (context) => {
    const header = spawnSync('gcc', ['-fsyntax-only', '-xc', '-'], { input: '#include <linux/vfio.h>\n' });
    if (header.status !== 0) context.skip('linux/vfio.h is not installed');
    const text = exported(
      read('uapi vfio-2020-07\nstruct vfio_iommu_type1_dma_map m { argsz = sizeof, flags = VFIO_DMA_MAP_FLAG_READ }'),
      'm',
      'c',
      true,
    );
    expect(text).toContain('#include <linux/vfio.h>');
    expect(text).not.toContain('struct vfio_iommu_type1_dma_map {');
    compilesC(text);
  });
});

/** Everything that a program can do, in one scenario. */
const ALL_STEPS = `
  submit alloc as pasid expect ok
  submit bind fail_nth 1 expect hidden ENOMEM
  submit bind mapped 40 as result expect EFAULT
  expect result.flags == 0
  submit pasid_request = alloc { argsz = result.argsz } expect "never" == 1 or EINVAL
  read user &both + 8 as second
  write user &room u32 = 0x1234
  read user &room + 4K expect EFAULT
  submit VFIO_TYPE1v2_IOMMU to VFIO_SET_IOMMU expect EINVAL
  submit &room to VFIO_IOMMU_GET_INFO
  dma read dev0 pasid pasid at 0x7f00_0000_0000 as access expect any
  map gpt 0x7f00_0010_0000 -> 0x4000_0000 rw
  let twice = (pasid << 1) + ~0 & 0xff
  for i in 0..3 { submit flush }
  for i in [1, twice, 1 << 40] { submit flush }
  note "a \\"note\\" */ with % all ?? of it"
  detach dev0
  attach dev0
  exit
`.replace('expect "never" == 1 or EINVAL', 'expect EINVAL');

describe.runIf(GCC)('a scenario as a program (needs gcc)', () => {
  const lines = (text: string): Record<string, unknown>[] =>
    runC(text)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  test('without the hardware every call tells its errno, and nothing crashes', () => {
    const declarations = 'array both of iommu_inv_pasid_info { { pasid = 1 }, { pasid = 2 } }\nraw room size 64';
    const text = exported(read(scenarioText(ALL_STEPS, { declarations })), 's');
    const printed = lines(text);
    expect(printed[0]).toMatchObject({ call: 'open', path: '/dev/vfio/vfio' });
    const calls = printed.filter(({ call }) => call === 'VFIO_IOMMU_NESTING_OP');
    expect(calls.map(({ errno }) => errno)).toEqual(Array(8).fill('EBADF'));
    expect(calls[0]).toMatchObject({ returned: -9, expected: 'hidden ENOMEM' });
    expect(printed.filter(({ call }) => call === 'read user').map(({ value, errno }) => errno ?? value)).toEqual([
      1,
      'EFAULT',
    ]);
    expect(printed.find(({ note }) => note !== undefined)).toMatchObject({ note: 'a "note" */ with % all ?? of it' });
    expect(text).toContain('/* no equivalent in user space */');
    expect(text).toContain('.data.hpasid = pasid,');
  });

  test('a scenario with values runs once for each', () => {
    const text = exported(
      read(`uapi vfio-2020-07
scenario "sizes" for size in [0, 8, 15] {
  submit pasid_request { argsz = size, flags = VFIO_IOMMU_FLAG_ALLOC_PASID } expect EINVAL
}`),
      'sizes',
    );
    expect(lines(text).filter(({ call }) => call === 'VFIO_IOMMU_PASID_REQUEST')).toHaveLength(3);
  });

  test('an iommufd with its objects by the ids that calls return', () => {
    const text = exported(
      read(`uapi iommufd-6.17
struct iommu_hwpt_alloc parent {
  size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id
}
struct iommu_hwpt_vtd_s1 stage1 { pgtbl_addr = 0x1000, addr_width = 48 }
struct iommu_hwpt_alloc nested {
  size = sizeof, dev_id = dev0.id, pt_id = made.out_hwpt_id
  data_type = IOMMU_HWPT_DATA_VTD_S1, data_len = sizeof(stage1), data_uptr = &stage1
}
scenario "nest" {
  submit parent as made
  submit nested as inner
  attach dev0 to inner.out_hwpt_id
  attach dev0 to inner.out_hwpt_id pasid 5
  detach dev0
}`),
      'nest',
    );
    expect(text).toContain('.pt_id = made_parent.out_hwpt_id,');
    expect(text).toContain('.data_uptr = (__u64)(uintptr_t)stage1,');
    expect(lines(text).map(({ call }) => call)).toEqual([
      'open',
      'open',
      'VFIO_DEVICE_BIND_IOMMUFD',
      'IOMMU_IOAS_ALLOC',
      'IOMMU_HWPT_ALLOC',
      'IOMMU_HWPT_ALLOC',
      'VFIO_DEVICE_ATTACH_IOMMUFD_PT',
      'VFIO_DEVICE_ATTACH_IOMMUFD_PT',
      'VFIO_DEVICE_DETACH_IOMMUFD_PT',
    ]);
  });

  test.each(readdirSync(join(ROOT, 'examples')).filter((name) => name.endsWith('.vsva')))('%s compiles', (name) => {
    const folder = join(ROOT, 'examples');
    const resolved = resolve(join(folder, name), readFileSync(join(folder, name), 'utf8'), {
      resolve: (from, path) => join(dirname(from), path),
      read: (file) => readFileSync(file, 'utf8'),
    });
    const { scenarios = [], generation } = resolved.scenarioFile ?? {};
    if (generation && generation.ioctls.size > 0)
      for (const { title } of scenarios.slice(0, 2)) compilesC(exported(resolved, title));
  });
});

describe.runIf(RUSTC)('Rust (needs rustc)', () => {
  test.each(['vfio-2020-07', 'vfio-2020-03', 'iommufd-7.2'])(
    'every struct of %s compiles with its asserts and has the same bytes',
    (id) => {
      const { resolved, names } = fileOf(GENERATIONS.find((generation) => generation.id === id)!);
      const whole = names.filter((name) => !hasHoles(resolved, name));
      const modules = names.map((name) => `mod ${name} {\n${exported(resolved, name, 'rust')}}\n`).join('');
      const print = whole.map((name) => `    dump("${name}", &${name}::${name.toUpperCase()});\n`).join('');
      const main = `fn dump<T>(name: &str, value: &T) {
    let bytes = unsafe { core::slice::from_raw_parts(value as *const T as *const u8, core::mem::size_of::<T>()) };
    println!("{} {}", name, bytes.iter().map(|b| format!("{:02x}", b)).collect::<String>());
}
fn main() {
${print}}
`;
      const [source, binary] = [join(directory, 'x.rs'), join(directory, 'rust')];
      writeFileSync(source, modules + main);
      const compiled = spawnSync('rustc', ['--edition', '2021', '-o', binary, source], { encoding: 'utf8' });
      expect(compiled.status, compiled.stderr).toBe(0);
      const { stdout } = spawnSync(binary, [], { encoding: 'utf8' });
      expect(stdout.trim().split('\n')).toEqual(whole.map((name) => `${name} ${bytesIn(resolved, name)}`));
    },
    120_000,
  );
});

/** Bytes between fields are whatever a compiler leaves there. */
function hasHoles(resolved: Resolved, name: string): boolean {
  const { node } = resolved.scenarioFile!.payloads.get(name)!;
  const { structs, kinds } = resolved.scenarioFile!.generation;
  const struct = structs.get(node.struct?.text ?? kinds.get(node.word.text)?.struct ?? '');
  if (!struct) return false;
  const covered = new Uint8Array(struct.size);
  for (const { field, offset } of walkFields(struct)) if (!field.struct) covered.fill(1, offset, offset + field.size);
  return covered.includes(0);
}

describe('hex', () => {
  test('is what decode reads', () => {
    const resolved = read(
      'uapi vfio-2020-07\npasid_request a { argsz = sizeof, flags = 1, range { min = 5, max = 9 } }',
    );
    expect(exported(resolved, 'a', 'hex')).toBe('10 00 00 00 01 00 00 00 05 00 00 00 09 00 00 00\n');
  });
  test('a payload that waits for a run has none, and says what for', () => {
    const answer = exportNamed(read(scenarioText('submit alloc as pasid')), 'bind', { format: 'hex', headers: false });
    expect(answer).toEqual({
      problem: 'bind has no bytes yet: pasid is known only when a scenario runs; --as c takes it as a parameter',
    });
  });
});

describe('what cannot be exported says why', () => {
  const options = { format: 'c', headers: false } as const;
  test.each([
    ['an unknown name', 'uapi vfio-2020-07\nraw r size 1', 'q', 'there is no payload or scenario "q"; it has r'],
    ['nothing declared', 'uapi vfio-2020-07\nscenario "s" {}', undefined, 'the file declares no payload; it has "s"'],
    ['a header alone', 'uapi iommu-5.10\nscenario "s" {}', 's', 'iommu-5.10 has no ioctls'],
    ['no generation', 'raw r size 1', 'r', 'the file names no generation whose structs are known'],
  ])('%s', (_what, text, name, problem) => {
    expect(exportNamed(read(text), name, options)).toEqual({ problem: expect.stringContaining(problem) });
  });
});
