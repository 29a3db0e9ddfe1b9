/** What tells a payload of the form without argsz: the driver compares its version, which told the size before. */
export interface VersionForm {
  readonly version: number;
  /** The lowest and the highest version that the driver takes. */
  readonly accepts: readonly [number, number];
  /** A padding byte is not 0. */
  readonly padded: boolean;
}

/** What intel_svm_bind_gpasid reads of the bind data. */
export interface GuestBind {
  /** Where the payload stands in the argument, for messages: `data`. */
  readonly at: string;
  /** Undefined in the form without argsz. */
  readonly argsz: number | undefined;
  readonly versioned?: VersionForm;
  readonly format: number;
  readonly addrWidth: number;
  readonly flags: bigint;
  readonly gpgd: bigint;
  readonly hpasid: bigint;
  readonly gpasid: bigint;
  readonly vtdFlags: bigint;
}

/** What intel_iommu_sva_invalidate reads of the invalidation data. `flags` and `pasid` lie at the same place in both members of the union. */
export interface CacheInvalidate {
  /** Where the payload stands in the argument, for messages: `data`. */
  readonly at: string;
  readonly versioned?: VersionForm;
  readonly cache: number;
  readonly granularity: number;
  readonly flags: number;
  readonly pasid: bigint;
  readonly addr: bigint;
  readonly granuleSize: bigint;
  readonly nbGranules: bigint;
}

/** The path of the VT-d flags: the union of the form without argsz has no name. */
export const vtdFlagsOf = (data: GuestBind): string =>
  data.versioned ? `${data.at}.vtd.flags` : `${data.at}.vendor.vtd.flags`;
