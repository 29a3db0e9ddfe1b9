/** What each word of the language means, by the place it stands in; hover and completion read this one table. */

export type KeywordPlace =
  | 'declaration'
  | 'step'
  | 'option'
  | 'attach'
  | 'outcome'
  | 'assertion'
  | 'machine'
  | 'mapping'
  | 'expression';

export interface KeywordDoc {
  readonly word: string;
  readonly place: KeywordPlace;
  /** How it is written, as in docs/language.md. */
  readonly form: string;
  /** One sentence, with a full stop. */
  readonly doc: string;
}

type Row = readonly [word: string, form: string, doc: string];

const DECLARATIONS: readonly Row[] = [
  ['uapi', 'uapi ID [{ quirk = on|off, .. }]', 'Names the UAPI generation that the file speaks; it comes first.'],
  ['include', 'include "path"', 'Makes the declarations of another file visible; its scenarios do not come along.'],
  ['let', 'let NAME = expr', 'Gives a value a name, which may rest on other names in any order.'],
  ['machine', 'machine { .. }', 'The hardware and its setup; what it does not mention keeps its default.'],
  [
    'pagetable',
    'pagetable NAME FORMAT at ADDR [space hpa] { mappings }',
    'A page table of real entries in memory: the root is the page at ADDR, and tables below it take the pages behind.',
  ],
  ['struct', 'struct S NAME [= BASE] [mapped N] { fields }', 'A payload of any struct of the generation.'],
  ['array', 'array NAME of S [mapped N] { {..}, {..} }', 'Consecutive structs in user memory.'],
  ['raw', 'raw NAME bytes ".." or raw NAME size N', 'Bytes as they are given, or N zero bytes, in user memory.'],
  [
    'evolve',
    'evolve struct S version N { fields }',
    'A later version of a struct with more fields, and a kernel that knows it: to see who breaks.',
  ],
  [
    'version',
    'evolve struct S version N { fields }',
    'The number of the version that an evolve adds; a payload is in it when it says so or gives one of its fields.',
  ],
  ['scenario', 'scenario "title" [for X in values] { steps }', 'A test; each run begins on a fresh machine.'],
  ['of', 'array NAME of S', 'Names the struct that an array is made of.'],
  ['space', 'space gpa|hpa', 'Says in which memory a page table lies: guest-physical (the default) or host-physical.'],
  ['on', 'NAME = on', 'The quirk behaves as in the posted version.'],
  ['off', 'NAME = off', 'The fault that the quirk stands for is mended, in the whole file.'],
];

const STEPS: readonly Row[] = [
  [
    'submit',
    'submit P [to IOCTL] [mapped N] [fail_nth N] [as NAME]',
    "Puts a payload's bytes into user memory and calls the ioctl of its kind on them.",
  ],
  [
    'dma',
    'dma read|write|exec DEV [pasid P] at A [size N] [priv] [ats] [= V] [as NAME]',
    'One access of a device, translated by the IOMMU and its caches.',
  ],
  [
    'map',
    'map T IOVA [size N] -> ADDR [perms] [page S]',
    'The guest writes a mapping into its table; nothing is invalidated.',
  ],
  [
    'unmap',
    'unmap T IOVA [size N]',
    'The guest clears entries of its table; nothing is invalidated. Without a size the page that is mapped there goes.',
  ],
  [
    'protect',
    'protect T IOVA [size N] perms',
    'The guest changes the permissions of mapped pages in its table; nothing is invalidated.',
  ],
  [
    'host',
    'host map gpa A [size N] -> HPA, host unmap gpa A [size N], host protect gpa A [size N] perms',
    'The VMM edits the second stage through the kernel, which flushes as its driver does.',
  ],
  [
    'reuse',
    'reuse gpa|hpa A [size N]',
    'The memory has a new owner from here on: a stale access to it fails the scenario, whatever is expected.',
  ],
  [
    'write',
    'write gpa|hpa|user A [u8|u16|u32|u64] = V, write reg iommu0.NAME = V, write fd E from NAME [size N] [as NAME]',
    'Writes raw memory, 64 bits unless a width is given; a register of the IOMMU; or a payload to a queue by its file descriptor.',
  ],
  [
    'read',
    'read gpa|hpa|user A [u8|u16|u32|u64] [as NAME], read fd E into NAME [size N] [as NAME]',
    'Reads raw memory, 64 bits unless a width is given; or a queue into a payload by its file descriptor.',
  ],
  [
    'invalidate',
    'invalidate iommu0 NAME { fields }',
    'Queues a hardware command by its name and fields; where there is a kernel, the wait behind it follows by itself.',
  ],
  [
    'command',
    'command iommu0 [words]',
    'Queues a hardware command as raw 64-bit words, of which missing ones are 0, and runs the queue.',
  ],
  [
    'respond',
    'respond P [as NAME]',
    'Answers a page request by a call inside the kernel, where the generation has one.',
  ],
  [
    'inject',
    'inject DEV P [as NAME]',
    'Lets a device raise a fault, a page request or an event; P is the record, without a kernel one of the hardware.',
  ],
  [
    'attach',
    'attach DEV [to E] [pasid P] [fail_nth N] [as NAME]',
    "The device's group joins the container; in an iommufd the device, or one of its PASIDs, goes to the IOAS or page table E.",
  ],
  [
    'replace',
    'replace DEV to E [pasid P] [fail_nth N] [as NAME]',
    'Moves a device, or one of its PASIDs, to another page table of its iommufd.',
  ],
  ['detach', 'detach DEV', "The device's group leaves the container; its context entry is cleared."],
  ['unbind', 'unbind DEV', 'Takes a device out of its iommufd. To unbind a PASID of a container, submit a nesting_op.'],
  ['reset', 'reset DEV', 'The device is reset and forgets what its own TLB holds.'],
  [
    'exit',
    'exit [PROCESS]',
    'The process that runs the scenario dies and its file descriptors close; with a name, that process of the machine dies.',
  ],
  ['for', 'for X in A..B { steps } or for X in [..] { steps }', 'Runs steps once per value; a range is without B.'],
  ['let', 'let NAME = expr', 'Binds a name for the rest of the scenario.'],
  ['note', 'note "text"', 'A remark that stands in the results.'],
  ['parallel', 'parallel { lane { steps } .. }', 'Steps that race one another; not available yet.'],
  ['expect', 'expect A, B or C', 'Behind a step: what must have come of it. Alone: what must hold of the state.'],
];

const OPTIONS: readonly Row[] = [
  [
    'to',
    'to IOCTL or to CALL',
    'Names the ioctl, by name or number, instead of the one that the payload kind means; or a call inside the kernel.',
  ],
  ['on', 'on DEV', 'The device whose file descriptor takes the ioctl, or that a call inside the kernel is about.'],
  [
    'fd',
    'read fd E into NAME, write fd E from NAME',
    'A queue by its file descriptor E, which read(2) and write(2) are called on.',
  ],
  [
    'into',
    'read fd E into NAME [size N] [as NAME]',
    'The payload or buffer that read(2) fills; its size is how much is asked for.',
  ],
  ['from', 'write fd E from NAME [size N] [as NAME]', 'The payload or buffer that write(2) hands over.'],
  [
    'mapped',
    'mapped N',
    'Cuts the memory of the payload: byte N and all behind it cannot be read or written (EFAULT).',
  ],
  [
    'fail_nth',
    'fail_nth N',
    'Lets the Nth point of the call that can fail do so; an N past the last one says how many there are.',
  ],
  ['as', 'as NAME', 'Binds a name to the result for the rest of the scenario.'],
  ['pasid', 'pasid P', 'The PASID that the request carries; without it, the request has none.'],
  ['at', 'at ADDR', 'The address: of the access, or of the root of a page table.'],
  ['size', 'size N', 'How many bytes; without it, 4 for a dma and one page for a mapping.'],
  ['priv', 'priv', 'The request is privileged (supervisor).'],
  [
    'ats',
    'ats',
    'The device asks its own TLB first and then sends a translation request, instead of the plain address.',
  ],
  ['read', 'dma read DEV', 'The device reads; the value is the result.'],
  ['write', 'dma write DEV at A = V', 'The device writes; the page must be writable in both stages.'],
  ['exec', 'dma exec DEV', 'The access fetches instructions, which needs ERE in the PASID entry.'],
  [
    'map',
    'host map gpa A [size N] -> HPA',
    'The VMM maps guest memory; what was mapped there is unmapped and flushed.',
  ],
  ['unmap', 'host unmap gpa A [size N]', 'The VMM takes guest memory from devices; the kernel flushes it.'],
  ['protect', 'host protect gpa A [size N] perms', 'The VMM changes what devices may do; the kernel flushes it.'],
  ['gpa', 'gpa A', 'A guest-physical address: what the second stage translates.'],
  ['hpa', 'hpa A', 'A host-physical address.'],
  ['user', 'user A', "An address of the calling process's own memory, such as &NAME."],
  ['reg', 'write reg iommu0.NAME = V', 'A register of the IOMMU, by the name in its specification.'],
  ['u8', 'u8', 'One byte.'],
  ['u16', 'u16', 'Two bytes, little-endian.'],
  ['u32', 'u32', 'Four bytes, little-endian.'],
  ['u64', 'u64', 'Eight bytes, little-endian; the default.'],
  ['in', 'for X in values', 'Stands before the list or range that a loop goes over.'],
  ['for', 'scenario "title" for X in values', 'One run per value, each on a fresh machine.'],
  ['lane', 'lane { steps }', 'One of the racing sequences of parallel; not available yet.'],
];

/** Options of `attach`, `replace` and `detach`, and of an assertion on what they did. */
const ATTACHES: readonly Row[] = [
  ['to', 'to E', 'The id of the page table or IOAS in the iommufd, such as ioas.id or nested.out_hwpt_id.'],
  ['pasid', 'pasid P', 'The PASID of the device that gets or loses a page table; without it, requests without PASID.'],
];

const OUTCOMES: readonly Row[] = [
  ['ok', 'ok', 'The step succeeded, and truly did what it was asked: a hidden refusal is not ok.'],
  [
    'hidden',
    'hidden [ERRNO]',
    'The call returned 0 although the request was refused or skipped, so the caller cannot see it.',
  ],
  ['any', 'any', 'Whatever happened is accepted, except a breach.'],
  ['returns', 'returns E', 'The call returned this value.'],
  ['hpa', 'hpa E', 'The access went to this host-physical address.'],
  ['gpa', 'gpa E', 'The first stage gave this guest-physical address.'],
  ['value', 'value E', 'This was read.'],
  ['fault', 'fault [NAME|CODE]', 'The access faulted, for this reason where one is named.'],
  ['hit', 'hit [iotlb|psc|devtlb]', 'A cache answered and no paging entry was read.'],
  ['miss', 'miss', 'No cache had the translation: a walk was needed.'],
  ['refs', 'refs E', 'The access read so many paging entries, both stages together.'],
  ['config', 'config E', 'The access read so many root, context, PASID directory and PASID entries.'],
  ['stale', 'stale', 'The access used a translation that a walk from the present tables would not give.'],
  ['fresh', 'fresh', 'The access used what a walk from the present tables gives.'],
  ['request', 'request', 'The device sent a page request (PRI) instead of faulting.'],
  ['stall', 'stall', 'The access waits in the unit for software to end it, under the tag NAME.stag (SMMUv3).'],
  ['event', 'event == [w0, w1]', 'The fault record is exactly this.'],
  ['issued', 'issued == [[w, ..], ..]', 'Exactly these commands went to the hardware; waits are left out.'],
  ['skipped', 'hidden skipped', 'The call returned 0, and the driver left undone what was asked.'],
  [
    'error',
    'error NAME',
    'The hardware did not accept the command and said so, such as IQE, the invalidation queue error.',
  ],
  ['reason', 'reason ID', 'This check refused, or this rule says why the request was skipped.'],
  ['or', 'A, B or C', 'Accepts either of two groups of outcomes.'],
  ['iotlb', 'hit iotlb', "The IOMMU's own cache of translations answered."],
  ['devtlb', 'hit devtlb', "The device's own TLB answered; only with ats."],
  [
    'psc',
    'hit psc',
    'A paging-structure cache shortened the walk. The leaf was read all the same, so it is a `miss` too.',
  ],
];

const ASSERTIONS: readonly Row[] = [
  ['cached', 'expect cached [devtlb] DEV [pasid P] at A', 'An access now would read no paging entry.'],
  ['uncached', 'expect uncached [devtlb] DEV [pasid P] at A', 'An access now would have to walk.'],
  ['bound', 'expect bound DEV [pasid P]', 'A page table is bound to the PASID, or the device is attached.'],
  ['unbound', 'expect unbound DEV [pasid P]', 'No page table is bound to the PASID, or the device is not attached.'],
  ['faults', 'expect faults N', 'So many faults were logged so far.'],
  ['iotlb', 'expect iotlb HWPT == [..]', "The IOTLB words of a nested page table of the kernel's mock."],
  ['devcache', 'expect devcache DEV == [..]', "The device cache words of the kernel's mock."],
  ['devtlb', 'expect cached devtlb DEV at A', "Asks for the device's own TLB instead of the IOMMU's."],
];

const MACHINE: readonly Row[] = [
  [
    'container',
    'container { type = VFIO_TYPE1_NESTING_IOMMU }',
    'The VFIO container of the process, with the devices of the first group attached.',
  ],
  [
    'iommu',
    'iommu vtd|smmuv3|selftest { NAME = VALUE }',
    'The IOMMU, iommu0: its model, fields of its capability registers over the defaults or whole registers, and under uapi bare the registers that software programs.',
  ],
  ['vtd', 'iommu vtd', 'Intel VT-d: in scalable mode under a kernel, bare in legacy mode too.'],
  ['smmuv3', 'iommu smmuv3', 'Arm SMMUv3, for Non-secure streams.'],
  ['selftest', 'iommu selftest', "The kernel's own mock of iommufd's tests, which keeps words and translates nothing."],
  [
    'device',
    'device NAME { bdf, sid, pasid, ats, pri, group }',
    'A device behind the IOMMU; devices of one group are attached and bound together.',
  ],
  [
    'ram',
    'ram GPA size N -> HPA [page 4K|2M|1G]',
    'Guest memory, what backs it, and the leaf size of the second stage that maps it.',
  ],
  [
    'iommufd',
    'iommufd { empty = 1 }',
    'The iommufd of the process; empty, it begins without an IOAS and without devices.',
  ],
  ['process', 'process NAME { pid, mm, ptrace }', 'Another process, which the caller may bind by its pid.'],
  [
    'type',
    'type = VFIO_TYPE1_NESTING_IOMMU',
    'The IOMMU type of the container; only the nesting one takes guest page tables.',
  ],
  ['empty', 'empty = 0|1', 'Whether the iommufd begins without an IOAS and without devices bound to it.'],
  ['pid', 'pid = N', 'The number of the process; without it they count from 1000.'],
  ['mm', 'mm = 0|1', 'Whether the process has an address space; a kernel thread has none.'],
  ['ptrace', 'ptrace = 0|1', 'Whether the caller may trace the process, without which it may not bind it.'],
  [
    'model',
    'model = N',
    'The model in the sysfs description of 2018; files that are not given then have their defaults.',
  ],
  ['cap', 'cap = N', 'The whole capability register; single fields can be set by name instead.'],
  ['ecap', 'ecap = N', 'The whole extended capability register; single fields can be set by name instead.'],
  ['psc', 'psc = 0|1', 'Whether walks fill and use paging-structure caches, as they do by default.'],
  ['haw', 'haw = N', 'Bits of a host-physical address, 32 to 52; no register holds it.'],
  ['bdf', 'bdf = "0000:00:02.0"', 'Domain, bus, device and function, from which the source id follows.'],
  ['sid', 'sid = N', 'The source id, 16 bits: bus, device and function as requests carry them.'],
  ['pasid', 'pasid = N', 'Bits of PASID that the device offers, at most 20; 0 for none.'],
  ['ats', 'ats = 0|1', 'Whether the device has Address Translation Services and so a TLB of its own.'],
  ['pri', 'pri = 0|1', 'Whether the device can send page requests; needs ats = 1.'],
  ['group', 'group = NAME', 'The IOMMU group: its devices are attached and bound together.'],
];

const MAPPINGS: readonly Row[] = [
  [
    'page',
    'page S',
    "The size of a leaf entry, one that the format has: 4K, 2M or 1G, or Arm's. The smallest when it is left out.",
  ],
  ['size', 'size N', 'How many bytes are mapped; one page when it is left out.'],
];

const EXPRESSIONS: readonly Row[] = [
  [
    'sizeof',
    'sizeof, sizeof(struct S), sizeof(NAME), sizeof(*ARRAY)',
    'Alone: bytes of the payload it stands in, with what its flexible data embeds. Else bytes of a struct or payload, or of one element of an array.',
  ],
  ['ARRAY_SIZE', 'ARRAY_SIZE(ARRAY)', 'How many elements an array has.'],
  ['offsetof', 'offsetof(struct S, f)', 'Bytes from the start of the struct to the field; f may be a path.'],
  ['offsetofend', 'offsetofend(struct S, f)', 'Bytes from the start of the struct to behind the field.'],
  ['struct', 'struct S', 'A struct of the generation, by its name in the header.'],
  ['bytes', 'bytes "de ad be ef"', 'Bytes by pairs of hex digits.'],
  ['root', 'TABLE.root', 'The address that a page table was declared at.'],
  [
    'iommu0',
    'iommu0.NAME',
    'The IOMMU: a register, a field of its capability registers, or a file of the sysfs of 2018.',
  ],
];

const rows = (place: KeywordPlace, list: readonly Row[]): KeywordDoc[] =>
  list.map(([word, form, doc]) => ({ word, place, form, doc }));

/** Every word with every place it may stand in. */
export const KEYWORDS: readonly KeywordDoc[] = [
  ...rows('declaration', DECLARATIONS),
  ...rows('step', STEPS),
  ...rows('attach', ATTACHES),
  ...rows('outcome', OUTCOMES),
  ...rows('assertion', ASSERTIONS),
  ...rows('option', OPTIONS),
  ...rows('machine', MACHINE),
  ...rows('mapping', MAPPINGS),
  ...rows('expression', EXPRESSIONS),
];

const byPlace = new Map(KEYWORDS.map((entry) => [`${entry.place} ${entry.word}`, entry]));

/** The first of the places in which the word means something; any place when none is given. */
export function keywordDoc(word: string, ...places: readonly KeywordPlace[]): KeywordDoc | undefined {
  for (const place of places) {
    const found = byPlace.get(`${place} ${word}`);
    if (found) return found;
  }
  return places.length > 0 ? undefined : KEYWORDS.find((entry) => entry.word === word);
}

/** One sentence per word; a word with several meanings has that of the first place in `KEYWORDS`. */
export const KEYWORD_DOCS: ReadonlyMap<string, string> = new Map(
  [...KEYWORDS].reverse().map(({ word, doc }) => [word, doc]),
);
