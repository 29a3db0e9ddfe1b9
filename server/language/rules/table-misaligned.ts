import { evaluate, findFormat, hexGrouped, Names, sizeText, WIDEST_LIMITS } from '../../../engine/index.ts';
import { type Finding, rule } from './rule.ts';

export default rule({
  id: 'table-misaligned',
  severity: 'error',
  summary: 'a page table does not begin on a page of its own',
  why: 'The hardware takes only the page number of a root pointer. A table that begins inside a page would be written at one address and walked at another.',
  examples: {
    bad: [
      `uapi vfio-2020-07
pagetable gpt x86-64 at 0x1000_0800 { }
                      //^^^^^^^^^^^ gpt begins at 0x1000_0800, but a table must begin at a multiple of 4K; write 0x1000_0000`,
    ],
    good: [
      `uapi vfio-2020-07
pagetable gpt x86-64 at 0x1000_0000 { }`,
    ],
  },
  *file({ file }): Iterable<Finding> {
    const names = new Names(file);
    const granules = new Map<string, bigint | undefined>();
    for (const { node, file: where } of file.tables.values()) {
      if (!granules.has(node.format.text)) granules.set(node.format.text, granuleOf(node.format.text));
      const granule = granules.get(node.format.text);
      const root = evaluate(node.root, names.scope());
      if (granule === undefined || typeof root !== 'bigint') continue;
      const past = root % granule;
      if (past === 0n) continue;
      yield {
        at: node.root,
        file: where,
        message: `${node.name.text} begins at ${hexGrouped(root)}, but a table must begin at a multiple of ${sizeText(granule)}; write ${hexGrouped(root - past)}`,
      };
    }
  },
});

/** Bytes of a table of this format; undefined when there is no such format. */
function granuleOf(name: string): bigint | undefined {
  const format = findFormat(name)?.make(WIDEST_LIMITS);
  return format && 1n << BigInt(format.granuleLg2);
}
