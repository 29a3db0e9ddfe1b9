import { describe, test } from 'vitest';
import {
  type Case,
  GROUP,
  MERGED,
  NESTING,
  onIommufd,
  RELEASES,
  sameOnBoth,
  TWO,
  WITH_PASID,
  WITH_QUEUES,
} from './cross-model.ts';

const PAGE_TABLES = `
  submit struct iommu_hwpt_alloc = own { flags = IOMMU_HWPT_ALLOC_PASID } as one
  submit struct iommu_hwpt_alloc = own { flags = IOMMU_HWPT_ALLOC_PASID } as two
`;

/** Calls and accesses that every driver under iommufd answers alike. */
const IOMMUFD: readonly Case[] = [
  {
    what: 'DMA through an IOAS: where it goes, that it is cached, and where the RAM ends',
    steps: `attach dev0 to ioas.id
      dma read dev0 at 0x1234 expect hpa 0x1_0000_1234, miss
      dma write dev0 at 0x1238 expect hpa 0x1_0000_1238, hit
      dma read dev0 at 0x7fff_fffc expect hpa 0x1_7fff_fffc
      dma read dev0 at 0x8000_0000 expect fault`,
  },
  {
    what: 'an access that crosses a page',
    steps: `attach dev0 to ioas.id
      write hpa 0x1_0000_1ffc = 0x8877_6655_4433_2211
      dma read dev0 at 0x1ffc size 8 expect value 0x8877_6655_4433_2211
      dma write dev0 at 0x2ffe size 4 = 0x1234_5678
      read hpa 0x1_0000_2ffe u32 as seen
      expect seen == 0x1234_5678`,
  },
  {
    what: 'the host unmaps, and flushes what it unmapped',
    steps: `attach dev0 to ioas.id
      dma read dev0 at 0x1000
      host unmap gpa 0x1000
      dma read dev0 at 0x1000 expect fault, fresh
      dma read dev0 at 0x2000 expect hpa 0x1_0000_2000`,
  },
  {
    what: 'the host moves a page',
    steps: `attach dev0 to ioas.id
      dma read dev0 at 0x1000
      host map gpa 0x1000 -> 0x2_0000_0000
      dma read dev0 at 0x1000 expect hpa 0x2_0000_0000, fresh`,
  },
  {
    what: 'a page that was missing needs no flush when it comes',
    steps: `attach dev0 to ioas.id
      dma read dev0 at HIGH expect fault
      host map gpa HIGH -> 0x2_0000_0000
      dma read dev0 at HIGH expect hpa 0x2_0000_0000, fresh`,
  },
  {
    what: 'a page of the process: one memory for both',
    steps: `attach dev0 to ioas.id
      write user &buffer u32 = 0xcafe
      submit map
      dma read dev0 at HIGH expect value 0xcafe
      dma write dev0 at HIGH + 8 = 0x1234
      read user &buffer + 8 u32 as seen
      expect seen == 0x1234
      submit unmap expect ok, length == 4K
      dma read dev0 at HIGH expect fault, fresh`,
  },
  {
    what: 'a page that may only be read',
    steps: `attach dev0 to ioas.id
      submit struct iommu_ioas_map = map { flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE }
      dma read dev0 at HIGH expect ok
      dma write dev0 at HIGH expect fault
      dma read dev0 at HIGH expect hit`,
  },
  {
    what: 'many pages, and a mapping of two megabytes',
    steps: `attach dev0 to ioas.id
      submit struct iommu_ioas_map = map { length = 64K }
      for i in 0..16 {
        write user &buffer + i * 4K u32 = i
        dma read dev0 at HIGH + i * 4K expect value i
      }
      submit struct iommu_ioas_unmap = unmap { length = 64K }
      for i in 0..16 { dma read dev0 at HIGH + i * 4K expect fault, fresh }`,
  },
  {
    what: 'mapping: the checks',
    steps: `submit struct iommu_ioas_map = map { flags = FIXED | 8 } expect EOPNOTSUPP
      submit struct iommu_ioas_map = map { __reserved = 1 } expect EOPNOTSUPP
      submit struct iommu_ioas_map = map { iova = ~0 } expect EOVERFLOW
      submit struct iommu_ioas_map = map { ioas_id = 99 } expect ENOENT
      submit struct iommu_ioas_map = map { ioas_id = dev0.id } expect ENOENT
      submit struct iommu_ioas_map = map { length = 0 } expect EINVAL
      submit map
      submit map expect EEXIST
      attach dev0 to ioas.id
      submit struct iommu_ioas_map = map { iova = HIGH + 8K, length = 2K } expect EINVAL
      submit struct iommu_ioas_map = map { iova = HIGH + 8K + 512 } expect EINVAL
      submit map expect EEXIST`,
  },
  {
    what: 'unmapping: the checks',
    steps: `submit unmap expect ENOENT
      submit struct iommu_ioas_map = map { length = 8K }
      submit unmap expect ENOENT
      submit struct iommu_ioas_unmap = unmap { length = 0 } expect EINVAL
      submit struct iommu_ioas_unmap = unmap { length = 8K } expect ok, length == 8K
      submit struct iommu_ioas_unmap = unmap { ioas_id = 99 } expect ENOENT`,
  },
  {
    what: 'areas shared by two address spaces',
    steps: `submit space as other
      submit struct iommu_ioas_copy {
        size = sizeof, flags = FIXED, dst_ioas_id = other.out_ioas_id, src_ioas_id = ioas.id
        length = 8K, dst_iova = 0x10_0000, src_iova = 0x4000
      }
      attach dev0 to other.out_ioas_id
      dma read dev0 at 0x10_1000 expect hpa 0x1_0000_5000
      dma read dev0 at 0x4000 expect fault`,
  },
  {
    what: 'objects: what is busy, what is gone, what is something else',
    steps: `attach dev0 to ioas.id
      submit gone expect EBUSY
      submit struct iommu_destroy = gone { id = 99 } expect ENOENT
      detach dev0
      submit gone expect ok
      submit gone expect ENOENT
      attach dev0 to ioas.id expect ENOENT
      attach dev0 to dev0.id expect EINVAL`,
  },
  {
    what: 'page tables of their own',
    steps: `submit own as hwpt
      attach dev0 to hwpt.out_hwpt_id
      dma read dev0 at 0x1000 expect hpa 0x1_0000_1000
      submit struct iommu_destroy = gone { id = hwpt.out_hwpt_id } expect EBUSY
      detach dev0
      submit struct iommu_destroy = gone { id = hwpt.out_hwpt_id }
      attach dev0 to hwpt.out_hwpt_id expect ENOENT`,
  },
  {
    what: 'a nesting parent is attached like any page table',
    releases: NESTING,
    steps: `submit struct iommu_hwpt_alloc = own { flags = IOMMU_HWPT_ALLOC_NEST_PARENT } as parent
      attach dev0 to parent.out_hwpt_id
      dma write dev0 at 0x1000 expect hpa 0x1_0000_1000, miss
      host unmap gpa 0x1000
      dma read dev0 at 0x1000 expect fault, fresh`,
  },
  {
    what: 'allocation of page tables: the checks',
    releases: MERGED,
    steps: `submit struct iommu_hwpt_alloc = own { flags = 1 << 31 } expect EOPNOTSUPP
      submit struct iommu_hwpt_alloc = own { __reserved = 1 } expect EOPNOTSUPP
      submit struct iommu_hwpt_alloc = own { pt_id = 99 } expect EINVAL
      submit struct iommu_hwpt_alloc = own { dev_id = 99 } expect ENOENT
      submit struct iommu_hwpt_alloc = own { pt_id = dev0.id } expect EINVAL
      submit struct iommu_hwpt_alloc = own { data_len = 8 } expect EINVAL
      submit struct iommu_hwpt_alloc = own { size = 8 } expect EINVAL`,
  },
  {
    what: 'from one page table to another, which is cached apart',
    steps: `submit space as other
      submit struct iommu_ioas_map = map { ioas_id = other.out_ioas_id, iova = 0x1000 }
      write user &buffer u32 = 7
      attach dev0 to ioas.id
      dma read dev0 at 0x1000 expect hpa 0x1_0000_1000
      replace dev0 to other.out_ioas_id
      dma read dev0 at 0x1000 expect value 7, miss, fresh
      replace dev0 to ioas.id
      dma read dev0 at 0x1000 expect hpa 0x1_0000_1000, fresh`,
  },
  {
    what: 'attach is not replace',
    steps: `submit own as hwpt
      attach dev0 to ioas.id
      dma read dev0 at 0x1000 expect hpa 0x1_0000_1000
      attach dev0 to hwpt.out_hwpt_id expect any
      dma read dev0 at 0x1000 expect hpa 0x1_0000_1000`,
  },
  {
    what: 'two devices of one address space share what is cached',
    machine: TWO,
    steps: `attach dev0 to ioas.id
      attach dev1 to ioas.id
      dma read dev0 at 0x1000 expect miss
      dma read dev1 at 0x1000 expect hpa 0x1_0000_1000, hit
      host unmap gpa 0x1000
      dma read dev0 at 0x1000 expect fault, fresh
      dma read dev1 at 0x1000 expect fault, fresh`,
  },
  {
    what: 'a device that leaves takes nothing from the other',
    machine: TWO,
    steps: `attach dev0 to ioas.id
      attach dev1 to ioas.id
      detach dev0
      dma read dev1 at 0x1000 expect hpa 0x1_0000_1000, fresh
      submit gone expect EBUSY
      unbind dev1
      submit gone expect ok`,
  },
  {
    what: 'devices of one group have one page table',
    machine: GROUP,
    steps: `submit space as other
      attach dev0 to ioas.id
      attach dev1 to other.out_ioas_id expect EINVAL
      attach dev1 to ioas.id
      dma read dev1 at 0x1000 expect hpa 0x1_0000_1000`,
  },
  {
    what: 'a page table that fails to come leaves the old one',
    steps: `attach dev0 to ioas.id
      replace dev0 to 99 expect ENOENT
      dma read dev0 at 0x1000 expect hpa 0x1_0000_1000
      expect bound dev0`,
  },
  {
    what: 'what was given away is not reached',
    steps: `attach dev0 to ioas.id
      dma read dev0 at 0x1000
      host unmap gpa 0x1000
      reuse hpa 0x1_0000_1000
      dma read dev0 at 0x1000 expect fault, fresh`,
  },
  {
    what: 'an option, and a size that is none',
    steps: `submit struct iommu_option { size = sizeof, option_id = 99 } expect EOPNOTSUPP
      submit struct iommu_option { size = 8 } expect EINVAL
      submit struct iommu_ioas_alloc { size = sizeof, flags = 1 } expect EOPNOTSUPP
      submit 0 to 0x3bff expect ENOTTY`,
  },
  {
    what: 'the ioctls of a container, on an IOAS',
    releases: MERGED,
    steps: `submit struct iommu_vfio_ioas { size = sizeof, op = IOMMU_VFIO_IOAS_SET, ioas_id = ioas.id }
      attach dev0 to ioas.id
      submit VFIO_TYPE1v2_IOMMU to VFIO_SET_IOMMU
      write user &buffer u32 = 0xbeef
      submit struct vfio_iommu_type1_dma_map {
        argsz = sizeof, flags = VFIO_DMA_MAP_FLAG_READ, vaddr = &buffer, iova = HIGH, size = 4K
      }
      dma read dev0 at HIGH expect value 0xbeef
      dma write dev0 at HIGH expect fault
      submit struct vfio_iommu_type1_dma_unmap { argsz = sizeof, iova = HIGH, size = 4K } expect ok, size == 4K
      dma read dev0 at HIGH expect fault, fresh`,
  },
  {
    what: 'pages that devices have written',
    releases: WITH_QUEUES,
    steps: `submit struct iommu_hwpt_alloc = own { flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING } as h
      attach dev0 to h.out_hwpt_id
      submit struct iommu_hwpt_set_dirty_tracking { size = sizeof, flags = 1, hwpt_id = h.out_hwpt_id }
      submit struct iommu_hwpt_get_dirty_bitmap {
        size = sizeof, hwpt_id = h.out_hwpt_id, iova = 0, length = 256K, page_size = 4K, data = &buffer
      }
      write user &buffer = 0
      dma write dev0 at 0x3000 = 1
      dma read dev0 at 0x4000
      submit struct iommu_hwpt_get_dirty_bitmap {
        size = sizeof, hwpt_id = h.out_hwpt_id, iova = 0, length = 256K, page_size = 4K, data = &buffer
      }
      read user &buffer u64 as bits
      expect bits == 1 << 3`,
  },
  {
    what: 'a PASID beside the device, each with a page table',
    releases: WITH_PASID,
    steps: `${PAGE_TABLES}
      attach dev0 to one.out_hwpt_id
      attach dev0 to two.out_hwpt_id pasid 7
      dma read dev0 pasid 7 at 0x1000 expect hpa 0x1_0000_1000
      dma read dev0 at 0x1000 expect hpa 0x1_0000_1000, miss
      dma read dev0 pasid 8 at 0x1000 expect fault
      submit struct iommu_destroy = gone { id = two.out_hwpt_id } expect EBUSY
      detach dev0 pasid 7
      dma read dev0 pasid 7 at 0x1000 expect fault
      dma read dev0 at 0x1000 expect hit`,
  },
  {
    what: 'PASIDs: what is refused',
    releases: WITH_PASID,
    steps: `${PAGE_TABLES}
      attach dev0 to one.out_hwpt_id
      attach dev0 to two.out_hwpt_id pasid 7
      replace dev0 to two.out_hwpt_id pasid 9 expect EINVAL
      submit own as plain
      attach dev0 to plain.out_hwpt_id pasid 8 expect EINVAL`,
  },
  {
    what: 'fault queues come and go',
    releases: WITH_QUEUES,
    steps: `submit struct iommu_fault_alloc { size = sizeof } as queue
      read fd queue.out_fault_fd into buffer size 40 expect returns 0
      submit struct iommu_hwpt_alloc = own { flags = IOMMU_HWPT_FAULT_ID_VALID, fault_id = queue.out_fault_id } expect any
      submit struct iommu_fault_alloc { size = sizeof, flags = 1 } expect EOPNOTSUPP`,
  },
  {
    what: 'a process that dies',
    steps: `attach dev0 to ioas.id
      dma read dev0 at 0x1000
      exit
      dma read dev0 at 0x1000 expect fault
      expect unbound dev0`,
  },
];

describe.each(IOMMUFD.flatMap((each) => (each.releases ?? RELEASES).map((uapi) => ({ ...each, uapi }))))(
  '$uapi: $what',
  (each) => {
    test('alike on both', () => sameOnBoth(onIommufd(each.uapi, each)));
  },
);
