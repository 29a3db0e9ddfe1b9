import { CHECKS, count } from '../../../engine/index.ts';
import { machineLine, predict } from '../nesting-uses.ts';
import { stepsOf } from '../scenario-names.ts';
import { atTitle, type Finding, rule } from './rule.ts';

const FULL_BITS = 20;

export default rule({
  id: 'device-pasid-bits',
  severity: 'warning',
  structs: ['iommu_gpasid_bind_data'],
  errno: 'EINVAL',
  summary: 'a bind reaches a device that offers fewer than 20 PASID bits',
  why: 'A bind goes to every device of the group, and the driver wants the full 20 bits of PASID from each: system-wide PASIDs may take any value of that size. One device with fewer spoils the bind for the whole group.',
  examples: {
    bad: [
      `uapi vfio-2020-07
machine { device dev0 { pasid = 16 } }
bind_data guest_pgd {
        //^^^^^^^^^ guest_pgd is bound on dev0, which offers 16 PASID bits, but the driver wants 20 of every device
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48, hpasid = pasid
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_pgd }
scenario "s" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } } as pasid
  submit bind
}`,
    ],
    good: [
      `uapi vfio-2020-07
machine {
  device dev0 { pasid = 20 }
  device dev1 { pasid = 16 }        // in a group of its own, which a nesting container does not take
}
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48, hpasid = pasid
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_pgd }
scenario "s" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } } as pasid
  submit bind
}`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    // A nesting container takes the first group only, unless the scenario attaches another one.
    const moves = view.uses.some(({ scenario }) => [...stepsOf(scenario.steps)].some((s) => s.kind === 'attach'));
    const { devices } = context.machine;
    const device = devices.find((d) => d.group === devices[0]?.group && d.pasidBits !== FULL_BITS);
    if (!device || moves) return;
    const what = view.payload.name?.text ?? 'this page table';
    const message = `${what} is bound on ${device.name}, which offers ${count(device.pasidBits, 'PASID bit')}, but the driver wants ${FULL_BITS} of every device`;
    const related = machineLine(
      context,
      { word: 'device', name: device.name },
      'pasid',
      `${device.name} is declared here`,
    );
    yield* predict(view, 'bind', context, atTitle(view, message, { predicts: CHECKS.bindDevicePasids, related }));
  },
});
