import type { Name } from '../base/span.ts';
import { hex, hexGrouped } from '../base/text.ts';
import { encode, type FieldValues } from '../models/bit-layout.ts';
import type { Hardware } from '../models/model.ts';
import { Source } from '../models/translation.ts';
import type { Remedy, Stuck } from './remedy.ts';
import type { Session } from './session.ts';

const PAGE_LEVEL = 0;
const WHOLE_DEVICE = 52;
const BY_ADDRESS = 'CMD_TLBI_NH_VA';
const BY_ASID = 'CMD_TLBI_NH_ASID';
const OF_DESCRIPTOR = 'CMD_CFGI_CD';
const OF_DEVICE = 'CMD_ATC_INV';

/** Whether the hardware knows translations by VMID and ASID, as the commands of Arm's guests do. */
export const tagsByAsid = (hardware: Hardware | undefined): boolean =>
  hardware?.commands.some(({ name }) => name === BY_ADDRESS) ?? false;

/**
 * The smallest call that removes what such hardware holds for a guest: commands of its own by the vIOMMU, or in the posting
 * of 2020 a range by ASID. Undefined where none does: an STE is the kernel's, and so are descriptors before vIOMMUs.
 */
export function remedyByAsid(session: Session, stuck: Stuck): Remedy | undefined {
  const { structs } = session.file.generation;
  if (structs.has('iommu_viommu_arm_smmuv3_invalidate')) return byCommands(session, stuck);
  return structs.has('vfio_iommu_type1_cache_invalidate') ? byArchid(stuck) : undefined;
}

/** The ASID that the TLB knows the address by; undefined without a stage 1. */
function asidOf({ commands }: Stuck): bigint | undefined {
  const byAsid = commands.flat().find(({ name }) => name === BY_ASID);
  return byAsid && BigInt(byAsid.fields['ASID'] ?? 0);
}

/** iommufd as merged: an array of commands, whose VMID and StreamID the kernel replaces. */
function byCommands(session: Session, stuck: Stuck): Remedy | undefined {
  const { kernel, config } = session.machine;
  const { request, edited, source, page } = stuck;
  const device = config.devices.find((d) => d.sid === request.sid);
  const id = device && kernel.nestedTableOf(device.name, undefined);
  const asid = asidOf(stuck);
  if (id === undefined || asid === undefined) return undefined;
  const sid = kernel.virtualIdOf(device!.name);
  const substream = request.pasid < 0 ? {} : { SubstreamID: request.pasid };
  const command = (name: string, fields: FieldValues): bigint[] => {
    const layout = session.machine.hardware!.commands.find((each) => each.name === name)!;
    return encode(layout, { ...layout.fixed, ...fields });
  };
  const commands: bigint[][] = [];
  let text = `CMD_TLBI_NH_VA of ${hexGrouped(page)}, ASID ${asid}`;
  if (edited?.stage === 0 || source === Source.Pasid || source === Source.Context) {
    // A table of descriptors is the guest's, the entry above it is not.
    if (sid === undefined || (edited?.what !== 'cd' && edited?.what !== 'l1cd')) return undefined;
    commands.push(command(OF_DESCRIPTOR, { StreamID: sid, ...substream, Leaf: edited.what === 'cd' ? 1 : 0 }));
    commands.push(command(BY_ASID, { ASID: asid }));
    text = `CMD_CFGI_CD and CMD_TLBI_NH_ASID, ASID ${asid}`;
  } else {
    const leaf = edited === undefined || edited.stage === 2 || edited.level === PAGE_LEVEL ? 1 : 0;
    commands.push(command(BY_ADDRESS, { ASID: asid, Address: page, Leaf: leaf }));
  }
  if (source === Source.DeviceTlb) {
    if (sid === undefined) return undefined;
    const whole = edited?.stage === 0;
    const range = whole ? { Size: WHOLE_DEVICE } : { Address: page };
    const valid = request.pasid < 0 ? {} : { SSV: 1 };
    commands.push(command(OF_DEVICE, { StreamID: sid, ...valid, ...substream, ...range }));
    text += ' and CMD_ATC_INV';
  }
  const entries = commands.map(([word0, word1]) => `  { cmd = [${hex(word0!)}, ${hex(word1!)}] }`);
  const remedyDeclaration = `array changed of iommu_viommu_arm_smmuv3_invalidate {\n${entries.join('\n')}\n}`;
  const fields = [
    'size = sizeof',
    `hwpt_id = ${viommuName(session, id)}`,
    'data_type = IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3',
    'data_uptr = &changed',
    'entry_len = sizeof(struct iommu_viommu_arm_smmuv3_invalidate)',
    `entry_num = ${commands.length}`,
  ];
  const remedyStep = `submit struct iommu_hwpt_invalidate {\n${fields.map((field) => `  ${field}\n`).join('')}}`;
  return { remedy: `${remedyDeclaration}\n${remedyStep}`, remedyDeclaration, remedyStep, remedyText: text };
}

/** A vIOMMU as the scenario names it, or its number. */
function viommuName(session: Session, id: bigint): string {
  const { member } = session.names.scope();
  const name = (text: string): Name => ({ text, start: 0, end: 0 });
  const names = [...session.names.locals.keys(), ...session.file.payloads.keys()];
  const found = names.find((text) => member(name(text), [name('out_viommu_id')]) === id);
  return found === undefined ? `${id}` : `${found}.out_viommu_id`;
}

/** The posting of 2020: one page by its ASID. */
function byArchid(stuck: Stuck): Remedy | undefined {
  const asid = asidOf(stuck);
  const { edited, source, page } = stuck;
  if (asid === undefined || source !== Source.Iotlb || edited?.stage === 0) return undefined;
  const remedy = [
    'struct vfio_iommu_type1_cache_invalidate {',
    '  argsz = sizeof',
    '  info = {',
    '    version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1',
    '    cache = IOMMU_CACHE_INV_TYPE_IOTLB',
    '    granularity = IOMMU_INV_GRANU_ADDR',
    `    addr_info = { flags = IOMMU_INV_ADDR_FLAGS_ARCHID, archid = ${asid}, addr = ${hexGrouped(page)}, granule_size = 4K, nb_granules = 1 }`,
    '  }',
    '}',
  ].join('\n');
  return {
    remedy,
    remedyStep: `submit ${remedy}`,
    remedyText: `IOTLB by ADDR, ASID ${asid}, ${hexGrouped(page)} size 4K`,
  };
}
