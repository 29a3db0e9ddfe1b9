import { SmmuIds } from '../../models/smmuv3/ids.ts';
import { decodeCaps } from '../../models/vtd/caps.ts';
import { PASID_TABLE_MODELS, type PasidTableModel } from '../../uapi/structs/pasid-table-proposal.ts';
import type { DeviceConfig, MachineConfig } from '../machine-config.ts';

/** What bind_pasid_table asks of the IOMMU of the host, whichever it is. */
export interface HostUnit {
  readonly model: PasidTableModel;
  /** It has two stages, so that a table of the guest can do no harm. */
  readonly nests: boolean;
  /** Two levels of context descriptors; always true for VT-d, whose table has but one form. */
  readonly twoLevels: boolean;
  /** PASID bits that the unit and a device offer together. */
  pasidBits(device: DeviceConfig): number;
}

/** @throws Error for a model that the proposal has no number for */
export function hostUnit(config: MachineConfig): HostUnit {
  const model = PASID_TABLE_MODELS.find((m) => m.model === config.model);
  if (!model) throw new Error(`no number was proposed for iommu ${config.model}`);
  if (config.model === 'smmuv3') {
    const ids = new SmmuIds(config.idr);
    return {
      model,
      nests: ids.has('S1P') && ids.has('S2P'),
      twoLevels: ids.has('CD2L'),
      pasidBits: (device) => Math.min(device.pasidBits, ids.ssidBits),
    };
  }
  const caps = decodeCaps(config.cap, config.ecap, config.haw);
  const bits = caps.PASID === 0 ? 0 : caps.PSS + 1;
  return {
    model,
    nests: caps.NEST === 1,
    twoLevels: true,
    pasidBits: (device) => Math.min(device.pasidBits, bits),
  };
}
