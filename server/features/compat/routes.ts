import { type Generation, type Ioctl, ioctlOf, type Payload, type Struct } from '../../../engine/index.ts';

/** How the bytes of a payload come to the kernel of a generation. */
export type Route =
  /** They are the argument of an ioctl; `onDevice`: of the device's own file. */
  | { readonly kind: 'ioctl'; readonly call: Ioctl; readonly struct: Struct; readonly onDevice: boolean }
  | { readonly kind: 'call'; readonly call: string; readonly struct: Struct }
  /** A call points at them, and a constant in a field of its argument says what they are. */
  | {
      readonly kind: 'behind';
      readonly call: Ioctl;
      readonly struct: Struct;
      readonly head: Struct;
      readonly pointer: string;
      readonly type: { readonly field: string; readonly constant: string };
      readonly length?: string;
      readonly count?: string;
      readonly element?: string;
    };

export const callName = ({ call }: Route): string => (typeof call === 'string' ? call : call.name);

/** How a struct comes to the kernel, of several ioctls by the one that a submit of the payload issues. */
export function routeOf(struct: Struct, generation: Generation, payload?: Payload): Route | undefined {
  const { name } = struct;
  const usual = payload && ioctlOf(payload, generation);
  const call = usual?.struct === name ? usual : [...generation.ioctls.values()].find((ioctl) => ioctl.struct === name);
  if (call) return { kind: 'ioctl', call, struct, onDevice: call.name.startsWith('VFIO_DEVICE_') };
  const inside = [...generation.calls.values()].find((known) => known.struct === name);
  return inside ? { kind: 'call', call: inside.name, struct } : behind(struct, generation);
}

/** The same way in another generation; undefined where it has none. */
export function sameRoute(route: Route, from: Generation, to: Generation): Route | undefined {
  if (route.kind === 'behind') {
    const struct = to.structs.get(route.struct.name);
    return struct && behind(struct, to);
  }
  if (route.kind === 'call') {
    const struct = to.structs.get(to.calls.get(route.call)?.struct ?? '');
    return struct && { ...route, struct };
  }
  const call = to.ioctls.get(route.call.name);
  const struct = to.structs.get(call?.struct ?? '');
  // VFIO's postings used names and numbers anew for other requests; iommufd renumbered calls that stayed the same.
  const isSame = call?.number === route.call.number || (isIommufd(from) && isIommufd(to));
  return call && struct && isSame ? { ...route, call, struct } : undefined;
}

const isIommufd = ({ ioctls }: Generation): boolean => ioctls.has('IOMMU_DESTROY');

/** What points at a struct, by generation: asked for each payload of a file as it is typed. */
const pointers = new WeakMap<Generation, Map<Struct, Route | undefined>>();

function behind(struct: Struct, generation: Generation): Route | undefined {
  let known = pointers.get(generation);
  if (!known) pointers.set(generation, (known = new Map()));
  if (!known.has(struct)) known.set(struct, pointerAt(struct, generation));
  return known.get(struct);
}

function pointerAt(struct: Struct, generation: Generation): Route | undefined {
  // What the kernel alone writes is no payload.
  if (struct.fields.every((field) => field.out)) return undefined;
  for (const call of generation.ioctls.values()) {
    const head = generation.structs.get(call.struct ?? '');
    for (const { name: pointer, target } of head?.fields ?? []) {
      const constant = Object.entries(target?.to ?? {}).find(([, to]) => to === struct.name)?.[0];
      if (!head || !target?.by || constant === undefined) continue;
      const { length, count, element } = target;
      return {
        kind: 'behind',
        call,
        struct,
        head,
        pointer,
        type: { field: target.by, constant },
        ...(length === undefined ? {} : { length }),
        ...(count === undefined ? {} : { count }),
        ...(element === undefined ? {} : { element }),
      };
    }
  }
  return undefined;
}
