const HEAD = /^[ \t]*scenario\s+("(?:[^"\\]|\\.)*")/;

/** The title of the scenario that a line stands in, looking upward for its head. */
export function scenarioAt(lineText: (line: number) => string, line: number): string | undefined {
  for (let at = line; 0 <= at; at--) {
    const title = HEAD.exec(lineText(at))?.[1];
    if (title !== undefined) return unquote(title);
  }
  return undefined;
}

/** The escapes of a title that C and JSON share; others stay as they are written. */
function unquote(quoted: string): string {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return quoted.slice(1, -1);
  }
}
