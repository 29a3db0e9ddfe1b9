import type { FaultReason } from '../translation.ts';

/** Event codes (IHI 0070, 7.3). */
export const Event = {
  None: 0,
  F_UUT: 0x01,
  C_BAD_STREAMID: 0x02,
  F_STE_FETCH: 0x03,
  C_BAD_STE: 0x04,
  F_BAD_ATS_TREQ: 0x05,
  F_STREAM_DISABLED: 0x06,
  F_TRANSL_FORBIDDEN: 0x07,
  C_BAD_SUBSTREAMID: 0x08,
  F_CD_FETCH: 0x09,
  C_BAD_CD: 0x0a,
  F_WALK_EABT: 0x0b,
  F_TRANSLATION: 0x10,
  F_ADDR_SIZE: 0x11,
  F_ACCESS: 0x12,
  F_PERMISSION: 0x13,
  F_TLB_CONFLICT: 0x20,
  F_CFG_CONFLICT: 0x21,
  E_PAGE_REQUEST: 0x24,
  F_VMS_FETCH: 0x25,
} as const;
export type EventName = Exclude<keyof typeof Event, 'None'>;

const TEXTS: Readonly<Record<EventName, string>> = {
  F_UUT: 'The device sent something that the SMMU does not take.',
  C_BAD_STREAMID: 'The StreamID lies outside of the stream table, or its level-1 descriptor describes no such entry.',
  F_STE_FETCH: 'The stream table entry or its level-1 descriptor could not be read.',
  C_BAD_STE: 'The stream table entry is not valid, or asks for what this SMMU does not have.',
  F_BAD_ATS_TREQ: 'The device asked for a translation (ATS), but EATS of its stream table entry does not allow it.',
  F_STREAM_DISABLED:
    'Accesses of this kind are switched off for the stream: without SubstreamID by S1DSS 0, with SubstreamID 0 by S1DSS 2.',
  F_TRANSL_FORBIDDEN: 'The device sent a translated access that its stream table entry does not allow.',
  C_BAD_SUBSTREAMID: 'The SubstreamID lies outside of the table of context descriptors, or the stream has none.',
  F_CD_FETCH: 'The context descriptor or its level-1 descriptor could not be read.',
  C_BAD_CD: 'The context descriptor is not valid, or asks for what this SMMU does not have.',
  F_WALK_EABT: 'A page-table entry could not be read.',
  F_TRANSLATION: 'A page-table entry is not valid, or the address lies outside of what the tables translate.',
  F_ADDR_SIZE: 'An address has more bits than the stage may put out.',
  F_ACCESS: 'The access flag of the leaf is clear, and nobody sets it.',
  F_PERMISSION: 'The leaf does not allow this kind of access.',
  F_TLB_CONFLICT: 'Several TLB entries match the address.',
  F_CFG_CONFLICT: 'Several cached configurations match the stream.',
  E_PAGE_REQUEST: 'A hint that the pages will be wanted.',
  F_VMS_FETCH: 'The virtual machine structure could not be read.',
};

export const EVENT_LIST: readonly FaultReason[] = (Object.keys(TEXTS) as EventName[]).map((name) => ({
  code: Event[name],
  name,
  text: TEXTS[name],
}));

const BY_CODE: ReadonlyMap<number, FaultReason> = new Map(EVENT_LIST.map((event) => [event.code, event]));

export const eventByCode = (code: number): FaultReason | undefined => BY_CODE.get(code);

export const eventName = (code: number): string => BY_CODE.get(code)?.name ?? `event 0x${code.toString(16)}`;

/** Faults of a walk: those that CD.A, R and S or STE.S2R and S2S govern, and that can stall. */
export const isTranslationFault = (code: number): boolean => Event.F_TRANSLATION <= code && code <= Event.F_PERMISSION;
