import type { Name } from '../base/span.ts';
import type { Struct } from '../uapi/index.ts';
import type { NoValue } from './evaluate.ts';
import type { Payload } from './program.ts';

/** One struct of an `array`. */
export interface Element {
  /** Bytes from the start of the array to the struct. */
  readonly offset: number;
  /** What the path names inside the struct; empty for all of it. */
  readonly path: readonly Name[];
}

/** Where `array[i].field` leads; a path without an index begins at the first element, as a C array's name does. */
export function elementAt({ elements, name }: Payload, struct: Struct, path: readonly Name[]): Element | NoValue {
  const [index, ...rest] = path;
  if (!elements || !index || !/^\d+$/.test(index.text)) return { offset: 0, path };
  // The element behind the last one has an address in C, but is nothing that a file could mean.
  if (elements.length <= Number(index.text))
    return {
      noValue: 'mistake',
      code: 'unknown-field',
      message: `${name?.text} has ${elements.length} element${elements.length === 1 ? '' : 's'}, the first of which is [0]`,
      at: index,
    };
  return { offset: struct.size * Number(index.text), path: rest };
}
