import addrWidthUnsupported from './addr-width-unsupported.ts';
import addressMisaligned from './address-misaligned.ts';
import archidRequired from './archid-required.ts';
import argszLarger from './argsz-larger.ts';
import argszTooSmall from './argsz-too-small.ts';
import baseMisaligned from './base-misaligned.ts';
import bytesWrong from './bytes-wrong.ts';
import cacheEmpty from './cache-empty.ts';
import cacheGranularityRefused from './cache-granularity-refused.ts';
import cacheGranularitySkipped from './cache-granularity-skipped.ts';
import cacheUnsupported from './cache-unsupported.ts';
import configUnknown from './config-unknown.ts';
import dataLengthMismatch from './data-length-mismatch.ts';
import dataStructMismatch from './data-struct-mismatch.ts';
import dataTypeForeign from './data-type-foreign.ts';
import devicePasidBits from './device-pasid-bits.ts';
import doubleBind from './double-bind.ts';
import duplicateField from './duplicate-field.ts';
import eafeUnsupported from './eafe-unsupported.ts';
import entryArrayMismatch from './entry-array-mismatch.ts';
import fieldOut from './field-out.ts';
import flushReachesAllGuests from './flush-reaches-all-guests.ts';
import formatUnsupported from './format-unsupported.ts';
import gpgdMisaligned from './gpgd-misaligned.ts';
import gpgdOutOfRange from './gpgd-out-of-range.ts';
import granularityUnknown from './granularity-unknown.ts';
import idNotMade from './id-not-made.ts';
import invalidationOrder from './invalidation-order.ts';
import invalidationWithoutPasid from './invalidation-without-pasid.ts';
import ioctlTakesAnother from './ioctl-takes-another.ts';
import memoryTypeRefused from './memory-type-refused.ts';
import modelMismatch from './model-mismatch.ts';
import noNestingCapability from './no-nesting-capability.ts';
import notNestingContainer from './not-nesting-container.ts';
import objectKindWrong from './object-kind-wrong.ts';
import opDataMismatch from './op-data-mismatch.ts';
import opWithoutData from './op-without-data.ts';
import paddingNotZero from './padding-not-zero.ts';
import pasidBitsUnsupported from './pasid-bits-unsupported.ts';
import pasidNotAllocated from './pasid-not-allocated.ts';
import pasidOutOfRange from './pasid-out-of-range.ts';
import preferConstant from './prefer-constant.ts';
import preferSizeof from './prefer-sizeof.ts';
import rangeNotPowerOfTwo from './range-not-power-of-two.ts';
import reservedNotZero from './reserved-not-zero.ts';
import ringEmpty from './ring-empty.ts';
import ringEntrySize from './ring-entry-size.ts';
import type { Rule } from './rule.ts';
import sizeLarger from './size-larger.ts';
import sizeTooSmall from './size-too-small.ts';
import sreUnsupported from './sre-unsupported.ts';
import tableMisaligned from './table-misaligned.ts';
import tableOutsideRam from './table-outside-ram.ts';
import unbindNeverBound from './unbind-never-bound.ts';
import unionMemberMismatch from './union-member-mismatch.ts';
import unionMemberMissing from './union-member-missing.ts';
import unknownFlagBits from './unknown-flag-bits.ts';
import unknownOp from './unknown-op.ts';
import unusedName from './unused-name.ts';
import unusedResult from './unused-result.ts';
import versionWrong from './version-wrong.ts';
import vsteRefused from './vste-refused.ts';
import vtdRangeRefused from './vtd-range-refused.ts';
import vtdS1RootMisaligned from './vtd-s1-root-misaligned.ts';
import vtdS1Unattachable from './vtd-s1-unattachable.ts';

/** All rules, those about the outside of a payload first, then in the order in which the kernel decides. */
export const RULES: readonly Rule[] = [
  duplicateField,
  invalidationOrder,
  fieldOut,
  ioctlTakesAnother,
  sizeTooSmall,
  argszTooSmall,
  unknownFlagBits,
  unknownOp,
  opWithoutData,
  opDataMismatch,
  argszLarger,
  sizeLarger,
  versionWrong,
  bytesWrong,
  modelMismatch,
  formatUnsupported,
  paddingNotZero,
  reservedNotZero,
  dataLengthMismatch,
  entryArrayMismatch,
  idNotMade,
  objectKindWrong,
  dataTypeForeign,
  dataStructMismatch,
  vtdS1RootMisaligned,
  vtdS1Unattachable,
  vtdRangeRefused,
  vsteRefused,
  ringEntrySize,
  ringEmpty,
  unionMemberMissing,
  unionMemberMismatch,
  notNestingContainer,
  devicePasidBits,
  configUnknown,
  baseMisaligned,
  pasidBitsUnsupported,
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
  granularityUnknown,
  cacheGranularityRefused,
  cacheGranularitySkipped,
  cacheEmpty,
  archidRequired,
  cacheUnsupported,
  flushReachesAllGuests,
  addressMisaligned,
  rangeNotPowerOfTwo,
  invalidationWithoutPasid,
  tableMisaligned,
  tableOutsideRam,
  preferSizeof,
  preferConstant,
  unusedName,
  unusedResult,
];
