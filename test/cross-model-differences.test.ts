import { describe, expect, test } from 'vitest';
import { MODELS, type Model, onBare, onIommufd, run, TWO, troubles } from './cross-model.ts';

interface Difference {
  readonly what: string;
  /** Who says so. */
  readonly why: string;
  readonly textOn: (model: Model) => string;
  /** Verdicts of the last step of a kind that both have words for. */
  readonly vtd: Record<string, unknown>;
  readonly smmuv3: Record<string, unknown>;
}

const newest = (steps: string, machine = ''): Difference['textOn'] =>
  onIommufd('iommufd-7.2', { what: '', steps, machine });

const DIFFERENCES: readonly Difference[] = [
  {
    what: 'a device that is attached to nothing',
    why: 'Linux clears the PASID entry that VT-d has for such requests, which is a fault that is logged, and lets the STE abort (Config 0), which is silent (IHI 0070, 5.2)',
    textOn: newest('attach dev0 to ioas.id\ndetach dev0\ndma read dev0 at 0x1000 expect any'),
    vtd: { fault: 'SPT.2' },
    smmuv3: { fault: 'abort' },
  },
  {
    what: 'one of two devices of an address space leaves',
    why: 'domain_context_clear_one of Linux flushes the domain, arm_smmu_attach_commit only what the device itself caches',
    textOn: newest(
      'attach dev0 to ioas.id\nattach dev1 to ioas.id\ndma read dev1 at 0x1000\ndetach dev0\ndma read dev1 at 0x1000',
      TWO,
    ),
    vtd: { hit: false },
    smmuv3: { hit: 'iotlb' },
  },
  {
    what: 'a page that was read is written',
    why: 'VT-d always keeps dirty bits and walks for them (3.6.2); SMMUv3 does with HD and DBM alone (IHI 0070, 3.13)',
    textOn: onBare((b) => `${b.bind('user')}\ndma read dev0 pasid 7 at VA\ndma write dev0 pasid 7 at VA`),
    vtd: { hit: false },
    smmuv3: { hit: 'iotlb' },
  },
  {
    what: 'a leaf that was never accessed',
    why: 'VT-d sets the accessed bit (3.6.2), SMMUv3 faults unless HA is set (IHI 0070, 3.13)',
    textOn: onBare((b) => {
      const [leaf, old] = b.format === 'x86-64' ? ['0x9000_0007', '0x20'] : ['0x0060_0000_9000_0bc3', '0x400'];
      return `${b.bind('user')}\nlet accessed = ${old}\nwrite hpa user.root + 12K = ${leaf}
        dma read dev0 pasid 7 at VA expect any`;
    }),
    vtd: { outcome: 'hpa' },
    smmuv3: { outcome: 'fault', fault: 'F_ACCESS' },
  },
  {
    what: 'a privileged page, by a request with privilege and one without',
    why: 'an entry of the IOTLB is for one privilege, as docs/hardware.md decides; the TLB of SMMUv3 keeps the rights of both',
    textOn: onBare(
      (b) => `${b.bind('user')}
        dma read dev0 pasid 7 at VA + 8K priv
        dma read dev0 pasid 7 at VA + 8K expect fault`,
    ),
    vtd: { hit: false },
    smmuv3: { hit: 'iotlb' },
  },
  {
    what: 'below a guest, an invalidation by guest address alone',
    why: 'on VT-d it takes every nested translation of the domain along (6.5.2.3); TLBI_S2_IPA is promised to remove entries of stage 2 only (IHI 0070, 4.4)',
    textOn: onBare(
      (b) => `${b.nested('guest')}
        dma read dev0 pasid 7 at VA
        map ram 0x2000_0000 -> 0x3_0000_0000 rw
        ${b.secondStage('0x2000_0000').split('\n')[0]}
        dma read dev0 pasid 7 at VA expect any`,
    ),
    vtd: { hpa: 0x3_0000_0000n, stale: false },
    smmuv3: { hpa: 0x1_2000_0000n, stale: true },
  },
  {
    what: 'a context that is broken, and the same translation',
    why: 'commands for the configuration leave the TLB of both; on VT-d a PASID entry that is not present is a fault, on SMMUv3 the descriptor is C_BAD_CD',
    textOn: onBare((b) => `${b.bind('user')}\n${b.unbind}\ndma read dev0 pasid 7 at VA expect any`),
    vtd: { fault: 'SPT.2' },
    smmuv3: { fault: 'C_BAD_CD' },
  },
];

describe.each(DIFFERENCES)('they differ: $what', ({ textOn, why, ...expected }) => {
  test.each(MODELS)(`%s (${why})`, (model) => {
    const result = run(textOn(model));
    expect(troubles(result)).toEqual([]);
    const { outcome, detail } = result.steps.at(-1)!;
    const { fault, hit, hpa, stale = false } = detail;
    expect({ outcome, fault, hit, hpa, stale }).toMatchObject(expected[model]);
  });
});
