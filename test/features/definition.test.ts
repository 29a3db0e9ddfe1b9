import { describe, expect, test } from 'vitest';
import { definitionOf } from '../../server/features/definition.ts';
import { resolve } from '../../server/language/resolve.ts';
import { filesHost } from '../run-text.ts';
import { atCursor, checkPlaces } from './fixture.ts';

describe('definition', () => {
  test.each([
    ['a let', 'uapi vfio-2020-07\nlet [base] = 1\nlet other = ba$0se + 1\n'],
    ['a payload as a base', 'uapi vfio-2020-07\nbind_data [a] { argsz = sizeof }\nbind_data b = $0a { argsz = 8 }\n'],
    ['a payload in data', 'uapi vfio-2020-07\nbind_data [a] { argsz = 8 }\nnesting_op n { data = a$0 }\n'],
    [
      'an inline base',
      'uapi vfio-2020-07\nbind_data [a] { argsz = 8 }\nnesting_op n { data = bind_data = a$0 { argsz = 1 } }\n',
    ],
    [
      'a payload behind submit',
      'uapi vfio-2020-07\npasid_request [p] { argsz = 8 }\nscenario "s" {\n  submit $0p\n}\n',
    ],
    [
      'a payload behind & and in sizeof',
      'uapi vfio-2020-07\nraw [buf] size 4\nscenario "s" {\n  expect sizeof(b$0uf) == 4\n}\n',
    ],
    ['a table by its root', 'uapi vfio-2020-07\npagetable [gpt] x86-64 at 0x1000 { }\nlet a = g$0pt.root\n'],
    [
      'a table of a step',
      'uapi vfio-2020-07\npagetable [gpt] x86-64 at 0x1000 { }\nscenario "s" {\n  unmap gpt$0 0x1000\n}\n',
    ],
    [
      'a result',
      'uapi vfio-2020-07\npasid_request p { argsz = 8 }\nscenario "s" {\n  submit p as [id]\n  dma read dev0 pasid $0id at 0\n}\n',
    ],
    ['a loop variable', 'uapi vfio-2020-07\nscenario "s" {\n  for [i] in 0..4 {\n    dma read dev0 at $0i\n  }\n}\n'],
    ['the variable of a scenario', 'uapi vfio-2020-07\nscenario "s" for [n] in 0..4 {\n  dma read dev0 at $0n\n}\n'],
    ['a let of a scenario', 'uapi vfio-2020-07\nscenario "s" {\n  let [x] = 1\n  expect x$0 == 1\n}\n'],
    ['a device', 'uapi vfio-2020-07\nmachine { device [nic] { ats = 1 } }\nscenario "s" {\n  dma read ni$0c at 0\n}\n'],
    [
      'a device in an assertion and a member',
      'uapi vfio-2020-07\nmachine { device [nic] { ats = 1 } }\nscenario "s" {\n  expect $0nic.sid == 16\n}\n',
    ],
    ['a group', 'uapi vfio-2020-07\nmachine {\n  device a { group = [g1] }\n  device b { group = g$01 }\n}\n'],
    [
      'what several scenarios bind, from a payload',
      'uapi vfio-2020-07\nbind_data b { hpasid = $0id }\npasid_request p { argsz = 8 }\nscenario "s" {\n  submit p as [id]\n}\nscenario "t" {\n  submit p as [id]\n}\n',
    ],
    ['a process', 'uapi vfio-2018-02\nmachine { process [worker] { pid = 7 } }\nscenario "s" {\n  exit wor$0ker\n}\n'],
    ['the buffer of a queue', 'uapi iommufd-6.12\nraw [buf] size 8\nscenario "s" {\n  read fd 5 into b$0uf\n}\n'],
    [
      'the result behind to',
      'uapi iommufd-6.12\nstruct iommu_hwpt_alloc p { size = sizeof }\nscenario "s" {\n  submit p as [made]\n  attach dev0 to ma$0de.out_hwpt_id\n}\n',
    ],
    ['its own declaration', 'uapi vfio-2020-07\nlet [ba$0se] = 1\n'],
  ])('%s', (_what, fixture) => {
    checkPlaces(fixture, definitionOf);
  });

  test('a let that a scenario shadows only from there on', () => {
    checkPlaces(
      'uapi vfio-2020-07\nlet [a] = 1\nscenario "s" {\n  expect $0a == 1\n  let a = 2\n  expect a == 2\n}\n',
      definitionOf,
    );
    checkPlaces(
      'uapi vfio-2020-07\nlet a = 1\nscenario "s" {\n  expect a == 1\n  let [a] = 2\n  expect $0a == 2\n}\n',
      definitionOf,
    );
  });

  test('scenarios do not see one another', () => {
    checkPlaces(
      'uapi vfio-2020-07\nscenario "s" {\n  let x = 1\n}\nscenario "t" {\n  let [x] = 2\n  expect $0x == 2\n}\n',
      definitionOf,
    );
  });

  test('an include leads to the file that the host means, whatever its name looks like', () => {
    const texts = { 'disk:/other/guest.vsva': 'let other = 1\n', 'disk:/real': 'let base = 1\n' };
    const meant: Readonly<Record<string, string>> = {
      'guest.vsva': 'disk:/real',
      'more.vsva': 'disk:/other/guest.vsva',
    };
    const text = 'uapi vfio-2020-07\ninclude "more.vsva"\ninclude "guest.vsva"\ninclude "gone.vsva"\n';
    const host = { ...filesHost(texts), resolve: (_from: string, path: string) => meant[path] ?? path };
    const resolved = resolve('test.vsva', text, host);
    const found = ['more', 'guest', 'gone'].map((word) => definitionOf(resolved, text.indexOf(word)));
    expect(found.map((places) => places.map(({ file }) => file))).toEqual([
      ['disk:/other/guest.vsva'],
      ['disk:/real'],
      [],
    ]);
  });

  test('in an included file, and the include itself', () => {
    const files = { 'lib/guest.vsva': 'uapi vfio-2020-07\nlet base = 1\n' };
    const used = atCursor('uapi vfio-2020-07\ninclude "lib/guest.vsva"\nlet a = ba$0se\n', files);
    expect(definitionOf(used.resolved, used.offset)).toEqual([{ file: 'lib/guest.vsva', start: 22, end: 26 }]);
    const include = atCursor('uapi vfio-2020-07\ninclude "lib/gu$0est.vsva"\n', files);
    expect(definitionOf(include.resolved, include.offset)).toEqual([{ file: 'lib/guest.vsva', start: 0, end: 0 }]);
  });

  test('nothing for keywords, constants, fields, hardware words and what is unknown', () => {
    for (const text of [
      'sce$0nario "s" { }',
      'let a = IOMMU_INV_GRANU_AD$0DR',
      'bind_data b { arg$0sz = 8 }',
      'let page = 1\nscenario "s" {\n  invalidate iommu0 p_iotlb_inv { G = pa$0ge }\n}',
      'let a = unkn$0own',
      'scenario "s" {\n  dma read dev$00 at 0\n}',
      '$0',
    ]) {
      const { resolved, offset } = atCursor(`uapi vfio-2020-07\n${text}\n`);
      expect(definitionOf(resolved, offset), text).toEqual([]);
    }
  });
});
