import { hexGrouped } from '../base/text.ts';
import { bootKernel } from '../host/index.ts';
import type { Kernel } from '../host/kernel.ts';
import type { MachineConfig, RamConfig } from '../host/machine-config.ts';
import type { HardwarePlatform, Platform } from '../host/platform.ts';
import { UserMemory } from '../host/user-memory.ts';
import { PhysMem } from '../memory/phys-mem.ts';
import { type Hardware, modelById } from '../models/index.ts';
import { sysfsValue } from '../models/sysfs-read.ts';
import type { Unit } from '../models/unit.ts';
import { type FormatLimits, fillSecondStage, type TableMemory, WIDEST_LIMITS } from '../pagetable/index.ts';
import type { Generation } from '../uapi/index.ts';

const PAGE = 0x1000n;
/** Pages that a machine with 2 GiB of RAM in 4K leaves needs, so that setting it up never has to grow. */
const USUAL_PAGES = 1200;
const MAX_SCRAP = 2;

/** A second stage filled from the machine's RAM, made once per machine and copied for each scenario. */
interface Template {
  readonly mem: PhysMem;
  readonly root: bigint;
  readonly nextTable: bigint;
  /** Memory of machines that have been scrapped, to be written over. */
  readonly scrap: Int32Array[];
}

const templates = new WeakMap<MachineConfig, Template>();

/** Everything a scenario runs on, fresh: memory, the IOMMU with its caches, the kernel above it, the caller's memory. */
export class Machine {
  readonly config: MachineConfig;
  readonly mem: PhysMem;
  readonly user = new UserMemory();
  readonly kernel: Kernel;
  readonly limits: FormatLimits;
  readonly #hardware: Hardware | undefined;
  readonly #unit: Unit | undefined;
  #nextTable: bigint;
  /** Guest pages the VMM has moved: GPA page to HPA page. */
  readonly #moved = new Map<bigint, bigint>();

  constructor(config: MachineConfig, generation: Generation, quirks: ReadonlyMap<string, boolean>) {
    const template = templateOf(config);
    this.config = config;
    this.mem = template.mem.clone(template.scrap.pop());
    this.#nextTable = template.nextTable;
    this.#hardware = modelById(config.model)?.hardware;
    this.limits = this.#hardware?.limits(config) ?? WIDEST_LIMITS;
    const platform: Platform = {
      generation,
      config,
      user: this.user,
      quirk: (name) => quirks.get(name) ?? generation.quirks.get(name)?.on ?? false,
    };
    this.#unit = this.#hardware?.create(this.mem, config);
    this.kernel = bootKernel(
      this.#unit ? { ...platform, hardware: this.#around(this.#unit, template.root) } : platform,
    );
  }

  /** The hardware that translates. @throws Error on a machine without any; ask `hasHardware` first */
  get unit(): Unit {
    if (!this.#unit) throw new Error(`a machine with ${this.config.model} has no hardware to translate`);
    return this.#unit;
  }

  get hasHardware(): boolean {
    return this.#unit !== undefined;
  }

  /** False for bare hardware, which the scenario programs itself. */
  get hasKernel(): boolean {
    return !this.config.bare;
  }

  /** What can be simulated of the machine's IOMMU. */
  get hardware(): Hardware | undefined {
    return this.#hardware;
  }

  /**
   * Writes the registers that a bare machine declares, in their order.
   * @returns why one of them was not taken; no full stop
   */
  program(): string | undefined {
    for (const [name, value] of Object.entries(this.config.registers)) {
      const outcome = this.unit.writeRegister(name, value);
      if (!outcome) return `iommu0 has no register ${name}`;
      if (!outcome.ok) return `iommu0.${name} = ${hexGrouped(value)}: ${outcome.why ?? outcome.error ?? 'refused'}`;
    }
    return undefined;
  }

  /** `iommu0.NAME`: a register, or a field of a capability register; undefined for anything else. */
  register(name: string): bigint | undefined {
    const described = sysfsValue(this.config, name);
    if (described !== undefined) return described;
    return this.#unit?.register(name);
  }

  /** A hardware command in words. */
  describe(words: readonly bigint[]): string {
    return this.#hardware?.describe(words) ?? words.map((word) => hexGrouped(word)).join(', ');
  }

  #around(unit: Unit, root: bigint): HardwarePlatform {
    const { config } = this;
    return {
      unit,
      mem: this.mem,
      root,
      format: this.#hardware!.secondStage(config),
      maxAddr: config.ram.map((r) => r.gpa + r.size).reduce((max, end) => (end < max ? max : end), 0n),
      allocate: () => this.allocateTable(),
      leafSize: (gpa) => config.ram.find((r) => r.gpa <= gpa && gpa < r.gpa + r.size)?.page ?? PAGE,
    };
  }

  /** Tells memory and hardware the time, which what they note from here on carries. */
  tell(now: number): void {
    this.mem.now = now;
    if (this.#unit) this.#unit.now = now;
  }

  /** Gives the memory back; the machine must not be used any more. */
  scrap(): void {
    const { scrap } = templateOf(this.config);
    if (scrap.length < MAX_SCRAP) scrap.push(this.mem.words);
  }

  /** A host page for tables. Pages behind it follow, so several calls give contiguous memory. */
  allocateTable(): bigint {
    const page = this.#nextTable;
    this.#nextTable += PAGE;
    return page;
  }

  /** Where the VMM keeps a guest page, whether or not the IOMMU maps it; undefined outside of RAM. */
  hpaOf(gpa: bigint): bigint | undefined {
    const moved = this.#moved.get(gpa & ~(PAGE - 1n));
    if (moved !== undefined) return moved | (gpa & (PAGE - 1n));
    const ram = this.config.ram.find((r) => r.gpa <= gpa && gpa < r.gpa + r.size);
    return ram && ram.hpa + (gpa - ram.gpa);
  }

  /** The VMM backs guest pages with other memory from now on. */
  move(gpa: bigint, hpa: bigint, size: bigint): void {
    for (let at = 0n; at < size; at += PAGE) this.#moved.set(gpa + at, hpa + at);
  }

  /** Guest memory as the guest's CPU sees it; reads outside of RAM give 0 and writes there are lost. */
  readonly guest: TableMemory = {
    read64: (gpa) => {
      const hpa = this.hpaOf(gpa);
      return hpa === undefined ? 0n : this.mem.read64(hpa);
    },
    write64: (gpa, value) => {
      const hpa = this.hpaOf(gpa);
      if (hpa !== undefined) this.mem.write64(hpa, value);
    },
  };

  readGuest(gpa: bigint, size: number): Uint8Array | undefined {
    return this.#guestBytes(gpa, size, (hpa) => this.mem.read(hpa, 1)[0]!);
  }

  writeGuest(gpa: bigint, bytes: Uint8Array): boolean {
    return (
      this.#guestBytes(gpa, bytes.length, (hpa, i) => {
        this.mem.write(hpa, bytes.subarray(i, i + 1));
        return 0;
      }) !== undefined
    );
  }

  #guestBytes(gpa: bigint, size: number, touch: (hpa: bigint, i: number) => number): Uint8Array | undefined {
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i++) if (this.hpaOf(gpa + BigInt(i)) === undefined) return undefined;
    for (let i = 0; i < size; i++) bytes[i] = touch(this.hpaOf(gpa + BigInt(i))!, i);
    return bytes;
  }
}

function templateOf(config: MachineConfig): Template {
  const known = templates.get(config);
  if (known) return known;
  const mem = new PhysMem(USUAL_PAGES);
  let next = tableBase(config);
  const allocate = (): bigint => {
    const page = next;
    next += PAGE;
    return page;
  };
  const root = allocate();
  const ranges = config.ram.map((r: RamConfig) => ({ ...r, read: true, write: true }));
  const format = modelById(config.model)?.hardware?.secondStage(config);
  // Without a kernel nobody maps the RAM: it only says where guest addresses lie.
  if (format && !config.bare) fillSecondStage(mem, format, root, allocate, ranges);
  const template: Template = { mem, root, nextTable: next, scrap: [] };
  templates.set(config, template);
  return template;
}

/** Room for the kernel's tables that no RAM overlaps: 1 GiB at 256 GiB, or the next free GiB above. */
function tableBase(config: MachineConfig): bigint {
  const room = 1n << 30n;
  const limit = 1n << BigInt(config.haw);
  const first = 0x40_0000_0000n + room <= limit ? 0x40_0000_0000n : room;
  for (let base = first; base + room <= limit; base += room) {
    if (!config.ram.some((r) => r.hpa < base + room && base < r.hpa + r.size)) return base;
  }
  return 0n;
}
