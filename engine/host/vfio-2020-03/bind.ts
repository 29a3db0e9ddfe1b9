import { hex } from '../../base/text.ts';
import { type CallResult, done, type FailPoints, refuse } from '../check.ts';
import type { GuestBind } from '../intel/payloads.ts';
import { isProblem, type Problem } from '../kernel.ts';
import { failed, hidden, u32At, u64At } from '../vfio-container/bytes.ts';
import { CHECKS } from './checks.ts';
import type { Container202003 } from './container.ts';
import { type Copied, copyPayload } from './copy-payload.ts';
import { forEachDevice } from './for-each-device.ts';

const HEADER = 8;
const BIND = 1;
const UNBIND = 2;
const OP_MASK = 3;
const PADDING = [44, 56] as const;

/** VFIO_IOMMU_BIND (vSVA v1): binds or unbinds a guest page table on every device of the container. */
export function bind(container: Container202003, argument: bigint, fail: FailPoints): CallResult | Problem {
  const header = container.user.copyFrom(argument, HEADER);
  if (!header) return failed(refuse(CHECKS.bindHeaderFault, { found: `${HEADER} bytes wanted` }));
  const [argsz, flags] = [u32At(header, 0), u32At(header, 4)];
  if (argsz < HEADER)
    return failed(refuse(CHECKS.bindArgsz, { path: 'argsz', found: `${argsz}`, wanted: `at least ${HEADER}` }));
  const payload = copyPayload(
    container,
    {
      argument,
      argsz,
      struct: 'iommu_gpasid_bind_data',
      at: 'data',
      checks: {
        versionFault: CHECKS.bindVersionFault,
        noSize: CHECKS.bindNoSize,
        versionRefused: CHECKS.bindVersionRefused,
        size: CHECKS.bindSize,
        noMemory: CHECKS.bindNoMemory,
        fault: CHECKS.bindFault,
      },
    },
    fail,
  );
  if (isProblem(payload)) return payload;
  if ('check' in payload) return failed(payload);
  const op = flags & OP_MASK;
  if (op !== BIND && op !== UNBIND)
    return failed(
      refuse(CHECKS.bindOp, { path: 'flags', found: `operation ${op}`, wanted: 'one of bind (1) and unbind (2)' }),
    );
  if (!container.quirk('bind_flags_ignored') && flags !== op)
    return failed(refuse(CHECKS.bindFlags, { path: 'flags', found: hex(flags), wanted: 'bits 0 and 1 only' }));
  if (!container.quirk('nesting_type_unchecked') && !container.isNesting)
    return failed(refuse(CHECKS.bindNotNesting, { found: container.typeName, wanted: 'VFIO_TYPE1_NESTING_IOMMU' }));
  if (!container.hasDomain)
    return failed(refuse(CHECKS.bindNoDevices, { found: 'no group attached', wanted: 'an attached group' }));
  return op === BIND ? bindAll(container, guestBind(container, payload), fail) : unbindAll(container, payload);
}

function bindAll(container: Container202003, data: GuestBind, fail: FailPoints): CallResult {
  const goOn = container.quirk('partial_bind_left');
  const { last, lost } = forEachDevice(container.domains(), goOn, (device) => ({
    refusal: container.driver.bindGpasid(device, data, fail),
  }));
  if (lost) return hidden(lost, [`${boundOn(container, data)} although a device refused`]);
  if (!last.refusal) return done();
  // The failure path unbinds the same PASID from every device, even one that was bound before this call.
  const undone = container
    .domains()
    .flat()
    .filter((device) => container.driver.unbindGpasid(device, data.hpasid).torndown)
    .map((device) => device.name);
  return failed(
    last.refusal,
    undone.length > 0 ? [`the failed bind also unbound the PASID from ${undone.join(', ')}`] : [],
  );
}

function unbindAll(container: Container202003, payload: Copied): CallResult {
  const hpasid = u64At(payload.bytes, 24);
  const goOn = container.quirk('partial_bind_left');
  const { last, lost } = forEachDevice(container.domains(), goOn, (device) =>
    container.driver.unbindGpasid(device, hpasid),
  );
  if (lost) return hidden(lost);
  return last.refusal ? failed(last.refusal) : done();
}

function boundOn(container: Container202003, { hpasid }: GuestBind): string {
  const names = container
    .domains()
    .flat()
    .filter((device) => device.bound.has(Number(hpasid)))
    .map((device) => device.name);
  return `PASID ${hpasid} is bound on ${names.join(', ')}`;
}

/** iommu_gpasid_bind_data in the form without argsz; bytes that were not copied read 0. */
function guestBind(container: Container202003, { version, bytes }: Copied): GuestBind {
  return {
    at: 'data',
    argsz: undefined,
    versioned: {
      version,
      accepts: container.accepted(),
      padded: bytes.subarray(...PADDING).some((byte) => byte !== 0),
    },
    format: u32At(bytes, 4),
    flags: u64At(bytes, 8),
    gpgd: u64At(bytes, 16),
    hpasid: u64At(bytes, 24),
    gpasid: u64At(bytes, 32),
    addrWidth: u32At(bytes, 40),
    vtdFlags: u64At(bytes, 56),
  };
}
