/** What people have at hand when they ask what some bytes are: dumps, traces, arrays of C, plain digits. */

/** Bytes as they lay in memory, with what the text around them tells. */
export interface Input {
  readonly bytes: Uint8Array;
  /** The call whose argument they are: its command word, or the name that the trace gives it. */
  readonly ioctl?: bigint | string;
  /** The text says that there were more bytes than it shows. */
  readonly cut?: boolean;
}

export type InputAnswer = Input | { readonly problem: string };

/**
 * Reads plain hex (with or without 0x, spaces, commas, `\x`), `hexdump -C`, `xxd`, the kernel's hex dumps, and a line of
 * strace. Total: what is none of these is answered with the reason.
 */
export function readInput(text: string): InputAnswer {
  const trimmed = text.trim();
  if (trimmed === '') return { problem: 'there are no bytes' };
  if (/\bioctl\s*\(/.test(trimmed)) return readTrace(trimmed);
  const lines = trimmed.split(/\r?\n/).map((line) => line.trim());
  if (lines.some((line) => HEXDUMP.test(line))) return readDump(lines, HEXDUMP, (rest) => rest.split('|')[0]!);
  // xxd and the kernel put the characters behind two blanks.
  if (lines.some((line) => COLON.test(line))) return readDump(lines, COLON, (rest) => rest.trim().split(/ {2,}/)[0]!);
  if (lines.every((line) => line === '*' || /^[0-9a-f]{7}( +[0-9a-f]{4}){0,8}$/.test(line)))
    return { problem: 'hexdump without -C prints words and not bytes: use hexdump -C or xxd' };
  return readDigits(trimmed);
}

/** `00000010  18 00 ..  |....|`; the last line of a dump has an offset alone. */
const HEXDUMP = /^(?:[0-9a-f]{8,16})(?: {1,2}[0-9a-f]{2}\b)+.*\|.*\|$/i;
/** `00000010: 1800 ..`, with whatever the log put in front. */
const COLON = /(?:^|\s)[0-9a-f]{4,16}:\s+[0-9a-f]{2}/i;

function readDump(lines: readonly string[], form: RegExp, digitsOf: (rest: string) => string): InputAnswer {
  const bytes: number[] = [];
  let repeating = false;
  for (const line of lines) {
    if (line === '*') {
      repeating = true;
      continue;
    }
    const [, offsetText, rest = ''] = (form === COLON ? WITH_COLON : WITHOUT_COLON).exec(line) ?? [];
    if (offsetText === undefined) continue;
    const offset = Number.parseInt(offsetText, 16);
    if (repeating) {
      const last = bytes.slice(-16);
      if (last.length < 16 || MAX_BYTES < offset) return { problem: `nothing to repeat before offset ${offsetText}` };
      while (bytes.length < offset) bytes.push(...last);
      repeating = false;
    }
    if (offset !== bytes.length && rest !== '')
      return { problem: `the dump jumps to offset 0x${offset.toString(16)} behind ${bytes.length} bytes` };
    const found = pairs(digitsOf(rest));
    if (!found) return { problem: `no bytes can be read in "${line}"` };
    bytes.push(...found);
  }
  return { bytes: Uint8Array.from(bytes) };
}

const WITH_COLON = /(?:^|\s)([0-9a-f]{4,16}):\s+(.*)$/i;
const WITHOUT_COLON = /^([0-9a-f]{7,16})(?:\s+(.*))?$/i;
const MAX_BYTES = 1 << 20;

function readDigits(text: string): InputAnswer {
  if (/\\x[0-9a-f]{1,2}/i.test(text)) {
    const inner = /^"?((?:\\x[0-9a-f]{1,2}|["\s])*)$/i.exec(text);
    if (inner) return { bytes: bytesOfString(inner[1]!.replaceAll(/["\s]/g, '')) };
  }
  const plain = text.replaceAll(/^\s*#.*$/gm, '');
  const body = plain.replace(/^\s*bytes\s*"/, '').replaceAll(/["'{}[\];]/g, ' ');
  const bytes: number[] = [];
  for (const token of body.split(/[\s,:]+/).filter(Boolean)) {
    const digits = token.replace(/^0x/i, '').replaceAll('_', '');
    const found = pairs(/^[0-9a-f]$/i.test(digits) ? `0${digits}` : digits);
    if (!found)
      return {
        problem: /^[0-9a-f]+$/i.test(digits)
          ? `"${shorten(token)}" has an odd number of digits`
          : `"${shorten(token)}" is not hex; wanted are hex digits, hexdump -C, xxd or a line of strace`,
      };
    bytes.push(...found);
  }
  return bytes.length > 0 ? { bytes: Uint8Array.from(bytes) } : { problem: 'there are no bytes' };
}

const shorten = (token: string): string => (token.length <= 24 ? token : `${token.slice(0, 24)}..`);

/** The bytes of digits in pairs; undefined when something is left over. */
function pairs(text: string): number[] | undefined {
  const digits = text.replaceAll(/\s/g, '');
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) return undefined;
  return Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

/** `ioctl(5, 0x3b77, "\x18\0..."...) = 0`; with other arguments only the number is told. */
function readTrace(line: string): InputAnswer {
  const call = /\bioctl\s*\(\s*[^,]+,\s*(_IO[A-Z]*\([^)]*\)|[^,)\s]+)\s*(?:\/\*.*?\*\/\s*)?(?:,\s*([\s\S]*))?/.exec(
    line,
  );
  const command = call ? commandOf(call[1]!) : undefined;
  if (!call || command === undefined) return { problem: 'the command word of this ioctl cannot be read' };
  const argument = call[2]?.trim() ?? '';
  const string = /^"((?:[^"\\]|\\[\s\S])*)"(\.\.\.)?/.exec(argument);
  if (string)
    return { bytes: bytesOfString(string[1]!), ioctl: command, ...(string[2] === undefined ? {} : { cut: true }) };
  // A trace without the bytes names the call at least.
  return { bytes: new Uint8Array(0), ioctl: command };
}

/** A number, `_IO(0x3b, 0x77)`, `_IOC(_IOC_NONE, 0x3b, 0x77, 0)`, or a name that stays one. */
function commandOf(text: string): bigint | string | undefined {
  const macro = /^(_IO[A-Z]*)\(([^)]*)\)$/.exec(text);
  if (!macro) return numberOf(text) ?? (/^[A-Z]\w+$/.test(text) ? text : undefined);
  const words = macro[2]!.split(',').map((word) => word.trim());
  const [type, nr] = (macro[1] === '_IOC' ? words.slice(1) : words).map(numberOf);
  if (type === undefined || nr === undefined) return undefined;
  const direction = macro[1] === '_IOC' ? directionOf(words[0]!) : 0n;
  const size = macro[1] === '_IOC' ? (numberOf(words[3] ?? '0') ?? 0n) : 0n;
  return (direction << 30n) | (size << 16n) | (type << 8n) | nr;
}

const directionOf = (word: string): bigint =>
  (word.includes('_IOC_WRITE') ? 1n : 0n) | (word.includes('_IOC_READ') ? 2n : 0n);

function numberOf(text: string): bigint | undefined {
  if (/^(0x[0-9a-f]+|\d+)$/i.test(text)) return BigInt(text);
  const letter = /^'(.)'$/.exec(text);
  return letter ? BigInt(letter[1]!.charCodeAt(0)) : undefined;
}

const ESCAPES: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, v: 11, f: 12, a: 7, b: 8, '"': 34, '\\': 92 };

/** The bytes of a C string without its quotes; strace writes octal by default and hex with -x. */
function bytesOfString(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const [, hex, octal, letter, plain] of text.matchAll(
    /\\x([0-9a-f]{1,2})|\\([0-7]{1,3})|\\([\s\S])|([\s\S])/gi,
  )) {
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else if (octal !== undefined) bytes.push(Number.parseInt(octal, 8) & 0xff);
    else if (letter !== undefined) bytes.push(ESCAPES[letter] ?? letter.charCodeAt(0));
    else bytes.push(...new TextEncoder().encode(plain!));
  }
  return Uint8Array.from(bytes);
}
