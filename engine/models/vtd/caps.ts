import { type BitField, type BitLayout, decode, encode, fieldMax } from '../bit-layout.ts';
import { CAP, ECAP } from './cap-fields.ts';

/** The capability fields of one unit as numbers, with the host address width, which no register holds. */
export type VtdCaps = Readonly<Record<CapName, number>> & { readonly haw: number };

export type CapName = (typeof CAP)[number]['name'] | (typeof ECAP)[number]['name'];

/** A combination that no hardware would report. */
export interface CapConflict {
  readonly fields: readonly string[];
  /** Names the value found and the value wanted; no full stop. */
  readonly message: string;
}

const layout = (name: string, doc: string, source: string, fields: readonly BitField[]): BitLayout => ({
  name,
  doc,
  source,
  bits: 64,
  fields,
});

export const CAP_REG: BitLayout = layout('CAP_REG', 'What the unit can do (offset 0x8).', 'VT-d 11.4.2', CAP);
export const ECAP_REG: BitLayout = layout('ECAP_REG', 'What else the unit can do (offset 0x10).', 'VT-d 11.4.3', ECAP);

/** The registers of a unit that allows everything this model knows. */
export const DEFAULT_CAP_FIELDS: Readonly<Partial<Record<CapName, number>>> = {
  ND: 6,
  SAGAW: 0b01110,
  MGAW: 47,
  FRO: 0x60,
  SSLPS: 3,
  PSI: 1,
  NFR: 7,
  MAMV: 18,
  DWD: 1,
  DRD: 1,
  FS1GP: 1,
  FS5LP: 1,
  C: 1,
  QI: 1,
  DT: 1,
  IR: 1,
  EIM: 1,
  PT: 1,
  SC: 1,
  IRO: 0x50,
  MHMV: 15,
  NEST: 1,
  PRS: 1,
  ERS: 1,
  SRS: 1,
  EAFS: 1,
  PSS: 19,
  PASID: 1,
  PDS: 1,
  SMTS: 1,
  SSADS: 1,
  SSTS: 1,
  FSTS: 1,
  SMPWCS: 1,
  RPS: 1,
  ADMS: 1,
  RPRIVS: 1,
};

export const DEFAULT_HAW = 52;

/** The field behind a name or one of its older names (FL1GP, SLADS, ...). */
export function capField(name: string): (typeof CAP)[number] | (typeof ECAP)[number] | undefined {
  return [...CAP, ...ECAP].find((field) => field.name === name || (field.aliases as readonly string[]).includes(name));
}

export function decodeCaps(cap: bigint, ecap: bigint, haw = DEFAULT_HAW): VtdCaps {
  const numbers: Record<string, number> = { haw };
  const both = { ...decode(CAP_REG, [cap]), ...decode(ECAP_REG, [ecap]) };
  for (const [name, value] of Object.entries(both)) numbers[name] = Number(value);
  return Object.freeze(numbers) as VtdCaps;
}

/** Both registers from field values; names may be older ones. Unknown names and values that do not fit throw. */
export function encodeCaps(fields: Readonly<Record<string, number>>): { cap: bigint; ecap: bigint } {
  const values: Record<'cap' | 'ecap', Record<string, number>> = { cap: {}, ecap: {} };
  for (const [name, value] of Object.entries(fields)) {
    const field = capField(name);
    if (!field) throw new RangeError(`VT-d has no capability field ${name}`);
    if (value < 0 || BigInt(value) > fieldMax(field)) throw new RangeError(`${name} does not fit: ${value}`);
    values[field.register][field.name] = value;
  }
  return { cap: encode(CAP_REG, values.cap)[0]!, ecap: encode(ECAP_REG, values.ecap)[0]! };
}

/** The registers that decode to these fields. */
export function rawCaps(caps: VtdCaps): { cap: bigint; ecap: bigint } {
  const { haw: _haw, ...fields } = caps;
  return encodeCaps(fields);
}

/** The default unit with some fields changed. */
export function makeCaps(fields: Readonly<Record<string, number>> = {}, haw = DEFAULT_HAW): VtdCaps {
  const named = Object.entries(fields).map(([name, value]) => [capField(name)?.name ?? name, value] as const);
  const { cap, ecap } = encodeCaps({ ...DEFAULT_CAP_FIELDS, ...Object.fromEntries(named) });
  return decodeCaps(cap, ecap, haw);
}

/**
 * Fields that mean nothing without others (VT-d 11.4.2, 11.4.3). Real registers break some of these, so only the
 * `strict` ones are contradictions; the rest say what drops out of the default unit when a field is cleared.
 */
export const NEEDS: readonly { readonly field: CapName; readonly needs: readonly CapName[]; readonly strict?: true }[] =
  [
    { field: 'NEST', needs: ['SMTS', 'FSTS', 'SSTS'], strict: true },
    { field: 'PRS', needs: ['DT', 'SMTS'], strict: true },
    { field: 'EAFS', needs: ['FSTS', 'SMPWCS'], strict: true },
    { field: 'FSTS', needs: ['SMTS'] },
    { field: 'SSTS', needs: ['SMTS'] },
    { field: 'PASID', needs: ['SMTS'] },
    { field: 'ERS', needs: ['PASID'] },
    { field: 'SRS', needs: ['PASID'] },
    { field: 'RPS', needs: ['SMTS'] },
    { field: 'RPRIVS', needs: ['SRS'] },
    { field: 'SMPWCS', needs: ['SMTS'] },
    { field: 'SSADS', needs: ['SSTS'] },
    { field: 'PDS', needs: ['PRS'] },
    { field: 'SMTS', needs: ['QI'], strict: true },
    { field: 'EIM', needs: ['IR'] },
    { field: 'IR', needs: ['QI'], strict: true },
    { field: 'DT', needs: ['QI'], strict: true },
    { field: 'FS5LP', needs: ['FSTS'] },
    { field: 'FS1GP', needs: ['FSTS'] },
  ];

/** Contradictions within one pair of registers; empty for hardware that could exist. */
export function validateCaps(caps: VtdCaps): CapConflict[] {
  const conflicts: CapConflict[] = NEEDS.filter(({ field, strict }) => strict && caps[field] !== 0).flatMap(
    ({ field, needs }) => {
      const missing = needs.filter((name) => caps[name] === 0);
      return missing.length === 0
        ? []
        : [
            {
              fields: [field, ...missing],
              message: `${field} is ${caps[field]}, but it needs ${missing.join(' and ')}, which ${missing.length === 1 ? 'is' : 'are'} 0`,
            },
          ];
    },
  );
  const widest = [57, 48, 39].find((_, i) => (caps.SAGAW >> (3 - i)) & 1) ?? 0;
  if (caps.SAGAW & 0b10001) {
    conflicts.push({ fields: ['SAGAW'], message: `SAGAW is ${caps.SAGAW}, but only bits 1 to 3 name a width` });
  }
  if (caps.SSTS && widest === 0) {
    conflicts.push({ fields: ['SSTS', 'SAGAW'], message: 'SSTS is 1, but SAGAW names no second-stage width' });
  }
  if (caps.MGAW + 1 > 57) {
    conflicts.push({ fields: ['MGAW'], message: `MGAW is ${caps.MGAW}, but no table decodes more than 57 bits` });
  }
  if (caps.ND > 6) conflicts.push({ fields: ['ND'], message: `ND is ${caps.ND}, but domain ids have at most 16 bits` });
  if (caps.PASID && caps.PSS > 19) {
    conflicts.push({ fields: ['PSS'], message: `PSS is ${caps.PSS}, but a PASID has at most 20 bits` });
  }
  if (caps.SSLPS & 0b1100) {
    conflicts.push({ fields: ['SSLPS'], message: `SSLPS is ${caps.SSLPS}, but only 2M (1) and 1G (2) exist` });
  }
  const faults = { from: caps.FRO, to: caps.FRO + caps.NFR + 1 };
  if (faults.from <= caps.IRO && caps.IRO < faults.to) {
    const range = `registers of 16 bytes from ${faults.from} to ${faults.to - 1} (FRO, NFR)`;
    conflicts.push({
      fields: ['IRO', 'FRO', 'NFR'],
      message: `the IOTLB registers are at ${caps.IRO} (IRO), among the fault ${range}`,
    });
  }
  if (caps.haw < 32 || caps.haw > 52) {
    conflicts.push({ fields: ['haw'], message: `haw is ${caps.haw}, but page tables hold 32 to 52 address bits` });
  }
  return conflicts;
}
