/** What each word of the language means, by the place it stands in; hover and completion read this one table. */

export type KeywordPlace =
  | 'declaration'
  | 'step'
  | 'option'
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
  ['evolve', 'evolve struct S version N { fields }', 'Adds fields to a struct; not available yet.'],
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
  ['write', 'write gpa|hpa|user A [u8|u16|u32|u64] = V', 'Writes raw memory; 64 bits unless a width is given.'],
  ['read', 'read gpa|hpa|user A [u8|u16|u32|u64] [as NAME]', 'Reads raw memory; 64 bits unless a width is given.'],
  [
    'invalidate',
    'invalidate iommu0 NAME { fields }',
    'Queues a hardware invalidation descriptor; the wait behind it follows by itself.',
  ],
  ['command', 'command iommu0 [words]', 'Queues a hardware command as raw words; not available yet.'],
  ['respond', 'respond P', 'Answers a page request; not available yet.'],
  ['inject', 'inject DEV P', 'Lets a device report a fault; not available yet.'],
  ['attach', 'attach DEV [fail_nth N] [as NAME]', "The device's group joins the container."],
  ['replace', 'replace DEV to E', 'Moves a device to another page table; not available yet.'],
  ['detach', 'detach DEV', "The device's group leaves the container; its context entry is cleared."],
  [
    'unbind',
    'unbind DEV',
    'Takes the driver from a device; not available yet. To unbind a PASID, submit a nesting_op.',
  ],
  ['reset', 'reset DEV', 'The device is reset and forgets what its own TLB holds.'],
  ['exit', 'exit', 'The process dies and its file descriptors close, with all that hangs on them.'],
  ['for', 'for X in A..B { steps } or for X in [..] { steps }', 'Runs steps once per value; a range is without B.'],
  ['let', 'let NAME = expr', 'Binds a name for the rest of the scenario.'],
  ['note', 'note "text"', 'A remark that stands in the results.'],
  ['parallel', 'parallel { lane { steps } .. }', 'Steps that race one another; not available yet.'],
  ['expect', 'expect A, B or C', 'Behind a step: what must have come of it. Alone: what must hold of the state.'],
];

const OPTIONS: readonly Row[] = [
  ['to', 'to IOCTL', 'Names the ioctl, by name or number, instead of the one that the payload kind means.'],
  ['on', 'on DEV', 'The device whose file descriptor takes the call.'],
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
  ['exec', 'dma exec DEV', 'The access fetches instructions, which needs ERE in the PASID entry.'],
  ['gpa', 'gpa A', 'A guest-physical address: what the second stage translates.'],
  ['hpa', 'hpa A', 'A host-physical address.'],
  ['user', 'user A', "An address of the calling process's own memory, such as &NAME."],
  ['u8', 'u8', 'One byte.'],
  ['u16', 'u16', 'Two bytes, little-endian.'],
  ['u32', 'u32', 'Four bytes, little-endian.'],
  ['u64', 'u64', 'Eight bytes, little-endian; the default.'],
  ['in', 'for X in values', 'Stands before the list or range that a loop goes over.'],
  ['for', 'scenario "title" for X in values', 'One run per value, each on a fresh machine.'],
  ['lane', 'lane { steps }', 'One of the racing sequences of parallel; not available yet.'],
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
  ['hit', 'hit [iotlb|devtlb]', 'A cache answered and no paging entry was read.'],
  ['miss', 'miss', 'No cache had the translation: a walk was needed.'],
  ['refs', 'refs E', 'The access read so many paging entries, both stages together.'],
  ['config', 'config E', 'The access read so many root, context, PASID directory and PASID entries.'],
  ['stale', 'stale', 'The access used a translation that a walk from the present tables would not give.'],
  ['fresh', 'fresh', 'The access used what a walk from the present tables gives.'],
  ['request', 'request', 'The device sent a page request (PRI) instead of faulting.'],
  ['stall', 'stall', 'The access waits for an answer; belongs to another model and is not available yet.'],
  ['event', 'event == [w0, w1]', 'The fault record is exactly this.'],
  ['issued', 'issued == [[w, ..], ..]', 'Exactly these commands went to the hardware; waits are left out.'],
  ['error', 'error NAME', 'The command failed with this error; belongs to another model and is not available yet.'],
  ['reason', 'reason ID', 'This check refused, or this rule says why the request was skipped.'],
  ['or', 'A, B or C', 'Accepts either of two groups of outcomes.'],
  ['iotlb', 'hit iotlb', "The IOMMU's own cache of translations answered."],
  ['devtlb', 'hit devtlb', "The device's own TLB answered; only with ats."],
  ['psc', 'hit psc', 'A paging-structure cache answered; these are not modelled, so nothing does.'],
];

const ASSERTIONS: readonly Row[] = [
  ['cached', 'expect cached [devtlb] DEV [pasid P] at A', 'An access now would read no paging entry.'],
  ['uncached', 'expect uncached [devtlb] DEV [pasid P] at A', 'An access now would have to walk.'],
  ['bound', 'expect bound DEV [pasid P]', 'A page table is bound to the PASID, or the device is attached.'],
  ['unbound', 'expect unbound DEV [pasid P]', 'No page table is bound to the PASID, or the device is not attached.'],
  ['faults', 'expect faults N', 'So many faults were logged so far.'],
  ['iotlb', 'expect iotlb HWPT == [..]', "The kernel mock's IOTLB words; not available yet."],
  ['devcache', 'expect devcache DEV == [..]', "The kernel mock's device cache words; not available yet."],
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
    'iommu vtd { NAME = VALUE }',
    'The IOMMU, iommu0: capability fields over the defaults, or whole registers.',
  ],
  ['vtd', 'iommu vtd', 'Intel VT-d in scalable mode.'],
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
  ['iommufd', 'iommufd', 'An iommufd context; not available yet.'],
  ['process', 'process', 'Another process; not available yet.'],
  [
    'type',
    'type = VFIO_TYPE1_NESTING_IOMMU',
    'The IOMMU type of the container; only the nesting one takes guest page tables.',
  ],
  ['cap', 'cap = N', 'The whole capability register; single fields can be set by name instead.'],
  ['ecap', 'ecap = N', 'The whole extended capability register; single fields can be set by name instead.'],
  ['haw', 'haw = N', 'Bits of a host-physical address, 32 to 52; no register holds it.'],
  ['bdf', 'bdf = "0000:00:02.0"', 'Domain, bus, device and function, from which the source id follows.'],
  ['sid', 'sid = N', 'The source id, 16 bits: bus, device and function as requests carry them.'],
  ['pasid', 'pasid = N', 'Bits of PASID that the device offers, at most 20; 0 for none.'],
  ['ats', 'ats = 0|1', 'Whether the device has Address Translation Services and so a TLB of its own.'],
  ['pri', 'pri = 0|1', 'Whether the device can send page requests; needs ats = 1.'],
  ['group', 'group = NAME', 'The IOMMU group: its devices are attached and bound together.'],
];

const MAPPINGS: readonly Row[] = [
  ['page', 'page 4K|2M|1G', 'The size of a leaf entry; 4K when it is left out.'],
  ['size', 'size N', 'How many bytes are mapped; one page when it is left out.'],
];

const EXPRESSIONS: readonly Row[] = [
  [
    'sizeof',
    'sizeof, sizeof(struct S), sizeof(NAME)',
    'Alone: bytes of the payload it stands in, with what its flexible data embeds. Else bytes of a struct or payload.',
  ],
  ['offsetof', 'offsetof(struct S, f)', 'Bytes from the start of the struct to the field; f may be a path.'],
  ['offsetofend', 'offsetofend(struct S, f)', 'Bytes from the start of the struct to behind the field.'],
  ['bytes', 'bytes "de ad be ef"', 'Bytes by pairs of hex digits.'],
  ['root', 'TABLE.root', 'The address that a page table was declared at.'],
  ['iommu0', 'iommu0.NAME', 'The IOMMU: CAP, ECAP, RTADDR or a field of the capability registers.'],
];

const rows = (place: KeywordPlace, list: readonly Row[]): KeywordDoc[] =>
  list.map(([word, form, doc]) => ({ word, place, form, doc }));

/** Every word with every place it may stand in. */
export const KEYWORDS: readonly KeywordDoc[] = [
  ...rows('declaration', DECLARATIONS),
  ...rows('step', STEPS),
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
