import type { Name } from '../base/span.ts';
import type { MachineConfig } from '../host/machine-config.ts';
import type { BitLayout } from '../models/bit-layout.ts';
import { modelById } from '../models/index.ts';
import type { Payload } from './program.ts';

/**
 * Records that a device raises by itself, by the kinds that payloads have on bare hardware: `page_req_dsc`. Elsewhere the
 * kernel stands in between, and reports what it makes of them.
 */
export const recordsOf = ({ model, bare }: Pick<MachineConfig, 'model' | 'bare'>): readonly BitLayout[] =>
  bare ? (modelById(model)?.hardware?.records ?? []) : [];

/** The record that a payload's first word names. */
export const recordOf = ({ word, struct }: Payload, machine: MachineConfig): BitLayout | undefined =>
  struct ? undefined : recordNamed(word, machine);

export const recordNamed = ({ text }: Pick<Name, 'text'>, machine: MachineConfig): BitLayout | undefined =>
  recordsOf(machine).find((record) => record.name === text);

/** The field that says which device a record comes from, which it need not repeat. */
export const sourceField = ({ fields }: BitLayout): string | undefined =>
  fields.find(({ name }) => SOURCES.has(name))?.name;
const SOURCES: ReadonlySet<string> = new Set(['RID', 'SID', 'StreamID', 'STREAMID']);

/** The 64-bit words of a record in memory, little-endian, and back. */
export function wordsOf(bytes: Uint8Array): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length >> 3 }, (_, i) => view.getBigUint64(i * 8, true));
}

export function bytesOf(words: readonly bigint[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(words.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of words.entries()) view.setBigUint64(i * 8, word, true);
  return bytes;
}
