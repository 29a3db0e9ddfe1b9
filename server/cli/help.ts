const FILES =
  'FILE is a .vsva file, a directory (all .vsva files below it), a pattern such as "lib/**/*.vsva", or - for stdin.';

const COMMANDS: Readonly<Record<string, string>> = {
  run: `usage: vsva run [options] FILE...

Runs the scenarios of the files and holds them against what they expect.
${FILES}

  --reporter pretty|json|junit   how to report (pretty)
  --filter RE                    only scenarios whose name matches the regular expression
  --bail                         after the first failed scenario, run no other
  --max-steps N                  steps a scenario may take (1000000)
  --strict                       warnings fail the run too
  --verbose                      show every step with its outcome
`,
  check: `usage: vsva check [options] FILE...

Parses and checks the files without running them.
${FILES}

  --reporter pretty|json         how to report (pretty)
  --strict                       warnings fail the check too
`,
  layout: `usage: vsva layout --uapi ID [options] [STRUCT...]

Prints structs as pahole does, all of them or those named (by header name or short kind).

  --uapi ID                      the generation, as in the first line of a file
  --format pretty|json           how to print (pretty)
  --quirks                       the faults of the generation that a file can switch off
  --machine                      the default machine, with its registers decoded
`,
  decode: `usage: vsva decode --uapi ID [options] HEX|FILE|-

Prints bytes as a .vsva file with the payload that they are; what lies behind it is kept as raw.
Read are hex digits, hexdump -C, xxd, a binary file, and a line of strace with the bytes of the argument.

  --uapi ID                      the generation, as in the first line of a file
  --struct S                     the struct, by header name or short kind; by default that of the
                                 ioctl, else the only one that the bytes fit
  --name NAME                    what to call the payload (decoded)
`,
  export: `usage: vsva export [options] FILE[#NAME]

Prints payloads for use elsewhere: the one called NAME, or all that the file declares.
If NAME is the title of a scenario, prints a C program that makes the same ioctls and
writes each result as a JSON object on a line of its own.

  --as c|hex|rust                C with asserts of size and offsets (c), bytes, or Rust
  --headers                      include the kernel's headers and define no structs (C)
`,
  compat: `usage: vsva compat [options] FILE[#PAYLOAD]...

Asks every generation that can run what it would make of a payload, of the one called PAYLOAD or
of all that the file declares: taken, refused by which check, cut short or taken for something
else. A payload whose request has another struct there is translated field by field.

  --format pretty|json           how to print (pretty)
`,
  reference: `usage: vsva reference [--write FILE | --check FILE]

Prints the reference of structs, constants, rules, errnos and faults.

  --write FILE                   write it to a file
  --check FILE                   exit with 1 when the file is not up to date
`,
  lsp: `usage: vsva lsp [--stdio | --socket=PORT | --pipe=NAME]

Serves an editor that speaks the Language Server Protocol, by default over stdin and stdout.
`,
};

/** Commands of the language's description that a later version brings. */
export const PLANNED_COMMANDS: readonly string[] = ['fmt'];

const OVERVIEW = `usage: vsva COMMAND [options]

Authors, checks and runs IOMMU UAPI payloads (.vsva files).

  run FILE...        run scenarios
  check FILE...      check files without running them
  layout --uapi ID   print struct layouts, quirks or the default machine
  decode HEX|FILE    print bytes as a payload
  export FILE#NAME   print a payload as C, hex or Rust, a scenario as a C program
  compat FILE#NAME   hold a payload against every generation
  reference          print the reference of structs, rules, errnos and faults
  lsp                serve an editor
  help [COMMAND]     say more about a command
  --version          print the version

${PLANNED_COMMANDS.join(' and ')} is not available yet.

exit code: 0 all hold; 1 a scenario failed or a file has errors;
2 usage or unreadable input; 3 internal error; 130 interrupted
`;

/** What to say about a command, or about all of them; undefined for a command that does not exist. */
export const helpText = (command?: string): string | undefined =>
  command === undefined ? OVERVIEW : COMMANDS[command];
