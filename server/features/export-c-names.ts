/** Words that a C text cannot take for a variable: of the language, and macros of the headers that it includes. */
const TAKEN: ReadonlySet<string> = new Set([
  ...'auto break case char const continue default do double else enum extern float for goto if inline int long'.split(
    ' ',
  ),
  ...'register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while'.split(
    ' ',
  ),
  ...'asm typeof linux unix i386 errno stdin stdout stderr NULL EOF main offsetof major minor assert'.split(' '),
  // What an exported program calls by itself.
  ...'container iommufd argc argv ioas returned edge close memcpy memset printf sysconf uintptr_t size_t'.split(' '),
]);

/** C variables by what they stand for, each with a name of its own that is as near as can be. */
export class Variables {
  readonly #names = new Map<string, string>();
  readonly #used = new Set<string>(TAKEN);

  /** @param what for whom the name is: two things of one name get two variables */
  of(what: string, name: string): string {
    const key = `${what} ${name}`;
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const plain = name.replaceAll(/\W/g, '_');
    let variable = plain;
    for (let n = 0; this.#used.has(variable) || /^(vsva_|__|\d)/.test(variable); n++)
      variable = `${what}_${plain}${n === 0 ? '' : n}`;
    this.#used.add(variable);
    this.#names.set(key, variable);
    return variable;
  }
}

/** Text as it may stand in a comment of C. */
export const commentText = (text: string): string =>
  text.replaceAll('*/', '* /').replaceAll('/*', '/ *').replaceAll(/\s+/g, ' ').trim();

/** A string of C that prints as a string of JSON. */
export const jsonInC = (text: string): string => {
  const json = JSON.stringify(text.replaceAll(/\s+/g, ' ')).slice(1, -1);
  return `"${json.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('??', '?\\?')}"`;
};
