import {
  DEFAULT_MACHINE,
  findGeneration,
  GENERATIONS,
  type Generation,
  hex,
  hexGrouped,
  KNOWN_GENERATION_IDS,
  layoutOf,
  modelById,
  nearest,
  paholeText,
  type Struct,
  sizeText,
} from '../../engine/index.ts';
import { decode } from '../../engine/models/vtd/bit-layout.ts';
import { EXIT, UsageError } from './exit.ts';
import { print } from './output.ts';

export interface LayoutCommand {
  readonly uapi: string | undefined;
  readonly structs: readonly string[];
  readonly format: 'pretty' | 'json';
  readonly quirks: boolean;
  readonly machine: boolean;
}

/** `vsva layout`: structs as a C compiler lays them out, the quirks of a generation, the default machine. */
export function layout({ uapi, structs, format, quirks, machine }: LayoutCommand): number {
  if (uapi === undefined && !machine) throw new UsageError(`layout needs --uapi ID; there are ${ids()}`);
  const generation = uapi === undefined ? GENERATIONS[0]! : generationOf(uapi);
  const json: Record<string, unknown> = {};
  const pretty: string[] = [];
  if ((!quirks && !machine) || structs.length > 0) {
    const chosen =
      structs.length > 0 ? structs.map((name) => structOf(generation, name)) : [...generation.structs.values()];
    json['structs'] = chosen.map(layoutOf);
    pretty.push(chosen.map(paholeText).join('\n'));
  }
  if (quirks) {
    json['quirks'] = [...generation.quirks.values()].map(({ name, on, doc, evidence }) => ({
      name,
      on,
      doc,
      evidence,
    }));
    pretty.push(quirksText(generation));
  }
  if (machine) {
    json['machine'] = machineJson();
    pretty.push(machineText(generation));
  }
  print(format === 'json' ? `${JSON.stringify(json, undefined, 2)}\n` : pretty.join('\n'));
  return EXIT.ok;
}

const ids = (): string => GENERATIONS.map((g) => g.id).join(', ');

function generationOf(id: string): Generation {
  const generation = findGeneration(id);
  if (generation) return generation;
  if (KNOWN_GENERATION_IDS.has(id)) throw new UsageError(`${id} is not available yet; there are ${ids()}`);
  const near = nearest(id, KNOWN_GENERATION_IDS.keys());
  throw new UsageError(`${id} is not a generation${near ? `; did you mean ${near}?` : ''}; there are ${ids()}`);
}

/** A struct by its name, with or without `struct`, or by its short kind. */
function structOf({ id, structs, kinds }: Generation, given: string): Struct {
  const name = given.replace(/^struct\s+/, '');
  const found = structs.get(name) ?? structs.get(kinds.get(name)?.struct ?? '');
  if (found) return found;
  const near = nearest(name, [...structs.keys(), ...kinds.keys()]);
  throw new UsageError(
    `${id} has no struct ${name}${near ? `; did you mean ${near}?` : `; it has ${[...structs.keys()].join(', ')}`}`,
  );
}

function quirksText({ id, quirks }: Generation): string {
  if (quirks.size === 0) return `${id} has no quirks\n`;
  const width = Math.max(...[...quirks.keys()].map((name) => name.length));
  return [...quirks.values()]
    .map(({ name, on, doc, evidence }) => `${name.padEnd(width)}  ${on ? 'on ' : 'off'}  ${doc} (${evidence})\n`)
    .join('');
}

const registers = (): [string, bigint][] => [
  ['cap', DEFAULT_MACHINE.cap],
  ['ecap', DEFAULT_MACHINE.ecap],
];

function machineJson(): object {
  const { model, haw, containerType, devices, ram } = DEFAULT_MACHINE;
  return {
    container: { type: containerType },
    iommu: {
      model,
      haw,
      registers: registers().map(([name, value]) => ({ name, value: hex(value), fields: fieldsOf(name, value) })),
    },
    devices: devices.map(({ name, bdf, sid, pasidBits, ats, pri, group }) => {
      return { name, bdf, sid: hex(sid), pasid: pasidBits, ats: Number(ats), pri: Number(pri), group };
    }),
    ram: ram.map((r) => ({ gpa: hex(r.gpa), size: hex(r.size), hpa: hex(r.hpa), page: hex(r.page) })),
  };
}

function fieldsOf(register: string, value: bigint): { name: string; value: number; doc: string }[] {
  const bits = modelById(DEFAULT_MACHINE.model)!.capabilities[register]!;
  const values = decode(bits, [value]);
  return bits.fields.map(({ name, doc }) => ({ name, value: Number(values[name]), doc }));
}

/** The default machine as one would write it, with each register's fields spelt out. */
function machineText(generation: Generation): string {
  const { model, haw, containerType, devices, ram } = DEFAULT_MACHINE;
  const type = [...generation.constants.values()].find(
    (c) => c.name.endsWith('_IOMMU') && c.value === BigInt(containerType),
  );
  const lines = [
    'machine {',
    `  container { type = ${type?.name ?? containerType} }`,
    `  iommu ${model} {`,
    ...registers().flatMap(([name, value]) => [
      `    ${name} = ${hex(value)}`,
      ...fieldsOf(name, value).map((f) => `      // ${f.name.padEnd(8)} ${String(f.value).padStart(3)}  ${f.doc}`),
    ]),
    `    haw = ${haw}`,
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
