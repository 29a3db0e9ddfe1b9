import { hexGrouped, sizeText } from '../../base/text.ts';
import type { PscLine } from '../../cache/psc.ts';
import { covers, lettersOf, pageTag, pageText, tableLines } from '../held-text.ts';
import { type Request, Source, Stages, type Translation } from '../translation.ts';
import type { HeldLines, NameOfDevice } from '../unit.ts';
import { Right } from './rights.ts';
import { type SmmuTlbLine, Tag } from './tlb.ts';
import type { SmmuUnit } from './unit.ts';
import type { WalkCaches } from './walk-caches.ts';

/** What a stage allows: `privileged/unprivileged` where that differs. */
function rightsText(rights: number): string {
  const has = (stage1: number, stage2: number): boolean => (rights & stage1) !== 0 && (rights & stage2) !== 0;
  const user = lettersOf(has(Right.UR1, Right.R2), has(Right.UW1, Right.W2), has(Right.UX1, Right.UX2));
  const privileged = lettersOf(has(Right.PR1, Right.R2), has(Right.PW1, Right.W2), has(Right.PX1, Right.PX2));
  return user === privileged ? user : `${privileged} privileged, ${user} not`;
}

function tagText({ tag, vmid, asid }: SmmuTlbLine): string {
  if (tag === Tag.El2) return `EL2, ASID ${asid}`;
  if (tag === Tag.El2Global) return 'EL2';
  if (tag === Tag.Ipa) return `VMID ${vmid}, by IPA`;
  return tag === Tag.Global ? `VMID ${vmid}, global` : `VMID ${vmid}, ASID ${asid}`;
}

/** What the unit's caches and the device's own hold of an address. */
export function heldLines(unit: SmmuUnit, request: Request): HeldLines[] {
  const { sid, address } = request;
  const present = unit.present.walk(request);
  const ipa = present.stages === Stages.Second ? address : present.ok ? present.gpa : undefined;
  const translations = unit.tlb
    .list()
    .filter((line) => (line.asid < 0 || line.asid === present.pasid) && line.vmid === present.domain)
    .filter((line) => (line.tag === Tag.Ipa ? ipa !== undefined && covers(line, ipa) : covers(line, address)))
    .map((line) => ({
      text: `${tagText(line)}, ${pageText(line)}, ${rightsText(line.rights)}${line.dirty ? '' : ', clean'}`,
      filledAt: line.filledAt,
    }));
  const own = unit.deviceTlb
    .list()
    .filter((line) => line.sid === sid && line.pasid === request.pasid && covers(line, address))
    .map((line) => ({ text: pageText(line), filledAt: line.filledAt }));
  const ste = unit.lookup.caches.stes.get(sid);
  const cds = unit.lookup.caches.cdsOf(sid).map(({ ssid, cd }) => ({
    text: `SubstreamID ${ssid}, ${cd.fault === 0 ? `ASID ${cd.asid}` : 'not valid'}`,
    filledAt: cd.filledAt,
  }));
  return [
    { cache: 'device TLB', lines: own },
    {
      cache: 'STE cache',
      lines: ste ? [{ text: ste.fault === 0 ? `VMID ${ste.vmid}` : 'not valid', filledAt: ste.filledAt }] : [],
    },
    { cache: 'CD cache', lines: cds },
    { cache: 'TLB', lines: translations },
    ...walkLines(unit, present, address, ipa).filter(({ lines }) => lines.length > 0),
  ];
}

function walkLines(
  { walks }: SmmuUnit,
  { domain, pasid, stages }: Translation,
  address: bigint,
  ipa: bigint | undefined,
): HeldLines[] {
  if (walks === null) return [];
  const [space, ofStage2] = [-1, stages === Stages.Nested || stages === Stages.Second];
  return [
    { cache: 'walk cache, stage 1', lines: tableLines(walks.first, { domain, space: pasid, address }, tableTag) },
    {
      cache: 'walk cache, stage 2',
      lines: ofStage2 && ipa !== undefined ? tableLines(walks.second, { domain, space, address: ipa }, tableTag) : [],
    },
  ];
}

const WALK_CACHES = { 1: 'stage-1 walk cache', 2: 'stage-2 walk cache' } as const;

/** A table is of the level that its entries are of; one of level 3 has pages. */
const tableTag = ({ did, pasid, prefix, size, level }: PscLine): string =>
  `VMID ${did}${pasid < 0 ? '' : `, ASID ${pasid}`}, prefix ${hexGrouped(prefix)} (${sizeText(size)}), table of level ${3 - level}`;

const CACHES: Readonly<Record<number, string>> = {
  [Source.Context]: 'STE cache',
  [Source.Pasid]: 'CD cache',
  [Source.Iotlb]: 'TLB',
  [Source.DeviceTlb]: 'device TLB',
};

/** The cache that a stale answer rests on, with the tag that matched. */
export function holder(
  request: Request,
  used: Translation,
  device: NameOfDevice,
  walks: WalkCaches | null,
): { readonly cache: string; readonly tag: string } {
  const { source, domain, pasid, lg2 } = used;
  if (source === Source.Psc && walks) {
    const { blamed, blamedPage } = walks;
    if (blamed) return { cache: WALK_CACHES[blamed.stage], tag: tableTag(blamed.line) };
    if (blamedPage)
      return {
        cache: 'TLB',
        tag: `${tagText(blamedPage)}, page ${hexGrouped(blamedPage.page)} (${sizeText(blamedPage.size)})`,
      };
  }
  const page = pageTag(request.address, lg2);
  const stream = `StreamID ${hexGrouped(BigInt(request.sid))} (${device(request.sid)})`;
  const substream = request.pasid < 0 ? '' : `, SubstreamID ${request.pasid}`;
  const tags: Readonly<Record<number, string>> = {
    [Source.Context]: stream,
    [Source.Pasid]: `${stream}${substream}`,
    [Source.DeviceTlb]: `${device(request.sid)}${substream || ', no SubstreamID'}, ${page}`,
  };
  return { cache: CACHES[source] ?? 'cached', tag: tags[source] ?? `VMID ${domain}, ASID ${pasid}, ${page}` };
}
