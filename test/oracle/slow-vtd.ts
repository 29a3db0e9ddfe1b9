/**
 * A second opinion on VT-d walks: bigint, a Map for memory, one function per paragraph of the specification, nothing
 * shared with the engine. Slow on purpose; written to be read next to the reference.
 */
export interface SlowCaps {
  readonly haw: bigint;
  readonly mgawBits: bigint;
  readonly sagaw: bigint;
  readonly ss2m: boolean;
  readonly ss1g: boolean;
  readonly fs1g: boolean;
  readonly fs5lp: boolean;
  readonly sc: boolean;
  readonly dt: boolean;
  readonly pt: boolean;
  readonly cm: boolean;
  /** Bits of a domain id. */
  readonly domainBits: number;
  readonly smts: boolean;
  readonly adms: boolean;
  readonly fsts: boolean;
  readonly ssts: boolean;
  readonly nest: boolean;
  readonly pasid: boolean;
  readonly prs: boolean;
  readonly rps: boolean;
  readonly rprivs: boolean;
  readonly srs: boolean;
  readonly ers: boolean;
  readonly eafs: boolean;
  readonly ssads: boolean;
  readonly smpwcs: boolean;
}

export interface SlowRequest {
  readonly sid: bigint;
  /** null: a request without PASID. */
  readonly pasid: bigint | null;
  readonly address: bigint;
  readonly want: 'read' | 'write' | 'execute';
  readonly privileged: boolean;
  /** An ATS translation request. */
  readonly ats: boolean;
}

export interface SlowAnswer {
  readonly fault: string | null;
  /** The fault goes into the fault log. */
  readonly logged: boolean;
  readonly hpa: bigint;
  readonly pageLg2: number;
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
  readonly reads: number;
  readonly configReads: number;
  /** Memory after accessed and dirty updates, where they differ from before. */
  readonly updates: ReadonlyMap<bigint, bigint>;
}

/** Faults that FPD does not keep out of the log: what comes before a context entry, and structures that cannot be read. */
const UNQUALIFIED = /^(RTA|LRT|SRT)\.|^(SCT|SPD|SPT|LCT)\.1$/;
/** Faults that a translation request hears of as success without permissions. */
const NULL_ANSWER = [
  'SPD.2',
  'SPT.2',
  'SPT.5',
  'SPT.6',
  'SFS.2',
  'SFS.3',
  'SFS.5',
  'SFS.6',
  'SFS.7',
  'SFS.8',
  'SSS.2',
  'LGN.1',
  'LGN.2',
  'LGN.3',
].concat([1, 2, 3, 4, 5, 6, 7].map((n) => `SGN.${n}`));

class Fault extends Error {}
const fail = (name: string): never => {
  throw new Fault(name);
};
const bit = (value: bigint, at: number): boolean => ((value >> BigInt(at)) & 1n) === 1n;
const field = (value: bigint, high: number, low: number): bigint =>
  (value >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n);
const page = (value: bigint): bigint => value & 0xf_ffff_ffff_f000n;

interface PasidEntry {
  readonly kind: bigint;
  readonly levels2: number;
  readonly levels1: number;
  readonly root2: bigint;
  readonly root1: bigint;
  readonly ssade: boolean;
  readonly ssee: boolean;
  readonly sre: boolean;
  readonly ere: boolean;
  readonly wpe: boolean;
  readonly nxe: boolean;
  readonly smep: boolean;
  readonly eafe: boolean;
}

/** What one second-stage walk found. */
interface Second {
  readonly hpa: bigint;
  readonly lg2: number;
  readonly r: boolean;
  readonly w: boolean;
  readonly x: boolean;
  readonly entries: readonly bigint[];
}

export function slowWalk(
  memory: ReadonlyMap<bigint, bigint>,
  rtaddr: bigint,
  caps: SlowCaps,
  request: SlowRequest,
): SlowAnswer {
  const walk = new SlowWalk(memory, rtaddr, caps, request);
  try {
    return walk.answer();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const { reads, configReads } = walk;
    const nothing = { hpa: 0n, pageLg2: 0, read: false, write: false, execute: false, updates: new Map() };
    const fault = walk.legacy ? legacyName(error.message, request) : error.message;
    const suppressed = walk.fpd && !UNQUALIFIED.test(fault);
    const logged = !suppressed && !(request.ats && NULL_ANSWER.includes(fault));
    return { fault, logged, reads, configReads, ...nothing };
  }
}

/** Legacy mode names faults of the second stage, and of what it leads to, in its own way. */
function legacyName(name: string, request: SlowRequest): string {
  if (name === 'SSS.2') return request.want === 'write' ? 'LGN.2' : 'LGN.3';
  const names: Record<string, string> = {
    'SSS.3': 'LSS.2',
    'SGN.4': 'LGN.1',
    'SGN.6': 'LGN.2',
    'SGN.7': 'LGN.3',
    'SGN.8': 'LGN.4',
  };
  return names[name] ?? name;
}

class SlowWalk {
  legacy = false;
  /** FPD of any structure read so far. */
  fpd = false;
  reads = 0;
  configReads = 0;
  readonly memory: ReadonlyMap<bigint, bigint>;
  readonly rtaddr: bigint;
  readonly caps: SlowCaps;
  readonly request: SlowRequest;
  readonly updates = new Map<bigint, bigint>();

  constructor(memory: ReadonlyMap<bigint, bigint>, rtaddr: bigint, caps: SlowCaps, request: SlowRequest) {
    this.memory = memory;
    this.rtaddr = rtaddr;
    this.caps = caps;
    this.request = request;
  }

  load(at: bigint): bigint {
    return this.memory.get(at) ?? 0n;
  }

  /** Bits from the host address width up to 63 (configuration) or 51 (paging entries). */
  tooHigh(value: bigint, top: number): boolean {
    return field(value, top, 0) >> this.caps.haw !== 0n;
  }

  answer(): SlowAnswer {
    const { entry, privileged } = this.configure();
    const { request } = this;
    const want = request.pasid === null && request.want === 'execute' ? 'read' : request.want;
    if (want === 'execute' && !entry.ere) fail('SPT.5');
    if (privileged && !entry.sre) fail('SPT.6');
    if (entry.kind === 4n) return this.passThrough(entry);
    if (entry.kind === 2n) return this.secondOnly(entry, want);
    return this.firstOrNested(entry, want, privileged);
  }

  configure(): { entry: PasidEntry; privileged: boolean } {
    const { request, rtaddr, caps } = this;
    const mode = field(rtaddr, 11, 10);
    if (mode === 3n && caps.adms) fail('RTA.4');
    if (mode > 1n || (mode === 1n && !caps.smts) || this.tooHigh(rtaddr, 63)) fail('RTA.1');
    if (mode === 0n) {
      if (request.pasid !== null) fail('RTA.2');
      return this.legacyContext();
    }
    const devfn = request.sid & 0xffn;
    this.configReads++;
    const root = this.load(((rtaddr >> 12n) << 12n) + (request.sid >> 8n) * 16n + (devfn >= 0x80n ? 8n : 0n));
    if (!bit(root, 0)) fail('SRT.2');
    if (field(root, 11, 1) !== 0n || this.tooHigh(root, 63)) fail('SRT.3');
    this.configReads++;
    const contextAt = ((root >> 12n) << 12n) + (devfn & 0x7fn) * 32n;
    const c = [0n, 8n, 16n, 24n].map((offset) => this.load(contextAt + offset));
    this.fpd = bit(c[0]!, 1);
    if (!bit(c[0]!, 0)) fail('SCT.2');
    if (field(c[0]!, 8, 5) !== 0n || this.tooHigh(c[0]!, 63) || c[1]! >> 21n !== 0n || c[2] !== 0n || c[3] !== 0n)
      fail('SCT.3');
    if (!caps.dt && bit(c[0]!, 2)) fail('SCT.3');
    if (!caps.pasid && bit(c[0]!, 3)) fail('SCT.3');
    if (!caps.prs && bit(c[0]!, 4)) fail('SCT.3');
    if (!caps.rps && field(c[1]!, 19, 0) !== 0n) fail('SCT.3');
    if (!caps.rprivs && bit(c[1]!, 20)) fail('SCT.3');
    if (request.ats && !bit(c[0]!, 2)) fail('SCT.5');
    const limit = 1n << (field(c[0]!, 11, 9) + 13n);
    if (request.pasid !== null && !bit(c[0]!, 3)) fail('SCT.6');
    const pasid = request.pasid ?? field(c[1]!, 19, 0);
    if (pasid >= limit) fail(request.pasid === null ? 'SCT.9' : 'SCT.7');
    const pdeAt = ((c[0]! >> 12n) << 12n) + (pasid >> 6n) * 8n;
    if (pdeAt >> caps.haw !== 0n) fail('SPD.1');
    this.configReads++;
    const pde = this.load(pdeAt);
    this.fpd ||= bit(pde, 1);
    if (!bit(pde, 0)) fail('SPD.2');
    if (field(pde, 11, 2) !== 0n || this.tooHigh(pde, 63)) fail('SPD.3');
    this.configReads++;
    const at = ((pde >> 12n) << 12n) + (pasid & 63n) * 64n;
    const q = Array.from({ length: 8 }, (_, i) => this.load(at + BigInt(8 * i)));
    const privileged = request.pasid === null ? bit(c[1]!, 20) : request.privileged;
    return { entry: this.pasidEntry(q), privileged };
  }

  /** 128-bit root and context entries; what they describe is a second stage alone, or nothing. */
  legacyContext(): { entry: PasidEntry; privileged: boolean } {
    this.legacy = true;
    const { request, rtaddr, caps } = this;
    this.configReads++;
    const rootAt = ((rtaddr >> 12n) << 12n) + (request.sid >> 8n) * 16n;
    const root = this.load(rootAt);
    if (!bit(root, 0)) fail('LRT.2');
    if (field(root, 11, 1) !== 0n || this.tooHigh(root, 63) || this.load(rootAt + 8n) !== 0n) fail('LRT.3');
    this.configReads++;
    const at = ((root >> 12n) << 12n) + (request.sid & 0xffn) * 16n;
    const [lo, hi] = [this.load(at), this.load(at + 8n)];
    this.fpd = bit(lo, 1);
    if (!bit(lo, 0)) fail('LCT.2');
    const type = field(lo, 3, 2);
    const passes = type === 2n;
    if (field(lo, 11, 4) !== 0n || bit(hi, 7) || hi >> 24n !== 0n) fail('LCT.3');
    if (!passes && this.tooHigh(lo, 63)) fail('LCT.3');
    const did = field(hi, 23, 8);
    if (did >> BigInt(caps.domainBits) !== 0n) fail('LCT.3');
    const aw = field(hi, 2, 0);
    if (aw < 1n || aw > 3n || !bit(caps.sagaw, Number(aw))) fail('LCT.4');
    if (type === 3n || (passes && !caps.pt) || (type === 1n && !caps.dt)) fail('LCT.4');
    if (caps.cm && did === 0n) fail('LCT.4');
    if (request.ats && type !== 1n) fail('LCT.5');
    const none = {
      sre: false,
      ere: false,
      wpe: false,
      nxe: false,
      smep: false,
      eafe: false,
      ssade: false,
      ssee: false,
    };
    const kind = passes ? 4n : 2n;
    const entry = { ...none, kind, levels2: Number(aw) + 2, levels1: 0, root2: (lo >> 12n) << 12n, root1: 0n };
    return { entry, privileged: false };
  }

  pasidEntry(q: readonly bigint[]): PasidEntry {
    const [q0, q1, q2] = [q[0]!, q[1]!, q[2]!];
    const { caps } = this;
    this.fpd ||= bit(q0, 1);
    if (!bit(q0, 0)) fail('SPT.2');
    const kind = field(q0, 8, 6);
    const uses1 = kind === 1n || kind === 3n;
    const uses2 = kind === 2n || kind === 3n;
    if (field(q0, 11, 10) !== 0n || field(q1, 22, 16) !== 0n || field(q2, 11, 8) !== 0n) fail('SPT.3');
    if (q.slice(3).some((word) => word !== 0n)) fail('SPT.3');
    if (!caps.sc && bit(q1, 24)) fail('SPT.3');
    if (!caps.smpwcs && bit(q1, 23)) fail('SPT.3');
    if (!caps.ssads && bit(q0, 9)) fail('SPT.3');
    if ((!caps.srs && bit(q2, 0)) || (!caps.ers && bit(q2, 1)) || (!caps.eafs && bit(q2, 7))) fail('SPT.3');
    const did = field(q1, 15, 0);
    if (did >> BigInt(caps.domainBits) !== 0n) fail('SPT.3');
    if ((uses2 && this.tooHigh(q0, 63)) || (uses1 && this.tooHigh(q2, 63))) fail('SPT.3');
    const known = new Map([
      [1n, caps.fsts],
      [2n, caps.ssts],
      [3n, caps.nest],
      [4n, caps.pt],
    ]);
    if (!known.get(kind)) fail('SPT.4');
    if (caps.cm && did === 0n) fail('SPT.4');
    const aw = field(q0, 4, 2);
    if (uses2 && (aw < 1n || aw > 3n || !bit(this.caps.sagaw, Number(aw)))) fail('SPT.4');
    const fspm = field(q2, 3, 2);
    if (uses1 && (fspm > 1n || (fspm === 1n && !this.caps.fs5lp))) fail('SPT.4');
    return {
      kind,
      levels2: Number(aw) + 2,
      levels1: Number(fspm) + 4,
      root2: (q0 >> 12n) << 12n,
      root1: (q2 >> 12n) << 12n,
      ssade: bit(q0, 9),
      ssee: bit(q0, 5),
      sre: bit(q2, 0),
      ere: bit(q2, 1),
      wpe: bit(q2, 4),
      nxe: bit(q2, 5),
      smep: bit(q2, 6),
      eafe: bit(q2, 7),
    };
  }

  passThrough(entry: PasidEntry): SlowAnswer {
    const { address } = this.request;
    if (address >> this.caps.haw !== 0n) fail('SGN.4');
    if (address >> 20n === 0xfeen) fail('SGN.8');
    return this.success(address, 12, true, true, entry.ere);
  }

  secondOnly(entry: PasidEntry, want: SlowRequest['want']): SlowAnswer {
    const found = this.second(entry, this.request.address, 'SGN.4');
    this.judgeSecond(entry, found, want);
    if (found.hpa >> 20n === 0xfeen) fail('SGN.8');
    this.noteSecond(entry, found, want === 'write');
    return this.success(found.hpa, found.lg2, found.r, found.w, entry.ere && found.r && (!entry.ssee || found.x));
  }

  firstOrNested(entry: PasidEntry, want: SlowRequest['want'], privileged: boolean): SlowAnswer {
    const { address } = this.request;
    const nested = entry.kind === 3n;
    const top = entry.levels1 * 9 + 11;
    const above = field(address, 63, top);
    if (above !== 0n && above !== (1n << BigInt(64 - top)) - 1n) fail('SGN.1');

    const used: { at: bigint; value: bigint; table: Second | null; leaf: boolean }[] = [];
    let table = entry.root1;
    let output = 0n;
    let lg2 = 0;
    for (let level = entry.levels1; ; level--) {
      const input = table + 8n * field(address, level * 9 + 11, level * 9 + 3);
      const through = nested ? this.second(entry, input, 'SFS.5') : null;
      if (through && !through.r) fail(level === entry.levels1 ? 'SFS.6' : 'SFS.7');
      const at = through ? through.hpa : input;
      this.reads++;
      const value = this.load(at);
      if (!bit(value, 0)) fail('SFS.2');
      const leaf = level === 1 || (level <= 3 && bit(value, 7) && (level === 2 || this.caps.fs1g));
      const shift = 12 + 9 * (level - 1);
      const badLarge = level > 1 && bit(value, 7) && !leaf;
      const badOffset = leaf && level > 1 && field(value, shift - 1, 13) !== 0n;
      if (badLarge || badOffset || this.tooHigh(value, 51) || (bit(value, 63) && !entry.nxe)) fail('SFS.3');
      used.push({ at, value, table: through, leaf });
      if (leaf) {
        const offset = (1n << BigInt(shift)) - 1n;
        output = (page(value) & ~offset) | (address & offset);
        lg2 = shift;
        break;
      }
      table = page(value);
    }

    const all = (at: number): boolean => used.every(({ value }) => bit(value, at));
    const user = all(2);
    const forbidsExecute = used.some(({ value }) => bit(value, 63));
    if (!privileged && !user) fail('SGN.2');
    const writable = all(1) || (privileged && !entry.wpe);
    const executable = entry.ere && !(entry.nxe && forbidsExecute) && !(privileged && entry.smep && user);
    if (want === 'write' && !writable) fail('SGN.6');
    if (want === 'execute' && !executable) fail('SGN.3');

    const final = nested ? this.second(entry, output, 'SGN.5') : null;
    if (final) this.judgeSecond(entry, final, want);
    const needs = used.map(({ at, value, table: through, leaf }) => {
      let wanted = value | (1n << 5n);
      if (entry.eafe) wanted |= 1n << 10n;
      if (leaf && want === 'write') wanted |= 1n << 6n;
      return { at, wanted, through, changed: wanted !== value };
    });
    if (needs.some(({ changed, through }) => changed && through && !through.w)) fail('SFS.8');
    const hpa = final ? final.hpa : output;
    if (hpa >> 20n === 0xfeen) fail('SGN.8');
    for (const { at, wanted, through, changed } of needs) {
      if (through) this.noteSecond(entry, through, changed);
      if (changed) this.updates.set(at, this.now(at) | wanted);
    }
    if (!final) return this.success(hpa, lg2, true, writable, executable);
    this.noteSecond(entry, final, want === 'write');
    return this.success(
      hpa,
      Math.min(lg2, final.lg2),
      final.r,
      writable && final.w,
      executable && final.r && (!entry.ssee || final.x),
    );
  }

  judgeSecond(entry: PasidEntry, found: Second, want: SlowRequest['want']): void {
    if (want === 'write') {
      if (!found.w) fail('SGN.6');
      return;
    }
    if (!found.r) fail('SGN.7');
    if (want === 'execute' && entry.ssee && !found.x) fail('SGN.3');
  }

  second(entry: PasidEntry, address: bigint, beyond: string): Second {
    const width = BigInt(entry.levels2 * 9 + 12);
    const limit = width < this.caps.mgawBits ? width : this.caps.mgawBits;
    if (address >> limit !== 0n) fail(beyond);
    let table = entry.root2;
    let [r, w, x] = [true, true, true];
    const entries: bigint[] = [];
    for (let level = entry.levels2; ; level--) {
      const at = table + 8n * field(address, level * 9 + 11, level * 9 + 3);
      this.reads++;
      const value = this.load(at);
      if (!bit(value, 0) && !bit(value, 1)) fail('SSS.2');
      const large = bit(value, 7) && ((level === 2 && this.caps.ss2m) || (level === 3 && this.caps.ss1g));
      const leaf = level === 1 || large;
      const shift = 12 + 9 * (level - 1);
      const reserved =
        this.tooHigh(value, 51) ||
        (level > 1 && bit(value, 7) && !large) ||
        (leaf && level > 1 && field(value, shift - 1, 12) !== 0n) ||
        (bit(value, 11) && !(leaf && this.caps.sc)) ||
        (bit(value, 62) && !(leaf && this.caps.dt));
      if (reserved) fail('SSS.3');
      entries.push(at);
      [r, w, x] = [r && bit(value, 0), w && bit(value, 1), x && bit(value, 2)];
      if (leaf) {
        const offset = (1n << BigInt(shift)) - 1n;
        return { hpa: (page(value) & ~offset) | (address & offset), lg2: shift, r, w, x, entries };
      }
      table = page(value);
    }
  }

  now(at: bigint): bigint {
    return this.updates.get(at) ?? this.load(at);
  }

  /** SSADE: every entry was accessed; the leaf is dirty when its page was written. */
  noteSecond(entry: PasidEntry, found: Second, written: boolean): void {
    if (!entry.ssade) return;
    found.entries.forEach((at, i) => {
      const dirty = written && i === found.entries.length - 1;
      this.updates.set(at, this.now(at) | (1n << 8n) | (dirty ? 1n << 9n : 0n));
    });
  }

  success(hpa: bigint, pageLg2: number, read: boolean, write: boolean, execute: boolean): SlowAnswer {
    for (const [at, value] of this.updates) if (value === this.load(at)) this.updates.delete(at);
    const { reads, configReads, updates } = this;
    return { fault: null, logged: false, hpa, pageLg2, read, write, execute, reads, configReads, updates };
  }
}
