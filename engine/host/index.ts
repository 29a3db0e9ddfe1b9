import type { PhysMem } from '../memory/phys-mem.ts';
import type { VtdCaps } from '../models/vtd/caps.ts';
import type { VtdUnit } from '../models/vtd/translate.ts';
import type { Format } from '../pagetable/index.ts';
import { findGeneration, type Generation } from '../uapi/index.ts';
import { type DeviceSetup, IntelDriver } from './intel/driver.ts';
import type { Kernel } from './kernel.ts';
import type { UserMemory } from './user-memory.ts';
import { Container } from './vfio-type1/container.ts';

/** Everything a kernel needs to come up on a machine. */
export interface BootSetup {
  readonly config: {
    readonly containerType: number;
    readonly cap: bigint;
    readonly ecap: bigint;
    readonly devices: readonly DeviceSetup[];
  };
  readonly caps: VtdCaps;
  readonly quirks: ReadonlyMap<string, boolean>;
  readonly unit: VtdUnit;
  readonly mem: PhysMem;
  readonly user: UserMemory;
  /** The second stage as RAM fills it. */
  readonly root: bigint;
  readonly format: Format;
  readonly maxAddr: bigint;
  readonly allocate: () => bigint;
  /** The leaf with which the machine maps the RAM at a guest address. */
  readonly leafSize: (gpa: bigint) => bigint;
}

type Boot = (setup: BootSetup, generation: Generation) => { readonly kernel: Kernel; readonly driver: IntelDriver };

/** The handler of each generation that has one. */
const HANDLERS: ReadonlyMap<string, Boot> = new Map([['vfio-2020-07', bootContainer]]);

/** Brings up the kernel of a generation with the machine's devices attached as its container says. */
export function bootKernel(id: string, setup: BootSetup): { readonly kernel: Kernel; readonly driver: IntelDriver } {
  const boot = HANDLERS.get(id);
  const generation = findGeneration(id);
  if (!boot || !generation) throw new Error(`no handler for ${id}`);
  return boot(setup, generation);
}

function bootContainer(
  setup: BootSetup,
  generation: Generation,
): { readonly kernel: Kernel; readonly driver: IntelDriver } {
  const { config, quirks } = setup;
  const number = (name: string): number => generation.ioctls.get(name)!.number;
  const quirk = (name: string): boolean => quirks.get(name) ?? generation.quirks.get(name)?.on ?? false;
  // The container owns the PASIDs and the driver asks for them: one of the two has to exist first.
  let container: Container;
  const driver = new IntelDriver({
    ...setup,
    cap: config.cap,
    ecap: config.ecap,
    devices: config.devices,
    isAllocated: (pasid) => container.ioasids.has(pasid),
    quirk,
  });
  container = new Container({
    user: setup.user,
    driver,
    quirks: new Map([...generation.quirks.keys()].map((name) => [name, quirk(name)])),
    type: config.containerType,
    commands: {
      getApiVersion: number('VFIO_GET_API_VERSION'),
      checkExtension: number('VFIO_CHECK_EXTENSION'),
      setIommu: number('VFIO_SET_IOMMU'),
      getInfo: number('VFIO_IOMMU_GET_INFO'),
      pasidRequest: number('VFIO_IOMMU_PASID_REQUEST'),
      nestingOp: number('VFIO_IOMMU_NESTING_OP'),
    },
  });
  container.boot();
  driver.takeIssued();
  return { kernel: container, driver };
}
