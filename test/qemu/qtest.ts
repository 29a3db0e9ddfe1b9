import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

/** Commands that are sent before the first answer is waited for. */
const BATCH = 256;

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** The command that writes 64 bits; others are as short. For use with `QTest.batch`. */
export const writeq = (address: bigint, value: bigint): string =>
  `writeq ${hex(address)} ${hex(BigInt.asUintN(64, value))}`;
export const writel = (address: bigint, value: number): string => `writel ${hex(address)} ${hex(value >>> 0)}`;
export const readq = (address: bigint): string => `readq ${hex(address)}`;
export const memset = (address: bigint, size: bigint, byte = 0): string =>
  `memset ${hex(address)} ${hex(size)} ${hex(byte)}`;

/** The value in an answer such as `OK 0x1f`. */
export const answered = (answer: string): bigint => BigInt(answer.split(' ')[1]!);

/**
 * A QEMU process that is driven over the qtest protocol on its standard streams (docs/devel/testing/qtest.rst): one line
 * per command, one line per answer, in order. Addresses are guest physical; ports are x86 only.
 */
export class QTest {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #waiting: { readonly resolve: (answer: string) => void; readonly reject: (error: Error) => void }[] = [];
  #partial = '';
  #messages = '';
  #ended: Error | undefined;

  /** @param args everything but the qtest options; the process ends with `stop` or with this process */
  constructor(binary: string, args: readonly string[]) {
    this.#process = spawn(binary, [...args, '-qtest', 'stdio', '-qtest-log', 'none']);
    this.#process.stdout.setEncoding('latin1').on('data', (text: string) => this.#received(text));
    this.#process.stderr.setEncoding('utf8').on('data', (text: string) => {
      const all = this.#messages + text;
      this.#messages = all.length > 4000 ? all.slice(0, 2000) + all.slice(-2000) : all;
    });
    process.once('exit', this.#kill);
    this.#process.stdin.on('error', () => {});
    this.#process.on('error', (error) => this.#end(error));
    this.#process.on('exit', (code, signal) => {
      process.off('exit', this.#kill);
      this.#end(new Error(`${binary} ended (${signal ?? code}): ${this.#messages.trim()}`));
    });
  }

  /** What QEMU had to say so far: its warnings, of many the first and the last 2000 characters. */
  get messages(): string {
    return this.#messages;
  }

  /** Sends one line and gives the answer's line. Anything but `OK` rejects. */
  command(line: string): Promise<string> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        resolve: (answer) =>
          answer.startsWith('OK') ? resolve(answer) : reject(new Error(`qtest answers '${answer}' to '${line}'`)),
        reject,
      });
      this.#process.stdin.write(`${line}\n`);
    });
  }

  /** Sends many lines without waiting in between; answers come in the same order. */
  async batch(lines: readonly string[]): Promise<string[]> {
    const answers: string[] = [];
    for (let at = 0; at < lines.length; at += BATCH) {
      answers.push(...(await Promise.all(lines.slice(at, at + BATCH).map((line) => this.command(line)))));
    }
    return answers;
  }

  async readl(address: bigint): Promise<number> {
    return Number(answered(await this.command(`readl ${hex(address)}`)));
  }

  async readq(address: bigint): Promise<bigint> {
    return answered(await this.command(readq(address)));
  }

  async writel(address: bigint, value: number): Promise<void> {
    await this.command(writel(address, value));
  }

  async writeq(address: bigint, value: bigint): Promise<void> {
    await this.command(writeq(address, value));
  }

  /** `size` bytes of guest memory. */
  async read(address: bigint, size: number): Promise<Buffer> {
    const answer = await this.command(`read ${hex(address)} ${hex(size)}`);
    return Buffer.from(answer.slice('OK 0x'.length), 'hex');
  }

  async write(address: bigint, bytes: Uint8Array): Promise<void> {
    await this.command(`write ${hex(address)} ${hex(bytes.length)} 0x${Buffer.from(bytes).toString('hex')}`);
  }

  async memset(address: bigint, size: bigint, byte = 0): Promise<void> {
    await this.command(memset(address, size, byte));
  }

  async outl(port: number, value: number): Promise<void> {
    await this.command(`outl ${hex(port)} ${hex(value >>> 0)}`);
  }

  async inl(port: number): Promise<number> {
    return Number(answered(await this.command(`inl ${hex(port)}`)));
  }

  /** Ends the process and waits until it has gone. */
  stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      this.#process.once('exit', () => resolve());
      this.#kill();
    });
  }

  /** QEMU does not notice when the other end of its streams goes. */
  readonly #kill = (): void => {
    this.#process.kill('SIGKILL');
  };

  #received(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop()!;
    for (const line of lines) {
      // Interrupts are announced between answers.
      if (line.startsWith('IRQ ')) continue;
      this.#waiting.shift()?.resolve(line);
    }
  }

  #end(error: Error): void {
    this.#ended = error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
