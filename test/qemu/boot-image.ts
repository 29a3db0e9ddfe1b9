import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What the processor runs while the test drives the machine: nothing. It must sleep, or no virtual time would pass by itself. */
const HALTED = {
  /** 64 KiB that end at 4 GiB; the reset vector is 16 bytes before the end: cli; hlt; jmp to the hlt. */
  x86_64: { size: 0x1_0000, at: 0xfff0, code: [0xfa, 0xf4, 0xeb, 0xfd] },
  /** Flash at address 0, where execution starts: wfi; b to the wfi. Exceptions are masked at reset. */
  aarch64: { size: 0x1000, at: 0, code: [0x7f, 0x20, 0x03, 0xd5, 0xff, 0xff, 0xff, 0x17] },
} as const;

export type Architecture = keyof typeof HALTED;

/** A firmware image in a file of its own. */
export function bootImage(architecture: Architecture): { readonly path: string; readonly remove: () => void } {
  const { size, at, code } = HALTED[architecture];
  const folder = mkdtempSync(join(tmpdir(), 'vsva-oracle-'));
  const path = join(folder, 'halt.bin');
  const image = Buffer.alloc(size);
  image.set(code, at);
  writeFileSync(path, image);
  const remove = (): void => {
    process.off('exit', remove);
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', remove);
  return { path, remove };
}
