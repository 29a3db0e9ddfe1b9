import addrWidthUnsupported from './addr-width-unsupported.ts';
import argszTooSmall from './argsz-too-small.ts';
import devicePasidBits from './device-pasid-bits.ts';
import doubleBind from './double-bind.ts';
import eafeUnsupported from './eafe-unsupported.ts';
import gpgdMisaligned from './gpgd-misaligned.ts';
import gpgdOutOfRange from './gpgd-out-of-range.ts';
import memoryTypeRefused from './memory-type-refused.ts';
import noNestingCapability from './no-nesting-capability.ts';
import notNestingContainer from './not-nesting-container.ts';
import pasidNotAllocated from './pasid-not-allocated.ts';
import pasidOutOfRange from './pasid-out-of-range.ts';
import preferConstant from './prefer-constant.ts';
import preferSizeof from './prefer-sizeof.ts';
import type { Rule } from './rule.ts';
import sreUnsupported from './sre-unsupported.ts';
import tableMisaligned from './table-misaligned.ts';
import tableOutsideRam from './table-outside-ram.ts';
import unbindNeverBound from './unbind-never-bound.ts';
import unusedName from './unused-name.ts';
import unusedResult from './unused-result.ts';

/** All rules, those about the outside of a payload first, then in the order in which the kernel decides. */
export const RULES: readonly Rule[] = [
  argszTooSmall,
  notNestingContainer,
  devicePasidBits,
  pasidOutOfRange,
  pasidNotAllocated,
  doubleBind,
  unbindNeverBound,
  noNestingCapability,
  addrWidthUnsupported,
  gpgdOutOfRange,
  gpgdMisaligned,
  sreUnsupported,
  eafeUnsupported,
  memoryTypeRefused,
  tableMisaligned,
  tableOutsideRam,
  preferSizeof,
  preferConstant,
  unusedName,
  unusedResult,
];
