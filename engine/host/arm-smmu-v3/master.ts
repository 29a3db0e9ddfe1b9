import { command, OP } from '../../models/smmuv3/commands.ts';
import type { DeviceConfig } from '../machine-config.ts';
import { CdTable } from './cd-table.ts';
import { abortSte, cdTableSte, DSS, stageOneCd, stageTwoSte } from './entries.ts';
import { ENTRY_WORDS, readEntry, usedOfCd, writeEntry } from './entry-writer.ts';
import type { Attachment, LpaeTables } from './lpae-tables.ts';
import type { Smmu } from './smmu.ts';

const NO_PASID = 0;
const CD_V = 1n << 31n;

/** What the kernel keeps for one device: `struct arm_smmu_master`. */
export class Master {
  readonly config: DeviceConfig;
  /** ATS is on in the device. */
  ats = false;
  /** The STE names the kernel's own context descriptors. */
  usesCdTable = false;
  /** What is attached, by SubstreamID; 0 for the device itself. */
  readonly at = new Map<number, { readonly tables: LpaeTables; readonly attachment: Attachment }>();
  readonly #smmu: Smmu;
  #cds: CdTable | undefined;

  constructor(smmu: Smmu, config: DeviceConfig) {
    this.#smmu = smmu;
    this.config = config;
  }

  /** Substreams other than the device's own that have a descriptor. */
  get ssidsInUse(): boolean {
    return [...this.at.keys()].some((ssid) => ssid !== NO_PASID);
  }

  /** Nothing is attached to the device itself, so that its requests without SubstreamID are blocked. */
  get isBlocked(): boolean {
    return !this.at.has(NO_PASID);
  }

  /** Attaches tables of the kernel to the device itself: `arm_smmu_attach_dev`. */
  attach(tables: LpaeTables): void {
    const ats = this.#smmu.hasAts(this.config);
    if (tables.stage === 1) {
      this.writeCd(NO_PASID, stageOneCd(this.#smmu, tables));
      this.writeSte(cdTableSte(this.#smmu, this.cdTable, ats, DSS.ssid0));
    } else this.writeSte(stageTwoSte(this.#smmu, tables, ats));
    this.commit(NO_PASID, { tables, nested: false }, ats);
    if (tables.stage === 2) this.clearCd(NO_PASID);
  }

  /** `arm_smmu_attach_dev_blocked`. */
  block(): void {
    const keepsCds = this.ssidsInUse;
    const ats = keepsCds && this.#smmu.hasAts(this.config);
    this.writeSte(keepsCds ? cdTableSte(this.#smmu, this.cdTable, ats, DSS.terminate) : abortSte());
    this.commit(NO_PASID, undefined, ats);
    this.clearCd(NO_PASID);
  }

  /** `arm_smmu_set_pasid`, for a device that has a CD table or is blocked. */
  attachPasid(ssid: number, tables: LpaeTables): void {
    const ats = this.#smmu.hasAts(this.config);
    this.writeCd(ssid, stageOneCd(this.#smmu, tables));
    if (!this.usesCdTable || this.ats !== ats)
      this.writeSte(cdTableSte(this.#smmu, this.cdTable, ats, this.isBlocked ? DSS.terminate : DSS.ssid0));
    this.commit(ssid, { tables, nested: false }, ats);
  }

  /** `arm_smmu_blocking_set_dev_pasid`: with the last one goes the CD table, where the device itself is blocked. */
  detachPasid(ssid: number): void {
    this.clearCd(ssid);
    if (this.ats) this.#smmu.queue.issueAtc(this.config.sid, ssid);
    this.#forget(ssid);
    if (!this.ssidsInUse && this.isBlocked) this.block();
  }

  writeSte(words: readonly bigint[]): void {
    this.usesCdTable = (words[0]! & 0xfn) === 0xbn;
    this.#smmu.writeSte(this.config, words);
  }

  /**
   * `arm_smmu_attach_commit`: the device's TLB is flushed where ATS goes on, stays on or goes off.
   * @param next what is attached now; undefined: nothing
   */
  commit(
    ssid: number,
    next: { readonly tables: LpaeTables; readonly nested: boolean } | undefined,
    ats: boolean,
  ): void {
    const { queue } = this.#smmu;
    const { sid } = this.config;
    if (ats !== this.ats) queue.issueAtc(sid, NO_PASID);
    else if (ats) queue.issueAtc(sid, ssid);
    this.#forget(ssid);
    if (next) {
      const attachment = { device: this.config, ssid, ats, nested: next.nested };
      next.tables.attachments.push(attachment);
      this.at.set(ssid, { tables: next.tables, attachment });
    }
    this.ats = ats;
  }

  #forget(ssid: number): void {
    const known = this.at.get(ssid);
    if (!known) return;
    const { attachments } = known.tables;
    attachments.splice(attachments.indexOf(known.attachment), 1);
    this.at.delete(ssid);
  }

  get cdTable(): CdTable {
    const { mem, ids } = this.#smmu;
    this.#cds ??= new CdTable(
      mem,
      (bytes) => this.#smmu.allocate(bytes),
      this.#smmu.ssidBits(this.config),
      ids.has('CD2L'),
    );
    return this.#cds;
  }

  /** `arm_smmu_write_cd_entry`. */
  writeCd(ssid: number, target: readonly bigint[]): void {
    const { mem, queue } = this.#smmu;
    const { sid } = this.config;
    const flush = (leaf: 0 | 1) => (): void => queue.issue(command(OP.cfgiCd, { sid, ssid, leaf }));
    const address = this.cdTable.entryFor(ssid, flush(0));
    writeEntry({ mem, address, used: usedOfCd, sync: flush(1) }, target);
  }

  /** `arm_smmu_clear_cd`: nothing happens for a descriptor that is not there. */
  clearCd(ssid: number): void {
    const address = this.#cds?.entry(ssid);
    if (address === undefined || (readEntry(this.#smmu.mem, address)[0]! & CD_V) === 0n) return;
    this.writeCd(ssid, new Array<bigint>(ENTRY_WORDS).fill(0n));
  }
}
