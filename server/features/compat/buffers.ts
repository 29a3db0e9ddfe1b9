import { type Expr, encodePayload, type Image, locate, type Names } from '../../../engine/index.ts';
import { namedObject } from './named-objects.ts';
import type { ObjectKind } from './objects.ts';

/** A payload as bytes in user memory, with what only a run can put into them. */
export interface Buffer {
  readonly bytes: Uint8Array;
  /** Addresses of other buffers, by their place in the list. */
  readonly pointers: readonly {
    readonly offset: number;
    readonly size: number;
    readonly to: number;
    readonly add: number;
  }[];
  /** Ids of objects. */
  readonly ids: readonly {
    readonly path: string;
    readonly offset: number;
    readonly size: number;
    readonly kind: ObjectKind;
  }[];
  /** Fields that stay 0, as neither of the above is known of them. */
  readonly unknown: readonly string[];
}

const MAX_BUFFERS = 16;

/** The buffer of a payload, first, and those of all that it points at. */
export function buffersOf(image: Image, names: Names): Buffer[] {
  const images: Image[] = [image];
  const buffers: Buffer[] = [];
  for (let i = 0; i < images.length; i++) buffers.push(bufferOf(images[i]!, images, names));
  return buffers;
}

function bufferOf(image: Image, images: Image[], names: Names): Buffer {
  const pointers: Buffer['pointers'][number][] = [];
  const ids: Buffer['ids'][number][] = [];
  const unknown: string[] = [];
  const last = new Map(image.entries.map((entry) => [entry.path, entry]));
  for (const entry of last.values()) {
    const { path, field, offset, expr, value } = entry;
    if (field.kind !== 'uint') continue;
    const kind = namedObject(entry, image, names);
    if (kind) ids.push({ path, offset, size: field.size, kind });
    else if (value === undefined) {
      const target = targetOf(expr, names);
      const to = target && indexOf(target.image, images);
      if (target && to !== undefined) pointers.push({ offset, size: field.size, to, add: target.add });
      else unknown.push(path);
    }
  }
  return { bytes: image.bytes, pointers, ids, unknown };
}

function indexOf(image: Image, images: Image[]): number | undefined {
  const known = images.indexOf(image);
  if (0 <= known) return known;
  return images.length < MAX_BUFFERS ? images.push(image) - 1 : undefined;
}

/** What `&p`, `&p.field`, `&p + N` point at. */
function targetOf(expr: Expr, names: Names): { readonly image: Image; readonly add: number } | undefined {
  if (expr.kind === 'binary') {
    const left = targetOf(expr.left, names);
    return left && expr.op === '+' && expr.right.kind === 'int'
      ? { ...left, add: left.add + Number(expr.right.value) }
      : undefined;
  }
  if (expr.kind !== 'address-of') return undefined;
  const declared = names.payload(expr.name.text);
  if (!declared) return undefined;
  const image = encodePayload(declared, names);
  if (!expr.path?.length) return { image, add: 0 };
  const located =
    image.struct &&
    locate(
      image.struct,
      expr.path.map((part) => part.text),
    );
  return located && !('missing' in located) ? { image, add: located.offset } : undefined;
}
