import { locate } from '../../../engine/index.ts';
import type { FieldInit, Name } from '../syntax.ts';
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
  argsz = sizeof
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
      const seen = new Map<string, readonly Name[]>();
      for (const path of pathsOf(fields, [])) {
        const text = path.map((name) => name.text).join('.');
        const first = seen.get(text);
        if (!first) {
          const place = locate(
            view.struct,
            path.map((name) => name.text),
          );
          if (!('missing' in place)) seen.set(text, path);
          continue;
        }
        const earlier = { file: view.file, start: first[0]!.start, end: first.at(-1)!.end, message: 'the first one' };
        yield {
          at: { start: path[0]!.start, end: path.at(-1)!.end },
          file: view.file,
          message: `${text} is given already, and this value replaces the first; remove one of them`,
          related: [earlier],
        };
      }
    }
  },
});

/** The path of every value, its outer braces included; a span starts at the name that stands with the value. */
function* pathsOf(fields: readonly FieldInit[], outer: readonly Name[]): Iterable<readonly Name[]> {
  for (const init of fields) {
    const path = [...outer, ...init.path];
    if (init.fields) yield* pathsOf(init.fields, path);
    else yield path;
  }
}
