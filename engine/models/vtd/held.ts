import { hexGrouped, sizeText } from '../../base/text.ts';
import { Context, PasidEntry } from '../../cache/config-cache.ts';
import type { PscLine, StructureCache } from '../../cache/psc.ts';
import { covers, lettersOf, pageTag, pageText, tableLines } from '../held-text.ts';
import { type Request, Source, Stages, type Translation } from '../translation.ts';
import type { HeldLines, NameOfDevice } from '../unit.ts';
import { faultByCode } from './faults.ts';
import { contextLineFault, pasidLineFault } from './line.ts';
import type { VtdStructureCaches } from './structure-caches.ts';
import type { VtdUnit } from './unit.ts';

const rightsText = (bits: number): string => lettersOf(...[1, 2, 4].map((right) => (bits & right) !== 0));

/** What the unit's caches and the device's own hold of an address. */
export function heldLines(unit: VtdUnit, request: Request): HeldLines[] {
  const { sid, address } = request;
  const now = unit.present.walk(request);
  const pasid = request.pasid >= 0 ? request.pasid : now.pasid;
  const gpa = now.stages === Stages.Second ? address : now.ok && now.stages === Stages.Nested ? now.gpa : undefined;
  const translations = unit.iotlb
    .list()
    .filter((line) => covers(line, address) && (line.pasid < 0 || line.pasid === pasid))
    .map((line) => ({
      text: `DID ${line.did}${line.pasid < 0 ? '' : `, PASID ${line.pasid}`}, ${pageText(line)}, ${rightsText(line.rights)}${line.dirty ? ', dirty' : ', clean'}`,
      filledAt: line.filledAt,
    }));
  const tables = (cache: StructureCache | undefined, space: number, at: bigint | undefined) =>
    cache && at !== undefined ? tableLines(cache, { space, address: at }, tableTag) : [];
  const own = unit.deviceTlb
    .list()
    .filter((line) => line.sid === sid && line.pasid === request.pasid && covers(line, address))
    .map((line) => ({ text: `${pageText(line)}, ${rightsText(line.rights)}`, filledAt: line.filledAt }));
  const contexts = contextLines(unit, sid);
  const pasids = pasid < 0 ? [] : pasidLines(unit, sid, pasid);
  return [
    { cache: 'device TLB', lines: own },
    { cache: 'context cache', lines: contexts },
    { cache: 'PASID cache', lines: pasids },
    { cache: 'IOTLB', lines: translations },
    ...[
      { cache: 'PSC, stage 1', lines: tables(unit.structures?.first, pasid, address) },
      { cache: 'PSC, stage 2', lines: tables(unit.structures?.second, -1, gpa) },
    ].filter(({ lines }) => 0 < lines.length),
  ];
}

/** In caching mode an entry that faults is kept as well. */
const faultText = (code: number): string => `faults ${faultByCode(code)?.name ?? code}`;

function contextLines({ contextCache }: VtdUnit, sid: number): HeldLines['lines'] {
  const at = contextCache.find(sid);
  if (at < 0) return [];
  const { lines } = contextCache;
  const fault = contextLineFault(lines, at);
  const did = lines[at + Context.Did]!;
  const what = fault === 0 ? (did < 0 ? '' : `, DID ${did}`) : `, ${faultText(fault)}`;
  return [{ text: `entry of the device${what}`, filledAt: lines[at + Context.FilledAt]! }];
}

function pasidLines({ pasidCache }: VtdUnit, sid: number, pasid: number): HeldLines['lines'] {
  const at = pasidCache.find(sid, pasid);
  if (at < 0) return [];
  const { lines } = pasidCache;
  const fault = pasidLineFault(lines, at);
  const what = fault === 0 ? `DID ${lines[at + PasidEntry.Did]}` : faultText(fault);
  return [{ text: `PASID ${pasid}, ${what}`, filledAt: lines[at + PasidEntry.FilledAt]! }];
}

const TABLE_CACHES = { 1: 'first-stage paging-structure cache', 2: 'second-stage paging-structure cache' } as const;
/** The entry that names a table of this level. */
const NAMED_BY = ['PDE', 'PDPE', 'PML4E', 'PML5E'];

const tableTag = ({ did, pasid, prefix, size, level }: PscLine): string =>
  `DID ${did}${pasid < 0 ? '' : `, PASID ${pasid}`}, prefix ${hexGrouped(prefix)} (${sizeText(size)}), level ${NAMED_BY[level]}`;

const CACHES: Readonly<Record<number, string>> = {
  [Source.Context]: 'context cache',
  [Source.Pasid]: 'PASID cache',
  [Source.Iotlb]: 'IOTLB',
  [Source.DeviceTlb]: 'device TLB',
};

/** The cache that a stale answer rests on, with the tag that matched (VT-d 6.2). */
export function holder(
  request: Request,
  used: Translation,
  device: NameOfDevice,
  table: VtdStructureCaches['blamed'],
): { readonly cache: string; readonly tag: string } {
  const { source, domain, pasid, lg2, stages } = used;
  if (source === Source.Psc && table) return { cache: TABLE_CACHES[table.stage], tag: tableTag(table.line) };
  const page = pageTag(request.address, lg2);
  const name = device(request.sid);
  const tags: Readonly<Record<number, string>> = {
    [Source.Context]: `device ${name}`,
    [Source.Pasid]: `device ${name}, PASID ${pasid}`,
    [Source.DeviceTlb]: `${name}, ${request.pasid < 0 ? 'no PASID' : `PASID ${request.pasid}`}, ${page}`,
  };
  // A second stage is shared by all PASIDs of the domain; a request without PASID was translated under RID_PASID.
  const owned = stages === Stages.First || stages === Stages.Nested || (stages !== Stages.Second && request.pasid >= 0);
  const tag = tags[source] ?? `DID ${domain}${owned ? `, PASID ${pasid}` : ''}, ${page}`;
  return { cache: CACHES[source] ?? 'cached', tag };
}
