/** The words of the language by place. All but the reserved ones may also be names; completion offers them from here. */

/** Never a name. */
export const RESERVED = [
  'uapi',
  'include',
  'let',
  'machine',
  'pagetable',
  'struct',
  'array',
  'raw',
  'evolve',
  'scenario',
] as const;

/** Behind each step word, the options it takes in any order. */
export const STEP_OPTIONS = {
  submit: ['to', 'on', 'mapped', 'fail_nth', 'as'],
  dma: ['pasid', 'at', 'size', 'priv', 'ats', 'as'],
  map: [],
  unmap: ['size'],
  protect: ['size'],
  host: ['size'],
  reuse: ['size'],
  write: [],
  read: ['as'],
  invalidate: [],
  command: [],
  respond: ['as'],
  inject: ['as'],
  attach: ['to', 'pasid', 'fail_nth', 'as'],
  replace: ['to', 'pasid', 'fail_nth', 'as'],
  detach: ['pasid'],
  unbind: [],
  reset: [],
  exit: [],
  for: [],
  let: [],
  note: [],
  parallel: [],
  expect: [],
} as const satisfies Record<string, readonly string[]>;

/** And behind `read fd E into NAME` and `write fd E from NAME`. */
export const FD_OPTIONS = ['size', 'as'] as const;

export type StepWord = keyof typeof STEP_OPTIONS;

/** What may stand behind `expect` on a step's line. */
export const OUTCOMES = [
  'ok',
  'hidden',
  'any',
  'returns',
  'hpa',
  'gpa',
  'value',
  'fault',
  'hit',
  'miss',
  'refs',
  'config',
  'stale',
  'fresh',
  'request',
  'stall',
  'event',
  'issued',
  'error',
  'reason',
] as const;

/** What may stand behind a lone `expect`, besides an expression. */
export const ASSERTIONS = ['cached', 'uncached', 'bound', 'unbound', 'faults', 'iotlb', 'devcache'] as const;

/** What `machine { }` is usually made of. */
export const MACHINE_ITEMS = ['container', 'iommu', 'device', 'ram', 'iommufd'] as const;
