import type { Row } from './row.ts';
import type { CompatTable } from './table.ts';

/** Columns of the table, which is plain text that can be pasted into a mail. */
export const COMPAT_WIDTH = 100;
const COLUMNS = ['generation', 'asked', 'verdict', 'errno', 'read', 'ignored'] as const;
const GAP = 2;

/**
 * The tables of several payloads, each once: a payload and the call that carries it have the same one.
 * @param tables of one file
 */
export function compatTexts(tables: readonly CompatTable[]): string[] {
  const about = new Map<string, { readonly table: CompatTable; readonly carriers: string[] }>();
  // What is carried stands for its carriers, also where it is declared behind them.
  for (const table of [...tables].sort((a, b) => Number(a.carried !== undefined) - Number(b.carried !== undefined))) {
    const { carried, payload, rows } = table;
    const key = `${carried ?? payload} ${JSON.stringify(rows)}`;
    const same = about.get(key);
    if (same && carried !== undefined) same.carriers.push(payload);
    else about.set(key, { table, carriers: [] });
  }
  const shown = [...about.values()].sort((a, b) => tables.indexOf(a.table) - tables.indexOf(b.table));
  return shown.map(({ table, carriers }) => compatText(table, carriers));
}

/**
 * The table as plain text: one line per row, and under it what decided and what was lost.
 * @param others payloads that have the same table, as they carry what it is about
 */
export function compatText(table: CompatTable, others: readonly string[] = []): string {
  const { payload, generation, struct, size, role, carried, notes, rows } = table;
  const heads = carried === undefined ? others : [payload, ...others];
  const carries = heads.length === 1 ? 'carries' : 'carry';
  const about =
    heads.length === 0
      ? payload
      : carried === undefined
        ? `${payload}, which ${heads.join(' and ')} ${carries}`
        : `${heads.join(' and ')}, which ${carries} ${carried}`;
  const cells = rows.map((row) => [
    row.generation,
    row.form,
    row.verdict,
    errnoText(row),
    readText(row),
    ignoredText(row),
  ]);
  const widths = COLUMNS.map((name, i) => Math.max(name.length, ...cells.map((c) => c[i]!.length)));
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, i) => text.padEnd(widths[i]! + GAP))
      .join('')
      .trimEnd();
  const indent = ' '.repeat(widths[0]! + GAP);
  return [
    ...wrapped(`${about}: struct ${struct} of ${generation}, ${size} bytes, ${role}`, COMPAT_WIDTH),
    ...notes.flatMap((note) => wrapped(note, COMPAT_WIDTH)),
    '',
    line(COLUMNS),
    ...rows.flatMap((row, i) => [
      line(cells[i]!),
      ...detailsOf(row).flatMap((detail) => wrapped(detail, COMPAT_WIDTH - indent.length).map((text) => indent + text)),
    ]),
    '',
    ...wrapped(
      'Each generation is asked by a scenario of its own on its default machine, in which everything but this payload is valid. read: bytes that the kernel copied.',
      COMPAT_WIDTH,
    ),
    '',
  ].join('\n');
}

const errnoText = ({ errno, hidden }: Row): string => (errno === undefined ? '' : hidden ? `${errno} (hidden)` : errno);

const readText = ({ read, bytes }: Row): string => (bytes === undefined ? '' : `${read} of ${bytes}`);

function ignoredText({ ignored = [] }: Row): string {
  const texts = ignored.map(([first, last]) => (first === last ? `${first}` : `${first}..${last}`));
  return texts.length <= 2 ? texts.join(', ') : `${texts.slice(0, 2).join(', ')}, ..`;
}

function detailsOf({ check, offending, lost, takenFor, note, verdict, overread }: Row): string[] {
  return [
    ...(check && verdict !== 'no such call'
      ? [check.function === undefined ? `by ${check.id}` : `by ${check.id} in ${check.function}`]
      : []),
    ...(offending ? [`byte ${offending.offset}: ${offending.what}`] : []),
    ...(overread ? [`${overread} bytes behind the payload are read too`] : []),
    ...(takenFor ? [`${verdict === 'misread' ? 'misread as' : 'taken for'} ${takenFor}`] : []),
    ...(lost.length > 0 ? [`not carried: ${lost.join(', ')}`] : []),
    ...(note ? [note] : []),
  ];
}

/** Breaks a text at blanks, but not around a `=`; continuations are indented. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/(?<! =) (?!= )/)) {
    if (line !== '' && width < line.length + 1 + word.length) {
      lines.push(line);
      line = `  ${word}`;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** The table as data. Offsets and sizes are numbers. */
export const compatJson = (table: CompatTable): object => ({ version: 1, ...table });
