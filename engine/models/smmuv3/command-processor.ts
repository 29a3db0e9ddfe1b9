import { hexGrouped } from '../../base/text.ts';
import { decode, type FieldValues } from '../bit-layout.ts';
import { Access } from '../translation.ts';
import type { CommandOutcome } from '../unit.ts';
import { commandByOp } from './command-layouts.ts';
import { BITS, commandName, fieldOf, OP, opOf } from './commands.ts';
import type { ConfigRemoved } from './config-caches.ts';
import { Ring } from './ring.ts';
import { countStale } from './stale-count.ts';
import type { Stalled } from './stalls.ts';
import { invalidateTlb, isEmptyRange, isTlbCommand, type Numbers } from './tlb-commands.ts';
import type { SmmuUnit } from './unit.ts';

const COMMAND_WORDS = 2;
const CFGI_STE_RANGE = 0x04;
const PRI_RESP = 0x41;
const RESUME = 0x44;
const STALL_TERM = 0x45;
const SYNC = 0x46;
/** CMD_CFGI_STE_RANGE with this range is CMD_CFGI_ALL. */
const EVERYTHING = 31;
/** CMD_ATC_INV of every address. */
const ATC_ALL = 52;
/** GERROR.CMDQ_ERR. */
const CMDQ_ERR = 1n;
const ERR_LO = 24n;
const ERR_MASK = 0x7fn << ERR_LO;
const ERRORS: Readonly<Record<string, bigint>> = { CERROR_ILL: 1n, CERROR_ABT: 2n };
const ANSWERS = ['failure', 'invalid request', 'success', 'a reserved answer'];

const done = (...notes: readonly string[]): CommandOutcome => ({
  ok: true,
  removed: [],
  ...(notes.length > 0 ? { notes } : {}),
});
const illegal = (why: string): CommandOutcome => ({ ok: false, error: 'CERROR_ILL', why, removed: [] });
const counted = (removed: CommandOutcome['removed']): CommandOutcome => ({
  ok: true,
  removed: removed.filter(({ count }) => count > 0),
});

/**
 * Takes commands from the queue in memory, or one by one where software has given no memory for it. A bad command stops
 * the queue until GERRORN acknowledges the error; without a queue it is left out, as a driver does that puts a CMD_SYNC
 * in its place.
 */
export class CommandProcessor {
  readonly #unit: SmmuUnit;
  readonly #ring: Ring;

  constructor(unit: SmmuUnit) {
    this.#unit = unit;
    this.#ring = new Ring(unit.mem, unit.registers, 'CMDQ', COMMAND_WORDS, unit.features.commandQueueLg2);
  }

  /** Software adds a command, and the queue runs. */
  submit(words: readonly bigint[]): CommandOutcome {
    if (!this.#ring.isSet) {
      if (!this.#unit.registers.commandsEnabled)
        return notTaken('CMDQEN', 'CR0.CMDQEN is 0, so that no command is taken');
      const outcome = this.#execute(words);
      if (!outcome.ok) this.#setError(outcome.error!);
      return outcome;
    }
    if (this.#ring.isFull) return notTaken('FULL', 'the command queue is full');
    this.#ring.push(words);
    return this.run();
  }

  /** Takes what waits in the queue, as far as it goes. */
  run(): CommandOutcome {
    const removed = new Map<string, number>();
    const notes: string[] = [];
    let stopped: CommandOutcome | undefined;
    const { registers } = this.#unit;
    while (!stopped && this.#ring.isSet && !this.#ring.isEmpty) {
      if (!registers.commandsEnabled) stopped = notTaken('CMDQEN', 'CR0.CMDQEN is 0, so that the queue stands still');
      else if (this.#isStopped)
        stopped = notTaken('CMDQ_ERR', 'the queue stands at a bad command until GERRORN acknowledges it');
      else {
        const outcome = this.#execute(this.#ring.front);
        for (const { cache, count } of outcome.removed) removed.set(cache, (removed.get(cache) ?? 0) + count);
        notes.push(...(outcome.notes ?? []));
        if (outcome.ok) this.#ring.pop();
        else {
          this.#setError(outcome.error!);
          registers.set('GERROR', registers.get('GERROR') ^ CMDQ_ERR);
          stopped = outcome;
        }
      }
    }
    return {
      ok: !stopped,
      ...(stopped?.error ? { error: stopped.error } : {}),
      ...(stopped?.why ? { why: stopped.why } : {}),
      removed: [...removed].map(([cache, count]) => ({ cache, count })),
      ...(notes.length > 0 ? { notes } : {}),
    };
  }

  get #isStopped(): boolean {
    const { registers } = this.#unit;
    return ((registers.get('GERROR') ^ registers.get('GERRORN')) & CMDQ_ERR) !== 0n;
  }

  #setError(error: string): void {
    const { registers } = this.#unit;
    const code = ERRORS[error] ?? 0n;
    registers.set('CMDQ_CONS', (registers.get('CMDQ_CONS') & ~ERR_MASK) | (code << ERR_LO));
  }

  #execute(words: readonly bigint[]): CommandOutcome {
    const unit = this.#unit;
    if (!unit.countStale) return this.#effect(words);
    const count = countStale(unit);
    const outcome = this.#effect(words);
    if (!outcome.ok) return outcome;
    const { dropped, needed } = count.translations();
    unit.tally.dropped += dropped;
    unit.tally.needed += needed;
    return { ...outcome, stale: count.removed() };
  }

  #effect(words: readonly bigint[]): CommandOutcome {
    const unit = this.#unit;
    const op = opOf(words);
    const command = commandByOp(op);
    if (!command) return illegal(`${commandName(op)} does not exist in this queue`);
    const refused = command.refused(unit.features);
    if (refused !== undefined) return illegal(`${command.name} ${refused}`);
    const values = decode(command, words);
    const number: Numbers = (field) => Number(values[field] ?? 0n);
    if (number('SSec') === 1) return illegal('SSec is for the queue of the Secure state');
    if (isTlbCommand(op)) {
      if (isEmptyRange(unit, number)) return illegal('TG names a granule, but NUM, SCALE and TTL are 0');
      const { tlb, walks } = invalidateTlb(unit, op, values, number);
      return counted([
        { cache: 'TLB entries', count: tlb },
        { cache: 'walk cache entries', count: walks },
      ]);
    }
    const isLeaf = fieldOf([words[0]!, words[1] ?? 0n], BITS.leaf) === 1n;
    return this.#others(op, values, number, isLeaf);
  }

  #others(op: number, values: FieldValues, number: Numbers, isLeaf: boolean): CommandOutcome {
    const unit = this.#unit;
    const { caches } = unit.lookup;
    const sid = number('StreamID');
    switch (op) {
      case OP.cfgiSte: {
        const { twoLevel, split } = unit.registers;
        return config(caches.removeStreams(sid, sid, !isLeaf && twoLevel ? split : -1));
      }
      case CFGI_STE_RANGE: {
        if (number('Range') === EVERYTHING) return config(caches.clear());
        const streams = 2 ** (number('Range') + 1);
        const first = Math.floor(sid / streams) * streams;
        return config(caches.removeStreams(first, first + streams - 1, -1));
      }
      case OP.cfgiCd:
        return config(caches.removeCd(sid, number('SubstreamID'), isLeaf));
      case OP.cfgiCdAll:
        return config(caches.removeCds(sid));
      case OP.atcInv:
        return this.#invalidateDevice(values, number);
      case PRI_RESP: {
        const answer = ANSWERS[number('Resp')]!;
        return number('Resp') === 3 ? illegal('Resp 3 is reserved') : done(`group ${number('PRGIndex')}: ${answer}`);
      }
      case RESUME:
        return this.#resume(sid, number);
      case STALL_TERM:
        return done(...unit.stalls.take(sid).map((stalled) => `${accessText(stalled)} is aborted`));
      case SYNC:
        return this.#sync(values, number);
      default:
        return done();
    }
  }

  #invalidateDevice(values: FieldValues, number: Numbers): CommandOutcome {
    const size = number('Size');
    if (ATC_ALL < size) return illegal(`Size is ${size}, at most ${ATC_ALL}`);
    const page = BigInt(values['Address'] ?? 0) >> 12n;
    const first = (page >> BigInt(size)) << BigInt(size);
    const last = size === ATC_ALL ? Number.MAX_SAFE_INTEGER : Number(first) + 2 ** size - 1;
    const pasid = number('SSV') === 0 ? -1 : number('Global') === 1 ? null : number('SubstreamID');
    const from = size === ATC_ALL ? 0 : Number(first);
    const removed = this.#unit.deviceTlb.removePages(number('StreamID'), pasid, from, last);
    return counted([{ cache: 'ATC entries', count: removed }]);
  }

  #resume(sid: number, number: Numbers): CommandOutcome {
    const unit = this.#unit;
    const [stalled] = unit.stalls.take(sid, number('STAG'));
    if (!stalled)
      return done(`no access of StreamID ${hexGrouped(BigInt(sid))} is stalled under STAG ${number('STAG')}`);
    const text = accessText(stalled);
    if (number('Ac') === 0) {
      const aborts = unit.features.termModel || number('Ab') === 1;
      return done(`${text} ${aborts ? 'is aborted' : 'ends without effect'}`);
    }
    const r = unit.translate(stalled.request);
    if (r.ok) return done(`${text} goes on to ${hexGrouped(r.hpa)}`);
    if (r.stalled) return done(`${text} stalls again under STAG ${r.stag}`);
    return done(`${text} ends in ${r.reason?.name ?? 'an abort'}`);
  }

  #sync(values: FieldValues, number: Numbers): CommandOutcome {
    if (number('CS') === 3) return illegal('CS 3 is reserved');
    const address = BigInt(values['MSIADDR'] ?? 0);
    if (number('CS') !== 1 || address === 0n) return done();
    const data = BigInt(values['MSIDATA'] ?? 0);
    this.#unit.mem.write(
      address,
      Uint8Array.from([0n, 8n, 16n, 24n], (at) => Number((data >> at) & 0xffn)),
    );
    return done(`wrote ${hexGrouped(data)} to ${hexGrouped(address)}`);
  }
}

/** A command that is not taken for now, which is no error of its own. */
const notTaken = (error: string, why: string): CommandOutcome => ({ ok: false, error, why, removed: [] });

const config = ({ stes, l1Stds, cds, l1Cds }: ConfigRemoved): CommandOutcome =>
  counted([
    { cache: 'STEs', count: stes },
    { cache: 'level-1 stream table descriptors', count: l1Stds },
    { cache: 'CDs', count: cds },
    { cache: 'level-1 CDs', count: l1Cds },
  ]);

const accessText = ({ request }: Stalled): string =>
  `the ${request.access === Access.Write ? 'write' : 'read'} at ${hexGrouped(request.address)}`;
