import type { SmmuAccess, SmmuStep } from './smmu-case.ts';
import { OPCODE } from './smmu-commands.ts';
import { bits, ones } from './smmu-model.ts';
import type { PlannedAccess } from './smmu-plan.ts';

/** An access at which both sides differ, and what went before it. */
export interface SmmuDifference {
  readonly access: SmmuAccess;
  readonly planned: PlannedAccess;
  readonly steps: readonly SmmuStep[];
  /** By step: whether the engine took the command. */
  readonly taken: readonly boolean[];
  /** By step: what is known of earlier accesses. */
  readonly accesses: readonly (PlannedAccess | undefined)[];
  readonly twoLevel: boolean;
}

type Command = Extract<SmmuStep, { do: 'command' }>;
const isCommand = (step: SmmuStep): step is Command => step.do === 'command';
const opOf = ({ words }: Command): bigint => words[0]! & 0xffn;
const sidOf = ({ words }: Command): number => bits(words[0]!, 32, 32);

/** StreamIDs that a CMD_CFGI_STE_RANGE is about contain this one. */
function inRange({ words }: Command, sid: number): boolean {
  const lg2 = BigInt(bits(words[1]!, 0, 5) + 1);
  return BigInt(bits(words[0]!, 32, 32)) >> lg2 === BigInt(sid) >> lg2;
}

/** The command removes what is known of the stream itself. */
export function removesStream(command: Command, sid: number, twoLevel: boolean): boolean {
  const op = opOf(command);
  if ((command.words[0]! & 0x400n) !== 0n) return false;
  if (op === OPCODE.CFGI_STE) return sidOf(command) === sid && (!twoLevel || (command.words[1]! & 1n) === 0n);
  if (op !== OPCODE.CFGI_STE_RANGE) return false;
  return bits(command.words[1]!, 0, 5) === 31 || (!twoLevel && inRange(command, sid));
}

/** The command removes CDs of the stream; without SubstreamIDs it has one. */
export function removesContext(command: Command, sid: number): boolean {
  const op = opOf(command);
  if ((command.words[0]! & 0x400n) !== 0n) return false;
  if (op === OPCODE.CFGI_STE || op === OPCODE.CFGI_CD || op === OPCODE.CFGI_CD_ALL) return sidOf(command) === sid;
  return op === OPCODE.CFGI_STE_RANGE && inRange(command, sid);
}

/** The command removes everything of a VMID, whatever the stage. */
const removesVmid = (command: Command, vmid: number): boolean =>
  opOf(command) === OPCODE.TLBI_S12_VMALL && bits(command.words[0]!, 32, 16) === vmid;

/** What a TLB line is found by. */
export interface Tags {
  readonly vmid: number;
  /** -1: of stage 2 alone. */
  readonly asid: number;
  readonly global: boolean;
  readonly address: bigint;
  readonly lg2: number;
  readonly s2: boolean;
}

/** The command must remove the line (IHI 0070, 4.4). Level hints and ranges are left out: not all of them need to reach it. */
export function removesLine({ words }: Command, { vmid, asid, global, address, lg2, s2 }: Tags): boolean {
  const op = words[0]! & 0xffn;
  const ownVmid = !s2 || bits(words[0]!, 32, 16) === vmid;
  const plain = (words[1]! & 0xc00n) === 0n;
  const sized = BigInt(Math.max(12, Math.min(lg2, 64)));
  const named = (words[1]! & ~0xfffn) >> sized === BigInt.asUintN(64, address) >> sized;
  switch (op) {
    case OPCODE.TLBI_NSNH_ALL:
      return true;
    case OPCODE.TLBI_NH_ALL:
      return ownVmid && asid >= 0;
    case OPCODE.TLBI_S12_VMALL:
      return s2 && ownVmid;
    case OPCODE.TLBI_NH_ASID:
      return ownVmid && asid === bits(words[0]!, 48, 16) && !global;
    case OPCODE.TLBI_NH_VA:
      return ownVmid && plain && named && asid >= 0 && (global || asid === bits(words[0]!, 48, 16));
    case OPCODE.TLBI_NH_VAA:
      return ownVmid && plain && named && asid >= 0;
    case OPCODE.TLBI_S2_IPA:
      return s2 && ownVmid && plain && asid < 0 && (words[1]! & ~0xfffn & ones(52)) >> sized === address >> sized;
    default:
      return false;
  }
}

/**
 * Something that the engine keeps had to go by a command since it was read, so that a stale answer from it cannot be
 * told from one that the command forgot: nothing explains that.
 */
export function isOverdue(difference: SmmuDifference, s2: boolean): boolean {
  const { access, planned, steps, taken, twoLevel } = difference;
  const { sid, address } = access;
  const { engine } = planned;
  const { stale, hit, vmid, lg2 } = engine;
  const global = isOfGlobalLeaf(difference);
  // Faults under an old configuration count as fresh, and do not say since when it is known.
  const since = engine.filledBy >= 0 ? engine.filledBy : steps.findLastIndex(({ do: kind }) => kind === 'edit');
  const after = steps.filter((step, i): step is Command => since < i && isCommand(step) && taken[i] === true);
  if (stale === 'tlb' || (stale === null && hit)) {
    const tags = { vmid, asid: engine.stage1 ? engine.asid : -1, global, address, lg2, s2 };
    return after.some((command) => removesLine(command, tags));
  }
  // Which tables a smaller command reaches is not told apart here.
  if (stale === 'walk' || (stale === null && engine.shortened))
    return after.some((command) => opOf(command) === OPCODE.TLBI_NSNH_ALL || removesVmid(command, vmid));
  const wanted = stale === 'context' ? removesContext : removesStream;
  return after.some((command) => wanted(command, sid, twoLevel));
}

/** Why caches differ. All that explain a difference name it. */
export const CACHE_DEVIATIONS: readonly {
  readonly name: string;
  readonly why: string;
  readonly explains: (difference: SmmuDifference) => boolean;
}[] = [
  {
    name: 'configuration-cached-whole',
    why: 'CFGI_CD removes CDs; QEMU keeps a stream and its CD as one, and removes both.',
    explains: (difference) =>
      oldStream(difference) &&
      difference.steps.some((step) => isCommand(step) && removesContext(step, difference.access.sid)),
  },
  {
    name: 'failed-configuration-forgotten',
    why: 'Structures that are not valid may be kept until their command; QEMU keeps a configuration only when all of it is good.',
    explains: (difference) =>
      (oldStream(difference) || difference.planned.engine.stale === 'context') &&
      !difference.planned.used.config &&
      difference.accesses.some((one, i) => one?.used.keepsConfig === false && sameSid(difference, i)),
  },
  {
    name: 'level-1-uncached',
    why: 'Level-1 stream table descriptors may be kept for all their streams; QEMU reads them with every stream.',
    explains: (difference) =>
      difference.twoLevel &&
      oldStream(difference) &&
      difference.accesses.some((one, i) => one && !sameSid(difference, i)),
  },
  {
    name: 'no-walk-caches',
    why: 'Where tables and pages of stage 2 lie may be kept until a command that covers them; QEMU walks from the top.',
    explains: ({ planned: { engine } }) => engine.shortened || engine.stale === 'walk',
  },
  {
    name: 'nh-vaa-takes-stage-2',
    why: 'TLBI_NH_VAA is about stage 1 and leaves lines of stage 2 alone; QEMU removes these, too.',
    explains: (difference) =>
      oldLine(difference) &&
      !difference.planned.engine.stage1 &&
      difference.steps.some((step) => isCommand(step) && opOf(step) === OPCODE.TLBI_NH_VAA),
  },
  {
    name: 'globals-by-asid',
    why: 'Global lines are found under every ASID of their VMID, and TLBI_NH_ASID leaves them; QEMU finds all lines under their own ASID alone, and removes them with it.',
    explains: (difference) => {
      const { engine, used } = difference.planned;
      // By address they go under any ASID; QEMU looks for the one that is named.
      const isOlder = !engine.hit || used.filledBy < engine.filledBy;
      const kept = used.line && used.global && !engine.stale && isOlder;
      return (oldLine(difference) && isOfGlobalLeaf(difference)) || (kept && difference.steps.some(isByAsidAndAddress));
    },
  },
  {
    name: 'overlapping-lines',
    why: 'A page that became part of a larger one without a command may be found as either; QEMU takes the larger one, the engine the smaller.',
    explains: ({ planned: { engine, used } }) => engine.hit && used.line && used.lg2 !== engine.lg2,
  },
  {
    name: 'lines-by-granule',
    why: 'A look-up is by address and tags; QEMU finds only lines of the granule and the levels that the stream has now.',
    explains: (difference) => oldLine(difference) && difference.planned.used.missed,
  },
  {
    name: 'level-hint-ignored',
    why: 'TTL says at which level the leaves are, and others need not go; QEMU heeds it for single pages alone.',
    explains: (difference) =>
      oldLine(difference) &&
      difference.steps.some(
        (step) => isCommand(step) && BY_ADDRESS.has(opOf(step)) && (step.words[1]! & 0x300n) !== 0n,
      ),
  },
  {
    name: 'top-byte-in-tlb',
    why: 'With TBI the top byte takes no part in a look-up; QEMU keeps lines with it, and a command without it does not find them.',
    explains: (difference) => {
      const { engine, used } = difference.planned;
      const marked = ({ address }: SmmuAccess): boolean => BigInt.asIntN(56, address) !== BigInt.asIntN(64, address);
      const anyMarked = difference.steps.some((step) => step.do === 'access' && marked(step));
      return (
        (used.line && !engine.stale && marked(difference.access)) ||
        (oldLine(difference) && (anyMarked || marked(difference.access)))
      );
    },
  },
];

const isByAsidAndAddress = (step: SmmuStep): boolean => isCommand(step) && opOf(step) === OPCODE.TLBI_NH_VA;
const BY_ADDRESS: ReadonlySet<bigint> = new Set([OPCODE.TLBI_NH_VA, OPCODE.TLBI_NH_VAA, OPCODE.TLBI_S2_IPA]);

const sameSid = ({ access: { sid }, steps }: SmmuDifference, index: number): boolean => {
  const step = steps[index];
  return step?.do === 'access' && step.sid === sid;
};

/** The engine uses what it knows of a stream, and QEMU has read it anew. A fault under an old stream counts as fresh. */
function oldStream({ access: { sid }, planned: { engine, used }, steps }: SmmuDifference): boolean {
  const first = steps.findIndex((step) => step.do === 'access' && step.sid === sid);
  return engine.stale !== 'context' && (!used.config || first < used.configReadBy);
}

/** The engine uses a TLB line, and QEMU walks, or has done so since. */
const oldLine = ({ planned: { engine, used } }: SmmuDifference): boolean =>
  engine.hit && (!used.line || engine.filledBy < used.filledBy);

/** The engine's line was filled by a walk that ended at a global leaf, or, under an old configuration, at who knows which. */
function isOfGlobalLeaf({ planned: { engine }, accesses }: SmmuDifference): boolean {
  const fill = accesses[engine.filledBy];
  return fill !== undefined && (fill.global || fill.text.at !== fill.engine.hpa);
}
