import { Access, Kind, Request } from '../../engine/models/translation.ts';
import type { Session } from '../../engine/scenario/session.ts';
import type { DmaStep, Step } from '../language/syntax.ts';

const PAGE = 0x1000n;
/** Pieces of an access that are asked for at all. */
const MAX_PIECES = 0x200;
const ACCESS = { read: Access.Read, write: Access.Write, exec: Access.Exec } as const;

/** What a step asks an IOMMU for. */
type Asked = Pick<DmaStep, 'device' | 'pasid' | 'at' | 'size' | 'access' | 'privileged' | 'ats'>;

/** Why there is none. */
export interface Trouble {
  readonly problem: string;
}

/** The access of a step as the requests that it takes, one for each page. */
export interface StepAccess {
  readonly asked: Asked;
  readonly device: Session['machine']['config']['devices'][number];
  readonly requests: readonly Request[];
}

/** Steps whose access can be walked. */
export const hasAccess = (step: Step): boolean =>
  step.kind === 'dma' || (step.kind === 'assert' && step.assertion.kind === 'cached');

/** What a step is about to ask for, with the names that the scenario has by now. */
export function requestsOf(session: Session, step: Step): StepAccess | Trouble {
  const asked = accessOf(step);
  if (!asked) return { problem: 'the step makes no access of a device' };
  const device = session.machine.config.devices.find((d) => d.name === asked.device.text);
  if (!device) return { problem: `the machine has no device ${asked.device.text}` };
  const numbers = session.numbers({ pasid: asked.pasid, at: asked.at, size: asked.size });
  if ('problem' in numbers) return numbers;
  const { pasid, at = 0n, size = 4n } = numbers;
  if (pasid !== undefined && 0xf_ffffn < pasid) return { problem: 'the PASID has more than 20 bits' };
  const requests = pieceStarts(at, size).map(
    (address) =>
      new Request({
        sid: device.sid,
        pasid: pasid === undefined ? -1 : Number(pasid),
        address,
        access: ACCESS[asked.access],
        privileged: asked.privileged,
        kind: asked.ats ? Kind.Translation : Kind.Untranslated,
      }),
  );
  return { asked, device, requests };
}

function accessOf(step: Step): Asked | undefined {
  if (step.kind === 'dma') return step;
  if (step.kind !== 'assert' || step.assertion.kind !== 'cached') return undefined;
  const { device, pasid, at, devtlb } = step.assertion;
  return { device, ...(pasid ? { pasid } : {}), at, access: 'read', privileged: false, ats: devtlb };
}

/** Where an access begins in each page that it touches. */
function pieceStarts(at: bigint, size: bigint): bigint[] {
  const starts: bigint[] = [];
  for (let done = 0n; done < size && starts.length < MAX_PIECES; ) {
    const address = BigInt.asUintN(64, at + done);
    starts.push(address);
    done += PAGE - (address & (PAGE - 1n));
  }
  return starts.length > 0 ? starts : [at];
}
