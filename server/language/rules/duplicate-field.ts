import { locate } from '../../../engine/index.ts';
import type { FieldInit, Name, Span } from '../syntax.ts';
import { type Finding, rule } from './rule.ts';

export default rule({
  id: 'duplicate-field',
  severity: 'warning',
  summary: 'a field is given twice in one payload',
  why: 'As in C, the last initialiser of a field wins and the earlier one has no effect, which gcc mentions only with -Woverride-init. To change a field of another payload, derive from it: bind_data other = first { argsz = 8 }.',
  examples: {
    bad: [
      `uapi vfio-2020-07
cache_invalidate_info one_page {
  argsz = 16
  granu.addr_info.pasid = 1
  granu.addr_info = { pasid = 2 }
                   // ^^^^^ granu.addr_info.pasid is given already, and this value replaces the first; remove one of them
  argsz = sizeof
//2 ^^^^^ argsz is given already, and this value replaces the first; remove one of them
}`,
    ],
    good: [
      `uapi vfio-2020-07
bind_data whole { argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD }
bind_data short = whole { argsz = 8 }
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = short }
scenario "a derived payload changes a field" { submit bind expect hidden EINVAL }`,
    ],
  },
  *payload(view): Iterable<Finding> {
    for (const fields of [view.payload.fields, ...(view.payload.elements ?? [])]) {
      const seen = new Map<string, Given>();
      for (const given of valuesOf(fields, [])) {
        const { path, at } = given;
        const first = seen.get(path);
        if (!first) {
          seen.set(path, given);
          continue;
        }
        if ('missing' in locate(view.struct, path.split('.'))) continue;
        yield {
          at,
          file: view.file,
          message: `${path} is given already, and this value replaces the first; remove one of them`,
          related: [{ file: view.file, ...first.at, message: 'the first one' }],
        };
      }
    }
  },
});

interface Given {
  readonly path: string;
  readonly at: Span;
}

/** Every value with its whole path, drawn at the names that stand with it. */
function* valuesOf(fields: readonly FieldInit[], outer: readonly Name[]): Iterable<Given> {
  for (const init of fields) {
    const path = [...outer, ...init.path];
    if (init.fields) yield* valuesOf(init.fields, path);
    else
      yield {
        path: path.map((name) => name.text).join('.'),
        at: { start: init.path[0]!.start, end: init.path.at(-1)!.end },
      };
  }
}
