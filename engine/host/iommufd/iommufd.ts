import { type CallResult, done, FailPoints, type Refusal, refuse } from '../check.ts';
import {
  type DevicePageRequest,
  type FdRead,
  type Injection,
  KernelBase,
  type Problem,
  type Target,
} from '../kernel.ts';
import { type Context, IOMMUFD_FD } from './context.ts';
import { attachDevice, bindDevice, detachDevice, replaceDevice, unbindDevice } from './device.ts';
import { DISPATCH_CHECKS, dispatch } from './dispatch.ts';
import { type Call, isRefusal } from './driver.ts';
import { NO_PASID } from './group.ts';
import { DeviceObject, type Hwpt, HwptNested, type Ioas } from './objects.ts';
import { noSuchFd } from './queue.ts';
import { FaultReports, pageFaultOf } from './reports.ts';
import { failed } from './result.ts';
import { deviceIoctl } from './vfio-device.ts';

/** /dev/iommu of one process, over an IOMMU driver. */
export class Iommufd extends KernelBase {
  protected readonly what = 'an iommufd';
  readonly #ctx: Context;
  readonly #reports: FaultReports;
  /** The address space that the machine's RAM is mapped in; undefined with `iommufd { empty = 1 }`. */
  #ioas: Ioas | undefined;
  #closed = false;

  constructor(ctx: Context, ioas: Ioas | undefined) {
    super();
    this.#ctx = ctx;
    this.#ioas = ioas;
    this.#reports = new FaultReports(ctx);
    ctx.driver.connect?.(this.#reports);
  }

  override ioctl(command: number, argument: bigint, fail: FailPoints, device?: string): CallResult | Problem {
    if (this.#closed) return failed(refuse(DISPATCH_CHECKS.closed));
    if (device !== undefined) return deviceIoctl(this.#ctx, device, command, argument, fail);
    return dispatch(this.#ctx, command, argument, fail);
  }

  /** A device that is not bound is bound first, as the mock's own test command does in one call. */
  override attach(name: string, target: Target, fail: FailPoints): CallResult | Problem {
    return this.#change(name, target, fail, attachDevice);
  }

  override replace(name: string, target: Target, fail: FailPoints): CallResult | Problem {
    return this.#change(name, target, fail, replaceDevice);
  }

  #change(
    name: string,
    target: Target,
    fail: FailPoints,
    how: (ctx: Context, device: DeviceObject, pasid: number, ptId: number, call: Call) => Hwpt | Refusal,
  ): CallResult | Problem {
    if (this.#closed) return failed(refuse(DISPATCH_CHECKS.closed));
    const to = target.to ?? (this.#ioas ? BigInt(this.#ioas.id) : undefined);
    if (to === undefined) return { problem: 'name an IOAS or a page table: attach DEV to E' };
    const call = this.#ctx.call(fail);
    const bound = this.#ctx.devices.get(name);
    const device = bound ?? bindDevice(this.#ctx, name, call);
    if (isRefusal(device)) return failed(device, call.notes);
    const hwpt = how(this.#ctx, device, target.pasid ?? NO_PASID, Number(to & 0xffff_ffffn), call);
    if (isRefusal(hwpt)) {
      if (!bound) unbindDevice(this.#ctx, device, call);
      return failed(hwpt, call.notes);
    }
    const out = { pt_id: BigInt(hwpt.id), hwpt_id: BigInt(hwpt.id), dev_id: BigInt(device.id) };
    return { ...done(0, call.notes), out };
  }

  override detach(name: string, target: Target): CallResult | Problem {
    const device = this.#device(name);
    if (!(device instanceof DeviceObject)) return device;
    const refusal = detachDevice(this.#ctx, device, target.pasid ?? NO_PASID);
    return refusal ? failed(refusal) : done();
  }

  override unbind(name: string): CallResult | Problem {
    const device = this.#device(name);
    if (!(device instanceof DeviceObject)) return device;
    const call = this.#ctx.call(new FailPoints());
    // VFIO detaches what is attached before it lets the device go.
    for (const pasid of device.group.pasidsOf(device)) detachDevice(this.#ctx, device, pasid);
    const refusal = unbindDevice(this.#ctx, device, call);
    return refusal ? failed(refusal) : done();
  }

  #device(name: string): DeviceObject | CallResult | Problem {
    if (this.#closed) return failed(refuse(DISPATCH_CHECKS.closed));
    return this.#ctx.devices.get(name) ?? { problem: `${name} is not bound to the iommufd` };
  }

  override reset(name: string): CallResult {
    const config = this.#ctx.platform.config.devices.find((d) => d.name === name);
    if (config) this.#ctx.driver.reset?.(config);
    return done();
  }

  override exit(): CallResult {
    const { devices, objects, queues } = this.#ctx;
    const call = this.#ctx.call(new FailPoints());
    for (const queue of queues.values()) queue.users--;
    queues.clear();
    for (const device of [...devices.values()]) {
      for (const pasid of device.group.pasidsOf(device)) detachDevice(this.#ctx, device, pasid);
      for (const vdevice of [...device.vdevices]) objects.remove(vdevice.id);
      unbindDevice(this.#ctx, device, call);
    }
    objects.clear();
    this.#ioas = undefined;
    this.#closed = true;
    return done();
  }

  override hostMap(gpa: bigint, hpa: bigint, size: bigint): CallResult | Problem {
    return this.#edit((ioas, call) => {
      ioas.iopt.edit(gpa, gpa + size - 1n, undefined, call);
      const piece = { pages: { base: hpa, length: size, writable: true, ram: true }, offset: 0n, length: size };
      return ioas.iopt.map([piece], size, gpa, { read: true, write: true }, call);
    });
  }

  override hostUnmap(gpa: bigint, size: bigint): CallResult | Problem {
    return this.#edit((ioas, call) => ioas.iopt.edit(gpa, gpa + size - 1n, undefined, call));
  }

  override hostProtect(gpa: bigint, size: bigint, read: boolean, write: boolean): CallResult | Problem {
    return this.#edit((ioas, call) => ioas.iopt.edit(gpa, gpa + size - 1n, { read, write }, call));
  }

  #edit(edit: (ioas: Ioas, call: Call) => unknown): CallResult | Problem {
    if (!this.#ioas) return { problem: 'this machine has no IOAS with its RAM mapped' };
    const call = this.#ctx.call(new FailPoints());
    const refusal = edit(this.#ioas, call);
    return isRefusal(refusal) ? failed(refusal, call.notes) : done(0, call.notes);
  }

  override readFd(fd: bigint, size: number): FdRead | Problem {
    const queue = this.#ctx.queues.get(Number(fd));
    return queue ? queue.read(size) : { result: failed(noSuchFd(fd)) };
  }

  override writeFd(fd: bigint, bytes: Uint8Array): CallResult | Problem {
    const queue = this.#ctx.queues.get(Number(fd));
    return queue ? queue.write(bytes) : failed(noSuchFd(fd));
  }

  override inject(name: string, record: Injection): CallResult | Problem {
    const device = this.#ctx.platform.config.devices.find((d) => d.name === name)!;
    const call = this.#ctx.call(new FailPoints());
    if (record.struct === 'iommu_hwpt_pgfault') {
      // As iommu_report_device_fault does, which tells nobody when nothing takes the request.
      if (!this.#reports.pageFault(name, pageFaultOf(call, record.bytes)))
        call.notes.push('nothing takes the page request, which is answered with INVALID');
      return done(0, call.notes);
    }
    const answer = this.#ctx.driver.inject ? this.#ctx.driver.inject(device, record, call) : 'not mine';
    if (answer === 'not mine')
      return { problem: `this driver does not report ${record.struct ?? 'raw bytes'}; write a struct it knows` };
    return answer ? failed(answer, call.notes) : done(0, call.notes);
  }

  override pageRequest(name: string, request: DevicePageRequest): readonly string[] {
    const config = this.#ctx.platform.config.devices.find((d) => d.name === name)!;
    return this.#ctx.driver.pageRequest?.(config, request) ?? [];
  }

  override faultRecord(words: readonly bigint[]): readonly string[] {
    return this.#ctx.driver.faultRecord?.(words) ?? [];
  }

  override nestedTableOf(name: string, pasid = NO_PASID): bigint | undefined {
    const device = this.#ctx.devices.get(name);
    const hwpt = device?.group.attachedTo(device, pasid);
    if (!(hwpt instanceof HwptNested)) return undefined;
    const byViommu = hwpt.viommu && !hwpt.domain.invalidate;
    return BigInt(byViommu ? hwpt.viommu.id : hwpt.id);
  }

  override virtualIdOf(name: string): bigint | undefined {
    return [...(this.#ctx.devices.get(name)?.vdevices ?? [])][0]?.virtId;
  }

  override respond(): Problem {
    return { problem: 'a page request is answered in its queue: write fd FD from RESPONSE' };
  }

  override isBound(name: string, { to, pasid = NO_PASID }: Target): boolean | Problem {
    const device = this.#ctx.devices.get(name);
    const hwpt = device?.group.attachedTo(device, pasid);
    if (!hwpt) return false;
    if (to === undefined) return true;
    const wanted = this.#ctx.objects.find(Number(to));
    // Attached to an IOAS means to a page table that the kernel made for it.
    return (
      wanted === hwpt ||
      (wanted !== undefined && wanted === hwpt.paging.ioas && hwpt.paging === hwpt && hwpt.paging.autoDomain)
    );
  }

  override mockWords(what: 'iotlb' | 'devcache', object: bigint | string): readonly number[] | Problem {
    const { driver, objects, platform } = this.#ctx;
    if (what === 'devcache') {
      const config = platform.config.devices.find((d) => d.name === object);
      const words = config && driver.deviceWords?.(config);
      return words ?? { problem: `devcache needs "iommu selftest" and a device` };
    }
    const hwpt = objects.find(Number(object));
    const words = hwpt instanceof HwptNested ? hwpt.domain.words?.() : undefined;
    return words ?? { problem: `object ${object} is no nested HWPT of the mock` };
  }

  override member(object: string, path: readonly string[]): bigint | undefined {
    if (path.length !== 1) return undefined;
    const [field] = path;
    if (object === 'ioas') return field === 'id' && this.#ioas ? BigInt(this.#ioas.id) : undefined;
    if (object === 'iommufd') return field === 'fd' ? BigInt(IOMMUFD_FD) : undefined;
    const device = this.#ctx.devices.get(object);
    if (!device) return undefined;
    if (field === 'id') return BigInt(device.id);
    if (field !== 'hwpt_id') return undefined;
    return BigInt(device.group.attachedTo(device, NO_PASID)?.id ?? 0);
  }

  override takeIssued(): bigint[][] {
    return this.#ctx.driver.takeIssued?.() ?? [];
  }
}
