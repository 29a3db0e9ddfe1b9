import { decodeEvent } from '../../models/smmuv3/event-record.ts';
import { logOf } from '../arm-smmu-v3/events.ts';
import { type CallResult, done, type FailPoints, type Refusal, refuse } from '../check.ts';
import { View } from '../iommufd/user-data.ts';
import { type DevicePageRequest, type Injection, KernelBase, type Problem, type Target } from '../kernel.ts';
import type { DeviceConfig } from '../machine-config.ts';
import { type Platform, smmuOf, vtdOf } from '../platform.ts';
import { failed } from '../vfio-container/bytes.ts';
import { GROUP_CHECKS } from '../vfio-container/checks.ts';
import { type BoundTable, bindPasidTable } from './bind.ts';
import { BIND_CHECKS, RESPONSE_CHECKS } from './checks.ts';
import { type CommandsFor, smmuv3Commands, vtdCommands } from './commands.ts';
import type { HostIommu, PageRequest } from './host-iommu.ts';
import { IntelHost } from './intel-host.ts';
import { SmmuHost } from './smmu-host.ts';
import { svaInvalidate } from './sva-invalidate.ts';
import { type HostUnit, hostUnit } from './unit.ts';

const RESPONSES = ['SUCCESS', 'INVALID', 'FAILURE'];

/**
 * vSVA v4 and v5 (2018): another driver of the kernel hands the guest's whole PASID table to the IOMMU, through calls
 * that no ioctl reaches. An SMMUv3 walks it behind its second stage; a VT-d unit translates requests without PASID by its
 * second stage, and what a guest's own PASID table would do with the others is not modelled.
 */
export class PasidTableKernel extends KernelBase {
  protected readonly what = 'a kernel whose calls are not yet behind an ioctl';
  readonly #platform: Platform;
  readonly #unit: HostUnit;
  readonly #commandsFor: CommandsFor;
  readonly #attached: Set<string>;
  readonly #iommu: HostIommu;
  readonly #tables = new Map<string, BoundTable>();
  #pending: PageRequest[] = [];

  constructor(platform: Platform) {
    super();
    this.#platform = platform;
    this.#unit = hostUnit(platform.config);
    this.#commandsFor = platform.config.model === 'smmuv3' ? smmuv3Commands : vtdCommands;
    this.#attached = new Set(platform.config.devices.map((d) => d.name));
    const [vtd, smmu] = [vtdOf(platform), smmuOf(platform)];
    if (!vtd && !smmu) throw new Error(`${platform.generation.id} needs a VT-d unit or an SMMUv3`);
    this.#iommu = vtd ? new IntelHost(platform, vtd) : new SmmuHost(platform, smmu!);
  }

  ioctl(): Problem {
    return { problem: 'this generation has no ioctl: name the call, such as "to bind_pasid_table on dev0"' };
  }

  override call(name: string, argument: bigint, on: string | undefined, fail: FailPoints): CallResult | Problem {
    const device = on === undefined ? undefined : this.#device(on);
    if (!device) return { problem: `${name} is called for a device: write "on DEV"` };
    switch (name) {
      case 'bind_pasid_table':
        return this.#bind(device, argument, fail);
      case 'unbind_pasid_table':
        return done(0, [this.#unbind(device) ? 'the table is gone' : 'no table was bound']);
      case 'sva_invalidate': {
        const { user, generation } = this.#platform;
        const bound = this.#tables.has(device.name);
        const commands = svaInvalidate({ user, generation, device, bound, commandsFor: this.#commandsFor }, argument);
        if ('check' in commands) return failed(commands);
        this.#iommu.issue(commands);
        return done(0, commands.length === 0 ? ['nothing to flush'] : []);
      }
      case 'page_response':
        return this.#respond(argument, device.name);
      default:
        return this.lacks(`a call ${name}`);
    }
  }

  override attach(device: string, target: Target, fail: FailPoints): CallResult | Problem {
    if (target.to !== undefined || target.pasid !== undefined) return { problem: 'write attach DEV' };
    if (fail.hit()) return failed(refuse(BIND_CHECKS.noMemory, { injected: true }));
    if (this.#attached.has(device)) return failed(refuse(GROUP_CHECKS.attachBusy, { found: device }));
    const group = this.#groupOf(device);
    this.#iommu.join(group);
    for (const { name } of group) this.#attached.add(name);
    return done();
  }

  override detach(device: string): CallResult | Problem {
    if (!this.#attached.has(device)) return failed(refuse(GROUP_CHECKS.detachNot, { found: device }));
    const group = this.#groupOf(device);
    const unbound = group.filter((d) => this.#unbind(d)).map((d) => d.name);
    for (const { name } of group) this.#attached.delete(name);
    this.#iommu.leave(group);
    return done(0, unbound.length > 0 ? [`the table of ${unbound.join(', ')} is gone`] : []);
  }

  override hostMap(gpa: bigint, hpa: bigint, size: bigint): CallResult | Problem {
    return this.#iommu.map(gpa, hpa, size);
  }

  override hostUnmap(gpa: bigint, size: bigint): CallResult | Problem {
    return this.#iommu.unmap(gpa, size);
  }

  override hostProtect(gpa: bigint, size: bigint, read: boolean, write: boolean): CallResult | Problem {
    return this.#iommu.protect(gpa, size, read, write);
  }

  override notWalkable(_device: string, _pasid: number): Problem | undefined {
    return this.#iommu.notWalkable;
  }

  override isBound(device: string, { to, pasid }: Target): boolean | Problem {
    if (to !== undefined) return { problem: '"to" names an iommufd object, which this generation does not have' };
    const table = this.#tables.get(device);
    return pasid === undefined ? this.#attached.has(device) : table !== undefined && pasid < 2 ** table.pasidBits;
  }

  /** A page request, written as the answer that it will get: `page_response { page_req_group_id = 1, .. }`. */
  override inject(device: string, { struct, bytes }: Injection): CallResult | Problem {
    const of = this.#platform.generation.structs.get('page_response_msg')!;
    if (struct !== of.name)
      return { problem: `a page request is written as a ${of.name}, whose fields its answer repeats` };
    if (!this.#device(device)?.pri) return { problem: `${device} sends no page requests: it needs pri = 1` };
    this.#pending.push({ device: this.#device(device)!, ...keyOf(new View(of, bytes)) });
    return done();
  }

  override respond(argument: bigint, _fail: FailPoints): CallResult | Problem {
    return this.#respond(argument, undefined);
  }

  /** A page request of an SMMU waits for page_response, as the fault report of the posting has it. */
  override pageRequest(name: string, { pasid }: DevicePageRequest): readonly string[] {
    if (!(this.#iommu instanceof SmmuHost)) return [];
    const group = this.#iommu.takePageRequest();
    this.#pending.push({ device: this.#device(name)!, group, pasid });
    return [`group ${group} waits for page_response`];
  }

  /** A stalled access waits likewise, under its STAG; other events of an SMMU are logged. */
  override faultRecord(words: readonly bigint[]): readonly string[] {
    if (!(this.#iommu instanceof SmmuHost)) return [];
    const event = decodeEvent(words);
    const device = this.#platform.config.devices.find(({ sid }) => BigInt(sid) === event['StreamID']);
    if (!device || event['Stall'] !== 1n) return [logOf(words, device?.name)];
    const group = Number(event['STAG']);
    const pasid = event['SSV'] === 1n ? Number(event['SubstreamID']) : undefined;
    this.#pending.push({ device, group, pasid, stalled: true });
    return [`group ${group} waits for page_response`];
  }

  override takeIssued(): bigint[][] {
    return this.#iommu.takeIssued();
  }

  #device(name: string): DeviceConfig | undefined {
    return this.#platform.config.devices.find((d) => d.name === name);
  }

  /** The devices that share a group with one. */
  #groupOf(name: string): DeviceConfig[] {
    const group = this.#device(name)?.group;
    return this.#platform.config.devices.filter((d) => d.group === group);
  }

  #bind(device: DeviceConfig, argument: bigint, fail: FailPoints): CallResult {
    const { user, generation, quirk } = this.#platform;
    const table = bindPasidTable(
      {
        user,
        struct: generation.structs.get('pasid_table_config')!,
        unit: this.#unit,
        device,
        attached: this.#attached.has(device.name),
        bound: this.#tables.has(device.name),
        modelUnchecked: quirk('model_unchecked'),
      },
      argument,
      fail,
    );
    if ('check' in table) return failed(table);
    this.#tables.set(device.name, table);
    this.#iommu.setTable(device, table);
    return done();
  }

  #unbind(device: DeviceConfig): boolean {
    const bound = this.#tables.delete(device.name);
    if (bound) this.#iommu.setTable(device, undefined);
    return bound;
  }

  #respond(argument: bigint, device: string | undefined): CallResult {
    const answer = this.#readResponse(argument);
    if ('check' in answer) return failed(answer);
    const { key, code } = answer;
    const at = this.#pending.findIndex(
      (p) => p.group === key.group && p.pasid === key.pasid && (device ?? p.device.name) === p.device.name,
    );
    if (at < 0) {
      const found = `group ${key.group}${key.pasid === undefined ? '' : `, PASID ${key.pasid}`}`;
      return failed(refuse(RESPONSE_CHECKS.nothingPending, { path: 'page_req_group_id', found }));
    }
    const [request] = this.#pending.splice(at, 1);
    const told = `${request!.device.name} is told ${RESPONSES[code]} for group ${key.group}`;
    return done(0, [told, ...this.#iommu.answer(request!, code)]);
  }

  #readResponse(argument: bigint): { key: Pick<PageRequest, 'group' | 'pasid'>; code: number } | Refusal {
    const struct = this.#platform.generation.structs.get('page_response_msg')!;
    const bytes = this.#platform.user.copyFrom(argument, struct.size);
    if (!bytes) return refuse(RESPONSE_CHECKS.unreadable, { found: `${struct.size} bytes wanted` });
    const view = new View(struct, bytes);
    const code = view.u32('resp_code');
    if (RESPONSES.length <= code)
      return refuse(RESPONSE_CHECKS.code, { path: 'resp_code', found: `${code}`, wanted: RESPONSES.join(', ') });
    return { key: keyOf(view), code };
  }
}

const keyOf = (view: View): Pick<PageRequest, 'group' | 'pasid'> => ({
  group: view.u32('page_req_group_id'),
  pasid: (view.u32('pasid_present') & 1) === 1 ? view.u32('pasid') : undefined,
});

export const bootPasidTable = (platform: Platform): PasidTableKernel => new PasidTableKernel(platform);
