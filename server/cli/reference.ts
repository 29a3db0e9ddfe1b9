import { readFileSync, writeFileSync } from 'node:fs';
import { referenceMarkdown } from '../features/reference.ts';
import { EXIT, UsageError } from './exit.ts';
import { complain, print } from './output.ts';

export interface ReferenceCommand {
  readonly write: string | undefined;
  readonly check: string | undefined;
}

/** `vsva reference`: prints the manual's reference, writes it to a file, or says whether a file is up to date. */
export function reference({ write, check }: ReferenceCommand): number {
  const text = referenceMarkdown();
  if (check !== undefined) {
    if (read(check) === text) return EXIT.ok;
    complain(`${check} is not up to date; vsva reference --write ${check} renews it`);
    return EXIT.findings;
  }
  if (write === undefined) print(text);
  else {
    try {
      writeFileSync(write, text);
    } catch (error) {
      throw new UsageError(`${write} cannot be written: ${(error as Error).message}`);
    }
  }
  return EXIT.ok;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`);
  }
}
