import { leafSizes, levelSpan } from '../pagetable/index.ts';
import type { Happened } from './expect.ts';
import { plain, problem } from './happened.ts';
import type { MapStep, ProtectStep, UnmapStep } from './program.ts';
import { rightsOf, type Session, stageOf } from './session.ts';

/** `map`: the guest writes a mapping into its table; nothing is invalidated by it. */
export const mapTable = (session: Session, step: MapStep): Happened =>
  editTable(session, step.table.text, (guest) => session.map(guest, step.mapping));

function editTable(
  session: Session,
  name: string,
  edit: (guest: NonNullable<ReturnType<Session['tables']['get']>>) => string | undefined,
): Happened {
  const guest = session.useTable(name);
  if (!guest) return problem(`no page table is called ${name}`);
  const wrong = edit(guest);
  return wrong === undefined ? plain() : problem(wrong);
}

/** `unmap` and `protect`, likewise. */
export function editRange(session: Session, step: UnmapStep | ProtectStep): Happened {
  const numbers = session.numbers({ from: step.from, size: step.size });
  if ('problem' in numbers) return problem(numbers.problem);
  let changed = 0;
  const happened = editTable(session, step.table.text, (guest) => {
    const found = guest.table.find(numbers.from!);
    // Without a size a step means the page that is mapped there.
    const leaf = found?.leaf ? levelSpan(guest.format, found.level) : leafSizes(guest.format)[0]!;
    const from = numbers.size === undefined ? numbers.from! & ~(leaf - 1n) : numbers.from!;
    const size = numbers.size ?? leaf;
    const result =
      step.kind === 'unmap'
        ? guest.table.unmap(from, size)
        : guest.table.protect(from, size, rightsOf(step.perms.text, stageOf(guest.decl.format.text)));
    if (!result.ok) return result.problem;
    changed = result.changed;
    return undefined;
  });
  if (happened.problem === undefined && changed === 0 && step.kind === 'unmap')
    return plain({ notes: ['nothing was mapped there'] });
  return happened;
}
