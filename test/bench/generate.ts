const hex = (value: number): string => `0x${value.toString(16).replace(/\B(?=(?:[0-9a-f]{4})+$)/g, '_')}`;

const GROUP_LINES = 50;

/**
 * A valid vfio-2020-07 file of about `lines` lines, shaped like a hand-written one: per guest process a page table, the
 * payloads that bind, flush and unbind it, and two scenarios.
 */
export function generateFile(lines: number): string {
  const parts = ['uapi vfio-2020-07                     // the argsz generation', ''];
  for (let i = 0; i < Math.max(1, Math.round(lines / GROUP_LINES)); i++) parts.push(group(i));
  return `${parts.join('\n')}\n`;
}

/** Tables lie 1 MiB apart from 256 MiB up, pages 64 KiB apart from 1 GiB up: room for 4096 groups in 2 GiB of RAM. */
function group(i: number): string {
  const root = 0x1000_0000 + i * 0x10_0000;
  const page = 0x4000_0000 + i * 0x1_0000;
  const va = `0x7f00_${hex(0x1_0000 + (i % 0x1000)).slice(4)}_0000`;
  const host = hex(0x1_0000_0000 + page + 0x10);
  return `/// What guest process ${i} hands to the host.
bind_data guest_${i} {
  argsz      = sizeof
  version    = IOMMU_GPASID_BIND_VERSION_1
  format     = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48
  flags      = IOMMU_SVA_GPASID_VAL
  gpgd       = table_${i}.root
  hpasid     = pasid
  gpasid     = ${1 + (i % 1000)}
  vendor.vtd.flags = IOMMU_SVA_VTD_GPASID_SRE
}

nesting_op bind_${i}   { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL,   data = guest_${i} }
nesting_op unbind_${i} { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL, data = guest_${i} }

cache_invalidate_info page_${i} {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_ADDR
  granu.addr_info = {
    flags = IOMMU_INV_ADDR_FLAGS_PASID
    pasid = pasid
    addr = ${va}
    granule_size = 4K
    nb_granules = 1
  }
}
nesting_op flush_${i} { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = page_${i} }

pagetable table_${i} x86-64 at ${hex(root)} {
  ${va} -> ${hex(page)} rw                    // one 4K page, user
  ${va} + 4K -> ${hex(page + 0x1000)} r
}

scenario "process ${i}: an unmap without invalidation is stale" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 100 } } as pasid
  submit bind_${i} expect ok
  dma read dev0 pasid pasid at ${va} + 0x10 expect hpa ${host}, miss, refs 24
  dma read dev0 pasid pasid at ${va} + 0x10 expect hpa ${host}, hit
  unmap table_${i} ${va}
  dma read dev0 pasid pasid at ${va} + 0x10 expect stale
  submit flush_${i} expect ok
  dma read dev0 pasid pasid at ${va} + 0x10 expect fault SFS.2
  submit unbind_${i}
}
`;
}
