import type { Generation, Ioctl } from '../uapi/index.ts';
import { isNoStruct, structOf } from './payload.ts';
import type { Payload } from './program.ts';

/** The ioctl of a payload whose submit names none: that of its kind, else the first that takes its struct. */
export function ioctlOf(payload: Payload, generation: Generation): Ioctl | undefined {
  const kind =
    generation.kinds.get(payload.word.text) ??
    [...generation.kinds.values()].find((k) => k.struct === payload.struct?.text);
  if (kind?.ioctl !== undefined) return generation.ioctls.get(kind.ioctl);
  const struct = payload.elements ? undefined : structOf(payload, generation);
  if (!struct || isNoStruct(struct)) return undefined;
  return [...generation.ioctls.values()].find((ioctl) => ioctl.struct === struct.name);
}

/** The ioctl with a command number; only the low 32 bits of `command` reach the kernel. */
export function ioctlNumbered(command: bigint, generation: Generation): Ioctl | undefined {
  const number = Number(command & 0xffff_ffffn);
  return [...generation.ioctls.values()].find((ioctl) => ioctl.number === number);
}

/** Why a submit to an ioctl cannot run, and what to write in its place; undefined where it can. */
export const whyNotModelled = (ioctl: Ioctl | undefined): string | undefined =>
  ioctl?.instead === undefined ? undefined : `${ioctl.name} is not modelled: ${ioctl.instead}`;
