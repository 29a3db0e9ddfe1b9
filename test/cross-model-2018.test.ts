import { describe, test } from 'vitest';
import { sameOnBoth } from './cross-model.ts';

const TABLES = `
struct pasid_table_config table { version = 1, bytes = sizeof, base_ptr = 0x1000_0000, pasid_bits = 8 }
struct pasid_table_config none = table { bytes = 8 }
struct pasid_table_config odd = table { version = 9 }
struct pasid_table_config between = table { base_ptr = 0x1000_0020 }
struct pasid_table_config wide = table { pasid_bits = 21 }
`;
const OF_2018: readonly { readonly what: string; readonly steps: string }[] = [
  {
    what: 'before a table is bound the addresses of a device are those of the RAM',
    steps: `dma read dev0 at 0x1000 expect hpa 0x1_0000_1000, miss
      dma read dev0 at 0x1000 expect hit
      dma read dev0 at 0x8000_0000 expect fault
      host unmap gpa 0x1000
      dma read dev0 at 0x1000 expect fault, fresh`,
  },
  {
    what: 'a table is bound once, and can be bound again',
    steps: `submit table to bind_pasid_table on dev0 expect ok
      expect bound dev0 pasid 5
      submit table to bind_pasid_table on dev0 expect EBUSY
      submit table to unbind_pasid_table on dev0
      expect unbound dev0 pasid 5
      submit table to bind_pasid_table on dev0 expect ok`,
  },
  {
    what: 'what is refused of a table that names no model',
    steps: `submit odd to bind_pasid_table on dev0 expect EINVAL
      submit none to bind_pasid_table on dev0 expect EINVAL
      submit between to bind_pasid_table on dev0 expect EINVAL
      submit wide to bind_pasid_table on dev0 expect EINVAL`,
  },
  {
    what: 'a table that goes leaves the RAM',
    steps: `submit table to bind_pasid_table on dev0
      submit table to unbind_pasid_table on dev0
      dma read dev0 at 0x1000 expect hpa 0x1_0000_1000`,
  },
];

describe.each(OF_2018.flatMap((each) => ['iommu-2018-04', 'iommu-2018-05'].map((uapi) => ({ ...each, uapi }))))(
  '$uapi: $what',
  ({ uapi, steps }) => {
    test('alike on both', () =>
      sameOnBoth((model) => `uapi ${uapi}\nmachine { iommu ${model} { } }\n${TABLES}\nscenario "s" {\n${steps}\n}\n`));
  },
);
