import { count } from '../../base/text.ts';
import { check, type Refusal, refuse } from '../check.ts';
import type { Call } from './driver.ts';
import { type Obj, type ObjectType, withArticle } from './objects.ts';

const SRC = 'Linux 6.8 and 7.2';

export const OBJECT_CHECKS = Object.freeze({
  unknown: check(
    'object-unknown',
    'ENOENT',
    'iommufd_get_object',
    'No object has this id, or it is of another kind than the call wants.',
    'source',
    SRC,
  ),
  noMemory: check('object-no-memory', 'ENOMEM', '_iommufd_object_alloc', 'No memory for an object.', 'source', SRC),
  busy: check(
    'object-busy',
    'EBUSY',
    'iommufd_object_remove',
    'Something else still uses the object: an attachment, an object on top of it, or an open file descriptor.',
    'source',
    SRC,
  ),
});

/** An id that has gone for good: its vDEVICE went with the device (XA_ZERO_ENTRY). */
const TOMBSTONE = 'tombstone';

/**
 * `ictx->objects`: an xarray that hands out the lowest free id from 1 on. An object gets its id when it is made and can
 * be found by it once it is finished; an object that is given up before gives the id back.
 */
export class ObjectTable {
  readonly #objects = new Map<number, Obj | typeof TOMBSTONE>();
  readonly #finished = new Set<Obj>();

  get isEmpty(): boolean {
    return this.#objects.size === 0;
  }

  /** Objects that can be found, by id. */
  *all(): Generator<Obj> {
    for (const id of [...this.#objects.keys()].sort((a, b) => a - b)) {
      const obj = this.#objects.get(id);
      if (obj !== undefined && obj !== TOMBSTONE && this.#finished.has(obj)) yield obj;
    }
  }

  /** Gives an object its id; `finish` lets others find it. */
  reserve<T extends Obj>(obj: T): T {
    let id = 1;
    while (this.#objects.has(id)) id++;
    obj.id = id;
    this.#objects.set(id, obj);
    return obj;
  }

  finish(obj: Obj): void {
    this.#finished.add(obj);
  }

  /** `iommufd_object_abort_and_destroy`: an object that never was. */
  abort(obj: Obj): void {
    obj.destroy();
    this.#objects.delete(obj.id);
  }

  find(id: number): Obj | undefined {
    const obj = this.#objects.get(id);
    return obj === undefined || obj === TOMBSTONE || !this.#finished.has(obj) ? undefined : obj;
  }

  /** `iommufd_get_object`. @param path the field that holds the id */
  get(id: number, path: string, types?: readonly ObjectType[]): Obj | Refusal {
    const obj = this.find(id);
    if (obj && (!types || types.includes(obj.type))) return obj;
    const wanted = types?.join(' or ') ?? 'an object';
    return refuse(OBJECT_CHECKS.unknown, {
      path,
      found: obj ? `${id}, which is ${withArticle(obj.type)}` : `${id}`,
      wanted,
    });
  }

  /** `iommufd_object_remove`. @param tombstone the id is never handed out again */
  remove(id: number, { tombstone = false } = {}): Refusal | undefined {
    const obj = this.find(id);
    if (!obj) return refuse(OBJECT_CHECKS.unknown, { path: 'id', found: `${id}`, wanted: 'an object' });
    if (obj.users !== 1)
      return refuse(OBJECT_CHECKS.busy, {
        path: 'id',
        found: `${obj.type} ${id} with ${count(obj.users - 1, 'user')}`,
      });
    if (tombstone) this.#objects.set(id, TOMBSTONE);
    else this.#objects.delete(id);
    this.#finished.delete(obj);
    obj.destroy();
    return undefined;
  }

  /** `iommufd_fops_release`: leaves first, until nothing is left. */
  clear(): void {
    for (let destroyed = true; destroyed; ) {
      destroyed = false;
      for (const obj of [...this.all()]) {
        if (obj.users !== 1) continue;
        this.remove(obj.id);
        destroyed = true;
      }
    }
  }
}

/** The fallible point that every new object passes first. */
export const noMemoryForObject = (call: Call): Refusal | undefined =>
  call.fail.hit() ? { ...refuse(OBJECT_CHECKS.noMemory), injected: true } : undefined;
