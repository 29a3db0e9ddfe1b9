import { putUint } from '../../uapi/index.ts';
import { type CallResult, type Check, done, type FailPoints, type Refusal, refuse } from '../check.ts';
import { failed } from '../vfio-container/bytes.ts';
import { Bond } from './bond.ts';
import { BIND, UNBIND } from './checks.ts';
import type { Container201802 } from './container.ts';
import { nameOf, readRequest } from './request.ts';

const PASID = 12n;

/** VFIO_IOMMU_BIND: binds a process to every device of the container and writes its PASID back. */
export function bindCall(container: Container201802, argument: bigint, fail: FailPoints): CallResult {
  const mm = readRequest(container, argument, BIND);
  if (isRefusal(mm)) return failed(mm);
  const known = container.bondOf(mm);
  if (known) {
    const fault = writePasid(container, argument, known);
    return fault ? failed(fault) : done(0, [`${nameOf(mm)} is bound already`]);
  }
  if (fail.hit()) return failed(refuse(BIND.noMemory, { injected: true }));
  const bond = new Bond(container, mm);
  let refusal: Refusal | undefined;
  for (const group of container.groups()) {
    refusal = bond.bindGroup(group, fail);
    if (refusal) break;
  }
  refusal ??= writePasid(container, argument, bond);
  if (!refusal) {
    container.bonds.push(bond);
    return done();
  }
  for (const group of container.groups()) bond.unbindGroup(group);
  bond.release();
  return failed(refusal, container.leftEnabled());
}

/** VFIO_IOMMU_UNBIND: finds the bond by the process; the PASID in the payload is not looked at. */
export function unbindCall(container: Container201802, argument: bigint): CallResult {
  const mm = readRequest(container, argument, UNBIND);
  if (isRefusal(mm)) return failed(mm);
  const bond = container.bondOf(mm);
  if (!bond) return failed(refuse(UNBIND.noBond, { path: 'data.pid', found: nameOf(mm), wanted: 'a bound process' }));
  for (const group of container.groups()) bond.unbindGroup(group);
  bond.release();
  container.bonds.splice(container.bonds.indexOf(bond), 1);
  return done();
}

function writePasid(container: Container201802, argument: bigint, bond: Bond): Refusal | undefined {
  const bytes = new Uint8Array(4);
  putUint(bytes, 0, 4, BigInt(bond.pasid ?? 0));
  return container.user.copyTo(argument + PASID, bytes) ? undefined : refuse(BIND.resultFault, { path: 'data.pasid' });
}

const isRefusal = (value: unknown): value is Refusal =>
  typeof value === 'object' && value !== null && (value as { check?: Check }).check !== undefined;
