/**
 * The oracle of the SMMUv3 property test: one access through a linear stream table and a linear table of CDs, straight
 * from IHI 0070 (3.4, 5.2, 5.4, 7.3) and the Arm ARM (D8), in bigints throughout and without caches. It must share
 * nothing with the engine. 48-bit addresses; what the structures say beyond translation is not looked at.
 */
export interface SlowIds {
  /** Bits of output addresses, 32 to 48. */
  readonly oas: bigint;
  readonly smallTables: boolean;
  readonly xnx: boolean;
  readonly ssidSize: bigint;
}

export interface SlowRequest {
  readonly sid: bigint;
  /** -1n without a SubstreamID. */
  readonly ssid: bigint;
  readonly address: bigint;
  readonly access: 'read' | 'write' | 'exec';
  readonly privileged: boolean;
}

/** What an entry is for: the memory behind `read` may depend on it. */
export type SlowEntry =
  | { readonly kind: 'STE' | 'CD'; readonly dword: number }
  | { readonly kind: 'S1' | 'S2'; readonly level: number; readonly granule: bigint };

export type SlowRead = (address: bigint, entry: SlowEntry) => bigint;

export interface SlowOutcome {
  /** Each entry read, in order; STE and CD count once. */
  readonly reads: readonly (readonly [string, bigint])[];
  readonly hpa?: bigint;
  readonly size?: bigint;
  /** Absent with an access that ends without an event by Config. */
  readonly event?: number;
  readonly stage2?: boolean;
  readonly cls?: 'CD' | 'TT' | 'IN';
  readonly ipa?: bigint;
  readonly tableRead?: boolean;
}

const F_TRANSLATION = 0x10;
const F_ADDR_SIZE = 0x11;
const F_ACCESS = 0x12;
const F_PERMISSION = 0x13;
const GRANULE0: readonly (bigint | undefined)[] = [12n, 16n, 14n, undefined];
const GRANULE1: readonly (bigint | undefined)[] = [undefined, 14n, 12n, 16n];
const SIZES = [32n, 36n, 40n, 42n, 44n, 48n, 52n, 56n];
/** By granule and SL0: the level, then least and most S2T0SZ with one table, then S2T0SZ with 2, 4, 8 and 16. */
const STARTS: Readonly<Record<string, readonly (readonly [bigint, bigint, bigint, ...bigint[]] | undefined)[]>> = {
  12: [
    [2n, 34n, 42n, 33n, 32n, 31n, 30n],
    [1n, 25n, 33n, 24n, 23n, 22n, 21n],
    [0n, 16n, 24n],
    [3n, 43n, 48n],
  ],
  14: [[3n, 39n, 48n, 38n, 37n, 36n, 35n], [2n, 28n, 38n, 27n, 26n, 25n, 24n], [1n, 17n, 27n, 16n], undefined],
  16: [[3n, 35n, 47n, 34n, 33n, 32n, 31n], [2n, 22n, 34n, 21n, 20n, 19n, 18n], [1n, 16n, 21n], undefined],
};

const bits = (value: bigint, high: number, low: number): bigint =>
  (value >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n);
const bit = (value: bigint, at: number): boolean => bits(value, at, at) === 1n;
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);

class Stopped extends Error {
  readonly fault: Omit<SlowOutcome, 'reads'>;

  constructor(fault: Omit<SlowOutcome, 'reads'>) {
    super();
    this.fault = fault;
  }
}
const stop = (event: number, more: Omit<SlowOutcome, 'reads' | 'event'> = {}): never => {
  throw new Stopped({ event, ...more });
};

interface Tables {
  readonly stage: 'S1' | 'S2';
  readonly granule: bigint;
  readonly inputBits: bigint;
  readonly startLevel: bigint;
  readonly root: bigint;
  readonly limit: bigint;
}

interface Leaf {
  readonly address: bigint;
  readonly size: bigint;
  readonly value: bigint;
  /** Bits 63:59 of the tables above, ORed. */
  readonly tables: bigint;
  readonly entryIpa: bigint;
}

/** One access, cold. `base` and `log2Size` are those of the stream table. */
export function slowSmmu(
  ids: SlowIds,
  base: bigint,
  log2Size: bigint,
  read: SlowRead,
  request: SlowRequest,
): SlowOutcome {
  const reads: [string, bigint][] = [];
  try {
    return { reads, ...access(ids, base, log2Size, read, request, reads) };
  } catch (error) {
    if (error instanceof Stopped) return { reads, ...error.fault };
    throw error;
  }
}

function access(
  ids: SlowIds,
  base: bigint,
  log2Size: bigint,
  read: SlowRead,
  request: SlowRequest,
  reads: [string, bigint][],
): Omit<SlowOutcome, 'reads'> {
  const structure = (kind: 'STE' | 'CD', at: bigint): bigint[] => {
    reads.push([kind, at]);
    return [0, 1, 2, 3].map((dword) => read(at + BigInt(8 * dword), { kind, dword }));
  };
  /** Walks to a leaf; `place` says where an entry of the table really is. */
  const walk = (t: Tables, input: bigint, place: (address: bigint) => bigint, at: object): Leaf => {
    let table = t.root;
    let tables = 0n;
    for (let level = t.startLevel; ; level++) {
      const shift = t.granule + (3n - level) * (t.granule - 3n);
      const width = level === t.startLevel ? t.inputBits - shift : t.granule - 3n;
      const entryIpa = table + 8n * ((input >> shift) & ((1n << width) - 1n));
      const address = place(entryIpa);
      reads.push([`${t.stage}.L${level}`, address]);
      const value = read(address, { kind: t.stage, level: Number(level), granule: t.granule });
      const kind = bits(value, 1, 0);
      const hasBlocks = t.granule === 12n ? level === 1n || level === 2n : level === 2n;
      const isLeaf = level === 3n ? kind === 3n : kind === 1n && hasBlocks;
      if (!isLeaf && (kind !== 3n || level === 3n)) return stop(F_TRANSLATION, at);
      const low = isLeaf ? shift : t.granule;
      const out = (bits(value, 47, 0) >> low) << low;
      if (out >= 1n << t.limit) return stop(F_ADDR_SIZE, at);
      if (isLeaf) {
        const size = 1n << shift;
        return { address: out | (input & (size - 1n)), size, value, tables, entryIpa };
      }
      tables |= value >> 59n;
      table = out;
    }
  };

  if (request.sid >= 1n << log2Size) return stop(0x02);
  const ste = structure('STE', base + 64n * request.sid) as [bigint, bigint, bigint, bigint];
  const config = bits(ste[0], 3, 1);
  if (!bit(ste[0], 0)) return stop(0x04);
  if (config < 4n) return {};
  const uses1 = config === 5n || config === 7n;
  const stage2 = config >= 6n ? stageTwo(ids, ste) : undefined;
  if (config >= 6n && !stage2) return stop(0x04);
  const cdMax = bits(ste[0], 63, 59);
  if (uses1 && cdMax > ids.ssidSize) return stop(0x04);
  const pointer = bits(ste[0], 55, 6) << 6n;
  if (config === 5n && pointer >= 1n << ids.oas) return stop(0x04);
  if (config === 4n) {
    if (request.ssid >= 0n) return stop(0x08);
    if (request.address >= 1n << ids.oas) return stop(F_ADDR_SIZE, { stage2: false, cls: 'IN' });
    return { hpa: request.address, size: 0x1000n };
  }
  const [affd2, ptw, ha2] = [bit(ste[2], 53), bit(ste[2], 54), bit(ste[2], 56)];
  const hd2 = ha2 && bit(ste[2], 55);
  const mayWrite2 = (leaf: Leaf): boolean => bit(leaf.value, 7) || (hd2 && bit(leaf.value, 51));

  /** Stage 2 of one address for reading a table, for writing one back, or for the access itself. */
  const second = (ipa: bigint, cls: 'CD' | 'TT' | 'IN', want: 'read' | 'write' | 'exec', tableRead = true): Leaf => {
    const at = { stage2: true, cls, ipa, tableRead };
    if (ipa >= 1n << stage2!.inputBits) return stop(F_TRANSLATION, at);
    const leaf = walk(stage2!, ipa, (address) => address, at);
    if (!bit(leaf.value, 10) && !affd2 && !ha2) return stop(F_ACCESS, at);
    const xn = bits(leaf.value, 54, 53);
    const executes = ids.xnx ? xn === 0n || (request.privileged ? xn === 3n : xn === 1n) : xn < 2n;
    const allowed = { read: bit(leaf.value, 6), write: mayWrite2(leaf), exec: executes }[want];
    const isDevice = bits(leaf.value, 5, 4) === 0n;
    if (!allowed || (cls !== 'IN' && ptw && isDevice && tableRead)) return stop(F_PERMISSION, at);
    return leaf;
  };

  let ipa = request.address;
  let size = 1n << 63n;
  const bypasses = uses1 ? substream(ids, ste, request.ssid) === 'bypass' : false;
  if (!uses1 && request.ssid >= 0n) return stop(0x08);
  if (uses1 && !bypasses) {
    const index = substream(ids, ste, request.ssid) as bigint;
    const cdIpa = ((pointer >> (cdMax + 6n)) << (cdMax + 6n)) + 64n * index;
    const cdAt = stage2 ? second(cdIpa, 'CD', 'read').address : cdIpa;
    const cd = structure('CD', cdAt) as [bigint, bigint, bigint, bigint];
    const first = stageOne(ids, cd, request);
    if (!first) return stop(F_TRANSLATION, { stage2: false, cls: 'IN' });
    const at = { stage2: false, cls: 'IN' } as const;
    const place = (address: bigint): bigint => (stage2 ? second(address, 'TT', 'read').address : address);
    const leaf = walk(first, request.address, place, at);
    const [ha, hd] = [bit(cd[0], 43), bit(cd[0], 43) && bit(cd[0], 42)];
    const isOld = !bit(leaf.value, 10);
    if (isOld && !ha && !bit(cd[0], 35)) return stop(F_ACCESS, at);
    const had = bit(cd[bit(request.address, 55) ? 2 : 1]!, 1);
    const tables = had ? 0n : leaf.tables;
    const isClean = hd && bit(leaf.value, 51) && bit(leaf.value, 7);
    const writable = (!bit(leaf.value, 7) || isClean) && !bit(tables, 3);
    const user = bit(leaf.value, 6) && !bit(tables, 2);
    const [wxn, uwxn] = [bit(cd[0], 36), bit(cd[0], 37)];
    const uxn = bit(leaf.value, 54) || bit(tables, 1) || (wxn && user && writable);
    const pxn =
      bit(leaf.value, 53) || bit(tables, 0) || (wxn && writable) || (user && writable) || (uwxn && user && writable);
    const allowed = {
      read: request.privileged || user,
      write: writable && (request.privileged || user),
      exec: request.privileged ? !pxn : user && !uxn,
    }[request.access];
    if (!allowed) return stop(F_PERMISSION, at);
    if (stage2 && ((isOld && ha) || (isClean && request.access === 'write')))
      second(leaf.entryIpa, 'TT', 'write', false);
    ipa = leaf.address;
    size = leaf.size;
  } else if (ipa >= 1n << (stage2 ? ias(ids) : ids.oas)) return stop(F_ADDR_SIZE, { stage2: false, cls: 'IN' });
  if (!stage2) return { hpa: ipa, size: bypasses ? 0x1000n : size };
  const leaf = second(ipa, 'IN', request.access);
  return { hpa: leaf.address, size: min(size, leaf.size) };
}

const ias = (ids: SlowIds): bigint => ids.oas;

function substream(ids: SlowIds, ste: readonly bigint[], ssid: bigint): bigint | 'bypass' {
  const cdMax = bits(ste[0]!, 63, 59);
  const dss = bits(ste[1]!, 1, 0);
  if (cdMax === 0n) return ssid >= 0n ? stop(0x08) : 0n;
  if (ssid < 0n) return dss === 1n ? 'bypass' : dss === 2n ? 0n : stop(0x06);
  if (ssid === 0n && dss === 2n) return stop(0x06);
  return ssid >= 1n << cdMax || ids.ssidSize === 0n ? stop(0x08) : ssid;
}

/** Stage 2 of an STE, or undefined where it is ILLEGAL. HTTU 2, and both ways to end a fault. */
function stageTwo(ids: SlowIds, ste: readonly [bigint, bigint, bigint, bigint]): Tables | undefined {
  const granule = GRANULE0[Number(bits(ste[2], 47, 46))];
  const t0sz = bits(ste[2], 37, 32);
  if (granule === undefined || !bit(ste[2], 51) || bit(ste[2], 52)) return undefined;
  const start = STARTS[`${granule}`]![Number(bits(ste[2], 39, 38))];
  if (!start || t0sz < 64n - ias(ids)) return undefined;
  const [startLevel, least, most, ...joined] = start;
  const isSmall = t0sz > 39n;
  if (isSmall && !ids.smallTables) return undefined;
  if (startLevel === 3n && granule === 12n && !ids.smallTables) return undefined;
  if (!((least <= t0sz && t0sz <= most) || joined.includes(t0sz))) return undefined;
  const limit = min(min(SIZES[Number(bits(ste[2], 50, 48))]!, ids.oas), 48n);
  const ttb = bits(ste[3], 51, 4) << 4n;
  if (ttb >= 1n << (granule === 16n ? min(SIZES[Number(bits(ste[2], 50, 48))]!, ids.oas) : limit)) return undefined;
  if (bit(ste[2], 59) && !bit(ste[2], 56)) return undefined;
  const inputBits = 64n - t0sz;
  return { stage: 'S2', granule, inputBits, startLevel, root: rooted(granule, inputBits, startLevel, ttb), limit };
}

/** The stage 1 that an address selects, undefined where it lies outside; C_BAD_CD where the descriptor is ILLEGAL. */
function stageOne(
  ids: SlowIds,
  cd: readonly [bigint, bigint, bigint, bigint],
  { address }: SlowRequest,
): Tables | undefined {
  const ips = min(SIZES[Number(bits(cd[0], 34, 32))]!, ids.oas);
  if (!bit(cd[0], 31) || !bit(cd[0], 41)) return stop(0x0a);
  if ((!bit(cd[0], 14) || !bit(cd[0], 30)) && bit(cd[0], 15)) return stop(0x0a);
  const half = (upper: boolean): Tables | undefined => {
    if (bit(cd[0], upper ? 30 : 14)) return undefined;
    const tsz = upper ? bits(cd[0], 21, 16) : bits(cd[0], 5, 0);
    const granule = upper ? GRANULE1[Number(bits(cd[0], 23, 22))] : GRANULE0[Number(bits(cd[0], 7, 6))];
    if (granule === undefined) return stop(0x0a);
    const most = ids.smallTables ? (granule === 16n ? 47n : 48n) : 39n;
    const ttb = bits(cd[upper ? 2 : 1]!, 51, 4) << 4n;
    if (tsz < 16n || most < tsz || ttb >= 1n << ips) return stop(0x0a);
    const inputBits = 64n - tsz;
    let startLevel = 3n;
    while (granule + (4n - startLevel) * (granule - 3n) < inputBits) startLevel--;
    return {
      stage: 'S1',
      granule,
      inputBits,
      startLevel,
      root: rooted(granule, inputBits, startLevel, ttb),
      limit: ips,
    };
  };
  const halves = [half(false), half(true)];
  const upper = bit(address, 55);
  const tables = halves[upper ? 1 : 0];
  if (!tables) return undefined;
  const top = bit(cd[0], upper ? 39 : 38) ? 56n : 64n;
  const above = BigInt.asUintN(Number(top), address) >> tables.inputBits;
  const ones = (1n << (top - tables.inputBits)) - 1n;
  return above === (upper ? ones : 0n) ? tables : undefined;
}

/** The base of the first table: aligned to its size, 64 bytes at least. */
function rooted(granule: bigint, inputBits: bigint, startLevel: bigint, ttb: bigint): bigint {
  const width = inputBits - (granule + (3n - startLevel) * (granule - 3n));
  const align = width + 3n < 6n ? 6n : width + 3n;
  return (ttb >> align) << align;
}
