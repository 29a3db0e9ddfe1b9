import { encode } from '../../models/bit-layout.ts';
import { PASID_ENTRY } from '../../models/vtd/structures.ts';
import { type Refusal, refuse } from '../check.ts';
import { coveringBlock } from '../vtd-queue.ts';
import { INTEL_IOMMUFD_CHECKS as CHECKS } from './checks.ts';
import type { Attachment } from './domain.ts';
import type { SecondStage } from './paging-domain.ts';

const PAGE = 0x1000n;
const DIRTY = 1n << 9n;
const SSADE = encode(PASID_ENTRY, { SSADE: 1 })[0]!;

/** `intel_iommu_set_dirty_tracking`: SSADE in every PASID entry that uses the second stage, nested ones too. */
export function setDirtyTracking(domain: SecondStage, enable: boolean): Refusal | undefined {
  if (domain.dirtyOn === enable) return undefined;
  const done: Attachment[] = [];
  for (const attachment of [...domain.attachments, ...[...domain.children].flatMap((n) => n.attachments)]) {
    if (write(domain, attachment, enable)) {
      done.push(attachment);
      continue;
    }
    for (const each of done) write(domain, each, !enable);
    return refuse(CHECKS.dirtyNotPresent, { found: `${attachment.device.config.name}, PASID ${attachment.pasid}` });
  }
  domain.dirtyOn = enable;
  return undefined;
}

/** `intel_pasid_setup_dirty_tracking`. @returns false where the entry is not present */
function write({ unit }: SecondStage, { device, pasid }: Attachment, enable: boolean): boolean {
  const { tables, mem, queue, caps } = unit;
  const at = tables.pasidEntry(device.table, pasid);
  if (at === undefined || !tables.isPresent(device.table, pasid)) return false;
  const word = mem.read64(at);
  const wanted = enable ? word | SSADE : word & ~SSADE;
  if (wanted === word) return true;
  mem.write64(at, wanted);
  const did = Number(mem.read64(at + 8n) & 0xffffn);
  queue.flushPasidEntry(did, pasid);
  queue.flushDomain(did);
  if (caps.CM === 0) unit.flushDeviceTlb(device.config, pasid);
  return true;
}

/**
 * `intel_iommu_read_and_clear_dirty` and the flush of what it cleared, without which a cached entry would not set the
 * bit again. @param record called with each dirty leaf
 */
export function clearDirty(
  domain: SecondStage,
  iova: bigint,
  size: bigint,
  clear: boolean,
  record: (iova: bigint, size: bigint) => void,
): void {
  const { format, mem, queue } = domain.unit;
  let first: bigint | undefined;
  let end = 0n;
  for (let at = iova; at < iova + size; ) {
    const found = domain.table.find(at);
    const span = found ? 1n << BigInt(format.granuleLg2 + format.bitsPerLevel * found.level) : PAGE;
    const start = at & ~(span - 1n);
    if (found?.leaf && (found.entry & DIRTY) !== 0n) {
      record(start, span);
      first ??= start;
      end = start + span;
      if (clear) mem.write64(found.address, found.entry & ~DIRTY);
    }
    at = start + span;
  }
  if (!clear || first === undefined) return;
  const block = coveringBlock(first, (end - first) / PAGE);
  for (const tag of domain.tags) {
    if (tag.cache === 'iotlb') queue.flushDomainPages(tag.did, block, true);
    else queue.flushDeviceOf(tag.device!.sid, tag.pasid, tag.nested ? undefined : block);
  }
}
