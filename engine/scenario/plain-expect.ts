import { Hit, Stages, type Translation } from '../models/translation.ts';
import { type Exact, exactly } from './exact.ts';
import type { Names } from './file.ts';
import type { Expectation, Outcome } from './program.ts';

/** Whether a translation that succeeded, fresh and without a fault record, certainly meets an expectation. */
export type Plainly = (t: Translation) => boolean;

/**
 * An expectation made ready to be held against the plain success of an access, often and without details. It says yes only
 * where `judge` would; what it denies `judge` decides.
 *
 * @returns undefined for an expectation that plain success does not meet, or that wants more than is compared here
 */
export function plainly(expectation: Expectation | undefined, names: Names): Plainly | undefined {
  if (!expectation) return () => true;
  const groups = expectation.groups.map((group) => group.map((outcome) => outcomePlainly(outcome, names)));
  const able = groups.filter((group): group is Plainly[] => group.every((each) => each !== undefined));
  if (able.length === 0) return undefined;
  return (t) => {
    for (const group of able) if (holds(group, t)) return true;
    return false;
  };
}

function holds(group: readonly Plainly[], t: Translation): boolean {
  for (const each of group) if (!each(t)) return false;
  return true;
}

function outcomePlainly(wanted: Outcome, names: Names): Plainly | undefined {
  switch (wanted.kind) {
    case 'any':
    case 'ok':
    case 'fresh':
      return () => true;
    case 'miss':
      return (t) => t.hit === Hit.None || t.hit === Hit.Psc;
    case 'hit':
      if (wanted.cache === 'psc') return (t) => t.hit === Hit.Psc;
      if (wanted.cache === 'iotlb') return (t) => t.hit === Hit.Iotlb;
      if (wanted.cache === 'devtlb') return (t) => t.hit === Hit.DeviceTlb;
      return (t) => t.hit === Hit.Iotlb || t.hit === Hit.DeviceTlb;
    case 'hpa':
      return compared(exactly(wanted.value, names), (t) => joined(t.hpaHi, t.hpaLo));
    case 'gpa':
      return compared(exactly(wanted.value, names), (t) =>
        t.stages === Stages.Second || t.stages === Stages.Nested ? joined(t.gpaHi, t.gpaLo) : Number.NaN,
      );
    case 'refs':
      return compared(exactly(wanted.value, names), (t) => t.refs);
    case 'config':
      return compared(exactly(wanted.value, names), (t) => t.config);
    default:
      return undefined;
  }
}

/** An expected number that has no exact value now equals nothing, so `judge` is asked. */
const compared = (wanted: Exact | undefined, found: (t: Translation) => number): Plainly | undefined =>
  wanted && ((t) => found(t) === wanted());

/** Both halves as one number; beyond 2^53 it is rounded, and no exact number is as large. */
const joined = (hi: number, lo: number): number => (hi >>> 0) * 0x1_0000_0000 + (lo >>> 0);
