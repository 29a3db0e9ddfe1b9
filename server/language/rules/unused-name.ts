import { evaluate, Names } from '../../../engine/index.ts';
import { stepsOf } from '../scenario-names.ts';
import { type Declaration, type Name, visit } from '../syntax.ts';
import { namesUsedIn } from '../used-names.ts';
import { type Finding, type RuleContext, rule } from './rule.ts';

export default rule({
  id: 'unused-name',
  severity: 'hint',
  summary: 'a let, payload or page table is declared and never used',
  why: 'What nothing names has no effect on any scenario, which usually means that a submit, a base or a gpgd names something else than intended. Files without scenarios are not judged: they are there to be included.',
  examples: {
    bad: [
      `uapi vfio-2020-07
let REQUESTED = 9
  //^^^^^^^^^ REQUESTED is never used
pasid_request request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 8 } }
scenario "s" { submit request }`,
      `uapi vfio-2020-07
pagetable gpt x86-64 at 0x1000_0000 { }
        //^^^ gpt is never used: no payload names gpt.root and no step edits it
scenario "s" { note "nothing" }`,
    ],
    good: [
      `uapi vfio-2020-07
let REQUESTED = 9
pasid_request request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = REQUESTED } }
scenario "s" { submit request }`,
      `uapi vfio-2020-07
let FOR_OTHERS = 9`,
    ],
  },
  *file(context): Iterable<Finding> {
    const { resolved, file } = context;
    const own = resolved.sources[0];
    if (!own || file.scenarios.length === 0) return;
    // Names are looked up across includes, so an included file may refer to one of ours.
    const used = new Set<string>();
    for (const { program } of resolved.sources)
      for (const declaration of program.declarations)
        for (const name of namesUsedIn(declaration)) if (name !== nameOf(declaration)?.text) used.add(name);
    for (const declaration of own.program.declarations) {
      const name = nameOf(declaration);
      if (!name || name.text === '' || used.has(name.text)) continue;
      if (declaration.kind !== 'pagetable') yield { at: name, file: own.file, message: `${name.text} is never used` };
      else if (!isNamedByAddress(declaration, context))
        yield {
          at: name,
          file: own.file,
          message: `${name.text} is never used: no payload names ${name.text}.root and no step edits it`,
        };
    }
    for (const { steps } of file.scenarios) {
      const all = [...stepsOf(steps)];
      for (const step of all)
        if (step.kind === 'let' && step.name.text !== '' && !used.has(step.name.text))
          yield { at: step.name, file: own.file, message: `${step.name.text} is never used` };
    }
  },
});

function nameOf(declaration: Declaration): Name | undefined {
  switch (declaration.kind) {
    case 'let':
    case 'pagetable':
    case 'payload':
      return declaration.name;
    default:
      return undefined;
  }
}

/** Whether the table's address stands somewhere as a number: as a field, or written out in a step. */
function isNamedByAddress(
  table: Extract<Declaration, { kind: 'pagetable' }>,
  { resolved, file, payloads }: RuleContext,
): boolean {
  const root = evaluate(table.root, new Names(file).scope());
  if (typeof root !== 'bigint') return true;
  if (payloads.some((view) => [...view.fields.values()].some((field) => field.value === root))) return true;
  let found = false;
  for (const { program } of resolved.sources)
    visit(program, {
      expr: (expr) => {
        if (expr.kind === 'int' && expr.value === root && expr !== table.root) found = true;
      },
    });
  return found;
}
