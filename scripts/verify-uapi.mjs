// Lets the C compiler judge our UAPI tables: once as C declarations made from them, once against the kernel headers
// that are installed here. Usage: node scripts/verify-uapi.mjs [ENGINE_BUNDLE]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const HEADERS = ['linux/vfio.h', 'linux/iommu.h', 'linux/iommufd.h'];
/** A layout that a release's header is the source of, as opposed to a patch that was only posted. */
const RELEASED = /^include\/uapi\/(linux\/\w+\.h) \([\d.]+\)$/;
const ALIGNED_TYPES = ['__aligned_u64', '__aligned_le64']
  .map((name) => `typedef uint64_t ${name} __attribute__((aligned(8)));\n`)
  .join('');
/** A struct's name in C: the table tells two forms of one name apart by what stands behind it. */
const identifier = (name) => name.replace(/\W+/g, '_').replace(/_$/, '');
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
    withoutHeader(generation, headers);
  }
  for (const header of headers) againstHeader(header, GENERATIONS, layoutOf);
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
    return `${needed(struct).map(declare).join('')}struct ${identifier(struct.name)} {\n${members(struct)}};\n`;
  };
  const needed = (struct) =>
    struct.fields.flatMap((field) => {
      const named = structs.get(/^struct (\w+)/.exec(field.type)?.[1]);
      if (named) return [named];
      return field.struct ? needed(field.struct) : [];
    });
  const types = [8, 16, 32, 64].map((n) => `typedef uint${n}_t __u${n};\ntypedef int${n}_t __s${n};\n`);
  // A generation's enums are fields of the size of an int, whatever their values.
  const enums = new Set([...structs.values()].flatMap((s) => s.fields.map((f) => /^enum (\w+)/.exec(f.type)?.[1])));
  enums.delete(undefined);
  types.push(...[...enums].map((name) => `enum ${name} { ${name}_0 };\n`), ALIGNED_TYPES);
  const source = `#include <stdint.h>\n${types.join('')}${[...structs.values()].map(declare).join('')}`;
  const found = measure(source, layouts);
  for (const layout of layouts) {
    const differences = compare(layout, found.get(identifier(layout.name)));
    if (found.get(identifier(layout.name))?.size !== layout.size)
      differences.unshift(sizes(layout, found.get(identifier(layout.name))));
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

/**
 * An installed header is that of one release, which need not be one of ours. The generation that it is nearest to has to
 * agree with it, but for what the header added behind our last field; of the others, what differs is of another release.
 */
function againstHeader(header, generations, layoutOf) {
  const judged = generations.map((generation) => judge(header, generation, layoutOf));
  const best = Math.max(...judged.map(({ score }) => score));
  const nearest = judged.filter(({ score }) => score === best).map(({ id }) => id);
  for (const { id, found, score } of judged)
    for (const { name, differences, note } of found)
      if (score === best || differences.length === 0) add(id, name, header.name, differences, note);
      else add(id, name, header.name, undefined, `the installed ${header.name} is nearest to ${nearest.join(', ')}`);
}

/** How the released structs and numbers of a generation lie in a header, and how near that makes the two. */
function judge(header, { id, structs, constants, ioctls }, layoutOf) {
  const ours = [...structs.values()].filter(({ source }) => RELEASED.exec(source)?.[1] === header.name);
  const present = ours.filter(({ name }) => header.structs.has(name));
  const whole = present.map((struct) => ({ layout: layoutOf(struct), theirs: header.structs.get(struct.name) }));
  const known = whole.filter(({ layout, theirs }) => missingIn(layout, theirs).length === 0);
  const measured = measure(
    `#include <${header.name}>\n`,
    known.map(({ layout }) => layout),
  );
  let score = present.length - ours.length;
  const found = whole.map(({ layout, theirs }) => {
    const lost = missingIn(layout, theirs);
    const actual = measured.get(layout.name);
    const differences = lost.length > 0 ? [`the header has no ${lost.join(', ')}`] : compare(layout, actual);
    if (actual && actual.size < layout.size) differences.unshift(sizes(layout, actual));
    score += differences.length > 0 ? -2 : actual?.size === layout.size ? 2 : 1;
    const names = new Set(layout.fields.flatMap((field) => field.name.split('.')));
    const added = [...new Set(theirs)].filter((n) => !names.has(n));
    return { name: layout.name, differences, note: growth(layout, actual, added) };
  });
  const numbers = [...constants.values(), ...[...ioctls.values()].map((i) => ({ ...i, value: i.number }))]
    .filter(({ source }) => RELEASED.exec(source)?.[1] === header.name)
    .filter(({ name }) => header.names.has(name));
  if (numbers.length > 0) {
    const differences = compareNumbers(header, numbers);
    score -= differences.length;
    found.push({ name: `${numbers.length} constants and ioctls`, differences, note: '' });
  }
  return { id, found, score };
}

function missingIn(layout, theirs) {
  return layout.fields.map((f) => f.name.split('.').at(-1)).filter((name) => !theirs.includes(name));
}

/** What no installed header can say anything of, in one line for each reason. */
function withoutHeader({ id, structs }, headers) {
  const count = new Map();
  for (const { name, source } of structs.values()) {
    const file = RELEASED.exec(source)?.[1];
    const header = headers.find((h) => h.name === file);
    if (header?.structs.has(name)) continue;
    const why = !file
      ? 'posted or internal to the kernel, in no header that is installed anywhere'
      : header
        ? `not in the installed ${file}, which is of another release`
        : `${file} is not installed`;
    count.set(why, [...(count.get(why) ?? []), name]);
  }
  for (const [why, names] of count) add(id, `${names.length} structs`, 'headers', undefined, why);
}

function growth(layout, actual, added) {
  const grown = (actual?.size ?? 0) - layout.size;
  const names = added.length > 0 ? `, the header adds ${added.join(', ')}` : '';
  return `${layout.size} bytes${grown > 0 ? `, grown by ${grown} since` : ''}${names}`;
}

function compareNumbers(header, numbers) {
  const prints = numbers.map(({ name }) => `printf("${name} %llu\\n", (unsigned long long)(${name}));`);
  const actual = new Map(lines(program(`#include <${header.name}>\n`, prints)).map((line) => line.split(' ')));
  return numbers
    .filter(({ name, value }) => actual.get(name) !== String(value))
    .map(({ name, value }) => `${name} is ${value} here, ${actual.get(name) ?? 'unknown'} there`);
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
    `printf("${identifier(name)} %zu\\n", sizeof(struct ${identifier(name)}));`,
    ...fields.map((field) => {
      const c = identifier(name);
      const size = field.type.endsWith('[]') ? '(size_t)0' : `sizeof(((struct ${c} *)0)->${field.name})`;
      return `printf("${c} ${field.name} %zu %zu\\n", offsetof(struct ${c}, ${field.name}), ${size});`;
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
  if (status !== 0) console.error(stderr.split('\n').slice(0, 12).join('\n'));
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
