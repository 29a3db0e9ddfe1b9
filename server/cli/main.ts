import { type ParseArgsConfig, parseArgs } from 'node:util';
import { EXIT, UsageError } from './exit.ts';
import { helpText, PLANNED_COMMANDS } from './help.ts';
import { print } from './output.ts';

/** Put in place by the build. */
declare const VSVA_VERSION: string;

/** Reads the arguments and hands over to the command. Answers the exit code. */
export async function main([command, ...args]: string[]): Promise<number> {
  if (command === undefined) {
    process.stderr.write(helpText()!);
    return EXIT.usage;
  }
  if (command === '--version' || command === '-V') return answer(`vsva ${VSVA_VERSION}\n`);
  if (command === '--help' || command === '-h') return answer(helpText()!);
  if (command === 'help') return help(args);
  if (PLANNED_COMMANDS.includes(command)) throw new UsageError(`vsva ${command} is not available yet`);
  if (args.includes('--help') || args.includes('-h')) return help([command]);

  switch (command) {
    case 'run': {
      const { values, positionals } = read(args, {
        reporter: { type: 'string' },
        filter: { type: 'string' },
        bail: { type: 'boolean' },
        'max-steps': { type: 'string' },
        strict: { type: 'boolean' },
        verbose: { type: 'boolean' },
      });
      const { run } = await import('./run.ts');
      return run({
        inputs: inputsOf(command, positionals),
        reporter: oneOf('--reporter', values.reporter, ['pretty', 'json', 'junit'], ['tap', 'github']),
        filter: values.filter === undefined ? undefined : regExp(values.filter),
        bail: values.bail === true,
        maxSteps: values['max-steps'] === undefined ? undefined : positive('--max-steps', values['max-steps']),
        strict: values.strict === true,
        verbose: values.verbose === true,
      });
    }
    case 'check': {
      const { values, positionals } = read(args, { reporter: { type: 'string' }, strict: { type: 'boolean' } });
      const reporter = oneOf('--reporter', values.reporter, ['pretty', 'json'], ['sarif', 'github']);
      const { check } = await import('./check.ts');
      return check({ inputs: inputsOf(command, positionals), reporter, strict: values.strict === true });
    }
    case 'layout': {
      const { values, positionals } = read(args, {
        uapi: { type: 'string' },
        format: { type: 'string' },
        quirks: { type: 'boolean' },
        machine: { type: 'boolean' },
      });
      const { layout } = await import('./layout.ts');
      return layout({
        uapi: values.uapi,
        structs: positionals,
        format: oneOf('--format', values.format, ['pretty', 'json']),
        quirks: values.quirks === true,
        machine: values.machine === true,
      });
    }
    case 'decode': {
      const text = { type: 'string' } as const;
      const { values, positionals } = read(args, { uapi: text, struct: text, name: text });
      const { decode } = await import('./decode.ts');
      return decode({ uapi: values.uapi, struct: values.struct, name: values.name ?? 'decoded', inputs: positionals });
    }
    case 'export': {
      // What names something in the standard input is no option.
      const inputs = args.map((arg) => arg.replace(/^-#/, '<stdin>#'));
      const { values, positionals } = read(inputs, { as: { type: 'string' }, headers: { type: 'boolean' } });
      const [input, ...others] = inputsOf(command, positionals);
      if (others.length > 0) throw new UsageError(`export takes one FILE or FILE#NAME, and not ${others[0]} as well`);
      const format = oneOf('--as', values.as, ['c', 'hex', 'rust']);
      const { exportFile } = await import('./export.ts');
      return exportFile({ input: input!, format, headers: values.headers === true });
    }
    case 'compat': {
      const { values, positionals } = read(args, { format: { type: 'string' } });
      const { compat } = await import('./compat.ts');
      return compat({
        inputs: inputsOf(command, positionals),
        format: oneOf('--format', values.format, ['pretty', 'json']),
      });
    }
    case 'reference': {
      const { values, positionals } = read(args, { write: { type: 'string' }, check: { type: 'string' } });
      if (positionals.length > 0) throw new UsageError(`reference takes no ${positionals[0]}`);
      if (values.write !== undefined && values.check !== undefined)
        throw new UsageError('--write and --check exclude each other');
      const { reference } = await import('./reference.ts');
      return reference({ write: values.write, check: values.check });
    }
    case 'lsp': {
      // The server reads these itself; here they are only held against what there is.
      const text = { type: 'string' } as const;
      const { positionals } = read(args, {
        stdio: { type: 'boolean' },
        socket: text,
        pipe: text,
        clientProcessId: text,
      });
      if (positionals.length > 0) throw new UsageError(`lsp takes no ${positionals[0]}`);
      const { lsp } = await import('./lsp.ts');
      return lsp();
    }
    default:
      throw new UsageError(`there is no command ${command}; vsva help lists them`);
  }
}

function answer(text: string): number {
  print(text);
  return EXIT.ok;
}

function help([command]: readonly string[]): number {
  if (command !== undefined && PLANNED_COMMANDS.includes(command))
    throw new UsageError(`vsva ${command} is not available yet`);
  const text = helpText(command);
  if (text === undefined) throw new UsageError(`there is no command ${command}; vsva help lists them`);
  return answer(text);
}

/** Options of the language's description that a later version brings. */
const PLANNED_OPTIONS = ['--jobs', '--shard', '--watch'];

function read<T extends NonNullable<ParseArgsConfig['options']>>(args: string[], options: T) {
  const planned = args.find((arg) => PLANNED_OPTIONS.includes(arg.split('=')[0]!));
  if (planned) throw new UsageError(`${planned.split('=')[0]} is not available yet`);
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    // The first sentence names the option; the rest explains how to pass it as a file.
    throw new UsageError((error as Error).message.split('. ')[0]!);
  }
}

function inputsOf(command: string, positionals: readonly string[]): readonly string[] {
  if (positionals.length === 0) throw new UsageError(`${command} needs a file, a directory or a pattern; - is stdin`);
  return positionals;
}

function oneOf<T extends string>(
  option: string,
  given: string | undefined,
  choices: readonly [T, ...T[]],
  planned: readonly string[] = [],
): T {
  const choice = given === undefined ? choices[0] : choices.find((c) => c === given);
  if (choice !== undefined) return choice;
  const why = planned.includes(given!) ? 'is not available yet' : 'does not exist';
  throw new UsageError(`${option} ${given} ${why}; there are ${choices.join(', ')}`);
}

function regExp(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new UsageError(`--filter: ${(error as Error).message}`);
  }
}

function positive(option: string, text: string): number {
  const n = /^\d+$/.test(text) ? Number(text) : 0;
  if (!Number.isSafeInteger(n) || n === 0) throw new UsageError(`${option} takes a whole number from 1, not ${text}`);
  return n;
}
