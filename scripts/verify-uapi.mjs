// Lets the C compiler judge our UAPI tables: once as C declarations made from them, once against the kernel headers
// that are installed here. Usage: node scripts/verify-uapi.mjs [ENGINE_BUNDLE]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const HEADERS = ['linux/vfio.h', 'linux/iommu.h', 'linux/iommufd.h'];
const compiler = [process.env.CC, 'gcc', 'cc'].find((cc) => cc && spawnSync(cc, ['--version']).status === 0);
const scratch = mkdtempSync(join(tmpdir(), 'vsva-uapi-'));
/** @type {{ generation: string, name: string, against: string, verdict: 'agree' | 'differ' | 'skipped', note: string }[]} */
const rows = [];

try {
  process.exitCode = await main();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function main() {
  if (!compiler) return giveUp('there is no C compiler here (tried $CC, gcc and cc)');
  if (run('int main(void) { return sizeof(void *) == 8 ? 0 : 1; }').status !== 0)
    return giveUp(`${compiler} does not make 64-bit programs that run here`);
  const bundle = resolve(process.argv[2] ?? join(import.meta.dirname, '../dist/engine.js'));
  const { GENERATIONS, layoutOf } = await import(pathToFileURL(bundle).href);
  const headers = HEADERS.map(readHeader).filter((header) => header !== undefined);
  for (const generation of GENERATIONS) {
    againstOwnDeclarations(generation, layoutOf);
    againstHeaders(generation, layoutOf, headers);
  }
  report(headers);
  return rows.some((row) => row.verdict === 'differ') ? 1 : 0;
}

function giveUp(reason) {
  console.log(`verify:uapi: nothing was verified: ${reason}`);
  return 0;
}

/** Our members in order, laid out by the compiler: are the offsets that we compute the compiler's? */
function againstOwnDeclarations({ id, structs }, layoutOf) {
  const layouts = [...structs.values()].map(layoutOf);
  const declared = new Set();
  const declare = (struct) => {
    if (declared.has(struct.name)) return '';
    declared.add(struct.name);
    return `${needed(struct).map(declare).join('')}struct ${struct.name} {\n${members(struct)}};\n`;
  };
  const needed = (struct) =>
    struct.fields.flatMap((field) => {
      const named = structs.get(/^struct (\w+)/.exec(field.type)?.[1]);
      if (named) return [named];
      return field.struct ? needed(field.struct) : [];
    });
  const types = [8, 16, 32, 64].map((n) => `typedef uint${n}_t __u${n};\ntypedef int${n}_t __s${n};\n`);
  const source = `#include <stdint.h>\n${types.join('')}${[...structs.values()].map(declare).join('')}`;
  const found = measure(source, layouts);
  for (const layout of layouts) {
    const differences = compare(layout, found.get(layout.name));
    if (found.get(layout.name)?.size !== layout.size) differences.unshift(sizes(layout, found.get(layout.name)));
    add(id, layout.name, compiler, differences, `${layout.size} bytes`);
  }
}

function members(struct) {
  let text = '';
  for (let i = 0; i < struct.fields.length; ) {
    // Several fields at one offset were an unnamed union.
    const together = struct.fields.filter((field) => field.offset === struct.fields[i].offset);
    const lines = together.map(member).join('');
    text += together.length > 1 ? `union {\n${lines}};\n` : lines;
    i += together.length;
  }
  return text;
}

function member(field) {
  if (field.inline) {
    const inside = field.type === 'union' ? field.struct.fields.map(member).join('') : members(field.struct);
    return `${field.type} {\n${inside}} ${field.name};\n`;
  }
  const [, type, dimension] = /^([^[]*)(.*)$/.exec(field.type);
  return `${type} ${field.name}${dimension};\n`;
}

/** The released header, where it has the struct, decides; what it added behind our last field is growth. */
function againstHeaders({ id, structs, constants, ioctls }, layoutOf, headers) {
  const missing = new Set(structs.keys());
  for (const header of headers) {
    const comparable = [];
    for (const struct of structs.values()) {
      const theirs = header.structs.get(struct.name);
      if (!theirs) continue;
      missing.delete(struct.name);
      const layout = layoutOf(struct);
      const lost = layout.fields.map((f) => f.name.split('.').at(-1)).filter((name) => !theirs.includes(name));
      if (lost.includes('argsz'))
        add(id, struct.name, header.name, undefined, 'the header has the form without argsz, of another generation');
      else if (lost.length > 0) add(id, struct.name, header.name, [`the header has no ${lost.join(', ')}`]);
      else comparable.push({ layout, theirs });
    }
    const include = `#include <${header.name}>\n`;
    const found = measure(
      include,
      comparable.map(({ layout }) => layout),
    );
    for (const { layout, theirs } of comparable) {
      const actual = found.get(layout.name);
      const differences = compare(layout, actual);
      if (actual && actual.size < layout.size) differences.unshift(sizes(layout, actual));
      const ours = new Set(layout.fields.flatMap((field) => field.name.split('.')));
      add(
        id,
        layout.name,
        header.name,
        differences,
        growth(
          layout,
          actual,
          [...new Set(theirs)].filter((n) => !ours.has(n)),
        ),
      );
    }
    const numbers = [
      ...constants.values(),
      ...[...ioctls.values()].map(({ name, number: value }) => ({ name, value })),
    ];
    compareNumbers(id, header, numbers);
  }
  for (const name of missing) add(id, name, 'headers', undefined, 'not in the installed headers');
}

function growth(layout, actual, added) {
  const grown = (actual?.size ?? 0) - layout.size;
  const names = added.length > 0 ? `, the header adds ${added.join(', ')}` : '';
  return `${layout.size} bytes${grown > 0 ? `, grown by ${grown} since` : ''}${names}`;
}

function compareNumbers(id, header, numbers) {
  const present = numbers.filter(({ name }) => header.names.has(name));
  if (present.length === 0) return;
  const prints = present.map(({ name }) => `printf("${name} %llu\\n", (unsigned long long)(${name}));`);
  const actual = new Map(lines(program(`#include <${header.name}>\n`, prints)).map((line) => line.split(' ')));
  const differences = present
    .filter(({ name, value }) => actual.get(name) !== String(value))
    .map(({ name, value }) => `${name} is ${value} here, ${actual.get(name) ?? 'unknown'} there`);
  add(id, `${present.length} constants and ioctls`, header.name, differences);
}

/** The fields that lie or measure otherwise, in words. */
function compare(layout, actual) {
  if (!actual) return ['the compiler refused it'];
  return layout.fields
    .map((field) => ({ field, there: actual.fields.get(field.name) }))
    .filter(({ field, there }) => there?.offset !== field.offset || there?.size !== field.size)
    .map(
      ({ field, there }) =>
        `${field.name} is ${field.size}@${field.offset} here, ${there?.size}@${there?.offset} there`,
    );
}

function sizes(layout, actual) {
  return `${layout.size} bytes here, ${actual?.size} there`;
}

/** What the compiler says of size and offsets of every struct, by name. */
function measure(declarations, layouts) {
  const prints = layouts.flatMap(({ name, fields }) => [
    `printf("${name} %zu\\n", sizeof(struct ${name}));`,
    ...fields.map((field) => {
      const size = field.type.endsWith('[]') ? '(size_t)0' : `sizeof(((struct ${name} *)0)->${field.name})`;
      return `printf("${name} ${field.name} %zu %zu\\n", offsetof(struct ${name}, ${field.name}), ${size});`;
    }),
  ]);
  const found = new Map();
  for (const line of layouts.length > 0 ? lines(program(declarations, prints)) : []) {
    const [name, ...rest] = line.split(' ');
    if (rest.length === 1) found.set(name, { size: Number(rest[0]), fields: new Map() });
    else found.get(name).fields.set(rest[0], { offset: Number(rest[1]), size: Number(rest[2]) });
  }
  return found;
}

function program(declarations, prints) {
  const body = prints.join('\n');
  return `#include <stddef.h>\n#include <stdio.h>\n${declarations}int main(void) {\n${body}\nreturn 0;\n}\n`;
}

function lines(source) {
  const { stdout, stderr, status } = run(source);
  if (status !== 0) console.error(stderr);
  return stdout.split('\n').filter((line) => line !== '');
}

function run(source) {
  const [c, binary] = [join(scratch, 'uapi.c'), join(scratch, 'uapi')];
  writeFileSync(c, source);
  const built = spawnSync(compiler, ['-x', 'c', '-w', '-o', binary, c], { encoding: 'utf8' });
  return built.status === 0 ? spawnSync(binary, { encoding: 'utf8' }) : { ...built, stdout: '' };
}

/** An installed header: the member names of its structs, and the names that it gives values. */
function readHeader(name) {
  const c = join(scratch, 'header.c');
  writeFileSync(c, `#include <${name}>\n`);
  const { status, stdout } = spawnSync(compiler, ['-E', '-dD', c], { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (status !== 0) return undefined;
  const defined = [...stdout.matchAll(/^#define (\w+) /gm)].map(([, macro]) => macro);
  const code = stdout.replace(/^#.*$/gm, '');
  const enumerated = [...code.matchAll(/\benum\s+\w*\s*\{([^}]*)\}/g)].flatMap(([, body]) =>
    [...body.matchAll(/(?:^|,)\s*(\w+)/g)].map(([, item]) => item),
  );
  const structs = new Map();
  for (const { 1: struct, index, 0: head } of code.matchAll(/\bstruct\s+(\w+)\s*\{/g)) {
    let end = index + head.length;
    for (let depth = 1; depth > 0 && end < code.length; end++) depth += { '{': 1, '}': -1 }[code[end]] ?? 0;
    const body = code.slice(index + head.length, end - 1);
    structs.set(
      struct,
      [...body.matchAll(/(\w+)\s*(?:\[[^\]]*\]\s*)*(?:__attribute__\s*\(\(.*?\)\)\s*)?;/g)].map(([, field]) => field),
    );
  }
  return { name, structs, names: new Set([...defined, ...enumerated]) };
}

/** `differences` undefined: it was not compared, and `note` says why. */
function add(generation, name, against, differences, note = '') {
  const verdict = differences === undefined ? 'skipped' : differences.length > 0 ? 'differ' : 'agree';
  rows.push({ generation, name, against, verdict, note: differences?.length ? differences.join('; ') : note });
}

function report(headers) {
  const columns = ['generation', 'name', 'against', 'verdict', 'note'];
  const width = (column) => Math.max(column.length, ...rows.map((row) => row[column].length));
  const widths = columns.map(width);
  const print = (cells) =>
    console.log(
      cells
        .map((cell, i) => cell.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    );
  print(columns);
  for (const row of rows) print(columns.map((column) => row[column]));
  const count = (verdict) => rows.filter((row) => row.verdict === verdict).length;
  const reasons = [...new Set(rows.filter((row) => row.verdict === 'skipped').map((row) => row.note))];
  const installed = headers.map((header) => header.name).join(', ') || 'none';
  console.log(`\ninstalled headers: ${installed}`);
  console.log(
    `${count('agree')} agree, ${count('differ')} differ, ${count('skipped')} skipped${reasons.length > 0 ? ` (${reasons.join('; ')})` : ''}`,
  );
}
