import type { Name } from '../base/span.ts';
import { hexGrouped } from '../base/text.ts';
import { type Request, Source } from '../models/translation.ts';
import type { CommandAdvice, WalkStep } from '../models/unit.ts';
import { remedyByAsid, tagsByAsid } from './remedy-commands.ts';
import type { StaleCause } from './result.ts';
import type { Session } from './session.ts';

/** A call as source text; see `StaleCause`. */
export type Remedy = Pick<StaleCause, 'remedy' | 'remedyDeclaration' | 'remedyStep' | 'remedyText' | 'owed'>;

/** What kept a stale translation. */
export interface Stuck {
  readonly request: Request;
  /** `Source` of the cache that answered. */
  readonly source: number;
  /** First address of the cached page. */
  readonly page: bigint;
  /** The entry whose edit was not followed by an invalidation, where one was found. */
  readonly edited: WalkStep | undefined;
  /** What software of the hardware itself would send, the fewest and narrowest first. */
  readonly commands: readonly (readonly CommandAdvice[])[];
}

type Strategy = (session: Session, stuck: Stuck) => Remedy | undefined;

/**
 * The smallest UAPI call that removes a stale translation, or undefined where none does: nothing that user space can
 * send reaches context and PASID caches, which the kernel owes by itself. Each form of invalidation is one strategy,
 * chosen by the structs that the generation has.
 */
export function remedyFor(session: Session, stuck: Stuck): Remedy | undefined {
  const remedy = callFor(session, stuck);
  if (!session.machine.hasKernel) return remedy;
  // Such a table is never the scenario's own, even where a call for the first stage happens to reach what rests on it.
  if (stuck.edited?.stage === 2)
    return { ...remedy, owed: `the second stage is the kernel's, which owes the invalidation` };
  const isAbove = stuck.source === Source.Context || stuck.source === Source.Pasid;
  if (!isAbove || tagsByAsid(session.machine.hardware)) return remedy;
  return { ...remedy, owed: `its entries are the kernel's, which owes the invalidation` };
}

function callFor(session: Session, stuck: Stuck): Remedy | undefined {
  if (tagsByAsid(session.machine.hardware)) return remedyByAsid(session, stuck);
  // An invalidation by first-stage address reaches paging-structure caches of the first stage only.
  const reaches = stuck.source === Source.Psc ? stuck.edited?.stage === 1 : stuck.source >= Source.Iotlb;
  if (!reaches) return undefined;
  const { structs, kinds } = session.file.generation;
  const strategy: Strategy | undefined = structs.has('iommu_hwpt_vtd_s1_invalidate_desc')
    ? byContainer
    : structs.has('iommu_hwpt_vtd_s1_invalidate')
      ? byArray
      : kinds.has('nesting_op') && kinds.has('cache_invalidate_info')
        ? byNestingOp
        : undefined;
  return strategy?.(session, stuck);
}

/** vSVA of 2020: first-stage translations by address and PASID. */
const byNestingOp: Strategy = (_session, { request, source, page, edited }) => {
  if (request.pasid < 0 || (edited && edited.stage !== 1 && source !== Source.DeviceTlb)) return undefined;
  // With ATS the IOTLB's flush reaches the device too; the device's alone would let it refill from a stale IOTLB.
  const deviceOnly = source === Source.DeviceTlb && edited?.stage !== 1;
  const remedy = [
    'cache_invalidate_info {',
    '  argsz = sizeof',
    '  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1',
    `  cache = ${deviceOnly ? 'IOMMU_CACHE_INV_TYPE_DEV_IOTLB' : 'IOMMU_CACHE_INV_TYPE_IOTLB'}`,
    '  granularity = IOMMU_INV_GRANU_ADDR',
    `  granu.addr_info = { flags = IOMMU_INV_ADDR_FLAGS_PASID, pasid = ${request.pasid}, addr = ${hexGrouped(page)}, granule_size = 4K, nb_granules = 1 }`,
    '}',
  ].join('\n');
  const indented = remedy.replaceAll('\n', '\n  ');
  const remedyStep = `submit nesting_op {\n  argsz = sizeof\n  flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD\n  data = ${indented}\n}`;
  const name = deviceOnly ? 'DEV_IOTLB' : 'IOTLB';
  return { remedy, remedyStep, remedyText: `${name} by ADDR, PASID ${request.pasid}, ${hexGrouped(page)} size 4K` };
};

/** iommufd as merged: an array of one range on the nested page table, which reaches the device TLB as well. */
const byArray: Strategy = (session, stuck) => {
  const id = nestedTable(session, stuck);
  if (id === undefined) return undefined;
  const remedyDeclaration = `array changed_page of iommu_hwpt_vtd_s1_invalidate {\n  { addr = ${hexGrouped(stuck.page)}, npages = 1 }\n}`;
  const remedyStep = submitInvalidate(id, [
    'data_uptr = &changed_page',
    'data_type = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1',
    'entry_len = sizeof(struct iommu_hwpt_vtd_s1_invalidate)',
    'entry_num = 1',
  ]);
  return withDeclaration(stuck, remedyDeclaration, remedyStep);
};

/** The posting of July 2023: a container with the address of the range and of the number of ranges. */
const byContainer: Strategy = (session, stuck) => {
  const id = nestedTable(session, stuck);
  if (id === undefined) return undefined;
  const remedyDeclaration = [
    `array changed_page of iommu_hwpt_vtd_s1_invalidate_desc {\n  { addr = ${hexGrouped(stuck.page)}, npages = 1 }\n}`,
    'raw changed_page_count bytes "01 00 00 00"',
    'struct iommu_hwpt_vtd_s1_invalidate changed_page_ring {',
    '  entry_size = sizeof(struct iommu_hwpt_vtd_s1_invalidate_desc)',
    '  entry_nr_uptr = &changed_page_count',
    '  inv_data_uptr = &changed_page',
    '}',
  ].join('\n');
  const remedyStep = submitInvalidate(id, ['data_len = sizeof(changed_page_ring)', 'data_uptr = &changed_page_ring']);
  return withDeclaration(stuck, remedyDeclaration, remedyStep);
};

const submitInvalidate = (id: string, fields: readonly string[]): string =>
  `submit struct iommu_hwpt_invalidate {\n${['size = sizeof', `hwpt_id = ${id}`, ...fields].map((f) => `  ${f}\n`).join('')}}`;

const withDeclaration = ({ page }: Stuck, remedyDeclaration: string, remedyStep: string): Remedy => ({
  remedy: `${remedyDeclaration}\n${remedyStep}`,
  remedyDeclaration,
  remedyStep,
  remedyText: `IOMMU_HWPT_INVALIDATE of ${hexGrouped(page)}, one page`,
});

/**
 * The nested page table whose invalidation reaches the entry, as the scenario names it or as a number. An edit of the
 * second stage is the kernel's to flush, but what rests on it goes with the first-stage address too; an edit of the
 * structures above does not.
 */
function nestedTable(session: Session, { request, edited }: Stuck): string | undefined {
  if (edited && edited.stage === 0) return undefined;
  const { kernel, config } = session.machine;
  const device = config.devices.find((d) => d.sid === request.sid);
  const id = device && kernel.nestedTableOf(device.name, request.pasid < 0 ? undefined : request.pasid);
  if (id === undefined) return undefined;
  const { member } = session.names.scope();
  const name = (text: string): Name => ({ text, start: 0, end: 0 });
  for (const text of [...session.names.locals.keys(), ...session.file.payloads.keys()]) {
    const field = member(name(text), [name('out_hwpt_id')]);
    if (field === id) return `${text}.out_hwpt_id`;
  }
  return `${id}`;
}
