import { ERRNO, type Expr, evaluate, isErrno, isNoValue, type Names } from '../../engine/index.ts';
import { type CNeeds, numberC } from './export-c-structs.ts';

/** Where a C text has the names of a file. */
export interface CNames {
  readonly needs: CNeeds;
  readonly names: Names;
  /** The C variable with the value that a step or a loop bound; undefined where the text has none. */
  value(name: string): string | undefined;
  /** The C expression for `object.path`. */
  member(object: string, path: readonly string[]): string | undefined;
  /** The C variable of a payload whose address or size is asked for. */
  payload(name: string): { readonly variable: string; readonly prefix: string } | undefined;
  /** The C variable of the payload that is being filled in, and its size in bytes. */
  readonly self?: { readonly variable: string | undefined; readonly size: number };
}

/** Something that C has no word for; the reason. */
export class NotInC extends Error {}

/**
 * An expression in C, with the constants by their names.
 * @throws NotInC for what only a model knows, such as a register
 */
export function exprC(expr: Expr, at: CNames): string {
  const fixed = isPlain(expr) ? staticValue(expr, at) : undefined;
  return fixed === undefined ? textC(expr, at) : numberC(fixed);
}

/** The value of an expression that no run changes. */
export function staticValue(expr: Expr, { names, self }: CNames): bigint | undefined {
  const value = evaluate(expr, names.scope(self === undefined ? undefined : BigInt(self.size)));
  return typeof value === 'bigint' ? value : undefined;
}

/** Numbers alone, which are worked out here and not in C. */
function isPlain(expr: Expr): boolean {
  switch (expr.kind) {
    case 'int':
      return true;
    case 'unary':
    case 'cast':
      return isPlain(expr.operand);
    case 'binary':
      return isPlain(expr.left) && isPlain(expr.right);
    default:
      return false;
  }
}

function textC(expr: Expr, at: CNames): string {
  switch (expr.kind) {
    case 'int':
      return numberC(expr.value);
    case 'name':
      return nameC(expr.name, expr, at);
    case 'member': {
      const path = pathC(expr, at);
      const there = at.member(expr.object.text, path);
      if (there !== undefined) return there;
      return valueOrRefuse(expr, at, `${expr.object.text}.${path.join('.')} is known to the model alone`);
    }
    case 'address-of': {
      const payload = at.payload(expr.name.text);
      if (!payload) throw new NotInC(`the address of ${expr.name.text} is known only when a program runs`);
      const path = pathC(expr, at);
      const place = path.length > 0 ? `${payload.variable}${payload.prefix}${designator(path)}` : payload.variable;
      return `(__u64)(uintptr_t)&${place}`;
    }
    case 'unary':
      return `${expr.op}${operandC(expr.operand, at)}`;
    case 'cast':
      return `(__${expr.signed ? 's' : 'u'}${expr.bits})${operandC(expr.operand, at)}`;
    case 'binary':
      return `${operandC(expr.left, at, expr.op)} ${expr.op} ${operandC(expr.right, at, expr.op)}`;
    case 'sizeof':
      return sizeofC(expr, at);
    case 'offsetof': {
      const struct = at.names.generation.structs.get(expr.struct.text);
      if (struct) at.needs.struct(struct);
      const path = designator(expr.path.map(({ text }) => text)).slice(1);
      const offset = `offsetof(struct ${expr.struct.text}, ${path})`;
      return expr.past ? `${offset} + sizeof(((struct ${expr.struct.text} *)0)->${path})` : offset;
    }
    default:
      throw new NotInC(`a ${expr.kind} is no number`);
  }
}

/** The names of a path; an index that is no plain number is a C expression in brackets. */
const pathC = ({ path = [], indices }: Extract<Expr, { kind: 'member' | 'address-of' }>, at: CNames): string[] =>
  path.map(({ text }, i) => {
    const index = indices?.get(i);
    return index ? `[${exprC(index, at)}]` : text;
  });

/** `.a.b[3]`: the way to a member. */
export const designator = (path: readonly string[]): string =>
  path.map((name) => (/^\d+$/.test(name) ? `[${name}]` : name.startsWith('[') ? name : `.${name}`)).join('');

/** An operand of 64 bits, as the language calculates, in brackets where it has parts. */
function operandC(expr: Expr, at: CNames, around?: string): string {
  const text = exprC(expr, at);
  if (expr.kind === 'binary' || expr.kind === 'cast' || expr.kind === 'unary' || expr.kind === 'address-of')
    return expr.kind === 'binary' && expr.op === around && (around === '|' || around === '+') ? text : `(${text})`;
  // Bits that are put together need no more room than they have.
  if (around === '|') return text;
  if (expr.kind === 'int') return text.endsWith('ULL') ? text : `${text}ULL`;
  return expr.kind === 'name' ? `(__u64)${text}` : `(__u64)(${text})`;
}

function nameC(name: string, expr: Expr, at: CNames): string {
  const variable = at.value(name);
  if (variable !== undefined) return variable;
  const { constants, ioctls } = at.names.generation;
  const declared = at.names.file.lets.get(name);
  if (declared) {
    const text = exprC(declared.node.value, at);
    return declared.node.value.kind === 'binary' ? `(${text})` : text;
  }
  if (constants.has(name) || ioctls.has(name)) {
    at.needs.number(name);
    return name;
  }
  if (isErrno(name)) return `${ERRNO[name].code}`;
  return valueOrRefuse(expr, at, `${name} is known only when a scenario runs`);
}

function valueOrRefuse(expr: Expr, at: CNames, why: string): string {
  const value = staticValue(expr, at);
  if (value === undefined) throw new NotInC(why);
  return numberC(value);
}

function sizeofC(expr: Extract<Expr, { kind: 'sizeof' }>, at: CNames): string {
  if (expr.struct) {
    const struct = at.names.generation.structs.get(expr.struct.text);
    if (!struct) throw new NotInC(`there is no struct ${expr.struct.text}`);
    at.needs.struct(struct);
    return `sizeof(struct ${struct.name})`;
  }
  if (expr.name) {
    const payload = at.payload(expr.name.text);
    // ARRAY_SIZE is the kernel's own macro, which a program outside of it does not have.
    if (payload && expr.of === 'count') return `(sizeof(${payload.variable}) / sizeof(${payload.variable}[0]))`;
    if (payload) return `sizeof(${expr.of ? '*' : ''}${payload.variable})`;
    const scope = at.names.scope();
    const size = expr.of ? scope.partOf(expr.name, expr.of) : scope.sizeOf(expr.name.text);
    if (size === undefined || isNoValue(size)) throw new NotInC(`the size of ${expr.name.text} is not known`);
    return numberC(size);
  }
  if (!at.self) throw new NotInC('sizeof alone means the payload around it');
  return at.self.variable === undefined ? `${at.self.size}` : `sizeof(${at.self.variable})`;
}
