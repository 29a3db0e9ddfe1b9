import { describe, expect, test } from 'vitest';
import { documentHighlights, referencesTo } from '../../server/features/references.ts';
import { atCursor, checkPlaces } from './fixture.ts';

describe('references', () => {
  test.each([
    ['a let', 'uapi vfio-2020-07\nlet [a] = 1\nlet b = [a] + [$0a]\nscenario "s" {\n  expect [a] == 1\n}\n'],
    [
      'a table',
      'uapi vfio-2020-07\npagetable [g$0pt] x86-64 at 0x1000 { }\nbind_data b { gpgd = [gpt].root }\nscenario "s" {\n  unmap [gpt] 0\n}\n',
    ],
    [
      'a device that the machine does not mention',
      'uapi vfio-2020-07\nscenario "s" {\n  dma read [dev$00] at 0\n  expect bound [dev0]\n  detach [dev0]\n}\n',
    ],
    [
      'a result, also where a payload names it',
      'uapi vfio-2020-07\nbind_data b { hpasid = [id] }\npasid_request p { argsz = 8 }\nscenario "s" {\n  submit p as [i$0d]\n  dma read dev0 pasid [id] at 0\n}\nscenario "t" {\n  submit p as id\n}\n',
    ],
    [
      'a payload of an outcome',
      'uapi vfio-2020-07\npasid_request [p] { argsz = 8 }\nscenario "s" {\n  submit [p] expect [$0p].argsz == 8\n}\n',
    ],
    [
      'a process',
      'uapi vfio-2018-02\nmachine { process [wor$0ker] { pid = 7 } }\nscenario "s" {\n  exit [worker]\n}\n',
    ],
    [
      'a device of an iommufd',
      'uapi iommufd-6.12\nmachine { device [dev0] { ats = 1 } }\nstruct iommu_hwpt_alloc p { dev_id = [d$0ev0].id }\nscenario "s" {\n  attach [dev0] to ioas.id\n  unbind [dev0]\n}\n',
    ],
  ])('%s', (_what, fixture) => checkPlaces(fixture, referencesTo));

  test('without declarations', () => {
    const { resolved, offset } = atCursor('uapi vfio-2020-07\nlet a = 1\nlet b = $0a\n');
    expect(referencesTo(resolved, offset, { declarations: false })).toHaveLength(1);
    expect(referencesTo(resolved, offset)).toHaveLength(2);
  });

  test('across files', () => {
    const files = { 'guest.vsva': 'uapi vfio-2020-07\nlet base = 1\nlet other = base\n' };
    const { resolved, offset } = atCursor('uapi vfio-2020-07\ninclude "guest.vsva"\nlet a = ba$0se\n', files);
    expect(referencesTo(resolved, offset).map(({ file }) => file)).toEqual(['test.vsva', 'guest.vsva', 'guest.vsva']);
  });

  test('highlights tell reading from writing', () => {
    const { resolved, offset } = atCursor(
      'uapi vfio-2020-07\npagetable gpt x86-64 at 0x1000 { }\nlet a = gpt.root\nscenario "s" {\n  unmap g$0pt 0\n}\n',
    );
    expect(documentHighlights(resolved, offset).map(({ kind }) => kind)).toEqual(['write', 'read', 'write']);
  });
});
