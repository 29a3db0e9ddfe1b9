import { EXIT } from './exit.ts';

/** How a server is spoken to, as its library reads it from the arguments. */
const TRANSPORT = /^--(stdio|node-ipc|socket|pipe)(=|$)/;

/**
 * `vsva lsp`: the language server of the VS Code extension for any editor, by default over stdin and stdout. It is a file
 * of its own beside this one, so that the other commands do not carry it. It goes on when this has returned, and sets
 * the exit code itself: 0 after a shutdown, else 1.
 */
export async function lsp(): Promise<number> {
  if (!process.argv.some((arg) => TRANSPORT.test(arg))) process.argv.push('--stdio');
  await import(new URL('server.cjs', import.meta.url).href);
  return EXIT.ok;
}
