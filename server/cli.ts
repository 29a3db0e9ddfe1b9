/** Process entry of the command line: sets the exit code, and turns what is thrown into words. */
import { EXIT, UsageError } from './cli/exit.ts';
import { main } from './cli/main.ts';
import { complain, guardOutput } from './cli/output.ts';

guardOutput();
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) {
    complain(error.message);
    process.exitCode = EXIT.usage;
  } else {
    complain(`internal error: ${error instanceof Error ? (error.stack ?? error.message) : error}`);
    complain('this is a mistake in vsva; please report it with the command and the file that led to it');
    process.exitCode = EXIT.internal;
  }
}
