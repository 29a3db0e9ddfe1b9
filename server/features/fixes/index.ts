import * as arm from './arm-invalidation.ts';
import type { Fixer } from './fix.ts';
import * as invalidation from './invalidation.ts';
import * as machine from './machine.ts';
import * as names from './names.ts';
import * as payload from './payload.ts';

/** How each finding is mended, by its code. A finding that carries its own `fix` needs no entry. */
export const FIXERS: Readonly<Record<string, Fixer>> = {
  'argsz-too-small': payload.sizeOf,
  'argsz-larger': payload.sizeOf,
  'bytes-wrong': payload.sizeOf,
  'prefer-sizeof': payload.sizeOf,
  'version-wrong': payload.version,
  'format-unsupported': payload.format,
  'padding-not-zero': payload.leaveOut,
  'field-out': payload.leaveOut,
  'duplicate-field': payload.firstOfTwo,
  'prefer-constant': payload.constant,
  'unknown-flag-bits': payload.knownBits,
  'unknown-op': payload.operation,
  'op-data-mismatch': payload.operation,
  'op-without-data': payload.data,
  'union-member-missing': payload.unionMember,
  'union-member-mismatch': invalidation.member,
  'granularity-unknown': invalidation.member,
  'cache-granularity-refused': invalidation.pair,
  'cache-granularity-skipped': invalidation.pair,
  'cache-empty': invalidation.cache,
  'cache-unsupported': arm.unsupported,
  'invalidation-without-pasid': invalidation.pasid,
  'address-misaligned': invalidation.range,
  'range-not-power-of-two': invalidation.range,
  'sre-unsupported': payload.withoutFlags(['IOMMU_SVA_VTD_GPASID_SRE']),
  'eafe-unsupported': payload.withoutFlags(['IOMMU_SVA_VTD_GPASID_EAFE']),
  'memory-type-refused': payload.withoutFlags([
    'IOMMU_SVA_VTD_GPASID_PCD',
    'IOMMU_SVA_VTD_GPASID_PWT',
    'IOMMU_SVA_VTD_GPASID_EMTE',
    'IOMMU_SVA_VTD_GPASID_CD',
  ]),
  'gpgd-misaligned': machine.gpgd,
  'table-misaligned': machine.root,
  'addr-width-unsupported': machine.width,
  'not-nesting-container': machine.container,
  'no-nesting-capability': machine.nest,
  'machine-impossible': machine.ats,
  'unused-name': names.unusedName,
  'unused-result': names.unusedResult,
};
