import { type Request, Source, Stages, type Translation } from '../translation.ts';
import type { CommandAdvice, Culprit } from '../unit.ts';

type Sequence = CommandAdvice[];
/** What the TLB knows an address by: VMID and ASID. An ATC does not know it. */
type Tags = Pick<Translation, 'domain' | 'pasid' | 'stages'>;

/**
 * Commands that may make one stale access fresh, the fewest and narrowest first: configuration caches, TLB, ATC (SMMUv3
 * 4.3 to 4.5). An entry behind both stages is found by its virtual address, so CMD_TLBI_S2_IPA never is enough by itself.
 */
export function candidates(
  request: Request,
  used: Translation,
  { domain, pasid, stages }: Tags,
  culprit: Culprit | undefined,
): Sequence[] {
  const StreamID = BigInt(request.sid);
  const substream = request.pasid < 0 ? {} : { SSV: 1n, SubstreamID: BigInt(request.pasid) };
  const page = request.address & ~0xfffn;
  const VMID = BigInt(domain);
  const ASID = BigInt(pasid);
  const edited = culprit?.step;

  const ofPage = (Leaf: bigint): CommandAdvice => command('CMD_TLBI_NH_VA', { VMID, ASID, Address: page, Leaf });
  const anyAsid = command('CMD_TLBI_NH_VAA', { VMID, Address: page });
  const ofAsid = command('CMD_TLBI_NH_ASID', { VMID, ASID });
  const stage1 = command('CMD_TLBI_NH_ALL', { VMID });
  const everyStage = command('CMD_TLBI_S12_VMALL', { VMID });
  const cd = (Leaf: bigint): CommandAdvice =>
    command('CMD_CFGI_CD', { StreamID, ...(request.pasid < 0 ? {} : { SubstreamID: BigInt(request.pasid) }), Leaf });
  const cds = command('CMD_CFGI_CD_ALL', { StreamID });
  const ste = (Leaf: bigint): CommandAdvice => command('CMD_CFGI_STE', { StreamID, Leaf });
  const atcPage = command('CMD_ATC_INV', { StreamID, ...substream, Address: page });
  const atc = command('CMD_ATC_INV', { StreamID, ...substream, Size: 52n });

  const secondOnly = stages === Stages.Second;
  const narrow = (): Sequence[] => {
    if (!edited || edited.stage === 0) return configuration(edited?.what);
    if (edited.stage === 1) return [[ofPage(1n)], [ofPage(0n)], [anyAsid]];
    const ipa = (edited.gpa ?? used.gpa) & ~0xfffn;
    const byIpa = (Leaf: bigint): CommandAdvice => command('CMD_TLBI_S2_IPA', { VMID, Address: ipa, Leaf });
    if (secondOnly) return [[byIpa(1n)], [byIpa(0n)]];
    return [
      [byIpa(1n), stage1],
      [byIpa(0n), stage1],
    ];
  };
  const configuration = (what: string | undefined): Sequence[] => {
    const tlb = secondOnly || isStage2Field(culprit) ? everyStage : ofAsid;
    const ofCd: Sequence[] =
      used.source === Source.Iotlb
        ? [[ofAsid]]
        : [
            [cd(1n), ofAsid],
            [cd(0n), ofAsid],
            [cds, ofAsid],
          ];
    const ofSte: Sequence[] = [
      [ste(1n)],
      [ste(1n), tlb],
      [ste(1n), everyStage],
      [ste(0n)],
      [ste(0n), tlb],
      [ste(0n), everyStage],
    ];
    return what === 'cd' || what === 'l1cd' ? [...ofCd, ...ofSte] : ofSte;
  };
  const wide: Sequence[] = [[ofAsid], [stage1], [everyStage], [cds, everyStage], [ste(0n), everyStage], EVERYTHING];
  const all: Sequence[] = used.source === Source.DeviceTlb ? [[atcPage], [atc]] : [];
  for (const sequence of [...narrow(), ...wide]) all.push(sequence, [...sequence, atcPage], [...sequence, atc]);
  return all;
}

/** Fields of stage 2 lie in the words from here on; with another stage 2 all that came of the old one has to go. */
const STAGE_2_BYTES = 16n;
const isStage2Field = (culprit: Culprit | undefined): boolean =>
  culprit?.step?.what === 'ste' &&
  culprit.address !== undefined &&
  culprit.address - culprit.step.address >= STAGE_2_BYTES;

const command = (name: string, fields: Readonly<Record<string, bigint>>): CommandAdvice => ({ name, fields });

const EVERYTHING: Sequence = [command('CMD_CFGI_STE_RANGE', { Range: 31n }), command('CMD_TLBI_NSNH_ALL', {})];
