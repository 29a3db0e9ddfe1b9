import { hex } from '../../base/text.ts';
import { CONFIG, configOf, EATS, eatsOf, isValid, VSTE_ALLOWED } from '../../models/smmuv3/ste.ts';
import { getUint } from '../../uapi/index.ts';
import { type Refusal, refuse } from '../check.ts';
import {
  type Call,
  type Invalidated,
  isRefusal,
  type NestedDomain,
  type UserData,
  type UserDataArray,
  type Viommu,
  type ViommuHandle,
} from '../iommufd/driver.ts';
import { copyStruct, copyWholeArray, type View } from '../iommufd/user-data.ts';
import { ARM_SMMU_CHECKS } from './checks.ts';
import { SmmuNested, type SmmuPaging } from './domains.ts';
import type { Smmu } from './smmu.ts';
import { convertUserCommand, type Guest } from './user-command.ts';

const { nested: NESTED, invalidate: CHECKS } = ARM_SMMU_CHECKS;
/** `IOMMU_HWPT_DATA_ARM_SMMUV3`, `IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3`. */
const DATA = 2;
const INVALIDATE = 1;
/** CMDQ_BATCH_ENTRIES less the CMD_SYNC at the end. */
const BATCH = 63;

/** `struct arm_vsmmu`: a guest's share of an SMMU, with the VMID of its nesting parent. */
export class ArmVsmmu implements Viommu {
  readonly handle: ViommuHandle;
  readonly #smmu: Smmu;
  readonly #parent: SmmuPaging;

  constructor(smmu: Smmu, handle: ViommuHandle) {
    this.#smmu = smmu;
    this.handle = handle;
    this.#parent = handle.parent as SmmuPaging;
  }

  /** arm_vsmmu_alloc_domain_nested. */
  allocNested(flags: number, data: UserData, call: Call): NestedDomain | Refusal {
    if (flags !== 0) return refuse(NESTED.flags, { path: 'flags', found: hex(flags) });
    const view = copyStruct(call, data, { type: DATA, struct: 'iommu_hwpt_arm_smmuv3', last: 'ste' });
    if (isRefusal(view)) return view;
    const ste = validateVste(view);
    if ('check' in ste) return ste;
    if (call.fail.hit()) return refuse(NESTED.noMemory, { injected: true });
    return new SmmuNested(this.#parent, this, ste);
  }

  /** arm_vsmmu_cache_invalidate. */
  invalidate(array: UserDataArray, call: Call): Invalidated {
    const isOurs = array.type === INVALIDATE;
    if (isOurs && array.entryNum === 0 && !call.quirk('probe_refused')) return { done: 0 };
    return call.quirk('count_includes_unissued') ? this.#allAtOnce(array, call) : this.#batchByBatch(array, call);
  }

  /** The whole array is copied; a batch is issued when it is full, and what fails counts the commands before it. */
  #allAtOnce(array: UserDataArray, call: Call): Invalidated {
    if (call.fail.hit()) return { done: 0, refusal: refuse(CHECKS.noMemory, { injected: true }) };
    const entries = this.#copy(array, call);
    if (isRefusal(entries)) return { done: 0, refusal: entries };
    let batch: bigint[][] = [];
    for (const [i, words] of entries.entries()) {
      const converted = this.#convert(words, i, call);
      if ('check' in converted) return { done: i, refusal: converted };
      batch.push(converted);
      if (i + 1 < entries.length && batch.length < BATCH) continue;
      // The index has moved on by then and is taken back by one, although nothing of the batch was done.
      if (call.fail.hit()) return { done: i, refusal: refuse(CHECKS.issue, { injected: true }) };
      this.#smmu.queue.issue(...batch);
      batch = [];
    }
    return { done: entries.length };
  }

  /** Later kernels copy, convert and issue 63 commands at a time, and count whole batches. */
  #batchByBatch(array: UserDataArray, call: Call): Invalidated {
    let done = 0;
    do {
      const entryNum = Math.min(BATCH, array.entryNum - done);
      const uptr = array.uptr + BigInt(done) * BigInt(array.entryLen);
      const entries = this.#copy({ ...array, uptr, entryNum }, call);
      if (isRefusal(entries)) return { done, refusal: entries };
      const batch: bigint[][] = [];
      for (const [i, words] of entries.entries()) {
        const converted = this.#convert(words, done + i, call);
        if ('check' in converted) return { done, refusal: converted };
        batch.push(converted);
      }
      if (call.fail.hit()) return { done, refusal: refuse(CHECKS.issue, { injected: true }) };
      this.#smmu.queue.issue(...batch);
      done += batch.length;
    } while (done < array.entryNum);
    return { done };
  }

  #copy(array: UserDataArray, call: Call): bigint[][] | Refusal {
    const views = copyWholeArray(call, array, { type: INVALIDATE, struct: 'iommu_viommu_arm_smmuv3_invalidate' });
    return isRefusal(views) ? views : views.map(wordsOf);
  }

  #convert(words: readonly bigint[], index: number, call: Call): bigint[] | Refusal {
    return convertUserCommand(words, index, this.#guest, call.quirk('arm_cmd_strict') ? this.#smmu.ids : undefined);
  }

  get #guest(): Guest {
    return { vmid: this.#parent.tables.vmid, sidOf: (vsid) => this.handle.deviceAt(vsid)?.sid };
  }
}

const wordsOf = ({ bytes }: View): bigint[] => [getUint(bytes, 0, 8), getUint(bytes, 8, 8)];

/** arm_smmu_validate_vste: an STE that is not valid becomes all zeros, whatever else it says. */
function validateVste(view: View): readonly [bigint, bigint] | Refusal {
  const [word0, word1] = wordsOf(view) as [bigint, bigint];
  if (!isValid(word0)) return [0n, 0n];
  for (const [i, word] of [word0, word1].entries()) {
    const odd = word & ~VSTE_ALLOWED[i]!;
    if (odd !== 0n) return refuse(NESTED.bits, { path: `ste[${i}]`, found: `bits ${hex(odd)}` });
  }
  const config = configOf(word0);
  if (config !== CONFIG.abort && config !== CONFIG.bypass && config !== CONFIG.stage1)
    return refuse(NESTED.config, { path: 'ste[0]', found: `Config ${config}`, wanted: '0, 4 or 5' });
  const eats = eatsOf(word1);
  if (eats !== EATS.none && eats !== EATS.full)
    return refuse(NESTED.eats, { path: 'ste[1]', found: `EATS ${eats}`, wanted: '0 or 1' });
  return [word0, word1];
}
