import { type Request, Source, Stages, type Translation } from '../translation.ts';
import type { CommandAdvice, Culprit } from '../unit.ts';
import { deviceRange, WHOLE_DEVICE_RANGE } from './descriptors.ts';

type Sequence = CommandAdvice[];
/** What the unit's caches know an address by. A device's own TLB does not know it. */
export type Tags = Pick<Translation, 'domain' | 'pasid' | 'stages'>;

/**
 * Descriptors that may make one stale access fresh, the fewest and narrowest first. Each sequence has the order that leaves
 * no cache to refill from another that is still stale: structure caches, IOTLB, device TLB (VT-d 6.5.3.3). Which of them
 * is enough, the caller finds out by trying.
 */
export function candidates(
  request: Request,
  used: Translation,
  { domain, pasid, stages }: Tags,
  culprit: Culprit | undefined,
): Sequence[] {
  const { sid, address } = request;
  const page = address & ~0xfffn;
  const DID = BigInt(domain);
  const PASID = BigInt(pasid);
  const edited = culprit?.step;
  // Legacy mode knows no PASIDs, so what it caches goes by domain as well.
  const ss = stages === Stages.Second || pasid < 0;

  const context = command('cc_inv', { G: 3n, DID, SID: BigInt(sid) });
  // In legacy mode there are no PASID entries, and no descriptor for them.
  const entry: Sequence = pasid < 0 ? [] : [command('pc_inv', { G: 1n, DID, PASID })];
  const ofDomain = command('iotlb_inv', { G: 2n, DID });
  const ofPasid = ss ? ofDomain : command('p_iotlb_inv', { G: 2n, DID, PASID });
  const ofPage = (IH: bigint): CommandAdvice =>
    ss
      ? command('iotlb_inv', { G: 3n, DID, IH, ADDR: page })
      : command('p_iotlb_inv', { G: 3n, DID, PASID, IH, ADDR: page });
  const own = (range: { ADDR: bigint; S: bigint }): CommandAdvice =>
    request.pasid < 0
      ? command('dev_tlb_inv', { SID: BigInt(sid), ...range })
      : command('p_dev_tlb_inv', { SID: BigInt(sid), PASID: BigInt(request.pasid), ...range });
  const devicePage = own(deviceRange(page, 0));
  const device = own(WHOLE_DEVICE_RANGE);

  // An entry above the tables decides about every page, so all that came of it has to go.
  const upper: Sequence[] =
    used.source === Source.Iotlb
      ? [[ofPasid]]
      : [
          [...entry, ofPasid],
          [context, ofPasid],
          [context, ...entry, ofPasid],
        ];
  const paging: Sequence[] = [[ofPage(1n)], [ofPage(0n)]];
  if (edited?.stage === 2 && edited.gpa !== undefined) {
    const gpa = edited.gpa & ~0xfffn;
    paging.push(...[1n, 0n].map((IH) => [command('iotlb_inv', { G: 3n, DID, IH, ADDR: gpa })]));
  }
  const narrow = edited && edited.stage !== 0 ? paging : upper;
  const everything: Sequence = [
    command('cc_inv', { G: 1n }),
    ...(pasid < 0 ? [] : [command('pc_inv', { G: 3n })]),
    command('iotlb_inv', { G: 1n }),
  ];
  const wide: Sequence[] = [[ofPasid], [ofDomain], [...entry, ofDomain], [context, ...entry, ofDomain], everything];
  const behind = narrow === paging ? devicePage : device;
  const all: Sequence[] = used.source === Source.DeviceTlb ? [[behind]] : [];
  for (const sequence of [...narrow, ...wide]) all.push(sequence, [...sequence, behind], [...sequence, device]);
  return all;
}

const command = (name: string, fields: Readonly<Record<string, bigint>>): CommandAdvice => ({ name, fields });
