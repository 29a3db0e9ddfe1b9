import { hex } from '../../base/text.ts';
import type { Struct } from '../../uapi/index.ts';
import {
  PASID_TABLE_MODELS,
  pasidTableConfigProposal,
  pasidTableProposalConstants,
} from '../../uapi/structs/pasid-table-proposal.ts';
import { type FailPoints, type Refusal, refuse } from '../check.ts';
import { View } from '../iommufd/user-data.ts';
import type { DeviceConfig } from '../machine-config.ts';
import type { UserMemory } from '../user-memory.ts';
import { BIND_CHECKS as CHECKS } from './checks.ts';
import type { HostUnit } from './unit.ts';

/** A PASID table as it stands in the context of a device. */
export interface BoundTable {
  readonly basePtr: bigint;
  readonly pasidBits: number;
  /** What SMMUv3 has to know besides: 0 where the config has no such fields. */
  readonly s1fmt: number;
  readonly s1dss: number;
}

export interface BindRequest {
  readonly user: UserMemory;
  /** `struct pasid_table_config` as posted. */
  readonly struct: Struct;
  readonly unit: HostUnit;
  readonly device: DeviceConfig;
  readonly attached: boolean;
  readonly bound: boolean;
  /** The posted kernel, which knows version 1 only. */
  readonly modelUnchecked: boolean;
}

/** bind_pasid_table: what the review agreed on, over the struct as posted or as its reviewers wanted it. */
export function bindPasidTable(request: BindRequest, argument: bigint, fail: FailPoints): BoundTable | Refusal {
  const { unit, device, attached, bound } = request;
  if (!unit.nests) return refuse(CHECKS.noOp, { found: `a ${unit.model.model} without nesting` });
  const view = readConfig(request, argument);
  if ('check' in view) return view;
  if (!attached) return refuse(CHECKS.notAttached, { found: device.name });
  const odd = request.modelUnchecked ? undefined : checkModel(view, unit);
  if (odd) return odd;

  const basePtr = view.get('base_ptr');
  const { aligned, model } = unit.model;
  if (basePtr % aligned !== 0n)
    return refuse(CHECKS.misaligned, {
      path: 'base_ptr',
      found: hex(basePtr),
      wanted: `a multiple of ${aligned === 4096n ? '4 KiB' : `${aligned} bytes`} for ${model}`,
    });
  const pasidBits = view.u32('pasid_bits');
  const most = unit.pasidBits(device);
  if (most < pasidBits)
    return refuse(CHECKS.pasidBits, { path: 'pasid_bits', found: `${pasidBits}`, wanted: `at most ${most}` });
  if (model === 'smmuv3') {
    const formats = checkFormats(view, unit);
    if (formats) return formats;
  }
  if (bound) return refuse(CHECKS.again, { found: device.name });
  if (fail.hit()) return refuse(CHECKS.noMemory, { injected: true });
  const byte = (path: string): number => (view.has(path) ? view.u32(path) : 0);
  return { basePtr, pasidBits, s1fmt: byte('s1fmt'), s1dss: byte('s1dss') };
}

/** The version comes first; only then is it known how long the struct is. */
function readConfig({ user, struct, modelUnchecked }: BindRequest, argument: bigint): View | Refusal {
  const head = user.copyFrom(argument, 8);
  if (!head) return refuse(CHECKS.unreadable, { found: '8 bytes wanted' });
  const first = new DataView(head.buffer, head.byteOffset);
  const [version, bytes] = [first.getUint32(0, true), first.getUint32(4, true)];
  if (!modelUnchecked && version === 1)
    return refuse(CHECKS.noModel, { path: 'version', found: '1', wanted: 'PASID_TABLE_CFG_VERSION_2 (2)' });
  const of = modelUnchecked ? struct : pasidTableConfigProposal;
  const wanted = modelUnchecked ? 1 : 2;
  if (version !== wanted) return refuse(CHECKS.version, { path: 'version', found: `${version}`, wanted: `${wanted}` });
  if (bytes !== of.size) return refuse(CHECKS.bytes, { path: 'bytes', found: `${bytes}`, wanted: `${of.size}` });
  const config = user.copyFrom(argument, of.size);
  return config ? new View(of, config) : refuse(CHECKS.unreadable, { found: `${of.size} bytes wanted` });
}

/** The model number is checked, and it decides which fields may be used. */
function checkModel(view: View, unit: HostUnit): Refusal | undefined {
  const number = view.get('model');
  const constant = pasidTableProposalConstants.find((c) => c.group === 'IOMMU_MODEL' && c.value === number)?.name;
  const named = PASID_TABLE_MODELS.find((m) => m.constant === constant);
  const wanted = unit.model.constant;
  if (!named) return refuse(CHECKS.modelUnknown, { path: 'model', found: `${number}`, wanted });
  if (named !== unit.model) return refuse(CHECKS.modelMismatch, { path: 'model', found: named.constant, wanted });
  for (const other of PASID_TABLE_MODELS)
    for (const path of other.fields)
      if (!named.fields.includes(path) && view.get(path) !== 0n)
        return refuse(CHECKS.otherField, { path, found: `${view.get(path)} with ${named.constant}`, wanted: '0' });
  for (const path of ['padding', 'padding2'])
    if (view.any(path)) return refuse(CHECKS.padding, { path, found: 'a non-zero byte', wanted: '0' });
  return undefined;
}

/** Levels of the table and what becomes of DMA without PASID; both 0 in the struct as posted. */
function checkFormats(view: View, { twoLevels }: HostUnit): Refusal | undefined {
  const [s1fmt, s1dss] = [view.u32('s1fmt'), view.u32('s1dss')];
  if (2 < s1fmt || (s1fmt !== 0 && !twoLevels))
    return refuse(CHECKS.levels, { path: 's1fmt', found: `${s1fmt}`, wanted: twoLevels ? '0 to 2' : '0' });
  return 2 < s1dss ? refuse(CHECKS.pasid0, { path: 's1dss', found: `${s1dss}`, wanted: '0 to 2' }) : undefined;
}
