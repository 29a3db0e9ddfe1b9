import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { layoutOfPayload } from '../../server/features/layout-text.ts';
import { type FileHost, resolve } from '../../server/language/resolve.ts';
import { filesHost, GUEST } from '../run-text.ts';

/** The layout at the `$0` of a fixture. */
function layoutAt(fixture: string, host: FileHost = filesHost({})): ReturnType<typeof layoutOfPayload> {
  const offset = fixture.indexOf('$0');
  return layoutOfPayload(resolve('test.vsva', fixture.replace('$0', ''), host), offset);
}

function textAt(fixture: string): string {
  const answer = layoutAt(fixture);
  if ('problem' in answer) throw new Error(answer.problem);
  return answer.text;
}

describe('a payload as a table', () => {
  test('fields with offsets, sizes, values and bits; what a run knows is ??', () => {
    const text = textAt(`uapi vfio-2020-07
pagetable gpt x86-64 at 0x1000_0000 { 0x7f00_0000_0000 -> 0x4000_0000 rw }
bind_data gu$0est {
  argsz = sizeof, version = 1, format = IOMMU_PASID_FORMAT_INTEL_VTD, addr_width = 48
  flags = 0x3, gpgd = gpt.root, hpasid = pasid, vendor.vtd.flags = 0x21
}
scenario "s" { submit 1 to VFIO_SET_IOMMU as pasid }`);
    expect(text).toBe(`struct iommu_gpasid_bind_data guest, 72 bytes
include/uapi/linux/iommu.h (5.10)

at    size  field       value
0x00     4  argsz       72 (0x48)
0x04     4  version     1 IOMMU_GPASID_BIND_VERSION_1
0x08     4  format      1 IOMMU_PASID_FORMAT_INTEL_VTD
0x0c     4  addr_width  48
0x10     8  flags       0x3
                        bit 0 IOMMU_SVA_GPASID_VAL
                        bit 1 unknown
0x18     8  gpgd        0x1000_0000
0x20     8  hpasid      ?? (pasid)
0x28     8  gpasid      0
0x30     8  padding     zero
0x38    16  vendor
0x38    16    vtd
0x38     8      flags   0x21
                        bit 0 IOMMU_SVA_VTD_GPASID_SRE
                        bit 5 IOMMU_SVA_VTD_GPASID_CD
0x40     4      pat     0
0x44     4      emt     0

0x0000  48 00 00 00 01 00 00 00  01 00 00 00 30 00 00 00
0x0010  03 00 00 00 00 00 00 00  00 00 00 10 00 00 00 00
0x0020  ?? ?? ?? ?? ?? ?? ?? ??  00 00 00 00 00 00 00 00
0x0030  00 00 00 00 00 00 00 00  21 00 00 00 00 00 00 00
0x0040  00 00 00 00 00 00 00 00

?? is known only when a scenario runs.
`);
  });

  test('padding that C inserts is a row without a name', () => {
    const text = textAt('uapi vfio-2020-07\nstruct vfio_iommu_type1_info in$0fo { argsz = sizeof }');
    expect(text).toContain('0x14     4                padding, zero');
  });

  test('of a union the member that the selector chooses', () => {
    const text = textAt(
      'uapi vfio-2020-07\ncache_invalidate_info a$0 { granularity = IOMMU_INV_GRANU_PASID, cache = IOMMU_CACHE_INV_TYPE_IOTLB }',
    );
    expect(text).toMatch(/^0x10 {4}16 {4}pasid_info$/m);
    expect(text).not.toContain('addr_info');
    expect(text).toContain('1 IOMMU_INV_GRANU_PASID');
    expect(text).toContain('0x1 bit 0 IOMMU_CACHE_INV_TYPE_IOTLB');
  });

  test('of an unnamed union the member that is given', () => {
    const text = textAt('uapi vfio-2020-07\nstruct iommu_fault f$0 { prm.pasid = 7 }');
    expect(text).toMatch(/ {4}40 {2}prm/);
    expect(text).not.toContain('event');
  });

  test('what is carried in data follows it, with its own unknown bytes', () => {
    const text = textAt(`uapi vfio-2020-07${GUEST}
scenario "s" { submit alloc as pasid
submit fl$0ush }`);
    expect(text).toContain('struct vfio_iommu_type1_nesting_op flush, 64 bytes');
    expect(text).toMatch(/^0x20 {5}8 {8}pasid +\?\? \(pasid\)$/m);
    expect(text).toContain('0x0020  ?? ?? ?? ?? ?? ?? ?? ??  00 00 00 00 00 7f 00 00');
  });

  test('arrays, raw bytes and elements', () => {
    const array = textAt('uapi vfio-2020-07\narray both$0 of iommu_inv_pasid_info { { pasid = 1 }, { pasid = 2 } }');
    expect(array).toContain('array of struct iommu_inv_pasid_info both, 32 bytes');
    expect(array).toMatch(/^0x18 {5}8 {4}pasid +2$/m);
    expect(textAt('uapi vfio-2020-07\nraw de$0ad bytes "de ad be ef"')).toBe(
      'raw dead, 4 bytes\n\n0x0000  de ad be ef\n',
    );
    expect(textAt('uapi vfio-2020-07\nraw big$0 size 64K')).toContain('and 64512 more bytes');
  });

  test('an inline payload, inside and on its step', () => {
    const step = 'submit pasid_request { argsz = sizeof, range = { min = 1, m$0ax = 2 } }';
    expect(textAt(`uapi vfio-2020-07\nscenario "s" { ${step} }`)).toContain('pasid_request, 16 bytes');
    const elsewhere = step.replace('$0', '').replace('submit', 'sub$0mit');
    expect(textAt(`uapi vfio-2020-07\nscenario "s" { ${elsewhere} }`)).toContain('pasid_request, 16 bytes');
  });

  test('a value given twice counts as it was given last', () => {
    const text = textAt(`uapi vfio-2020-07
pasid_request a { flags = later }
pasid_request b$0 = a { flags = 1 }
scenario "s" { let later = 2 }`);
    expect(text).not.toContain('??');
  });

  test('says why there is none', () => {
    expect(layoutAt('uapi vfio-2020-07\nlet a$0 = 1')).toHaveProperty('problem');
    expect(layoutAt('bind_data a$0 { argsz = 1 }')).toHaveProperty('problem');
    expect(layoutAt('uapi vfio-2020-07\nstruct nothing a$0 { x = 1 }')).toHaveProperty('problem');
    expect(layoutAt('$0')).toHaveProperty('problem');
  });

  test('payloads that contain themselves and mistakes come to an end', () => {
    const text = textAt('uapi vfio-2020-07\nnesting_op a$0 { argsz = sizeof, data = a, flags = "x" }');
    expect(text).toContain('Error: ');
  });
});

test('no line of any payload of the examples is wider than 72 columns', () => {
  const folder = 'examples';
  const host: FileHost = {
    resolve: (from, path) => join(dirname(from), path),
    read: (file) => readFileSync(file, 'utf8'),
  };
  for (const name of readdirSync(folder).filter((f) => f.endsWith('.vsva'))) {
    const file = join(folder, name);
    const text = readFileSync(file, 'utf8');
    const resolved = resolve(file, text, host);
    for (const declaration of resolved.sources[0]!.program.declarations) {
      if (declaration.kind !== 'payload') continue;
      const answer = layoutOfPayload(resolved, declaration.start);
      const lines = 'text' in answer ? answer.text.split('\n') : [];
      expect(lines.length, `${name}: ${declaration.name?.text}`).toBeGreaterThan(2);
      for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(72);
    }
  }
});
