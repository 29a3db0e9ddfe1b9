import type { Generation } from '../../../engine/index.ts';
import type { Buffer } from './buffers.ts';
import type { Direct } from './direct.ts';
import { namedByHead } from './named-objects.ts';
import { Objects } from './objects.ts';
import type { Route } from './routes.ts';
import { setupOf } from './setup.ts';

interface Probe {
  /** Undefined where nothing is made for the payload: only its bytes are asked about. */
  readonly direct?: Direct;
  readonly generation: Generation;
  readonly model: string;
  /** A plain command word for an ioctl of another generation. */
  readonly route: Route | number;
  readonly buffers: readonly Buffer[];
}

/** A number that no payload of the file gives: how the guest knows the device. */
const VIRT_ID = 0x33n;

/** The whole text of a probe: objects, the payload and what it points at, then the call, marked by `expect any`. */
export function directText({ direct, generation, model, route, buffers }: Probe): string {
  const objects = new Objects(generation, model);
  const nameOf = (index: number): string => (index === 0 ? 'subject' : `behind${index}`);
  const writes = buffers.flatMap((buffer, index) => [
    ...buffer.ids.flatMap(({ kind, offset, size }) => {
      const made = objects.make(kind);
      return made ? [write(nameOf(index), offset, size, made.id)] : [];
    }),
    ...buffer.pointers.map(({ offset, size, to, add }) =>
      write(nameOf(index), offset, size, `&${nameOf(to)}${add === 0 ? '' : ` + ${add}`}`),
    ),
  ]);
  const setup = setupOf(route, buffers[0]!);
  const head = typeof route !== 'number' && route.kind === 'behind' ? headText(route, buffers[0]!, objects) : [];
  const text = [
    `uapi ${generation.id}`,
    ...machineOf(generation, model, setup.machine),
    ...buffers.map(({ bytes }, index) => rawText(nameOf(index), bytes)),
    ...objects.declarations,
    ...setup.declarations,
    ...head,
    'scenario "probe" {',
    ...objects.steps,
    ...setup.steps,
    ...writes,
    submit(route),
    '}',
    '',
  ].join('\n');
  return text.replace(/\bVIRT_ID\b/g, `${virtIdOf(direct)}`);
}

function machineOf(generation: Generation, model: string, items: readonly string[]): string[] {
  const all = [...(model === generation.model ? [] : [`iommu ${model} {}`]), ...items];
  return all.length === 0 ? [] : ['machine {', ...all, '}'];
}

function rawText(name: string, bytes: Uint8Array): string {
  if (bytes.every((byte) => byte === 0)) return `raw ${name} size ${bytes.length}`;
  return `raw ${name} bytes "${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}"`;
}

const WIDTHS: Readonly<Record<number, string>> = { 1: ' u8', 2: ' u16', 4: ' u32', 8: '' };

const write = (name: string, offset: number, size: number, value: string): string =>
  `write user &${name}${offset === 0 ? '' : ` + ${offset}`}${WIDTHS[size] ?? ''} = ${value}`;

function submit(route: Route | number): string {
  if (typeof route === 'number') return `submit &subject to ${route} expect any`;
  if (route.kind === 'behind') return 'submit asked expect any';
  if (route.kind === 'call') return `submit &subject to ${route.call} on dev0 expect any`;
  return `submit &subject to ${route.call.name}${route.onDevice ? ' on dev0' : ''} expect any`;
}

/** The call that points at the payload: an array of as many entries as the payload has bytes for. */
function headText(route: Route & { readonly kind: 'behind' }, { bytes }: Buffer, objects: Objects): string[] {
  const { head, pointer, type, length, count, element, struct } = route;
  const fields = head.fields.flatMap(({ name }) => {
    const kind = namedByHead(head.name, name, type.constant);
    const made = kind && objects.make(kind);
    return made ? [`${name} = ${made.id}`] : [];
  });
  // Entries of a virtual IOMMU name its devices.
  if (/^IOMMU_VIOMMU_/.test(type.constant)) objects.make('virtual device');
  const entries = Math.max(1, Math.round(bytes.length / struct.size));
  return [
    `struct ${head.name} asked { ${[
      'size = sizeof',
      ...fields,
      `${type.field} = ${type.constant}`,
      ...(length === undefined ? [] : [`${length} = ${bytes.length}`]),
      ...(element === undefined ? [] : [`${element} = ${bytes.length / entries}`]),
      ...(count === undefined ? [] : [`${count} = ${entries}`]),
      `${pointer} = &subject`,
    ].join(', ')} }`,
  ];
}

/** How the guest knows a device: the number that the file gives its virtual device. */
function virtIdOf(direct: Direct | undefined): bigint {
  for (const { node } of direct?.file.payloads.values() ?? []) {
    if (node.struct?.text !== 'iommu_vdevice_alloc') continue;
    const given = node.fields.findLast(({ path }) => path.length === 1 && path[0]!.text === 'virt_id')?.value;
    if (given?.kind === 'int') return given.value;
  }
  return VIRT_ID;
}
