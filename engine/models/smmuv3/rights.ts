import { EXEC, READ, WRITE } from '../../cache/iotlb.ts';
import { Access } from '../translation.ts';

/** What each stage allows, without privilege (U) and with it (P). A TLB entry keeps them apart, to report the right stage. */
export const Right = {
  UR1: 1 << 0,
  UW1: 1 << 1,
  UX1: 1 << 2,
  PR1: 1 << 3,
  PW1: 1 << 4,
  PX1: 1 << 5,
  R2: 1 << 6,
  W2: 1 << 7,
  UX2: 1 << 8,
  PX2: 1 << 9,
} as const;
export const ALL_STAGE_1 = 0b11_1111;
export const ALL_STAGE_2 = 0b1111 << 6;

/** The stage that denies the access, stage 1 first; 0 when none does. */
export function deniedBy(rights: number, access: Access, privileged: boolean): 0 | 1 | 2 {
  const stage1 = (privileged ? Right.PR1 : Right.UR1) << access;
  if ((rights & stage1) === 0) return 1;
  const stage2 =
    access === Access.Exec ? (privileged ? Right.PX2 : Right.UX2) : access === Access.Write ? Right.W2 : Right.R2;
  return (rights & stage2) === 0 ? 2 : 0;
}

/** READ, WRITE and EXEC of all combinations of `Right`s: without privilege, then with it. */
const COMBINATIONS = 1 << 10;
const GRANTS = Int32Array.from({ length: 2 * COMBINATIONS }, (_, i) => {
  const allows = (access: Access): boolean => deniedBy(i & (COMBINATIONS - 1), access, i >= COMBINATIONS) === 0;
  return (allows(Access.Read) ? READ : 0) | (allows(Access.Write) ? WRITE : 0) | (allows(Access.Exec) ? EXEC : 0);
});

/** READ, WRITE and EXEC of both stages together. */
export const grantsOf = (rights: number, privileged: boolean): number =>
  GRANTS[rights + (privileged ? COMBINATIONS : 0)]!;

const AP1 = 1 << 6;
const AP2 = 1 << 7;
const PXN_HI = 1 << 21;
const UXN_HI = 1 << 22;
const PXN_TABLE_HI = 1 << 27;
const UXN_TABLE_HI = 1 << 28;
const NO_USER_TABLE_HI = 1 << 29;
const NO_WRITE_TABLE_HI = 1 << 30;

export interface StageOneRules {
  readonly wxn: boolean;
  readonly uwxn: boolean;
  /** EL2 without E2H: one privilege level, and one XN bit. */
  readonly single: boolean;
}

/**
 * Stage-1 rights of a leaf (Arm ARM D8.4).
 * @param tablesHi high halves of the table entries above, ORed; 0 where they do not count
 * @param clean the leaf is read-only only until the first write makes it dirty
 */
export function stageOneRights(
  leafLo: number,
  leafHi: number,
  tablesHi: number,
  clean: boolean,
  { wxn, uwxn, single }: StageOneRules,
): number {
  const writable = ((leafLo & AP2) === 0 || clean) && (tablesHi & NO_WRITE_TABLE_HI) === 0;
  const uxn = (leafHi & UXN_HI) !== 0 || (tablesHi & UXN_TABLE_HI) !== 0;
  if (single) {
    const executable = !uxn && !(wxn && writable);
    return Right.UR1 | Right.PR1 | (writable ? Right.UW1 | Right.PW1 : 0) | (executable ? Right.UX1 | Right.PX1 : 0);
  }
  const user = (leafLo & AP1) !== 0 && (tablesHi & NO_USER_TABLE_HI) === 0;
  const userWrites = user && writable;
  const pxn = (leafHi & PXN_HI) !== 0 || (tablesHi & PXN_TABLE_HI) !== 0;
  const userExecutes = user && !uxn && !(wxn && userWrites);
  // What unprivileged code can write is never executed with privilege, so UWXN adds nothing to that.
  const privilegedExecutes = !pxn && !userWrites && !(wxn && writable) && !(uwxn && userWrites);
  return (
    (user ? Right.UR1 : 0) |
    (userWrites ? Right.UW1 : 0) |
    (userExecutes ? Right.UX1 : 0) |
    Right.PR1 |
    (writable ? Right.PW1 : 0) |
    (privilegedExecutes ? Right.PX1 : 0)
  );
}

/** The leaf is read-only for now: AP[2]. */
export const isReadOnly = (leafLo: number): boolean => (leafLo & AP2) !== 0;
export const cleared = (leafLo: number): number => leafLo & ~AP2;
