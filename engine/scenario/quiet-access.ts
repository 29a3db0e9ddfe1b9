import type { DeviceConfig } from '../host/machine-config.ts';
import { Hit, Request, Stale, type Translation } from '../models/translation.ts';
import { ACCESS, DEFAULT_SIZE, inPieces, tell, translate } from './dma.ts';
import { type Exact, exactly } from './exact.ts';
import type { Happened } from './expect.ts';
import { type Plainly, plainly } from './plain-expect.ts';
import type { DmaStep, Step } from './program.ts';
import type { Session } from './session.ts';

const PAGE = 0x1000;
const MAX_PASID = 0xf_ffff;

/** The numbers of a step; no pasid: the access has none. */
interface Numbers {
  readonly at: Exact;
  readonly size: Exact;
  readonly pasid: Exact | undefined;
  /** What a write writes. */
  readonly value: Exact;
}

/**
 * A DMA in a loop, made ready to run often: it does what `dma` does, but gives no details of an access that did as
 * expected. They cost more than the access, and behind the first results of a scenario nobody keeps them.
 */
export class QuietAccess {
  readonly #session: Session;
  readonly #step: DmaStep;
  readonly #device: DeviceConfig;
  readonly #request: Request;
  readonly #numbers: Numbers;
  readonly #asExpected: Plainly;

  private constructor(session: Session, step: DmaStep, device: DeviceConfig, numbers: Numbers, asExpected: Plainly) {
    this.#session = session;
    this.#step = step;
    this.#device = device;
    const { privileged, access } = step;
    this.#request = new Request({ sid: device.sid, address: 0n, access: ACCESS[access], privileged });
    this.#numbers = numbers;
    this.#asExpected = asExpected;
  }

  /** Undefined for steps that are no accesses, that bind a name, or that make no sense. */
  static of(session: Session, step: Step): QuietAccess | undefined {
    if (step.kind !== 'dma' || step.as) return undefined;
    const { names, machine } = session;
    const device = machine.config.devices.find((d) => d.name === step.device.text);
    if (!device || !machine.hasHardware || (step.ats && !device.ats)) return undefined;
    const at = exactly(step.at, names);
    const size = step.size ? exactly(step.size, names) : (): number => Number(DEFAULT_SIZE);
    const pasid = step.pasid && exactly(step.pasid, names);
    const value = step.value ? exactly(step.value, names) : (): number => 0;
    const asExpected = plainly(step.expect, names);
    if (!at || !size || (step.pasid && !pasid) || !value || !asExpected) return undefined;
    return new QuietAccess(session, step, device, { at, size, pasid, value }, asExpected);
  }

  /**
   * Makes the access.
   * @returns what happened, in full, where it did not simply pass; undefined when the access is not made: `dma` is to
   */
  run(): Happened | 'passed' | undefined {
    const session = this.#session;
    const step = this.#step;
    const device = this.#device;
    const { machine } = session;
    const numbers = this.#numbers;
    const at = numbers.at();
    const size = numbers.size();
    if (at < 0 || size <= 0 || PAGE < (at % PAGE) + size) return undefined;
    let pasid = -1;
    if (numbers.pasid !== undefined) {
      pasid = numbers.pasid();
      if (pasid < 0 || MAX_PASID < pasid) return undefined;
      if (machine.kernel.notWalkable(device.name, pasid)) return undefined;
    }
    const bytes = step.access === 'write' ? bytesOf(numbers.value(), size) : undefined;
    if (bytes === null) return undefined;
    const request = this.#request;
    request.pasid = pasid;
    request.hi = Math.floor(at / 0x1_0000_0000) | 0;
    request.lo = at | 0;
    const t = translate(session, step, device, request);
    const event = session.takeFaultRecord();
    if (event === undefined && succeeded(t) && this.#asExpected(t)) {
      if (bytes) machine.mem.write(t.hpa, bytes);
      else if (isUnmarked(t, step.ats)) session.leaveNoMark();
      return 'passed';
    }
    const access = { device, pasid, at: BigInt(at), size: BigInt(size), ...(bytes ? { bytes } : {}) };
    return inPieces(session, step, access, tell(session, step, device, request, t, event));
  }
}

/** An exact number as so many bytes, the lowest first; null where it has no value or more bytes than that. */
function bytesOf(value: number, size: number): Uint8Array | null {
  if (value < 0 || 2 ** (8 * Math.min(size, 8)) <= value) return null;
  const bytes = new Uint8Array(size);
  for (let i = 0, rest = value; 0 < rest; i++, rest = Math.floor(rest / 0x100)) bytes[i] = rest % 0x100;
  return bytes;
}

/** There is an address, which is what a walk gives now, and nothing else to tell. */
const succeeded = (t: Translation): boolean =>
  t.ok && t.stale === Stale.Fresh && !t.interrupt && !t.requested && !t.ignored && !t.stalled;

/** A cache answered alone, and so nothing was filled. */
const isUnmarked = (t: Translation, ats: boolean): boolean =>
  t.hit === (ats ? Hit.DeviceTlb : Hit.Iotlb) && t.refs === 0 && t.config === 0;
