/** Small pieces of Markdown, safe for whatever a file contains. */

/** A code span, whatever the text contains; one line. */
export function code(text: string): string {
  const plain = text.replace(/\s+/g, ' ');
  if (!plain.includes('`')) return `\`${plain}\``;
  const longest = Math.max(...[...plain.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence} ${plain} ${fence}`;
}

/** A block of text that keeps its columns. */
export function block(text: string, language = 'text'): string {
  const longest = Math.max(2, ...[...text.matchAll(/^ *(`+)/gm)].map(([, run]) => run!.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text.replace(/\n$/, '')}\n${fence}`;
}

/** A doc comment of the file: paragraphs stay, but nothing in it becomes a link, an image or HTML. */
export const prose = (text: string): string => text.replace(/[[\]<>]/g, '\\$&');

export const list = (items: readonly string[]): string => items.map((item) => `- ${item}`).join('\n');

/** Paragraphs; what is empty or absent is left out. */
export const paragraphs = (...parts: readonly (string | undefined | false)[]): string =>
  parts.filter(Boolean).join('\n\n');

/** The first `most` items, and a word on how many there are beyond. */
export const atMost = (items: readonly string[], most: number): string[] =>
  items.length <= most ? [...items] : [...items.slice(0, most), `and ${items.length - most} more`];
