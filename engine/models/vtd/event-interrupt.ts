/** The interrupt of an event with its mask, as FECTL_REG and PECTL_REG have it (VT-d 11.4.7.2, 11.4.11.5). */
export class EventInterrupt {
  /** IM: software does not want it; so it is after reset. */
  masked = true;
  /** IP: it waits for the mask. */
  pending = false;
  /** Interrupts that reached software. */
  delivered = 0;

  /** Software writes IM; an interrupt that waited is delivered. */
  mask(masked: boolean): void {
    this.masked = masked;
    if (!masked && this.pending) this.#deliver();
  }

  raise(): void {
    this.pending = true;
    if (!this.masked) this.#deliver();
  }

  #deliver(): void {
    this.pending = false;
    this.delivered++;
  }
}
