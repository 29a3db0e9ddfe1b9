import { evaluate, hexGrouped, Names } from '../../../engine/index.ts';
import { type Finding, rule } from './rule.ts';

export default rule({
  id: 'table-outside-ram',
  severity: 'error',
  summary: 'a page table is placed where the guest has no memory',
  why: 'A guest keeps its page tables in its own RAM. What is written to an address without RAM is lost, so the table would stay empty. Give the machine RAM there, choose another address, or say `space hpa` for a table in host memory.',
  examples: {
    bad: [
      `uapi vfio-2020-07
pagetable gpt x86-64 at 0x8000_0000 { }
                      //^^^^^^^^^^^ gpt begins at 0x8000_0000, but guest RAM is 0x0 to 0x7fff_ffff`,
    ],
    good: [
      `uapi vfio-2020-07
machine { ram 0 size 4G -> 0x1_0000_0000 page 2M }
pagetable gpt x86-64 at 0x8000_0000 { }`,
    ],
  },
  *file({ file }): Iterable<Finding> {
    const names = new Names(file);
    const { ram } = file.machine;
    const ranges = ram.map((r) => `${hexGrouped(r.gpa)} to ${hexGrouped(r.gpa + r.size - 1n)}`).join(', ');
    for (const { node, file: where } of file.tables.values()) {
      const root = evaluate(node.root, names.scope());
      if (typeof root !== 'bigint' || node.space?.text === 'hpa') continue;
      if (ram.some((r) => r.gpa <= root && root < r.gpa + r.size)) continue;
      const message = `${node.name.text} begins at ${hexGrouped(root)}, but guest RAM is ${ranges}`;
      yield { at: node.root, file: where, message };
    }
  },
});
