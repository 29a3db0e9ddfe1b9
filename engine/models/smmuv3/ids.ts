import type { BitLayout } from '../bit-layout.ts';
import { ID_FIELDS, ID_REGISTERS, type IdField, type IdRegister } from './id-fields.ts';

/** Offset of each register. */
export const ID_OFFSETS: Readonly<Record<IdRegister, number>> = {
  IDR0: 0x0,
  IDR1: 0x4,
  IDR2: 0x8,
  IDR3: 0xc,
  IDR4: 0x10,
  IDR5: 0x14,
  IIDR: 0x18,
  AIDR: 0x1c,
};

/** The identification registers as layouts of 32 bits. */
export const ID_LAYOUTS: Readonly<Record<IdRegister, BitLayout>> = Object.fromEntries(
  ID_REGISTERS.map((name): [IdRegister, BitLayout] => [
    name,
    {
      name: `SMMU_${name}`,
      doc: `Identification register at offset 0x${ID_OFFSETS[name].toString(16)}.`,
      source: 'IHI 0070, 6.3',
      bits: 32,
      fields: ID_FIELDS.filter((field) => field.register === name),
    },
  ]),
) as unknown as Record<IdRegister, BitLayout>;

/** IDR0 to IDR5, IIDR and AIDR as unsigned 32-bit numbers; a missing one counts as 0. */
export type IdValues = Readonly<Record<string, number>>;

export const idField = (name: string): IdField | undefined => ID_FIELDS.find((field) => field.name === name);

/** What a unit answers, by the names of the fields. */
export class SmmuIds {
  readonly values: IdValues;

  constructor(values: IdValues) {
    this.values = values;
  }

  /** A field as a number. @throws RangeError for a name that no register has */
  get(name: string): number {
    const field = idField(name);
    if (!field) throw new RangeError(`SMMUv3 has no identification field ${name}`);
    return readField(this.values, field);
  }

  has(name: string): boolean {
    return this.get(name) !== 0;
  }

  get asidBits(): number {
    return this.has('ASID16') ? 16 : 8;
  }

  get vmidBits(): number {
    return this.has('VMID16') ? 16 : 8;
  }

  /** Width of PASIDs; 0 when there are none. */
  get ssidBits(): number {
    return this.get('SSIDSIZE');
  }

  get outputBits(): number {
    return OUTPUT_BITS[this.get('OAS')]!;
  }
}

/** IDR5.OAS in bits. */
export const OUTPUT_BITS: readonly number[] = [32, 36, 40, 42, 44, 48, 52, 56];

export const readField = (values: IdValues, { register, lo, width }: IdField): number =>
  ((values[register] ?? 0) >>> lo) & (2 ** width - 1);

/** A whole register, or a field of one, by name; undefined for anything else. */
export function idRegister(values: IdValues, name: string): bigint | undefined {
  const whole = (ID_REGISTERS as readonly string[]).includes(name) ? (values[name] ?? 0) : undefined;
  const field = idField(name);
  const value = whole ?? (field && readField(values, field));
  return value === undefined ? undefined : BigInt(value);
}

/** The registers with one field changed. The value has to fit. */
export function writeField(values: IdValues, { register, lo, width }: IdField, value: number): IdValues {
  const mask = ((2 ** width - 1) << lo) >>> 0;
  return { ...values, [register]: (((values[register] ?? 0) & ~mask) | ((value << lo) & mask)) >>> 0 };
}

/** The registers of a unit that allows everything the kernel asks for. */
export const DEFAULT_IDS: IdValues = Object.freeze(
  ID_FIELDS.reduce<IdValues>(
    (values, field) => writeField(values, field, field.usual),
    Object.fromEntries(ID_REGISTERS.map((name) => [name, 0])),
  ),
);

/**
 * Fields that mean nothing without others; what a default rests on may be cleared by name, and then it goes too. The
 * `strict` ones cannot be written together either.
 */
export const ID_NEEDS: readonly { readonly field: string; readonly needs: string; readonly strict?: true }[] = [
  { field: 'SSIDSIZE', needs: 'S1P', strict: true },
  { field: 'CD2L', needs: 'SSIDSIZE', strict: true },
  { field: 'ASID16', needs: 'S1P' },
  { field: 'HYP', needs: 'S1P' },
  { field: 'HAD', needs: 'S1P' },
  { field: 'E0PD', needs: 'S1P' },
  { field: 'S1PI', needs: 'S1P', strict: true },
  { field: 'AIE', needs: 'S1P', strict: true },
  { field: 'VMID16', needs: 'S2P' },
  { field: 'VMW', needs: 'S2P' },
  { field: 'FWB', needs: 'S2P' },
  { field: 'XNX', needs: 'S2P' },
  { field: 'S2PI', needs: 'S2P', strict: true },
  { field: 'S2PO', needs: 'S2P', strict: true },
  { field: 'NS1ATS', needs: 'ATS', strict: true },
  { field: 'ATSRECERR', needs: 'ATS', strict: true },
  { field: 'PRI', needs: 'ATS', strict: true },
  { field: 'PASIDTT', needs: 'ATS', strict: true },
  { field: 'PASIDTT', needs: 'SSIDSIZE', strict: true },
  { field: 'PPS', needs: 'PRI', strict: true },
  { field: 'VATOS', needs: 'ATOS', strict: true },
  { field: 'BA_VATOS', needs: 'VATOS', strict: true },
];

/** Contradictions within a set of registers; empty for hardware that could exist. */
export function validateIds(values: IdValues): { readonly fields: readonly string[]; readonly message: string }[] {
  const ids = new SmmuIds(values);
  const conflicts = ID_NEEDS.filter(({ field, needs, strict }) => strict && ids.has(field) && !ids.has(needs)).map(
    ({ field, needs }) => ({
      fields: [field, needs],
      message: `${field} is ${ids.get(field)}, but it needs ${needs}, which is 0`,
    }),
  );
  for (const field of ID_FIELDS) {
    const value = readField(values, field);
    if (field.reserved?.includes(value))
      conflicts.push({ fields: [field.name], message: `${field.name} is ${value}, which is reserved` });
  }
  if (ids.outputBits === 56 && !ids.has('D128'))
    conflicts.push({
      fields: ['OAS', 'D128'],
      message: 'OAS is 7, 56 bits, which no descriptor without D128 can hold',
    });
  if (!ids.has('S1P') && !ids.has('S2P'))
    conflicts.push({ fields: ['S1P', 'S2P'], message: 'S1P and S2P are 0, but one stage has to exist' });
  for (const [name, most] of [
    ['SIDSIZE', 32],
    ['SSIDSIZE', 20],
    ['CMDQS', 19],
    ['EVENTQS', 19],
    ['PRIQS', 19],
  ] as const)
    if (most < ids.get(name))
      conflicts.push({ fields: [name], message: `${name} is ${ids.get(name)}, at most ${most}` });
  if (!ids.has('GRAN4K') && !ids.has('GRAN16K') && !ids.has('GRAN64K'))
    conflicts.push({ fields: ['GRAN4K', 'GRAN16K', 'GRAN64K'], message: 'no page size is left' });
  return conflicts;
}
