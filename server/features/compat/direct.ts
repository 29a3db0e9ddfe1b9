/**
 * Tables of payloads that are asked as they are: the argument of a call, or what a call points at, of which no meaning
 * is known field by field. Objects that the payload names are made first and their ids put in the place of its own.
 */
import {
  findGeneration,
  type Generation,
  hex,
  type Image,
  modelsOf,
  type Names,
  RUNNABLE_GENERATION_IDS,
  type ScenarioFile,
  type Struct,
} from '../../../engine/index.ts';
import { type Answer, ask } from './ask.ts';
import { type Buffer, buffersOf } from './buffers.ts';
import { renamed } from './by-name.ts';
import { directText } from './direct-text.ts';
import { namedByHead } from './named-objects.ts';
import { hasObject, type ObjectKind } from './objects.ts';
import { callName, type Route, routeOf, sameRoute } from './routes.ts';
import { entryAt, judged, noted, type Row } from './row.ts';
import { isPrefix, isSameLayout } from './translate.ts';
import { userKernelPairs } from './versions.ts';

/** A payload that is asked as it is. */
export interface Direct {
  readonly file: ScenarioFile;
  readonly names: Names;
  readonly image: Image;
  readonly struct: Struct;
  readonly route: Route;
  /** The payload, then what it points at. */
  readonly buffers: readonly Buffer[];
}

/** @returns undefined where no call of the generation takes the payload or points at it */
export function directOf(file: ScenarioFile, image: Image, names: Names): Direct | undefined {
  const { struct } = image;
  const route = struct && routeOf(struct, file.generation, image.payload);
  return struct && route ? { file, names, image, struct, route, buffers: buffersOf(image, names) } : undefined;
}

/** What the payload asks for, in words. */
export const directRole = ({ route }: Direct): string =>
  route.kind === 'behind' ? `to which ${callName(route)} points` : `taken by ${callName(route)}`;

/** What the probes put in the place of the payload's own values, as lines to read. */
export function directNotes({ buffers, route, image }: Direct): string[] {
  const ids = buffers.flatMap((buffer) => buffer.ids.map(({ path, kind }) => `${path} (${article(kind)})`));
  const unknown = buffers.flatMap((buffer) => buffer.unknown);
  const entries = image.payload.elements?.length;
  return [
    ...(ids.length === 0 ? [] : [`Substituted by the id of an object that the probe makes: ${ids.join(', ')}.`]),
    ...(route.kind === 'behind' ? [`The ${route.head.name} that points at it is the probe's.`] : []),
    ...(unknown.length === 0 ? [] : [`0, as only a run knows them: ${unknown.join(', ')}.`]),
    ...(entries === undefined ? [] : [`All ${entries} entries are asked in one call.`]),
  ];
}

/** All that the table depends on, as one text. */
export function directKey({ file, struct, buffers }: Direct): string {
  const shown = buffers.map(({ bytes, ids, pointers, unknown }) =>
    [
      bytes.every((byte) => byte === 0) ? bytes.length : [...bytes].join(' '),
      JSON.stringify({ ids, pointers, unknown }),
    ].join(),
  );
  const evolved = [...(file.generation.evolved ?? [])].map(
    ([name, later]) => `${name} ${later.map((v) => v.struct.size)}`,
  );
  return [file.generation.id, file.machine.model, struct.name, ...shown, [...file.quirks].join(), ...evolved].join('|');
}

const article = (kind: ObjectKind): string => `${/^[aeiIo]/.test(kind) ? 'an' : 'a'} ${kind}`;

/** @param which `counted`: one row per generation, as a summary counts them */
export function directRows(direct: Direct, which: 'all' | 'counted'): Row[] {
  return RUNNABLE_GENERATION_IDS.flatMap((id) => {
    const generation = findGeneration(id)!;
    const row = generationRow(direct, generation);
    if (which === 'counted') return [row];
    const isOwn = id === direct.file.generation.id;
    return [...(isOwn ? versionRows(direct) : []), row, ...collisionRows(direct, generation)];
  });
}

function generationRow(direct: Direct, generation: Generation): Row {
  const { file, struct, route, buffers } = direct;
  if (generation.id === file.generation.id) return asked(direct, { generation, route, buffers, own: true });
  const there = sameRoute(route, file.generation, generation);
  if (!there) return noSuchCall(direct, generation);
  const isSameNumber = route.kind === 'ioctl' && there.kind === 'ioctl' && route.call.number === there.call.number;
  if (isSameNumber || isSameLayout(there.struct, struct) || (route.kind === 'behind' && isPrefix(there.struct, struct)))
    return asked(direct, { generation, route: there, buffers });
  const { buffer, lost } = renamed(buffers[0]!, struct, there.struct);
  if (lost.length > 0)
    return {
      generation: generation.id,
      form: 'translated',
      struct: there.struct.name,
      verdict: 'cannot be carried',
      lost,
    };
  return asked(direct, { generation, route: there, buffers: [buffer, ...buffers.slice(1)], form: 'translated' });
}

interface Trial {
  readonly generation: Generation;
  readonly route: Route;
  readonly buffers: readonly Buffer[];
  readonly form?: Row['form'];
  /** The quirks of the file count. */
  readonly own?: boolean;
  /** Takes the place of the generation: one whose struct has grown, or has not. */
  readonly kernel?: Generation;
}

function asked(direct: Direct, trial: Trial): Row {
  const { generation, route, buffers, form = 'as it is', own, kernel } = trial;
  const { model, note } = modelFor(direct, generation, route);
  const answer = ask({
    text: directText({ direct, generation, model, route, buffers }),
    within: undefined,
    ...(own ? { quirks: direct.file.quirks, generation: kernel ?? direct.file.generation } : {}),
  });
  const { bytes } = buffers[0]!;
  const row = judged({ generation, struct: route.struct, bytes, form }, answer, undefined);
  const entries = direct.image.payload.elements?.length ?? 1;
  const entry = entries > 1 && row.offending ? entryAt(row.offending.offset, route.struct, entries) : undefined;
  const notes = [row.note, entry, note].filter((each) => each !== undefined);
  return notes.length === 0 ? row : { ...row, note: notes.join('; ') };
}

/** A generation without the call: what its kernel says to the number. */
function noSuchCall({ route, buffers }: Direct, generation: Generation): Row {
  const base: Row = {
    generation: generation.id,
    form: 'as it is',
    struct: '',
    verdict: 'no such call',
    lost: [],
  };
  if (route.kind !== 'ioctl' || route.onDevice) return base;
  if ([...generation.ioctls.values()].some(({ number }) => number === route.call.number)) return base;
  const answer = askNumber(route.call.number, buffers[0]!, generation);
  const isRefused = answer.trouble === undefined && answer.outcome === 'ENOTTY';
  return isRefused ? { ...base, errno: answer.outcome, ...checkOf(answer) } : base;
}

const checkOf = ({ check }: Answer): Pick<Row, 'check'> =>
  check ? { check: { id: check.id, function: check.at } } : {};

/** The bytes with the number that they are meant for, on the default machine: whatever it means there. */
function askNumber(number: number, { bytes }: Buffer, generation: Generation): Answer {
  const plain: Buffer = { bytes, pointers: [], ids: [], unknown: [] };
  const text = directText({ generation, model: generation.model, route: number, buffers: [plain] });
  return ask({ text, within: undefined });
}

/** Where the number is that of another call. */
function collisionRows({ file, struct, route, buffers }: Direct, generation: Generation): Row[] {
  if (route.kind !== 'ioctl' || route.onDevice || generation.id === file.generation.id) return [];
  const other = [...generation.ioctls.values()].find(({ number }) => number === route.call.number);
  const there = generation.structs.get(other?.struct ?? '');
  if (!other || !there || other.name === route.call.name || other.instead !== undefined) return [];
  const { bytes } = buffers[0]!;
  const answer = askNumber(route.call.number, buffers[0]!, generation);
  const row = judged({ generation, struct: there, bytes, form: 'raw bytes', writtenAs: struct }, answer, undefined);
  if (row.errno === 'ENOTTY') return [];
  return [noted(row, `${hex(route.call.number)} is ${other.name} here, ${route.call.name} in ${file.generation.id}`)];
}

/** Callers and kernels before and after a struct grew. */
function versionRows(direct: Direct): Row[] {
  const { file, struct, route, buffers } = direct;
  const [first, ...rest] = buffers;
  return userKernelPairs(file, { struct, bytes: first!.bytes }).map(({ form, user, kernel }) =>
    asked(direct, {
      generation: file.generation,
      route: { ...route, struct: kernel.evolved?.get(struct.name)?.at(-1)?.struct ?? kernel.structs.get(struct.name)! },
      buffers: [{ ...first!, bytes: user.bytes }, ...rest],
      form,
      own: true,
      kernel,
    }),
  );
}

/** What a constant says of the model that it is for. */
const OF_MODEL: readonly (readonly [RegExp, string])[] = [
  [/_SELFTT?EST/, 'selftest'],
  [/_ARM_SMMUV3|_TEGRA241/, 'smmuv3'],
  [/_VTD/, 'vtd'],
];
const TYPES: readonly string[] = ['type', 'data_type', 'hwpt_type'];

/**
 * The model that a generation is asked on: the one that the payload is for, else that of the file's machine, else the
 * generation's own; another one where the payload needs an object that only others have.
 */
function modelFor(
  direct: Direct,
  generation: Generation,
  route: Route,
): { readonly model: string; readonly note?: string } {
  const models = modelsOf(generation.id);
  const declared = declaredModel(direct);
  const usual = models.includes(generation.model) ? generation.model : models[0]!;
  const wanted = declared ?? direct.file.machine.model;
  const model = models.includes(wanted) ? wanted : usual;
  const needed = neededBy(direct, route);
  if (declared === undefined && needed.some((kind) => !hasObject(kind, generation, model))) {
    const able = models.find((other) => needed.every((kind) => hasObject(kind, generation, other)));
    if (able) return { model: able, note: `asked on ${able}: ${model} has no ${needed.join(' and ')} here` };
  }
  const none = needed.filter((kind) => !hasObject(kind, generation, model));
  const lack = none.length === 0 ? '' : `; there is no ${none.join(' and no ')}, so a nesting parent stands for it`;
  // The default machine of the file asks for no model in particular.
  const isWanted = declared !== undefined || wanted !== direct.file.generation.model;
  if (model !== wanted && isWanted) return { model, note: `asked on ${model}: ${wanted} does not run here${lack}` };
  return lack === '' ? { model } : { model, note: lack.slice(2) };
}

const ONLY_SOME: readonly ObjectKind[] = ['virtual IOMMU', 'virtual device', 'event queue'];

function neededBy({ buffers }: Direct, route: Route): ObjectKind[] {
  const named = buffers.flatMap(({ ids }) => ids.map(({ kind }) => kind));
  const byHead =
    route.kind === 'behind'
      ? route.head.fields.flatMap(({ name }) => namedByHead(route.head.name, name, route.type.constant) ?? [])
      : [];
  return [...new Set([...named, ...byHead])].filter((kind) => ONLY_SOME.includes(kind));
}

function declaredModel({ route, image, file }: Direct): string | undefined {
  const said =
    route.kind === 'behind'
      ? [route.type.constant]
      : image.entries.flatMap(({ field, value }) =>
          TYPES.includes(field.name)
            ? (field.oneOf ?? []).filter((name) => file.generation.constants.get(name)?.value === value)
            : [],
        );
  return OF_MODEL.find(([pattern]) => said.some((name) => pattern.test(name)))?.[1];
}
