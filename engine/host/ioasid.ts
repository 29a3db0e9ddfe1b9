/** The system-wide PASID allocator (drivers/iommu/ioasid.c, Linux 5.8): lowest free number of a range. */
export class IoasidAllocator {
  readonly #taken = new Set<number>();

  /** The lowest free number of [min, max], or undefined when none is left. */
  allocate(min: number, max: number): number | undefined {
    for (let id = min; id <= max; id++) {
      if (!this.#taken.has(id)) {
        this.#taken.add(id);
        return id;
      }
    }
    return undefined;
  }

  has(id: number): boolean {
    return this.#taken.has(id);
  }

  free(id: number): void {
    this.#taken.delete(id);
  }

  freeAll(): void {
    this.#taken.clear();
  }

  get count(): number {
    return this.#taken.size;
  }

  /** Numbers of [min, max] that are allocated, rising. */
  within(min: number, max: number): number[] {
    return [...this.#taken].filter((id) => min <= id && id <= max).sort((a, b) => a - b);
  }
}
