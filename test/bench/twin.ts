/** Builds and runs the C twins of the nested walks over the memory of a guest (`twin.c`), where a C compiler is there. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Request } from '../../engine/models/translation.ts';
import { type GuestTables, shuffledPages, sumOf, type Translator, VA } from './guest.ts';

const SOURCE = join(import.meta.dirname, '../test/bench/twin.c');
const HEAD_WORDS = 5;
const PAGE_WORDS = 512;

/** Median ns of the same work in C. */
export interface TwinFigures {
  /** A walk over memory behind the same hash index. */
  readonly hashed: number;
  /** A walk over flat memory. */
  readonly flat: number;
  readonly hit: number;
}

/** A unit, what to ask it, and its tables. */
export interface TwinGuest {
  readonly unit: Translator;
  readonly request: Request;
  readonly tables: GuestTables;
}

/**
 * Undefined where there is no compiler. @param format of the entries
 * @throws Error where the twin does not compile, fails or disagrees
 */
export function runTwin(format: 'vtd' | 'vmsa', { unit, request, tables }: TwinGuest): TwinFigures | undefined {
  const compiler = process.env['CC'] ?? 'cc';
  if (spawnSync(compiler, ['--version']).status !== 0) return undefined;
  const directory = mkdtempSync(join(tmpdir(), 'vsva-twin-'));
  try {
    const [program, image] = [join(directory, 'twin'), join(directory, 'image')];
    const built = spawnSync(compiler, ['-O2', '-o', program, SOURCE], { encoding: 'utf8' });
    if (built.status !== 0) throw new Error(`${compiler} refused twin.c: ${built.stderr}`);
    writeFileSync(image, imageOf(tables));
    const ran = spawnSync(program, [image, format], { encoding: 'utf8' });
    if (ran.status !== 0) throw new Error(`the C twin ended with ${ran.status}: ${ran.stderr}`);
    const figures = Object.fromEntries(
      ran.stdout
        .trim()
        .split('\n')
        .map((line) => line.split(' ')),
    );
    if (BigInt(figures.sum) !== sumOf(unit, request)) throw new Error('the C twin walks to other addresses');
    return { hashed: Number(figures.hashed), flat: Number(figures.flat), hit: Number(figures.hit) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** What `twin.c` reads. */
function imageOf({ mem, tables, fsRoot, ssRoot }: GuestTables): Uint8Array {
  const order = shuffledPages();
  const words = new BigUint64Array(HEAD_WORDS + order.length + tables.length * (1 + PAGE_WORDS));
  words.set([BigInt(tables.length), BigInt(order.length), fsRoot, ssRoot, VA]);
  words.set(BigUint64Array.from(order, BigInt), HEAD_WORDS);
  let at = HEAD_WORDS + order.length;
  for (const table of tables) {
    words[at] = table;
    words.set(new BigUint64Array(mem.copyPage(table).buffer), at + 1);
    at += 1 + PAGE_WORDS;
  }
  return new Uint8Array(words.buffer);
}
