import { PasidEntry } from '../../cache/config-cache.ts';
import { StructureCaches } from '../structure-caches.ts';
import { shapeFormat2 } from './line.ts';
import { PGTT } from './structures.ts';

/** Of first-stage entries later walks ask for user and writable, and for NX in the high half. */
const FIRST_RIGHTS = 0b110;
const NX_HI = 1 << 31;
/** Set in every entry when a line is filled: A and EA. */
const ACCESSED = (1 << 5) | (1 << 10);
/** Read, write and execute of the second stage. */
const SECOND_RIGHTS = 0b111;

/**
 * The paging-structure caches of a unit (VT-d 6.2.5): first-stage tables by DID, PASID and address, second-stage tables by
 * DID and guest address.
 */
export class VtdStructureCaches extends StructureCaches {
  constructor() {
    super({ first: FIRST_RIGHTS, firstHi: NX_HI, accessed: ACCESSED, second: SECOND_RIGHTS, tables: SECOND_RIGHTS });
    this.kind2 = PGTT.secondStage;
  }

  /**
   * A second-stage page request. It spares second-stage lines when only leaves have changed; first-stage ones, of whatever
   * translation type, go in any case (VT-d 6.5.2.3): where a nested table lies depends on leaves of the second stage.
   */
  removeDomainPages(did: number, firstPage: number, lastPage: number, leafOnly: boolean): number {
    const first = this.first.removeDomain(did);
    return leafOnly ? first : first + this.second.removePages(did, -1, firstPage, lastPage);
  }

  /** Takes over the tags of the next walk. @param lines with the PASID line at `at` */
  begin(lines: Int32Array, at: number, pasid: number, version: number): void {
    this.domain = lines[at + PasidEntry.Did]!;
    this.space = pasid;
    this.kind1 = lines[at + PasidEntry.Pgtt]!;
    this.origin1 = lines[at + PasidEntry.Origin]!;
    this.origin2 = secondOrigin(lines, at);
    this.top2 = 2 + (shapeFormat2(lines[at + PasidEntry.Shape]!) >> 1);
    this.version = version;
    this.restart();
  }
}

/** What decides where a second-stage walk begins, as one int. */
const secondOrigin = (lines: Int32Array, at: number): number =>
  Math.imul(lines[at + PasidEntry.SsLo]! ^ Math.imul(lines[at + PasidEntry.SsHi]!, 0x85eb_ca6b), 0x9e37_79b1) ^
  (lines[at + PasidEntry.Shape]! & ~0xf);
