import {
  defaultMachine,
  type Generation,
  hex,
  hexGrouped,
  type MachineConfig,
  modelById,
  sizeText,
} from '../../engine/index.ts';
import { decode } from '../../engine/models/vtd/bit-layout.ts';

/** Which way the generation hands a device to user space, as `machine` says it; undefined where it is not handed over. */
function wayIn({ ioctls, constants }: Generation, { containerType }: MachineConfig): Setup | undefined {
  if (ioctls.has('VFIO_SET_IOMMU')) {
    const wanted = BigInt(containerType);
    const type = [...constants.values()].find((c) => c.name.endsWith('_IOMMU') && c.value === wanted);
    return { word: 'container', key: 'type', value: containerType, text: type?.name ?? `${containerType}` };
  }
  return ioctls.has('IOMMU_IOAS_ALLOC') ? { word: 'iommufd', key: 'empty', value: 0, text: '0' } : undefined;
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

/** The default machine of a generation as data. */
export function machineJson(generation: Generation): object {
  const config = defaultMachine(generation.model);
  const setup = wayIn(generation, config);
  const { model, haw, devices, ram } = config;
  return {
    ...(setup ? { [setup.word]: { [setup.key]: setup.value } } : {}),
    iommu: { model, haw, registers: registersOf(config) },
    devices: devices.map(({ name, bdf, sid, pasidBits, ats, pri, group }) => {
      return { name, bdf, sid: hex(sid), pasid: pasidBits, ats: Number(ats), pri: Number(pri), group };
    }),
    ram: ram.map((r) => ({ gpa: hex(r.gpa), size: hex(r.size), hpa: hex(r.hpa), page: hex(r.page) })),
  };
}

/** The default machine as one would write it, with each register's fields spelt out. */
export function machineText(generation: Generation): string {
  const config = defaultMachine(generation.model);
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
