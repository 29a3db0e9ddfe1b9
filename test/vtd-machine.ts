import { PhysMem } from '../engine/memory/phys-mem.ts';
import {
  Access,
  CONTEXT_ENTRY,
  encode,
  encodeDescriptor,
  type FieldValues,
  type Kind,
  makeCaps,
  nestedPasidEntry,
  PASID_ENTRY,
  Request,
  type Translation,
  VtdUnit,
} from '../engine/models/vtd/index.ts';

const ROOT = 0x10_0000n;
const CONTEXTS = ROOT + 0x1000n;
const DIRECTORY = ROOT + 0x2000n;
const TABLE = ROOT + 0x3000n;
/** Second stage: four levels with one page of leaves, so guest pages 0 to 511. */
const SS = ROOT + 0x10_000n;
/** Guest page n lies at this HPA plus n * 4 KiB. */
export const HOST = 0x1_0000_0000n;
/** The guest's tables are its pages 16 to 19; its data pages begin at 32. */
const FS_PAGE = 16n;
export const DATA = 32n;
export const VA = 0x7f00_0000_0000n;
export const PASID = 7;
export const SID = 0x10;

/** A unit with one nested PASID: VA + n * 4 KiB leads to guest data page n, for n below 16. Every accessed bit is clear. */
export class VtdMachine {
  readonly mem = new PhysMem();
  readonly unit: VtdUnit;
  time = 0;

  constructor(caps: Record<string, number> = {}, haw = 52) {
    this.unit = new VtdUnit(this.mem, makeCaps(caps, haw));
    for (let level = 0n; level < 3n; level++)
      this.mem.write64(SS + level * 0x1000n, (SS + (level + 1n) * 0x1000n) | 3n);
    for (let page = 0n; page < 64n; page++) this.ss(page, (HOST + page * 0x1000n) | 3n);
    const table = (n: bigint): bigint => HOST + (FS_PAGE + n) * 0x1000n;
    this.mem.write64(table(0n) + 8n * 0xfen, ((FS_PAGE + 1n) << 12n) | 7n);
    this.mem.write64(table(1n), ((FS_PAGE + 2n) << 12n) | 7n);
    this.mem.write64(table(2n), ((FS_PAGE + 3n) << 12n) | 7n);
    for (let page = 0n; page < 16n; page++) this.fs(page, ((DATA + page) << 12n) | 7n);
    this.mem.write64(ROOT, CONTEXTS | 1n);
    this.mem.write64(DIRECTORY, TABLE | 1n);
    this.context(SID);
    this.pasid(nested());
    this.unit.rtaddr = ROOT | 0x400n;
    this.tick();
  }

  /** A new step: edits and fills from here on carry the next time. */
  tick(): number {
    this.time++;
    this.unit.now = this.time;
    this.mem.now = this.time;
    return this.time;
  }

  ss(page: bigint, entry: bigint): void {
    this.mem.write64(SS + 0x3000n + 8n * page, entry);
  }

  fs(page: bigint, entry: bigint): void {
    this.mem.write64(this.fsAddress(page), entry);
  }

  fsAddress(page: bigint): bigint {
    return HOST + (FS_PAGE + 3n) * 0x1000n + 8n * page;
  }

  pasidAddress(pasid = PASID): bigint {
    return TABLE + BigInt(pasid) * 64n;
  }

  context(sid: number, fields: FieldValues = {}): void {
    const all = { P: 1, DTE: 1, PASIDE: 1, PRE: 1, PASIDDIRPTR: DIRECTORY, RID_PASID: PASID, ...fields };
    this.put(CONTEXTS + BigInt(sid) * 32n, encode(CONTEXT_ENTRY, all));
  }

  pasid(entry: readonly bigint[], pasid = PASID): void {
    this.put(this.pasidAddress(pasid), entry);
  }

  put(at: bigint, words: readonly bigint[]): void {
    words.forEach((word, i) => {
      this.mem.write64(at + BigInt(8 * i), word);
    });
  }

  request(
    page: bigint,
    options: { access?: Access; sid?: number; pasid?: number; privileged?: boolean; kind?: Kind } = {},
  ): Request {
    const { access = Access.Read, sid = SID, pasid = PASID, ...rest } = options;
    return new Request({ sid, pasid, access, address: VA + page * 0x1000n + 0x10n, ...rest });
  }

  read(page: bigint, options: Parameters<VtdMachine['request']>[1] = {}): Translation {
    return this.unit.translate(this.request(page, options));
  }

  write(page: bigint): Translation {
    return this.read(page, { access: Access.Write });
  }

  invalidate(name: string, fields: FieldValues = {}): void {
    const answer = this.unit.invalidate(encodeDescriptor(name, fields));
    if (!answer.ok) throw new Error(answer.why);
  }
}

export const nested = (did = 1, over: FieldValues = {}): bigint[] => {
  const entry = nestedPasidEntry({
    did,
    pwsnp: false,
    fsRoot: FS_PAGE << 12n,
    fsLevels: 4,
    second: { root: SS, levels: 4 },
  });
  const more = encode(PASID_ENTRY, over);
  return entry.map((word, i) => word | more[i]!);
};

export const secondStageOnly = (did = 1, root = SS): bigint[] =>
  encode(PASID_ENTRY, { P: 1, AW: 2, PGTT: 2, DID: did, SSPTPTR: root });
export const firstStageOnly = (did = 1, root = HOST + FS_PAGE * 0x1000n): bigint[] =>
  encode(PASID_ENTRY, { P: 1, PGTT: 1, DID: did, FSPTPTR: root });
export const passThrough = (did = 1): bigint[] => encode(PASID_ENTRY, { P: 1, PGTT: 4, DID: did });
export const hpaOf = (page: bigint): bigint => HOST + (DATA + page) * 0x1000n + 0x10n;
