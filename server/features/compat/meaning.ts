/** What payloads ask for, and how the fields of a struct say it. */

export type Role =
  | 'bind'
  | 'unbind'
  | 'invalidate'
  | 'pasid'
  | 'process'
  | 'pasid-table'
  | 'pasid-table-unset'
  | 'respond';

export const ROLES: Readonly<Record<Role, string>> = {
  bind: 'binds a guest page table',
  unbind: 'unbinds a guest page table',
  invalidate: 'invalidates what is cached from a guest page table',
  pasid: 'allocates or frees PASIDs',
  process: 'binds a process',
  'pasid-table': 'hands over a PASID table',
  'pasid-table-unset': 'takes a PASID table back',
  respond: 'answers a page request',
};

/** How a field holds a meaning. `only` limits it to one word of a choice that the same struct makes. */
export type Spec = { readonly only?: { readonly choice: string; readonly word: string } } & (
  | { readonly as: 'size' | 'version' }
  | { readonly as: 'number'; readonly meaning: string }
  /** Constants that are bits of the field, each a meaning of its own. */
  | { readonly as: 'bits'; readonly bits: Readonly<Record<string, string>> }
  /** Constants of which one is chosen, each a word of one meaning. */
  | { readonly as: 'choice'; readonly meaning: string; readonly words: Readonly<Record<string, string>> }
  /** Constants of which one is chosen, each being what `bits` is elsewhere: one request, one bit. */
  | { readonly as: 'one bit'; readonly bits: Readonly<Record<string, string>> }
  /** Length of the range in 4 KiB pages. */
  | { readonly as: 'pages' }
  /** Logarithm of the pages in a granule; `whole`: the granule is the range, as nothing counts granules. */
  | { readonly as: 'order'; readonly whole?: true }
);

export interface Carrier {
  readonly role: Role;
  readonly struct: string;
  readonly fields: Readonly<Record<string, Spec>>;
  /** Meanings that using this struct has by itself; `'run'`: a value that the probe has. */
  readonly gives?: Readonly<Record<string, bigint | string>>;
  /** Meanings that need no field here, since the request is limited by other means. */
  readonly covers?: readonly string[];
  /** Meanings that the struct cannot say and the kernel takes from the machine it runs on. */
  readonly unsaid?: readonly string[];
  /** Field values that mean "all of it", where other structs choose another granularity. */
  readonly everything?: Readonly<Record<string, bigint>>;
}

export const SIZE: Spec = { as: 'size' };

export const number = (meaning: string, only?: { choice: string; word: string }): Spec =>
  only ? { as: 'number', meaning, only } : { as: 'number', meaning };
