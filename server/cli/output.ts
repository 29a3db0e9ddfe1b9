import { EXIT } from './exit.ts';

/**
 * Output that outlives its reader: after `vsva run .. | head -1` has closed the pipe, the run goes on unheard and its
 * exit code still tells the truth.
 */
export function guardOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    complain(`the output cannot be written: ${error.message}`);
    process.exit(EXIT.usage);
  });
  // There is nobody left to complain to.
  process.stderr.on('error', () => undefined);
}

export const print = (text: string): void => {
  process.stdout.write(text);
};

/** For people: progress and complaints, so that stdout holds nothing but the report. */
export const complain = (text: string): void => {
  process.stderr.write(`vsva: ${text}\n`);
};

/** Whether to colour; https://no-color.org. */
export const wantsColour = (): boolean => process.stdout.isTTY === true && !process.env['NO_COLOR'];
