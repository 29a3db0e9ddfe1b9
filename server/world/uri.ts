/**
 * One spelling per file. Clients escape URIs differently (`file:///c%3A/a%20b.vsva`, `file:///C:/a b.vsva`), and an
 * include has to find the text that is open under another spelling.
 */
export function canonicalUri(uri: string): string {
  const parts = /^([a-z][a-z0-9+.-]*):(\/\/[^/?#]*)?([^?#]*)(.*)$/is.exec(uri);
  if (!parts) return uri;
  const [, scheme, authority = '', path, rest] = parts;
  const segments = path!.split('/').map(escaped);
  if (authority === '//' && /^[a-z](:|%3A)$/i.test(segments[1] ?? '')) segments[1] = segments[1]!.toLowerCase();
  return `${scheme!.toLowerCase()}:${authority}${segments.join('/')}${rest}`;
}

/** The URI that `include "path"` in `from` means. Paths are relative to the file that names them, or absolute. */
export function includeUri(from: string, path: string): string {
  const slashed = /^[a-z]:[\\/]/i.test(path) ? `/${path.replaceAll('\\', '/')}` : path;
  const relative = slashed.split('/').map(encodeURIComponent).join('/');
  try {
    return canonicalUri(new URL(relative, from).href);
  } catch {
    // An unsaved text has no folder that anything could be relative to.
    return `${from}/../${path}`;
  }
}

/** The last segment of a URI or path, as people call the file. */
export const baseName = (uri: string): string => decoded(uri.split(/[\\/]/).at(-1) ?? uri);

const escaped = (segment: string): string => encodeURIComponent(decoded(segment));

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
