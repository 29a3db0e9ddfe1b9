/** Why a stock QEMU does something else than the architecture says. Where it does is told where the model asks for it. */
export const DEVIATIONS = {
  'no-memory':
    "QEMU's bus answers accesses outside of RAM with an error (F_WALK_EABT, fetch events); the engine's memory reads 0 everywhere.",
  span: 'A level-1 stream table descriptor covers 2^(Span-1) entries, and what lies beyond is C_BAD_STREAMID; QEMU takes 2^Span and says C_BAD_STE.',
  'level-2-unaligned':
    'The array of a level-1 descriptor is aligned to its size, and lower bits of L2Ptr do not count; QEMU uses them.',
  'bad-streamid-recorded': 'C_BAD_STREAMID is recorded only with CR2.RECINVSID; QEMU always records it.',
  'one-context': 'Without SubstreamIDs STE.S1CDMax is ignored; QEMU answers anything but 0 with C_BAD_STE.',
  'strw-unchecked': 'STE.STRW of EL3 and of EL2, which this unit does not have, is ILLEGAL; QEMU does not look at it.',
  'stalld-without-stage-1': 'STE.S1STALLD is a field of stage 1; QEMU refuses it for stage 2 alone, too.',
  'context-pointer-size': 'A CD beyond the output size makes the STE ILLEGAL; QEMU tries to read it.',
  'start-level-too-high':
    'S2T0SZ and S2SL0 that leave the start level nothing to translate are ILLEGAL; QEMU walks on from there.',
  'httu-unchecked': 'Without HTTU, STE.S2HA, S2HD and CD.HAFT are ILLEGAL; QEMU does not look at them.',
  'bypass-of-any-size':
    'An address beyond the output size ends in F_ADDR_SIZE even when nothing translates it; QEMU lets it pass.',
  'input-size-unrecorded': 'F_ADDR_SIZE of a bypassed stage 1 is always recorded; QEMU asks the CD that there is not.',
  'tbi1-as-tbi0': 'CD.TBI1 is for the upper half; QEMU uses TBI0 for both.',
  'small-table-alignment': 'Tables are aligned to 64 bytes at least; QEMU aligns smaller start tables to their size.',
  'table-size-unchecked':
    'Addresses in table descriptors are checked against the output size as in leaves; QEMU checks leaves alone.',
  'leaf-size-last': 'F_ADDR_SIZE comes before F_ACCESS and F_PERMISSION; QEMU looks at the address last.',
  'table-rights-at-once':
    'APTable takes rights away from the leaf, after its access flag; QEMU ends a write at the table, and forgets about it in its TLB.',
  'block-at-any-level': 'Blocks exist at some levels only; QEMU takes them anywhere above level 3.',
  'table-bases-alone':
    'Under nesting every stage-1 descriptor has an IPA of its own; QEMU translates where a table begins, and TTBs once, with the CD.',
  'joined-tables':
    'Up to 16 start tables of stage 2 lie side by side as one array; QEMU computes which one it needs, and then masks that away.',
  'stage-2-lines-of-tables':
    'Where stage 2 leads for a CD or a table may be cached until TLBI_S2_IPA; QEMU does so, and the engine caches whole translations alone.',
  'table-fault-as-stage-1':
    'Stage 2 faults of a stage-1 table are stage-2 faults under S2R; QEMU records them as of stage 1, with CLASS TT, the address of the table and CD.R.',
  'fetch-as-read': 'RnW is that of the access; QEMU records a read when the way to the CD or a TTB faults.',
  's2t0sz-by-s2ps':
    'S2T0SZ is bounded by the input size of the unit; QEMU asks for no more input bits than S2PS has output bits.',
  'tlb-denial-without-ipa': 'A stage-2 fault has its IPA in the record; QEMU has none where its TLB denied the access.',
  'tlb-denial-as-stage-1':
    'What a line of stage 2 alone denies is a stage-2 fault; QEMU takes it for one of stage 1, and does not record it.',
  'cd-fetch-address': 'F_CD_FETCH has FetchAddr in the last word; QEMU puts it where the input address is.',
  'tlb-denial-of-reads':
    'A line that does not allow reads ends in F_PERMISSION; QEMU tests for writes alone, and reads end unrecorded or get through.',
} as const;
export type DeviationName = keyof typeof DEVIATIONS;

/** Those that only spell an event otherwise: who gets how far is the same. */
export const WORDING: readonly DeviationName[] = ['fetch-as-read', 'tlb-denial-without-ipa', 'cd-fetch-address'];

/** Commands that end otherwise. */
export const COMMAND_DEVIATIONS: readonly {
  readonly name: string;
  readonly why: string;
  /** One of the two has caches that the other has not from there on. */
  readonly changesCaches: boolean;
  /** CMDQ_CONS.ERR of both sides. */
  readonly explains: (words: readonly bigint[], engine: number, qemu: number) => boolean;
}[] = [
  {
    name: 'commands-it-lacks',
    why: 'Without EL2, EL3, ATS, PRI and stalls their commands are CERROR_ILL; QEMU takes them and does nothing.',
    changesCaches: false,
    explains: (words, engine, qemu) =>
      engine === 1 &&
      qemu === 0 &&
      [0x18, 0x1a, 0x20, 0x21, 0x22, 0x23, 0x40, 0x41, 0x44, 0x45].includes(opcode(words)),
  },
  {
    name: 'cd-commands-without-stage-1',
    why: 'Where there is no stage 1 there are no CDs, and their commands are CERROR_ILL; QEMU takes them.',
    changesCaches: true,
    explains: (words, engine, qemu) => engine === 1 && qemu === 0 && [0x05, 0x06].includes(opcode(words)),
  },
  {
    name: 'empty-range',
    why: 'A granule with NUM, SCALE and TTL 0 is CERROR_ILL; QEMU removes one page.',
    changesCaches: true,
    explains: (words, engine, qemu) =>
      engine === 1 &&
      qemu === 0 &&
      [0x12, 0x13, 0x2a].includes(opcode(words)) &&
      (words[1]! & 0xc00n) !== 0n &&
      (words[0]! & 0x01f1_f000n) === 0n &&
      (words[1]! & 0x300n) === 0n,
  },
];

const opcode = (words: readonly bigint[]): number => Number(words[0]! & 0xffn);
