import type { PhysMem } from '../memory/phys-mem.ts';
import type { Format, FormatLimits } from '../pagetable/index.ts';
import type { BitLayout, FieldValues } from './bit-layout.ts';
import type { CommandAdvice, Unit } from './unit.ts';

/** The part of a machine that decides what its IOMMU can do. A model reads what concerns it. */
export interface HardwareConfig {
  /** VT-d's capability registers. */
  readonly cap: bigint;
  readonly ecap: bigint;
  /** SMMUv3's IDR0 to IDR5, IIDR and AIDR by name. */
  readonly idr: Readonly<Record<string, number>>;
  /** Host address width in bits. */
  readonly haw: number;
  /** Whether walks fill and use paging-structure caches. */
  readonly psc: boolean;
}

/** Caches in the order in which each is filled from the one before: what is stale above refills what lies below. */
export const CACHE_LAYERS = ['structures', 'translations', 'device'] as const;
export type CacheLayer = (typeof CACHE_LAYERS)[number];

/** A hardware command by its specification name and fields. */
export interface CommandLayout extends BitLayout {
  /** Fields that make it this command: a type or an opcode. A scenario does not write them. */
  readonly fixed: FieldValues;
  /** The caches it removes entries from; absent for a command that removes none. */
  readonly reaches?: CacheLayer;
}

/** A register that software programs. */
export interface RegisterInfo {
  /** The specification's name, without `_REG`. */
  readonly name: string;
  readonly offset: number;
  /** Bits: 32 or 64. */
  readonly width: 32 | 64;
  readonly access: 'rw' | 'ro' | 'wo' | 'rw1c';
  /** One sentence with a full stop. */
  readonly doc: string;
  /** Its fields, where the register is more than a number. */
  readonly layout?: BitLayout;
}

/** What can be simulated of a model. */
export interface Hardware {
  readonly commands: readonly CommandLayout[];
  /** Registers that a scenario on bare hardware may write and read. */
  readonly registers: readonly RegisterInfo[];
  /** Records that a device can raise by itself, by the names that `inject` uses: `page_req_dsc`. */
  readonly records: readonly BitLayout[];
  /** What lies in memory and configures translation: root, context and PASID entries, stream table entries. */
  readonly structures: readonly BitLayout[];
  /** A fault or event as it is recorded: the words of `Unit.takeRecord`. */
  readonly faultRecord: BitLayout;
  /** Names of the errors that a command can meet, as `CommandOutcome.error` gives them. */
  readonly commandErrors?: readonly string[];
  create(mem: PhysMem, config: HardwareConfig): Unit;
  /** What the unit's registers say about page-table entries. */
  limits(config: HardwareConfig): FormatLimits;
  /** The second stage that a hypervisor maps the machine's RAM with. */
  secondStage(config: HardwareConfig): Format;
  /** What software sends behind its commands to know that they are done. */
  readonly completion: readonly CommandAdvice[];
  /** A command in words: `p_iotlb_inv page: DID 2, PASID 1, ADDR 0x7f00_0000_0000`. */
  describe(words: readonly bigint[]): string;
}

/** An IOMMU model as the language names it. */
export interface Model {
  readonly id: string;
  readonly title: string;
  /** Capability registers by the names a machine gives them raw; their fields are the names it may give instead. */
  readonly capabilities: Readonly<Record<string, BitLayout>>;
  /** Older names of capability fields. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Names of the faults it reports. */
  readonly faults: readonly string[];
  /** Names of the hardware commands it takes. */
  readonly commands: readonly string[];
  /** Undefined: a kernel can check payloads for it, but nothing translates. */
  readonly hardware?: Hardware;
}
