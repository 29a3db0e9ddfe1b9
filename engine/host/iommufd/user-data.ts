/**
 * Payloads of drivers, copied from the caller's memory by the rules of `include/linux/iommu.h`. They differ from the
 * rules of the ioctl's own struct: a struct or entry longer than the kernel's is EINVAL, not E2BIG.
 */
import { getUint, locate, putUint, type Struct } from '../../uapi/index.ts';
import { type Check, check, type Refusal, refuse } from '../check.ts';
import { type Call, isRefusal, type UserData, type UserDataArray } from './driver.ts';

const SRC = 'Linux 6.8, 6.12.107 and 7.2';
const one = 'iommu_copy_struct_from_user';
const entry = 'iommu_copy_struct_from_user_array';
const whole = 'iommu_copy_struct_from_full_user_array';
const out = 'iommu_copy_struct_to_user';

export const USER_DATA_CHECKS = Object.freeze({
  type: check('data-type-mismatch', 'EINVAL', one, 'data_type is not the one that this driver takes.', 'source', SRC),
  length: check(
    'data-length',
    'EINVAL',
    one,
    "data_len is shorter than the fields a driver needs, or longer than the kernel's struct.",
    'source',
    SRC,
  ),
  fault: check('data-fault', 'EFAULT', one, 'data_uptr cannot be read for data_len bytes.', 'source', SRC),
  entryType: check('entry-type-mismatch', 'EINVAL', entry, 'data_type is not that of the entries.', 'source', SRC),
  entryNum: check('entry-index', 'EINVAL', entry, 'The array has no entry of that index.', 'source', SRC),
  entryLength: check(
    'entry-length',
    'EINVAL',
    entry,
    "entry_len is shorter than the fields a driver needs, or longer than the kernel's entry.",
    'source',
    SRC,
  ),
  entryFault: check('entry-fault', 'EFAULT', entry, 'An entry of the array cannot be read.', 'source', SRC),
  arrayType: check('array-type-mismatch', 'EINVAL', whole, 'data_type is not that of the array.', 'source', SRC),
  arrayEmpty: check('array-empty', 'EINVAL', whole, 'The array has no entries to copy.', 'source', SRC),
  arrayTail: check(
    'array-tail',
    'E2BIG',
    whole,
    'An entry is longer than the kernel knows, with bytes there that are not 0.',
    'source',
    SRC,
  ),
  arrayFault: check('array-fault', 'EFAULT', whole, 'The array cannot be read.', 'source', SRC),
  outType: check(
    'out-data-type-mismatch',
    'EINVAL',
    out,
    'type is not the one that this driver fills in.',
    'source',
    SRC,
  ),
  outLength: check(
    'out-data-length',
    'EINVAL',
    out,
    "data_len is shorter than the fields a driver writes, or longer than the kernel's struct.",
    'source',
    SRC,
  ),
  outFault: check('out-data-fault', 'EFAULT', out, 'data_uptr cannot be written.', 'source', SRC),
});

/** A struct's bytes with its fields by name, so that each generation's own table says where they lie. */
export class View {
  readonly struct: Struct;
  readonly bytes: Uint8Array;

  constructor(struct: Struct, bytes: Uint8Array = new Uint8Array(struct.size)) {
    this.struct = struct;
    this.bytes = bytes;
  }

  /** A field; 0 where this generation has none of that name. */
  get(path: string): bigint {
    const found = locate(this.struct, path.split('.'));
    return 'missing' in found ? 0n : getUint(this.bytes, found.offset, found.field.size);
  }

  /** A field of up to 32 bits. */
  u32(path: string): number {
    return Number(this.get(path));
  }

  /** Whether a field, which may be an array, has a byte that is not 0. */
  any(path: string): boolean {
    const found = locate(this.struct, path.split('.'));
    if ('missing' in found) return false;
    return this.bytes.subarray(found.offset, found.offset + found.field.size).some((byte) => byte !== 0);
  }

  has(path: string): boolean {
    return !('missing' in locate(this.struct, path.split('.')));
  }

  set(path: string, value: bigint | number): void {
    const found = locate(this.struct, path.split('.'));
    if (!('missing' in found)) putUint(this.bytes, found.offset, found.field.size, BigInt(value));
  }
}

/** What a driver expects of a payload: its type, its struct and the last field that must be there. */
export interface Wanted {
  readonly type: number;
  readonly struct: string;
  /** The least length ends with this field. */
  readonly last: string;
}

/** First byte behind a field: the least length of a struct that must have it. */
export function endOf(struct: Struct, path: string): number {
  const found = locate(struct, path.split('.'));
  if ('missing' in found) throw new Error(`${struct.name} has no field ${path}`);
  return found.offset + found.field.size;
}

export function structNamed(call: Call, name: string): Struct {
  const struct = call.generation.evolved?.get(name)?.at(-1)?.struct ?? call.generation.structs.get(name);
  if (!struct) throw new Error(`${call.generation.id} has no struct ${name}`);
  return struct;
}

/** `iommu_copy_struct_from_user`: type, length, copy. */
export function copyStruct(call: Call, data: UserData, wanted: Wanted): View | Refusal {
  const struct = structNamed(call, wanted.struct);
  if (data.type !== wanted.type) return refuse(USER_DATA_CHECKS.type, seenType('data_type', data.type, wanted.type));
  if (call.version.posted) return copyLenient(call, data, wanted.struct);
  const least = endOf(struct, wanted.last);
  if (call.quirk('oversize_is_einval') ? data.len < least || struct.size < data.len : data.len < least)
    return refuse(USER_DATA_CHECKS.length, seenLength('data_len', data.len, least, struct.size));
  return copy(call, struct, data.uptr, data.len, USER_DATA_CHECKS.fault, 'data_uptr');
}

/** `iommu_copy_struct_from_user_array`: one entry by its index. */
export function copyEntry(call: Call, array: UserDataArray, wanted: Wanted, index: number): View | Refusal {
  const struct = structNamed(call, wanted.struct);
  if (array.type !== wanted.type)
    return refuse(USER_DATA_CHECKS.entryType, seenType('data_type', array.type, wanted.type));
  if (array.entryNum <= index)
    return refuse(USER_DATA_CHECKS.entryNum, { path: 'entry_num', found: `${array.entryNum}` });
  const least = endOf(struct, wanted.last);
  if (
    call.quirk('oversize_is_einval') ? array.entryLen < least || struct.size < array.entryLen : array.entryLen < least
  )
    return refuse(USER_DATA_CHECKS.entryLength, seenLength('entry_len', array.entryLen, least, struct.size));
  const at = array.uptr + BigInt(array.entryLen) * BigInt(index);
  return copy(call, struct, at, array.entryLen, USER_DATA_CHECKS.entryFault, `entry ${index}`);
}

/**
 * `iommu_copy_struct_from_full_user_array`: all entries at once. Entries shorter than the kernel's are filled up with
 * zeros without any least length; longer ones are cut where the rest is 0.
 */
export function copyWholeArray(call: Call, array: UserDataArray, wanted: Omit<Wanted, 'last'>): View[] | Refusal {
  const struct = structNamed(call, wanted.struct);
  if (array.type !== wanted.type)
    return refuse(USER_DATA_CHECKS.arrayType, seenType('data_type', array.type, wanted.type));
  if (array.entryNum === 0) return refuse(USER_DATA_CHECKS.arrayEmpty, { path: 'entry_num', found: '0' });
  if (array.entryLen === struct.size) {
    const all = call.user.copyFrom(array.uptr, struct.size * array.entryNum);
    if (!all) return refuse(USER_DATA_CHECKS.arrayFault, faultAt('data_uptr'));
    return Array.from(
      { length: array.entryNum },
      (_, i) => new View(struct, all.slice(i * struct.size, (i + 1) * struct.size)),
    );
  }
  const views: View[] = [];
  for (let i = 0; i < array.entryNum; i++) {
    const at = array.uptr + BigInt(array.entryLen) * BigInt(i);
    const view = copy(call, struct, at, array.entryLen, USER_DATA_CHECKS.arrayFault, `entry ${i}`);
    if (isRefusal(view)) return view;
    views.push(view);
  }
  return views;
}

/** `iommu_copy_struct_to_user` (6.17): the driver writes its part of the payload back. */
export function copyStructBack(call: Call, data: UserData, view: View, wanted: Wanted): Refusal | undefined {
  if (data.type !== wanted.type) return refuse(USER_DATA_CHECKS.outType, seenType('type', data.type, wanted.type));
  const least = endOf(view.struct, wanted.last);
  if (data.len < least || view.struct.size < data.len)
    return refuse(USER_DATA_CHECKS.outLength, seenLength('data_len', data.len, least, view.struct.size));
  const written = call.user.copyTo(data.uptr, view.bytes.subarray(0, Math.min(data.len, view.struct.size)));
  return written ? undefined : refuse(USER_DATA_CHECKS.outFault, { path: 'data_uptr' });
}

/** What lies in the user's struct behind the part that the kernel knows: `copy_struct_from_user`. */
export function tailOf(
  user: Call['user'],
  address: bigint,
  known: number,
  given: number,
): 'clear' | 'used' | 'unreadable' {
  if (given <= known) return 'clear';
  const tail = user.copyFrom(address + BigInt(known), given - known);
  if (!tail) return 'unreadable';
  return tail.some((byte) => byte !== 0) ? 'used' : 'clear';
}

/**
 * A payload of the 2023 posting: `copy_struct_from_user` with the driver's length and no least one. With
 * `minimum_unchecked = off` what is shorter than the struct is refused.
 */
export function copyLenient(call: Call, payload: { uptr: bigint; len: number }, name: string): View | Refusal {
  const struct = structNamed(call, name);
  if (payload.len < struct.size && !call.quirk('minimum_unchecked'))
    return refuse(USER_DATA_CHECKS.length, seenLength('data_len', payload.len, struct.size, struct.size));
  return copy(call, struct, payload.uptr, payload.len, USER_DATA_CHECKS.fault, 'data_uptr');
}

/** `copy_struct_from_user`: a tail that the kernel does not know must be 0, and what is missing is 0. */
function copy(call: Call, struct: Struct, address: bigint, length: number, fault: Check, path: string): View | Refusal {
  const tail = tailOf(call.user, address, struct.size, length);
  if (tail === 'unreadable') return refuse(fault, faultAt(path));
  if (tail === 'used')
    return refuse(USER_DATA_CHECKS.arrayTail, {
      path,
      found: `bytes that are not 0 past byte ${struct.size}`,
      wanted: '0',
    });
  const bytes = call.user.copyFrom(address, Math.min(length, struct.size));
  if (!bytes) return refuse(fault, faultAt(path));
  const full = new Uint8Array(struct.size);
  full.set(bytes);
  return new View(struct, full);
}

const faultAt = (path: string): { path: string; found: string } => ({ path, found: 'an unreadable address' });

const seenType = (path: string, found: number, wanted: number): { path: string; found: string; wanted: string } => ({
  path,
  found: `0x${found.toString(16)}`,
  wanted: `0x${wanted.toString(16)}`,
});

const seenLength = (
  path: string,
  found: number,
  least: number,
  most: number,
): { path: string; found: string; wanted: string } => ({
  path,
  found: `${found}`,
  wanted: least === most ? `${most}` : `${least} to ${most}`,
});
