import { type Check, type FailPoints, type Refusal, refuse } from '../check.ts';
import type { Problem } from '../kernel.ts';
import { u32At } from '../vfio-container/bytes.ts';
import type { Container202003 } from './container.ts';

const HEADER = 8;

/** The checks of one call on the way to its payload, in order. */
export interface CopyChecks {
  readonly versionFault: Check;
  readonly noSize: Check;
  readonly versionRefused: Check;
  readonly size: Check;
  readonly noMemory: Check;
  readonly fault: Check;
}

/** A payload as the kernel has copied it; what lies behind the copied bytes reads 0. */
export interface Copied {
  readonly version: number;
  readonly bytes: Uint8Array;
}

/**
 * Reads the version in front of a payload, looks up what it is worth and copies as much. argsz is not asked, which is
 * what the review objected to: quirk version_to_size.
 * @param at where the payload stands in the argument, for messages
 */
export function copyPayload(
  container: Container202003,
  call: {
    readonly argument: bigint;
    readonly argsz: number;
    readonly struct: 'iommu_gpasid_bind_data' | 'iommu_cache_invalidate_info';
    readonly at: string;
    readonly checks: CopyChecks;
  },
  fail: FailPoints,
): Copied | Refusal | Problem {
  const { argsz, struct, at, checks } = call;
  const data = call.argument + BigInt(HEADER);
  const word = container.user.copyFrom(data, 4);
  if (!word) return refuse(checks.versionFault, { path: `${at}.version`, found: '4 bytes wanted' });
  const version = u32At(word, 0);
  const { current } = container.sizes;
  const known = { path: `${at}.version`, found: `${version}`, wanted: current === 1 ? '1' : `1 to ${current}` };
  if (!container.quirk('version_unchecked') && (version === 0 || current < version))
    return refuse(checks.versionRefused, known);
  const size = container.sizes.of(struct, version);
  if (size === 'negative') return refuse(checks.noSize, known);
  if (size === 'in front of the table')
    return {
      problem: `${at}.version is 0, so the kernel takes the word in front of its size table for a size; nobody knows what lies there`,
    };
  if (!container.quirk('version_to_size') && argsz < HEADER + size.bytes)
    return refuse(checks.size, { path: 'argsz', found: `${argsz}`, wanted: `at least ${HEADER + size.bytes}` });
  if (fail.hit()) return refuse(checks.noMemory, { injected: true });
  const bytes = container.user.copyFrom(data, size.bytes);
  if (!bytes)
    return refuse(checks.fault, { path: at, found: `${size.bytes} bytes wanted, which version ${version} is worth` });
  return { version, bytes };
}
