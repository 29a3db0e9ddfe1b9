import { hex, hexGrouped, sizeText } from '../base/text.ts';
import type { DeviceConfig } from '../host/machine-config.ts';
import { Access, Hit, Request, Stages, Stale, type Translation } from '../models/translation.ts';
import { getUint, putUint } from '../uapi/index.ts';
import { fits, isNoValue, type Value } from './evaluate.ts';
import type { Happened } from './expect.ts';
import { noteIssued } from './happened.ts';
import type { DmaStep } from './program.ts';
import type { Detail } from './result.ts';
import type { Session } from './session.ts';
import { staleCause } from './stale.ts';

const PAGE = 0x1000n;
/** Bytes of one access when the step does not say. */
export const DEFAULT_SIZE = 4n;
const MAX_SIZE = 0x10_0000n;
export const ACCESS = { read: Access.Read, write: Access.Write, exec: Access.Exec };
const HIT: Readonly<Record<number, Detail['hit']>> = {
  [Hit.None]: false,
  [Hit.Iotlb]: 'iotlb',
  [Hit.Psc]: false,
  [Hit.DeviceTlb]: 'devtlb',
};

const problem = (message: string): Happened => ({ outcome: 'problem', detail: {}, problem: message });

/** One access of a device, split where it crosses a page; it ends at the first piece that does not succeed. */
export function dma(session: Session, step: DmaStep): Happened {
  const device = session.machine.config.devices.find((d) => d.name === step.device.text);
  if (!device) return problem(`the machine has no device ${step.device.text}`);
  if (!session.machine.hasHardware)
    return problem(`iommu ${session.machine.config.model} has no hardware that an access could reach`);
  const numbers = session.numbers({ pasid: step.pasid, at: step.at, size: step.size });
  if ('problem' in numbers) return problem(numbers.problem);
  const { pasid, at, size = DEFAULT_SIZE } = numbers as { pasid?: bigint; at: bigint; size?: bigint };
  if (pasid !== undefined && 0xf_ffffn < pasid)
    return problem(`PASID ${hex(pasid)} has more than 20 bits, which no request can carry`);
  const unmodelled = pasid === undefined ? undefined : session.machine.kernel.notWalkable(device.name, Number(pasid));
  if (unmodelled) return problem(unmodelled.problem);
  if (size === 0n || MAX_SIZE < size) return problem(`an access has 1 to ${sizeText(MAX_SIZE)} bytes, not ${size}`);
  if (step.ats && !device.ats) return problem(`${device.name} has no ATS: say ats = 1 in its machine declaration`);
  const data = step.access === 'write' ? writeData(session, step, Number(size)) : undefined;
  if (data && 'problem' in data) return problem(data.problem);

  return inPieces(session, step, { device, pasid: pasid === undefined ? -1 : Number(pasid), at, size, ...data });
}

/** An access with its values; pasid -1: none. */
export interface AccessValues {
  readonly device: DeviceConfig;
  readonly pasid: number;
  readonly at: bigint;
  readonly size: bigint;
  /** What a write writes. */
  readonly bytes?: Uint8Array;
}

/** Makes the pieces of an access. @param first what became of the first one, where it has been made already */
export function inPieces(session: Session, step: DmaStep, access: AccessValues, first?: Happened): Happened {
  const { at, size, bytes } = access;
  const { mem } = session.machine;
  const pieces: Happened[] = [];
  const read = new Uint8Array(bytes ? 0 : Number(size));
  for (let done = 0n; done < size; ) {
    const address = BigInt.asUintN(64, at + done);
    const inPage = PAGE - (address & (PAGE - 1n));
    const length = size - done < inPage ? size - done : inPage;
    const piece = (done === 0n && first) || accessPiece(session, step, access, address);
    pieces.push(piece);
    if (piece.detail.ignored) {
      done += length;
      continue;
    }
    if (piece.outcome !== 'hpa') break;
    const hpa = piece.detail.hpa!;
    if (bytes) mem.write(hpa, bytes.subarray(Number(done), Number(done + length)));
    else mem.readInto(hpa, read, Number(done), Number(length));
    done += length;
  }

  const happened = together(pieces);
  if ((happened.outcome === 'hpa' || happened.detail.ignored) && !bytes)
    happened.detail.value = getUint(read, 0, Math.min(8, read.length));
  bindResult(session, step, happened.detail);
  return happened;
}

/** Would an access now be answered without reading a paging entry? */
export function isCached(
  session: Session,
  device: DeviceConfig,
  pasid: number | undefined,
  at: bigint,
  devtlb: boolean,
): boolean {
  const request = new Request({ sid: device.sid, pasid: pasid ?? -1, address: at, access: Access.Read });
  if (devtlb) return session.machine.unit.deviceTlb.find(device.sid, pasid ?? -1, 0, request.hi, request.lo) >= 0;
  return session.machine.unit.wouldHit(request);
}

function accessPiece(session: Session, step: DmaStep, { device, pasid }: AccessValues, address: bigint): Happened {
  const { access, privileged } = step;
  const request = new Request({ sid: device.sid, pasid, address, access: ACCESS[access], privileged });
  const translation = translate(session, step, device, request);
  return tell(session, step, device, request, translation, session.takeFaultRecord());
}

/** Sends a request the way the step wants it. */
export const translate = (session: Session, step: DmaStep, device: DeviceConfig, request: Request): Translation =>
  step.ats ? session.deviceAccess.access(request, { pri: device.pri }) : session.machine.unit.translate(request);

/** What became of a piece, in full. @param event the fault record that it left behind */
export function tell(
  session: Session,
  step: DmaStep,
  device: DeviceConfig,
  request: Request,
  translation: Translation,
  event: readonly bigint[] | undefined,
): Happened {
  const happened = fromTranslation(session, request, translation, event);
  if (!translation.requested || happened.outcome === 'interrupt') return happened;
  const { pasid, address } = request;
  const notes = session.machine.kernel.pageRequest(device.name, {
    pasid: pasid < 0 ? undefined : pasid,
    address,
    access: step.access,
    privileged: step.privileged,
  });
  const issued = noteIssued(session);
  return {
    outcome: 'request',
    detail: {
      ...happened.detail,
      ...(0 < issued.length ? { issued, issuedText: issued.map((words) => session.machine.describe(words)) } : {}),
      ...(0 < notes.length ? { notes } : {}),
    },
  };
}

function fromTranslation(
  session: Session,
  request: Request,
  t: Translation,
  event: readonly bigint[] | undefined,
): Happened {
  const detail: Detail = { refs: t.refs, config: t.config, hit: HIT[t.hit] ?? false };
  if (t.hit === Hit.Psc) detail.psc = true;
  if (event) {
    detail.event = event;
    const notes = session.machine.kernel.faultRecord(event);
    if (notes.length > 0) detail.notes = notes;
    // What the handler answers with, as for an access that nobody resumes.
    const issued = noteIssued(session);
    if (issued.length > 0) {
      detail.issued = issued;
      detail.issuedText = issued.map((words) => session.machine.describe(words));
    }
  }
  if (t.interrupt) return { outcome: 'interrupt', detail: { refs: 0, config: 0 } };
  if (t.ok) {
    detail.hpa = t.hpa;
    if (t.stages === Stages.Second || t.stages === Stages.Nested) detail.gpa = t.gpa;
  } else {
    const { reason } = t;
    detail.fault = t.silent ? 'abort' : (reason?.name ?? hex(t.fault));
    detail.code = t.fault;
    const text =
      reason?.text.replace(/\.$/, '') ?? (t.silent ? 'the access ends, and nobody is told' : 'an unnamed fault');
    detail.faultText = t.why === '' ? text : `${text}: ${t.why}`;
  }
  if (t.stale !== Stale.Fresh) {
    detail.stale = true;
    detail.staleCause = staleCause(session, request, t);
  }
  if (t.stalled) detail.stag = t.stag;
  if (t.ignored) {
    // The device sees success, whatever the unit may have recorded.
    detail.ignored = true;
    detail.notes = [`${detail.fault}, ignored: a read gives 0 and a write is lost`];
    return { outcome: 'ok', detail };
  }
  return { outcome: t.ok ? 'hpa' : t.stalled ? 'stall' : 'fault', detail };
}

/** The pieces of an access as one: the first address, all reads, a hit only when every piece hit. */
function together(pieces: readonly Happened[]): { outcome: Happened['outcome']; detail: Detail; problem?: string } {
  const [first] = pieces;
  const last = pieces.at(-1)!;
  if (pieces.length === 1) return { ...first!, detail: { ...first!.detail } };
  const details = pieces.map((p) => p.detail);
  const sum = (key: 'refs' | 'config'): number => details.reduce((n, d) => n + (d[key] ?? 0), 0);
  const stale = details.find((d) => d.stale);
  const { hpa: _hpa, gpa: _gpa, ...rest } = last.detail;
  const place =
    last.outcome === 'hpa'
      ? {
          ...(first!.detail.hpa === undefined ? {} : { hpa: first!.detail.hpa }),
          ...(first!.detail.gpa === undefined ? {} : { gpa: first!.detail.gpa }),
        }
      : {};
  return {
    outcome: last.outcome,
    detail: {
      ...rest,
      ...place,
      refs: sum('refs'),
      config: sum('config'),
      hit: details.every((d) => d.hit) ? (first!.detail.hit ?? false) : false,
      ...(details.some((d) => d.psc) ? { psc: true as const } : {}),
      ...(stale ? { stale: true, ...(stale.staleCause ? { staleCause: stale.staleCause } : {}) } : {}),
      pieces: details,
    },
  };
}

function writeData(
  session: Session,
  step: DmaStep,
  size: number,
): { readonly bytes: Uint8Array } | { readonly problem: string } {
  const bytes = new Uint8Array(size);
  if (!step.value) return { bytes };
  const value: Value | ReturnType<Session['evaluate']> = session.evaluate(step.value);
  if (isNoValue(value)) return { problem: value.message };
  if (value instanceof Uint8Array) bytes.set(value.subarray(0, size));
  else if (typeof value === 'bigint') {
    if (!fits(value, size * 8)) return { problem: `${hexGrouped(value)} does not fit an access of ${size} bytes` };
    putUint(bytes, 0, Math.min(8, size), value);
  } else return { problem: 'a number or bytes are wanted' };
  return { bytes };
}

function bindResult(session: Session, step: DmaStep, detail: Detail): void {
  if (!step.as) return;
  const known: Readonly<Record<string, bigint | undefined>> = {
    hpa: detail.hpa,
    gpa: detail.gpa,
    value: detail.value,
    code: detail.code === undefined ? undefined : BigInt(detail.code),
    refs: detail.refs === undefined ? undefined : BigInt(detail.refs),
    config: detail.config === undefined ? undefined : BigInt(detail.config),
    stag: detail.stag === undefined ? undefined : BigInt(detail.stag),
  };
  session.bind(step.as, {
    value: detail.value ?? detail.hpa ?? 0n,
    member: (path) => (path.length === 1 ? known[path[0]!.text] : undefined),
  });
}
