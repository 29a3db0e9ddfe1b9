import { describe, test } from 'vitest';
import { type Bare, onBare, sameOnBoth } from './cross-model.ts';

interface BareCase {
  readonly what: string;
  readonly steps: (bare: Bare) => string;
}

const BARE_CASES: readonly BareCase[] = [
  {
    what: 'where an access goes, what it may do, and what is there',
    steps: (b) => `${b.bind('user')}
      write hpa 0x9000_0010 u32 = 0x1234
      dma write dev0 pasid 7 at VA + 0x14 = 0x5678
      dma read dev0 pasid 7 at VA + 0x10 expect hpa 0x9000_0010, value 0x1234, hit
      read hpa 0x9000_0010 as both
      expect both == 0x5678_0000_1234
      dma read dev0 pasid 7 at VA + 4K expect hpa 0x9000_1000
      dma write dev0 pasid 7 at VA + 4K expect fault
      dma read dev0 pasid 7 at VA + 12K expect fault
      dma read dev0 pasid 7 at BIG + 0x12_3456 expect hpa 0xa012_3456`,
  },
  {
    what: 'an unmap is stale until its page is invalidated',
    steps: (b) => `${b.bind('user')}
      dma read dev0 pasid 7 at VA
      unmap user VA
      dma read dev0 pasid 7 at VA expect stale
      ${b.page('VA')}
      dma read dev0 pasid 7 at VA expect fault, fresh`,
  },
  {
    what: 'or its address space',
    steps: (b) => `${b.bind('user')}
      dma read dev0 pasid 7 at VA
      map user VA -> 0x9100_0000 rw
      dma read dev0 pasid 7 at VA expect hpa 0x9000_0000, stale
      ${b.space}
      dma read dev0 pasid 7 at VA expect hpa 0x9100_0000, fresh`,
  },
  {
    what: 'another page and another address space do not help',
    steps: (b) => `${b.bind('user')}
      dma read dev0 pasid 7 at VA
      unmap user VA
      ${b.page('VA + 4K')}
      dma read dev0 pasid 7 at VA expect stale
      ${b.otherSpace}
      dma read dev0 pasid 7 at VA expect stale`,
  },
  {
    what: 'a right that was taken away, which the translation still grants',
    steps: (b) => `${b.bind('user')}
      dma read dev0 pasid 7 at VA
      protect user VA r
      dma read dev0 pasid 7 at VA expect stale
      ${b.page('VA')}
      dma read dev0 pasid 7 at VA expect hpa 0x9000_0000, fresh
      dma write dev0 pasid 7 at VA expect fault, fresh`,
  },
  {
    what: 'what was not there is not cached',
    steps: (b) => `${b.bind('user')}
      dma read dev0 pasid 7 at VA + 12K expect fault
      map user VA + 12K -> 0x9000_3000 rw
      dma read dev0 pasid 7 at VA + 12K expect hpa 0x9000_3000, fresh`,
  },
  {
    what: 'a large page is one translation',
    steps: (b) => `${b.bind('user')}
      dma read dev0 pasid 7 at BIG
      dma read dev0 pasid 7 at BIG + 1M expect hit
      ${b.page('BIG + 4K')}
      dma read dev0 pasid 7 at BIG + 1M expect miss`,
  },
  {
    what: 'a large page that is split',
    steps: (b) => `${b.bind('user')}
      dma read dev0 pasid 7 at BIG
      unmap user BIG + 4K size 4K
      dma read dev0 pasid 7 at BIG + 4K expect stale
      ${b.page('BIG + 4K')}
      dma read dev0 pasid 7 at BIG + 4K expect fault, fresh
      dma read dev0 pasid 7 at BIG expect hpa 0xa000_0000, fresh`,
  },
  {
    what: 'a page for privileged accesses',
    steps: (b) => `${b.bind('user')}
      dma read dev0 pasid 7 at VA + 8K expect fault
      dma read dev0 pasid 7 at VA + 8K priv expect hpa 0x9000_2000`,
  },
  {
    what: 'two devices with one address space',
    steps: (b) => `${b.bind('user')}
      dma read dev0 pasid 7 at VA expect miss
      dma read dev1 pasid 7 at VA expect hpa 0x9000_0000, hit`,
  },
  {
    what: 'a PASID without a table',
    steps: (b) => `${b.bind('user')}
      dma read dev0 pasid 3 at VA expect fault
      dma read dev0 pasid 40 at VA expect fault`,
  },
  {
    what: 'the configuration is cached apart from translations',
    steps: (b) => `${b.bind('user')}
      dma read dev0 pasid 7 at VA
      ${b.unbind}
      dma read dev0 pasid 7 at VA expect stale
      ${b.config}
      dma read dev0 pasid 7 at VA expect fault, fresh`,
  },
  {
    what: 'another table in the same place wants both',
    steps: (b) => `${b.bind('user')}
      dma read dev0 pasid 7 at VA expect hpa 0x9000_0000
      ${b.bind('other')}
      ${b.config}
      dma read dev0 pasid 7 at VA expect hpa 0x9000_0000, stale
      ${b.space}
      dma read dev0 pasid 7 at VA expect hpa 0xb000_0000, fresh`,
  },
  {
    what: 'the other order leaves the old configuration',
    steps: (b) => `${b.bind('user')}
      dma read dev0 pasid 7 at VA
      ${b.bind('other')}
      ${b.space}
      dma read dev0 pasid 7 at VA expect hpa 0x9000_0000, stale`,
  },
  {
    what: 'the TLB of a device has to be told by itself',
    steps: (b) => `${b.bind('user')}
      dma read dev0 pasid 7 at VA ats
      dma read dev0 pasid 7 at VA ats expect hit devtlb
      map user VA -> 0x9100_0000 rw
      ${b.page('VA')}
      dma read dev0 pasid 7 at VA ats expect hit devtlb, stale
      dma read dev0 pasid 7 at VA expect hpa 0x9100_0000, fresh
      ${b.deviceTlb('VA')}
      dma read dev0 pasid 7 at VA ats expect hpa 0x9100_0000, fresh`,
  },
  {
    what: 'told too early it fills itself again',
    steps: (b) => `${b.bind('user')}
      dma read dev0 pasid 7 at VA ats
      map user VA -> 0x9100_0000 rw
      ${b.deviceTlb('VA')}
      dma read dev0 pasid 7 at VA ats expect stale
      ${b.page('VA')}
      dma read dev0 pasid 7 at VA ats expect hit devtlb, stale`,
  },
  {
    what: 'nested: four levels over four take 24 reads on both',
    steps: (b) => `${b.nested('guest')}
      dma read dev0 pasid 7 at VA + 8 expect hpa 0x1_2000_0008, gpa 0x2000_0008, miss
      dma read dev0 pasid 7 at VA expect hit
      unmap guest VA
      dma read dev0 pasid 7 at VA expect stale
      ${b.page('VA')}
      dma read dev0 pasid 7 at VA expect fault, fresh`,
  },
  {
    what: 'nested: a page moves below the guest',
    steps: (b) => `${b.nested('guest')}
      dma read dev0 pasid 7 at VA
      map ram 0x2000_0000 -> 0x3_0000_0000 rw
      dma read dev0 pasid 7 at VA expect hpa 0x1_2000_0000, stale
      ${b.secondStage('0x2000_0000')}
      dma read dev0 pasid 7 at VA expect hpa 0x3_0000_0000, fresh`,
  },
  {
    what: 'nested: what the second stage does not grant is not granted',
    steps: (b) => `${b.nested('guest')}
      protect ram 0x2000_0000 r
      dma read dev0 pasid 7 at VA expect hpa 0x1_2000_0000
      dma write dev0 pasid 7 at VA expect fault
      map guest VA + 4K -> 0x3000_0000 rw
      dma read dev0 pasid 7 at VA + 4K expect fault`,
  },
];

describe.each(BARE_CASES)('without a kernel: $what', ({ steps }) => {
  test('alike on both', () => sameOnBoth(onBare(steps)));
});
