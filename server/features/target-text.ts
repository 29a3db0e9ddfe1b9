import type { Field } from '../../engine/index.ts';

const code = (text: string): string => `\`${text}\``;

/** What lies at an address in the caller's memory, as a sentence without its full stop; undefined where nothing is known. */
export function targetText({ target }: Field): string | undefined {
  if (!target) return undefined;
  const { struct, by, to = {}, length, count, element } = target;
  const chosen = Object.entries(to).map(([constant, name]) => `${code(name)} for ${code(constant)}`);
  const what = struct
    ? code(`struct ${struct}`)
    : by
      ? `the struct that ${code(by)} chooses (${chosen.join(', ')})`
      : undefined;
  const size = length ? `${code(length)} bytes` : undefined;
  const many = count ? `${code(count)} times` : element ? 'an array of' : undefined;
  const each = element ? `in steps of ${code(element)} bytes` : undefined;
  const parts = [many, what, each, what && size ? `in ${size}` : size].filter(Boolean);
  return parts.length > 0 ? `Leads to ${parts.join(' ')}` : undefined;
}
