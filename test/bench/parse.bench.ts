import { parse } from '../../server/language/parser.ts';
import { scan } from '../../server/language/scanner.ts';
import { generateFile } from './generate.ts';

export interface Figure {
  readonly name: string;
  /** Milliseconds. */
  readonly median: number;
  readonly best: number;
}

/** What a keystroke costs at most: a whole scan and parse of a generated file, warm, median of seven. */
export function benchParse(): Figure[] {
  const figures: Figure[] = [];
  for (const lines of [1_000, 10_000]) {
    const text = generateFile(lines);
    figures.push(measure(`scan ${lines} lines`, () => scan(text)));
    figures.push(measure(`parse ${lines} lines`, () => parse(text)));
  }
  const noise = generateNoise(10 << 20);
  figures.push(measure('parse 10 MB of noise', () => parse(noise), 1));
  return figures;
}

function measure(name: string, run: () => unknown, warmUp = 40): Figure {
  for (let i = 0; i < warmUp; i++) run();
  const times = Array.from({ length: 7 }, () => {
    const start = performance.now();
    run();
    return performance.now() - start;
  }).sort((a, b) => a - b);
  return { name, median: times[3]!, best: times[0]! };
}

/** Random characters of the language and beyond it, the same every time. */
export function generateNoise(length: number): string {
  let seed = 1;
  const chunk = Array.from({ length: 1 << 20 }, () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return String.fromCharCode((seed >> 16) & 0xff);
  }).join('');
  return chunk.repeat(Math.ceil(length / chunk.length)).slice(0, length);
}
