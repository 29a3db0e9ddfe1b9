import { evaluate, findFormat, hexGrouped, Names, rootPages, sizeText, WIDEST_LIMITS } from '../../../engine/index.ts';
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
    const sizes = new Map<string, bigint | undefined>();
    for (const { node, file: where } of file.tables.values()) {
      if (!sizes.has(node.format.text)) sizes.set(node.format.text, rootOf(node.format.text));
      const size = sizes.get(node.format.text);
      const root = evaluate(node.root, names.scope());
      if (size === undefined || typeof root !== 'bigint') continue;
      const past = root % size;
      if (past === 0n) continue;
      yield {
        at: node.root,
        file: where,
        message: `${node.name.text} begins at ${hexGrouped(root)}, but a table must begin at a multiple of ${sizeText(size)}; write ${hexGrouped(root - past)}`,
      };
    }
  },
});

/** Bytes of a root of this format; undefined when there is no such format. */
function rootOf(name: string): bigint | undefined {
  const format = findFormat(name)?.make(WIDEST_LIMITS);
  return format && rootPages(format);
}
