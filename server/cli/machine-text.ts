import {
  type Generation,
  hex,
  hexGrouped,
  type MachineConfig,
  machineOf,
  modelById,
  registerAtStart,
  sizeText,
} from '../../engine/index.ts';
import { decode } from '../../engine/models/bit-layout.ts';
import type { RegisterInfo } from '../../engine/models/index.ts';

/** Which way the generation hands a device to user space, as `machine` says it; undefined where it is not handed over. */
function wayIn({ ioctls, constants }: Generation, { containerType }: MachineConfig): Setup | undefined {
  // An iommufd knows the ioctls of a container too.
  if (ioctls.has('IOMMU_IOAS_ALLOC')) return { word: 'iommufd', key: 'empty', value: 0, text: '0' };
  if (!ioctls.has('VFIO_SET_IOMMU')) return undefined;
  const wanted = BigInt(containerType);
  const type = [...constants.values()].find((c) => c.name.endsWith('_IOMMU') && c.value === wanted);
  return { word: 'container', key: 'type', value: containerType, text: type?.name ?? `${containerType}` };
}

interface Setup {
  readonly word: string;
  readonly key: string;
  readonly value: number;
  readonly text: string;
}

interface Register {
  readonly name: string;
  readonly value: string;
  readonly fields: readonly { readonly name: string; readonly value: number; readonly doc: string }[];
}

function registersOf({ model, cap, ecap, idr }: MachineConfig): Register[] {
  const capabilities = modelById(model)?.capabilities ?? {};
  const values: Readonly<Record<string, bigint | number>> = { cap, ecap, ...idr };
  return Object.entries(capabilities).flatMap(([name, bits]): Register[] => {
    const value = values[name];
    if (value === undefined) return [];
    const decoded = decode(bits, [BigInt(value)]);
    const fields = bits.fields.map((f) => ({ name: f.name, value: Number(decoded[f.name]), doc: f.doc }));
    return [{ name, value: hex(value), fields }];
  });
}

/** Registers that software programs, as they are when a scenario begins: what a bare machine may give. */
function programmable(config: MachineConfig): readonly (RegisterInfo & { readonly start: bigint })[] {
  const { capabilities = {}, hardware } = modelById(config.model) ?? {};
  const isCapability = (name: string): boolean => name in capabilities || name.toLowerCase() in capabilities;
  if (!config.bare) return [];
  return (hardware?.registers ?? [])
    .filter((r) => !isCapability(r.name))
    .map((r) => ({ ...r, start: registerAtStart(r.name, config) ?? 0n }));
}

/** The default machine of a generation as data. */
export function machineJson(generation: Generation): object {
  const config = machineOf(generation);
  const setup = wayIn(generation, config);
  const { model, haw, devices, ram } = config;
  return {
    ...(setup ? { [setup.word]: { [setup.key]: setup.value } } : {}),
    iommu: {
      model,
      haw,
      registers: registersOf(config),
      ...(config.bare
        ? {
            programmed: programmable(config).map(({ name, offset, width, access, start, doc }) => {
              return { name, offset: hex(offset), width, access, value: hex(start), doc };
            }),
          }
        : {}),
    },
    devices: devices.map(({ name, bdf, sid, pasidBits, ats, pri, group }) => {
      return { name, bdf, sid: hex(sid), pasid: pasidBits, ats: Number(ats), pri: Number(pri), group };
    }),
    ram: ram.map((r) => ({ gpa: hex(r.gpa), size: hex(r.size), hpa: hex(r.hpa), page: hex(r.page) })),
  };
}

/** The default machine as one would write it, with each register's fields spelt out. */
export function machineText(generation: Generation): string {
  const config = machineOf(generation);
  const setup = wayIn(generation, config);
  const { model, haw, devices, ram } = config;
  const lines = [
    'machine {',
    ...(setup ? [`  ${setup.word} { ${setup.key} = ${setup.text} }`] : []),
    `  iommu ${model} {`,
    ...registersOf(config).flatMap(({ name, value, fields }) => [
      `    ${name} = ${value}`,
      ...fields.map((f) => `      // ${f.name.padEnd(8)} ${String(f.value).padStart(3)}  ${f.doc}`),
    ]),
    ...(model === 'vtd' ? [`    haw = ${haw}`] : []),
    ...(config.bare ? ['    // Registers that software programs, with what they read when a scenario begins:'] : []),
    ...programmable(config).map(
      ({ name, offset, access, start, doc }) =>
        `    // ${name.padEnd(12)} ${access.padEnd(4)}  at 0x${offset.toString(16).padStart(3, '0')}  ${hex(start).padEnd(10)}  ${doc}`,
    ),
    '  }',
    ...devices.map(
      (d) =>
        `  device ${d.name} { bdf = "${d.bdf}", sid = ${hex(d.sid)}, pasid = ${d.pasidBits}, ats = ${Number(d.ats)}, pri = ${Number(d.pri)}, group = ${d.group} }`,
    ),
    ...ram.map(
      (r) => `  ram ${hexGrouped(r.gpa)} size ${sizeText(r.size)} -> ${hexGrouped(r.hpa)} page ${sizeText(r.page)}`,
    ),
    '}',
    '',
  ];
  return lines.join('\n');
}
