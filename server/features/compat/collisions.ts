import { type Generation, hex, modelsOf, type Struct } from '../../../engine/index.ts';
import { ask } from './ask.ts';
import { carrierFor } from './carriers.ts';
import { type Probe, probeFor, probeText } from './probes.ts';
import { type Asked, filled, judged, noted, type Row, rowOf } from './row.ts';
import { isPrefix, isSameLayout } from './translate.ts';

/**
 * What another generation makes of the very bytes: where it has a struct of the same name and other fields, and where the
 * same ioctl number means another call. Both look like success to somebody who only changed the header.
 */
export function collisionRows(asked: Asked, generation: Generation): Row[] {
  const { written, carrier, pasid, role, model } = asked;
  if (generation.id === written.generation.id) return [];
  const rows: Row[] = [];
  const bytes = filled(written, carrier, pasid);
  const own = probeFor(role, written.generation, model);
  const there = carrierFor(role, generation);
  const probe = probeFor(role, generation, model);
  if (there && probe && there.struct.name === written.struct.name && !isSameLayout(there.struct, written.struct))
    rows.push(
      rowOf({ asked, generation, probe, struct: there.struct, bytes, form: 'raw bytes', writtenAs: written.struct }),
    );
  const number = own && written.generation.ioctls.get(own.call)?.number;
  if (!own || number === undefined) return rows;
  const other = [...generation.ioctls.values()].find((ioctl) => ioctl.number === number);
  const struct = other?.struct === undefined ? undefined : generation.structs.get(other.struct);
  const called = structOfCall(written.generation, own);
  if (!other || !struct || !called || other.instead !== undefined) return rows;
  // A call that has only grown goes by its size, not by what its bytes mean.
  if (other.name === own.call && isPrefix(struct, called)) return rows;
  // The whole argument, as the probe of the payload's own generation passes it.
  const passed = ask({
    text: probeText(own, written.generation, bytes, asked),
    within: own.within,
  }).argument;
  if (passed.length === 0) return rows;
  const { machine: _own, ...plain } = own;
  const steps = `submit subject to ${number} expect any`;
  const bare: Probe = { ...plain, model: modelsOf(generation.id)[0]!, declarations: '', steps };
  const text = probeText(bare, generation, passed, asked);
  const row = judged(
    { generation, struct, bytes: passed, form: 'raw bytes', writtenAs: called },
    ask({ text, within: undefined }),
    undefined,
  );
  // A number that another file descriptor answers is no number here.
  if (row.errno === 'ENOTTY') return rows;
  rows.push(noted(row, `${hex(BigInt(number))} is ${other.name} here, ${own.call} in ${written.generation.id}`));
  return rows;
}

function structOfCall({ ioctls, structs }: Generation, { call }: Probe): Struct | undefined {
  const name = ioctls.get(call)?.struct;
  return name === undefined ? undefined : structs.get(name);
}
