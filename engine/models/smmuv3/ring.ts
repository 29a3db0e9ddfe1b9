import type { PhysMem } from '../../memory/phys-mem.ts';
import type { RegisterFile } from './register-file.ts';

const ADDRESS = 0x00ff_ffff_ffff_ffe0n;
const FLAG = 1n << 31n;
const INDEX = 0xf_ffffn;

/** A queue in memory between software and the SMMU: BASE, PROD and CONS of one of the three (IHI 0070, 3.5). */
export class Ring {
  readonly #mem: PhysMem;
  readonly #registers: RegisterFile;
  readonly #name: string;
  readonly #words: number;
  readonly #maxLog2: number;

  /** @param words 64-bit words of an entry. @param maxLog2 most entries the SMMU can have, as a power of two */
  constructor(mem: PhysMem, registers: RegisterFile, name: 'CMDQ' | 'EVENTQ' | 'PRIQ', words: number, maxLog2: number) {
    this.#mem = mem;
    this.#registers = registers;
    this.#name = name;
    this.#words = words;
    this.#maxLog2 = maxLog2;
  }

  /** Whether software has given it memory. */
  get isSet(): boolean {
    return this.#base !== 0n;
  }

  get isEmpty(): boolean {
    return this.#prod === this.#cons;
  }

  get isFull(): boolean {
    return (this.#prod ^ this.#cons) === this.#size;
  }

  /** What is to be read next. */
  get front(): bigint[] {
    const at = this.#entry(this.#cons);
    return Array.from({ length: this.#words }, (_, i) => this.#mem.read64(at + BigInt(8 * i)));
  }

  /** Writes one entry and moves PROD. The ring must not be full. */
  push(words: readonly bigint[]): void {
    const at = this.#entry(this.#prod);
    for (let i = 0; i < this.#words; i++) this.#mem.write64(at + BigInt(8 * i), words[i] ?? 0n);
    this.#move('PROD', this.#prod);
  }

  /** Moves CONS past one entry. */
  pop(): void {
    this.#move('CONS', this.#cons);
  }

  /** Says that something was lost, unless that is still to be acknowledged. */
  overflow(): void {
    const prod = this.#get('PROD');
    if (((prod ^ this.#get('CONS')) & FLAG) === 0n) this.#registers.set(`${this.#name}_PROD`, prod ^ FLAG);
  }

  get #base(): bigint {
    return this.#get('BASE') & ADDRESS;
  }

  get #size(): bigint {
    return 1n << BigInt(Math.min(Number(this.#get('BASE') & 31n), this.#maxLog2));
  }

  /** Indices with the wrap bit. */
  get #prod(): bigint {
    return this.#get('PROD') & (this.#size * 2n - 1n) & INDEX;
  }

  get #cons(): bigint {
    return this.#get('CONS') & (this.#size * 2n - 1n) & INDEX;
  }

  #entry(index: bigint): bigint {
    const bytes = this.#size * BigInt(8 * this.#words);
    const base = this.#base - (this.#base % bytes);
    return base + (index % this.#size) * BigInt(8 * this.#words);
  }

  #move(end: 'PROD' | 'CONS', index: bigint): void {
    const kept = this.#get(end) & ~(this.#size * 2n - 1n);
    this.#registers.set(`${this.#name}_${end}`, kept | ((index + 1n) & (this.#size * 2n - 1n)));
  }

  #get(register: 'BASE' | 'PROD' | 'CONS'): bigint {
    return this.#registers.get(`${this.#name}_${register}`);
  }
}
