import type { Rng } from './rng.ts';
import type { Domain } from './smmu-generate.ts';
import { ones } from './smmu-model.ts';
import type { SmmuMapping } from './smmu-spaces.ts';

export const OPCODE = {
  CFGI_STE: 0x03n,
  CFGI_STE_RANGE: 0x04n,
  CFGI_CD: 0x05n,
  CFGI_CD_ALL: 0x06n,
  TLBI_NH_ALL: 0x10n,
  TLBI_NH_ASID: 0x11n,
  TLBI_NH_VA: 0x12n,
  TLBI_NH_VAA: 0x13n,
  TLBI_S12_VMALL: 0x28n,
  TLBI_S2_IPA: 0x2an,
  TLBI_NSNH_ALL: 0x30n,
  SYNC: 0x46n,
} as const;

/** Commands beside those that a kernel uses: illegal ones, and some that this unit does not have. */
const ODD = [0x00n, 0x07n, 0x08n, 0x0fn, 0x14n, 0x18n, 0x20n, 0x22n, 0x31n, 0x40n, 0x41n, 0x44n, 0x45n, 0x47n, 0xffn];

/** A command after an edit: right, for something else, or too small. */
export function commandFor(
  rng: Rng,
  sid: number,
  domain: Domain | undefined,
  mapping: SmmuMapping | undefined,
  tlbOnly: boolean,
): readonly bigint[] {
  const near = (right: bigint): bigint => (rng.chance(85) ? right : right ^ 1n);
  const stream = near(BigInt(sid)) << 32n;
  const vmid = near(BigInt(domain?.second?.vmid ?? mapping?.vmid ?? 0)) << 32n;
  const asid = near(BigInt(domain?.first?.asid ?? 0)) << 48n;
  const leaf = rng.bits(1);
  const op = rng.weighted([
    [tlbOnly ? 0 : 5, OPCODE.CFGI_STE],
    [tlbOnly ? 0 : 1, OPCODE.CFGI_STE_RANGE],
    [tlbOnly ? 0 : 4, OPCODE.CFGI_CD],
    [tlbOnly ? 0 : 1, OPCODE.CFGI_CD_ALL],
    [3, OPCODE.TLBI_NH_ALL],
    [4, OPCODE.TLBI_NH_ASID],
    [8, OPCODE.TLBI_NH_VA],
    [4, OPCODE.TLBI_NH_VAA],
    [3, OPCODE.TLBI_S12_VMALL],
    [6, OPCODE.TLBI_S2_IPA],
    [1, OPCODE.TLBI_NSNH_ALL],
    [1, OPCODE.SYNC],
    [1, rng.pick(ODD)],
  ] as const);
  const secure = rng.chance(3) ? 1n << 10n : 0n;
  switch (op) {
    case OPCODE.CFGI_STE:
      return [op | stream | secure, leaf];
    case OPCODE.CFGI_STE_RANGE:
      return [op | stream | secure, rng.chance(50) ? 31n : BigInt(rng.below(9))];
    case OPCODE.CFGI_CD:
      return [op | stream | secure, leaf];
    case OPCODE.CFGI_CD_ALL:
      return [op | stream, 0n];
    case OPCODE.TLBI_NH_ALL:
    case OPCODE.TLBI_S12_VMALL:
      return [op | vmid, 0n];
    case OPCODE.TLBI_NH_ASID:
      return [op | vmid | asid, 0n];
    case OPCODE.TLBI_NH_VA:
      return byAddress(rng, op | vmid | asid, mapping, mapping?.address ?? 0n);
    case OPCODE.TLBI_NH_VAA:
      return byAddress(rng, op | vmid, mapping, mapping?.address ?? 0n);
    case OPCODE.TLBI_S2_IPA: {
      const all = domain?.second?.mappings ?? [];
      const meant = all.length > 0 ? rng.pick(all) : mapping;
      return byAddress(rng, op | vmid, meant, (meant?.address ?? 0n) & ones(48));
    }
    default:
      return [op, 0n];
  }
}

/** Address, Leaf, and in a third of the cases a range with the granule and perhaps the level. */
function byAddress(rng: Rng, low: bigint, mapping: SmmuMapping | undefined, address: bigint): readonly bigint[] {
  const leaf = rng.bits(1);
  const shifted = rng.chance(88)
    ? address
    : address ^ (1n << BigInt(Math.min(47, (mapping?.lg2 ?? 12) + rng.below(3))));
  if (!mapping || rng.chance(65)) return [low, (shifted & ~0xfffn) | leaf];
  const { granule, level } = mapping;
  const tg = BigInt((granule - 10) / 2);
  const ttl = rng.chance(40) ? BigInt(rng.chance(85) ? level : rng.below(4)) : 0n;
  const num = rng.chance(50) ? 0n : rng.bits(5);
  const scale = rng.chance(50) ? 0n : BigInt(rng.below(10));

  const within = rng.chance(70) ? 0n : BigInt(rng.below(4)) << BigInt(granule);
  const start = (shifted - within) & ~ones(granule) & ones(64);
  // 16K leaves at level 1 need 52-bit tables; the value is reserved.
  const level1Of16K = tg === 2n && ttl === 1n;
  const isEmpty = num === 0n && scale === 0n && ttl === 0n && rng.chance(90);
  return [
    low | ((isEmpty ? 1n : num) << 12n) | (scale << 20n),
    start | leaf | ((level1Of16K ? 0n : ttl) << 8n) | (tg << 10n),
  ];
}
