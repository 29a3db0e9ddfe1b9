import {
  findGeneration,
  type Generation,
  getUint,
  type Located,
  locate,
  putUint,
  quirkOfShipped,
  type ScenarioFile,
  type Struct,
  walkFields,
} from '../../../engine/index.ts';
import { probeFor } from './probes.ts';
import { type Asked, type Form, filled, type Row, rowOf } from './row.ts';
import { sizeOf, type Written } from './translate.ts';

/** A payload of an evolved struct, as a caller of one version writes it, with the kernel of one version. */
interface UserKernel {
  readonly form: Form;
  readonly user: { readonly struct: Struct; readonly bytes: Uint8Array };
  readonly kernel: Generation;
}

/** Callers compiled before and after a struct grew, each on a kernel before and after; empty where it did not. */
export function userKernelPairs(
  file: ScenarioFile,
  { struct, bytes }: { readonly struct: Struct; readonly bytes: Uint8Array },
): UserKernel[] {
  const later = file.generation.evolved?.get(struct.name) ?? [];
  const before = findGeneration(file.generation.id);
  const old = before?.structs.get(struct.name);
  if (later.length === 0 || !before || !old) return [];
  const written: Written = { generation: file.generation, struct, bytes, open: new Set() };
  const isNew = struct.size !== old.size || later.some((version) => version.struct === struct);
  const newer = later.find((version) => version.struct === struct) ?? later.at(-1)!;
  const size = fieldOfRole(struct, 'size');
  const whole = !size || getUint(bytes, size.offset, size.field.size) === BigInt(bytes.length);
  const oldUser = isNew ? rewritten(written, old, oldVersion(old, before), whole) : written;
  const newUser = isNew ? written : rewritten(written, newer.struct, BigInt(newer.version), whole);
  return [
    { form: 'old user, old kernel', user: oldUser, kernel: before },
    { form: 'old user, new kernel', user: oldUser, kernel: file.generation },
    { form: 'new user, old kernel', user: newUser, kernel: before },
    { form: 'new user, new kernel', user: newUser, kernel: file.generation },
  ];
}

/** An evolved struct: callers compiled before and after, each on a kernel before and after. */
export function versionRows(asked: Asked, file: ScenarioFile): Row[] {
  const { written, carrier } = asked;
  const later = file.generation.evolved?.get(written.struct.name) ?? [];
  const before = findGeneration(file.generation.id);
  const old = before?.structs.get(written.struct.name);
  const probe = probeFor(asked.role, file.generation, asked.model);
  if (later.length === 0 || !before || !old || !probe) return [];
  const isNew = written.struct.size !== old.size || later.some(({ struct }) => struct === written.struct);
  const newer = later.find(({ struct }) => struct === written.struct) ?? later.at(-1)!;
  const whole = sizeOf(carrier, written).whole;
  const oldUser = isNew ? rewritten(written, old, oldVersion(old, before), whole) : written;
  const newUser = isNew ? written : rewritten(written, newer.struct, BigInt(newer.version), whole);
  const quirk = quirkOfShipped(before, old.name);
  const row = (user: Written, form: Form, kernel: Generation): Row => {
    const bytes = filled(user, carrier, asked.pasid);
    const quirks = new Map([...asked.quirks, ...(quirk === undefined ? [] : [[quirk, kernel === before] as const])]);
    const trial = { asked: { ...asked, quirks }, generation: before, probe, struct: user.struct, bytes, form };
    return rowOf({ ...trial, kernel, own: true });
  };
  return [
    row(oldUser, 'old user, old kernel', before),
    row(oldUser, 'old user, new kernel', file.generation),
    row(newUser, 'new user, old kernel', before),
    row(newUser, 'new user, new kernel', file.generation),
  ];
}

/** The same values in another version of the struct; fields that only one of them has are zero or gone. */
function rewritten(written: Written, struct: Struct, version: bigint, whole: boolean): Written {
  const bytes = new Uint8Array(struct.size);
  for (const located of walkFields(struct)) {
    if (located.field.struct) continue;
    const from = locate(written.struct, located.path.split('.'));
    if ('missing' in from) continue;
    const size = Math.min(from.field.size, located.field.size);
    bytes.set(written.bytes.subarray(from.offset, from.offset + size), located.offset);
  }
  const put = (role: 'version' | 'size', value: bigint): void => {
    const located = fieldOfRole(struct, role);
    if (located) putUint(bytes, located.offset, located.field.size, value);
  };
  const said = fieldOfRole(written.struct, 'version');
  const known = said && getUint(written.bytes, said.offset, said.field.size);
  // A version that no header has stays what it is: the caller meant to be wrong.
  if (known !== undefined && known !== 0n) put('version', version);
  if (whole) put('size', BigInt(struct.size));
  const open = [...written.open].filter((path) => !('missing' in locate(struct, path.split('.'))));
  return { generation: written.generation, struct, bytes, open: new Set(open) };
}

const fieldOfRole = (struct: Struct, role: 'version' | 'size'): Located | undefined =>
  walkFields(struct).find(({ field }) => field.role === role);

function oldVersion(struct: Struct, { constants }: Generation): bigint {
  const name = fieldOfRole(struct, 'version')?.field.oneOf?.[0];
  return (name === undefined ? undefined : constants.get(name)?.value) ?? 1n;
}
