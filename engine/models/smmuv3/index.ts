/**
 * Arm SMMUv3 for Non-secure streams. How it is used:
 *
 *     const unit = new SmmuUnit(mem, DEFAULT_IDS)               // or with identification registers of a machine
 *     unit.writeRegister('STRTAB_BASE', 0x8000_0000n)           // counts as an edit at `now`
 *     unit.writeRegister('STRTAB_BASE_CFG', 8n)                 // linear, 256 streams
 *     const r = unit.translate(new Request({ sid: 0x10, pasid: 5, address: 0x7f00n, access: Access.Read }))
 *     r.ok, r.fault (event code), r.silent, r.ignored, r.stalled, r.stag, r.refs, r.config   // r is reused
 *     unit.command(command(OP.tlbiNhVa, { vmid: 7, asid: 1, address: 0x7f00n }))
 *     unit.takeRecord(true)                                     // the last event record
 *     unit.tlb.list(), unit.lookup.caches, unit.stalls.all
 */
import type { Model } from '../model.ts';
import { SYSFS } from '../sysfs.ts';
import { COMMANDS, describeCommand } from './command-layouts.ts';
import { CD, L1CD } from './context-descriptor.ts';
import { EVENT_RECORD, PRIQ_ENTRY } from './event-record.ts';
import { EVENT_LIST } from './events.ts';
import { ID_LAYOUTS } from './ids.ts';
import { hostStageTwo, limitsOf } from './limits.ts';
import { REGISTERS } from './registers.ts';
import { L1STD, STE } from './stream-table.ts';
import { SmmuUnit } from './unit.ts';

export { COMMANDS } from './command-layouts.ts';
export { command, OP } from './commands.ts';
export { CD, L1CD } from './context-descriptor.ts';
export { decodeEvent, EVENT_RECORD, EventClass, encodeEvent, PRIQ_ENTRY } from './event-record.ts';
export { EVENT_LIST, Event, eventByCode } from './events.ts';
export { type HostStageTwo, hostStageTwo } from './limits.ts';
export { REGISTERS } from './registers.ts';
export { L1STD, STE } from './stream-table.ts';
export { SmmuUnit } from './unit.ts';

export const SMMUV3: Model = {
  id: 'smmuv3',
  title: 'Arm SMMUv3',
  capabilities: ID_LAYOUTS,
  aliases: Object.fromEntries(SYSFS.flatMap(({ name, smmuv3 }) => (smmuv3 ? [[name, smmuv3.field]] : []))),
  faults: EVENT_LIST.map((event) => event.name),
  commands: COMMANDS.map((command) => command.name),
  hardware: {
    commands: COMMANDS,
    registers: REGISTERS,
    records: [PRIQ_ENTRY],
    structures: [L1STD, STE, L1CD, CD],
    faultRecord: EVENT_RECORD,
    commandErrors: ['CERROR_ILL', 'CMDQEN', 'CMDQ_ERR', 'FULL', 'PRIQEN', 'RO'],
    create: (mem, { idr, psc }) => new SmmuUnit(mem, idr, psc),
    limits: limitsOf,
    secondStage: (config) => hostStageTwo(config).format,
    completion: [{ name: 'CMD_SYNC', fields: {} }],
    describe: describeCommand,
  },
};
