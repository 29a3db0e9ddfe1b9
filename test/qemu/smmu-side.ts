import { PhysMem } from '../../engine/memory/phys-mem.ts';
import { decodeEvent, SmmuUnit } from '../../engine/models/smmuv3/index.ts';
import { Access, Hit, Request, Source, Stages, Stale, type Translation } from '../../engine/models/translation.ts';
import {
  COMMAND_QUEUE,
  EVENT_QUEUE,
  isSmmuRam,
  QUEUE_LG2,
  type SmmuAccess,
  type SmmuEvent,
  type SmmuRegisters,
} from './smmu-case.ts';
import { CODE } from './smmu-model.ts';

/** What the engine answers. */
export interface SmmuAnswer {
  readonly ok: boolean;
  /** Meaningful when `ok`. */
  readonly hpa: bigint;
  readonly name: string;
  readonly event: SmmuEvent | null;
  /** The answer rests on a cache that memory no longer agrees with: which. */
  readonly stale: 'stream' | 'context' | 'walk' | 'tlb' | null;
  /** A TLB line answered. */
  readonly hit: boolean;
  /** The walk began at a table, or used a page of stage 2, that a cache knew. */
  readonly shortened: boolean;
  /** The step in which the cache that answered was filled; -1 where none did. */
  readonly filledBy: number;
  readonly lg2: number;
  /** Stage 1 took part. */
  readonly stage1: boolean;
  readonly vmid: number;
  readonly asid: number;
  /** Where a walk leads now; null where it ends. */
  readonly fresh: bigint | null;
}

const SYNC = 0x46n;
const CMDQ_ERR = 1n;
const QUEUES = 0b1100n;
const WRAP_MASK = (2n << BigInt(QUEUE_LG2)) - 1n;
const EVENT_BYTES = 32n;
/** Time of a case's first step: setting up takes the one before. */
const FIRST_STEP = 2;
const INDEX_MASK = (1n << BigInt(QUEUE_LG2)) - 1n;

/** The engine's unit, driven as QEMU's is: queues in memory, registers by name. All that depends on its interface is here. */
export class EngineSmmu {
  readonly mem = new PhysMem();
  readonly #unit: SmmuUnit;

  constructor(
    ids: Readonly<Record<string, number>>,
    { strtabBase, strtabBaseCfg, cr2 }: SmmuRegisters,
    memory: ReadonlyMap<bigint, bigint>,
    walkCaches: boolean,
  ) {
    for (const [at, value] of memory) this.mem.write64(at, value);
    this.#unit = new SmmuUnit(this.mem, ids, walkCaches);
    this.#tick();
    this.#write('CMDQ_BASE', COMMAND_QUEUE | BigInt(QUEUE_LG2));
    this.#write('EVENTQ_BASE', EVENT_QUEUE | BigInt(QUEUE_LG2));
    this.#write('STRTAB_BASE', strtabBase);
    this.#write('STRTAB_BASE_CFG', BigInt(strtabBaseCfg));
    this.#write('CR2', BigInt(cr2));
    this.#write('CR0', QUEUES | 1n);
  }

  edit(at: bigint, value: bigint): void {
    this.#tick();
    this.mem.write64(at, value);
  }

  /** CMDQ_CONS.ERR that a command ends with. After an error a CMD_SYNC takes its place. */
  command(words: readonly bigint[]): number {
    this.#tick();
    const at = this.#unit.register('CMDQ_PROD')!;
    if (this.#unit.command(words).ok) return 0;
    const error = Number((this.#unit.register('CMDQ_CONS')! >> 24n) & 0x7fn);
    const gerror = this.#unit.register('GERROR')!;
    if (((gerror ^ this.#unit.register('GERRORN')!) & CMDQ_ERR) === 0n) throw new Error('an error without GERROR');
    const entry = COMMAND_QUEUE + (at & INDEX_MASK) * 16n;
    this.mem.write64(entry, SYNC);
    this.mem.write64(entry + 8n, 0n);
    this.#write('GERRORN', gerror);
    if ((this.#unit.register('CMDQ_CONS')! & WRAP_MASK) !== this.#unit.register('CMDQ_PROD'))
      throw new Error('the queue does not go on');
    return error;
  }

  /** @param word what a write leaves in memory */
  access({ sid, address, write }: SmmuAccess, word: bigint): SmmuAnswer {
    this.#tick();
    const unit = this.#unit;
    // QEMU takes every access for a privileged one.
    const request = new Request({ sid, address, access: write ? Access.Write : Access.Read, privileged: true });
    const now = unit.peek(request);
    const fresh = now.ok ? now.hpa : null;
    const r = unit.translate(request);
    const answer: SmmuAnswer = {
      ok: r.ok,
      hpa: r.ok ? r.hpa : 0n,
      name: r.reason?.name ?? (r.ok ? 'ok' : 'abort'),
      event: this.#takeEvent(),
      stale: staleness(r),
      hit: r.hit === Hit.Iotlb,
      shortened: r.hit === Hit.Psc,
      filledBy: r.filledAt - FIRST_STEP,
      lg2: r.lg2,
      stage1: r.stages === Stages.First || r.stages === Stages.Nested,
      vmid: r.domain,
      asid: r.pasid,
      fresh,
    };
    if (answer.ok && write && isSmmuRam(answer.hpa)) this.mem.write64(answer.hpa & ~7n, word);
    return answer;
  }

  /** The record that the last access left in the queue, which is then empty again. */
  #takeEvent(): SmmuEvent | null {
    const unit = this.#unit;
    const [prod, cons] = [unit.register('EVENTQ_PROD')!, unit.register('EVENTQ_CONS')!];
    if (prod === cons) return null;
    if (prod !== ((cons + 1n) & WRAP_MASK)) throw new Error(`one access, several events: ${cons} to ${prod}`);
    const at = EVENT_QUEUE + (cons & INDEX_MASK) * EVENT_BYTES;
    const words = [0n, 8n, 16n, 24n].map((offset) => this.mem.read64(at + offset));
    this.#write('EVENTQ_CONS', prod);
    return eventFrom(words);
  }

  #write(name: string, value: bigint): void {
    const outcome = this.#unit.writeRegister(name, value);
    if (!outcome?.ok) throw new Error(`${name} cannot be written: ${outcome?.why}`);
  }

  #tick(): void {
    this.#unit.now++;
    this.mem.now = this.#unit.now;
  }
}

const STALE_CACHES = {
  [Source.Context]: 'stream',
  [Source.Pasid]: 'context',
  [Source.Psc]: 'walk',
  [Source.Iotlb]: 'tlb',
} as const;

function staleness({ stale, source }: Translation): SmmuAnswer['stale'] {
  if (stale === Stale.Fresh) return null;
  return STALE_CACHES[source as keyof typeof STALE_CACHES];
}

/** A record, as far as it is compared: PnU and TTRnW QEMU never sets, SubstreamIDs and stalls it does not have. */
export function eventFrom(words: readonly bigint[]): SmmuEvent {
  const fields = decodeEvent(words);
  const code = Number(fields['Code']);
  return {
    code,
    sid: Number(fields['StreamID']),
    read: fields['RnW'] === 1n,
    stage2: fields['S2'] === 1n,
    cls: Number(fields['CLASS']),
    input: fields['InputAddr']!,
    // QEMU fills in the whole IPA where the record has its page.
    address: code >= CODE.F_TRANSLATION ? words[3]! & ~0xfffn : words[3]!,
  };
}
