import { evaluate, hex, Names } from '../../../engine/index.ts';
import { bitsOf } from '../../language/rules/reading.ts';
import type { FieldView, PayloadView } from '../../language/rules/rule.ts';
import type { Expr } from '../../language/syntax.ts';
import { type Edit, setField } from './edits.ts';
import type { FixContext } from './fix.ts';

/** A field's value as the names of its constants, or as a number where they do not give it. */
export function valueText({ field }: Pick<FieldView, 'field'>, value: bigint, { rules }: FixContext): string {
  const exact = field.oneOf?.find((name) => rules.constant(name) === value);
  if (exact) return exact;
  if (value === 0n) return '0';
  const names = (field.flags ?? []).filter((name) => (rules.constant(name) & value) !== 0n);
  return bitsOf(names, rules) === value ? names.join(' | ') : hex(value);
}

/** Clears bits of a field. Of names that are joined with `|` those that hold nothing else go; the others stay as written. */
export function clearBits(view: PayloadView, field: FieldView, bits: bigint, context: FixContext): Edit {
  const operands = joined(field.expr);
  const names = new Names(context.rules.file);
  const kept = operands.filter((operand) => {
    const value = evaluate(operand, names.scope());
    return typeof value !== 'bigint' || (value & ~bits) !== 0n || value === 0n;
  });
  const rest = kept.reduce((sum, operand) => {
    const value = evaluate(operand, names.scope());
    return typeof value === 'bigint' ? sum | value : sum;
  }, 0n);
  const text = context.text(field.file);
  const written =
    kept.length > 0 && kept.length < operands.length && (rest & bits) === 0n
      ? kept.map((operand) => text.slice(operand.start, operand.end)).join(' | ')
      : valueText(field, (field.value ?? 0n) & ~bits, context);
  return setField(view, field.path, written, context);
}

const joined = (expr: Expr): readonly Expr[] =>
  expr.kind === 'binary' && expr.op === '|' ? [...joined(expr.left), ...joined(expr.right)] : [expr];

/** Sets a flag of a field beside those that it has. */
export function addFlag(view: PayloadView, path: string, flag: string, context: FixContext): Edit {
  const field = view.fields.get(path);
  if (!field || field.value === 0n) return setField(view, path, flag, context);
  const written = context.text(field.file).slice(field.expr.start, field.expr.end);
  const safe = field.expr.kind === 'binary' && ['&&', '||'].includes(field.expr.op) ? `(${written})` : written;
  return setField(view, path, `${safe} | ${flag}`, context);
}
