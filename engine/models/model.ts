import type { BitLayout } from './vtd/bit-layout.ts';

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
}
