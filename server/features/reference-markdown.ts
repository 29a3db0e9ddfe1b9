import { hexGrouped } from '../../engine/index.ts';

export const code = (text: string): string => `\`${text}\``;
export const link = (id: string): string => `[${id}](#${anchor(id)})`;
export const structLink = (name: string): string => `[${name}](#struct-${anchor(name)})`;
export const number = (value: bigint): string => (value < 10n ? `${value}` : hexGrouped(value));

/** The anchor that GitHub and VS Code give a heading. */
export const anchor = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

export interface Section {
  readonly title: string;
  readonly text: string;
}
