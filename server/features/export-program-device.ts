import type { LifecycleStep } from '../language/syntax.ts';
import type { Program } from './export-program.ts';

/** `attach DEV [to E] [pasid P]` as the calls of VFIO. Answers false where there is none. */
export function attachC(program: Program, step: LifecycleStep, line: number): boolean {
  if (program.isIommufd) {
    if (!step.to) return false;
    const pasid = step.pasid ? { flag: 'VFIO_DEVICE_ATTACH_PASID', value: program.expr(step.pasid) } : undefined;
    return deviceCall(program, step, line, {
      ioctl: 'VFIO_DEVICE_ATTACH_IOMMUFD_PT',
      struct: 'vfio_device_attach_iommufd_pt',
      fields: [`.pt_id = ${program.expr(step.to)}`],
      ...(pasid ? { pasid } : {}),
    });
  }
  return groupCall(program, step, line, 'VFIO_GROUP_SET_CONTAINER', '&vsva_container');
}

/** `detach DEV [pasid P]`. Answers false where no call does it. */
export function detachC(program: Program, step: LifecycleStep, line: number): boolean {
  if (!program.isIommufd) return groupCall(program, step, line, 'VFIO_GROUP_UNSET_CONTAINER', 'NULL');
  const pasid = step.pasid ? { flag: 'VFIO_DEVICE_DETACH_PASID', value: program.expr(step.pasid) } : undefined;
  return deviceCall(program, step, line, {
    ioctl: 'VFIO_DEVICE_DETACH_IOMMUFD_PT',
    struct: 'vfio_device_detach_iommufd_pt',
    fields: [],
    ...(pasid ? { pasid } : {}),
  });
}

interface DeviceCall {
  readonly ioctl: string;
  readonly struct: string;
  readonly fields: readonly string[];
  readonly pasid?: { readonly flag: string; readonly value: string };
}

function deviceCall(program: Program, step: LifecycleStep, line: number, call: DeviceCall): boolean {
  const { generation, needs } = program;
  const struct = generation.structs.get(call.struct);
  if (!struct || !generation.ioctls.has(call.ioctl) || !step.device) return false;
  if (call.pasid && !generation.constants.has(call.pasid.flag)) return false;
  needs.struct(struct);
  needs.number(call.ioctl);
  if (call.pasid) needs.number(call.pasid.flag);
  const pasid = call.pasid ? [`.flags = ${call.pasid.flag}`, `.pasid = ${call.pasid.value}`] : [];
  const fields = [`.argsz = sizeof(struct ${call.struct})`, ...call.fields, ...pasid];
  if (step.failNth) program.put(`vsva_fail_nth(${line}, ${program.expr(step.failNth)});`);
  const text = `vsva_call(${line}, "${call.ioctl}", vsva_${step.device.text}, ${call.ioctl}, &(struct ${call.struct}) { ${fields.join(', ')} })`;
  return finish(program, step, text);
}

function groupCall(program: Program, step: LifecycleStep, line: number, ioctl: string, argument: string): boolean {
  const device = program.machine.devices.find(({ name }) => name === step.device?.text);
  if (!device) return false;
  if (step.failNth) program.put(`vsva_fail_nth(${line}, ${program.expr(step.failNth)});`);
  return finish(program, step, `vsva_call(${line}, "${ioctl}", vsva_${device.group}, ${ioctl}, ${argument})`);
}

function finish(program: Program, step: LifecycleStep, text: string): true {
  program.put(step.as ? `${program.bind(step.as.text)} = (__u64)${text};` : `${text};`);
  program.put(`vsva_done(${program.expected(step)});`);
  return true;
}
