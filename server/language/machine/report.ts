import { nearest } from '../../../engine/index.ts';
import type { Expr, Setting, Span } from '../syntax.ts';

/** What a machine cannot be. */
export interface MachineProblem extends Span {
  readonly code: string;
  readonly message: string;
  /** The word that was probably meant. */
  readonly fix?: string;
}

export type Report = (at: Span, code: string, message: string, fix?: string) => void;

/** The number an expression stands for; where it has none that is reported, and the answer is undefined. */
export type ToNumber = (expr: Expr) => bigint | undefined;

/** A key that a part of the machine does not have. @param what `a device`, `the VT-d unit` */
export const unknownKey = (setting: Setting, what: string, keys: readonly string[], report: Report): void => {
  const near = nearest(setting.key.text, keys);
  const has = keys.length > 0 ? `it has ${keys.join(', ')}` : 'it takes none';
  report(
    setting.key,
    'unknown-name',
    `${what} has no ${setting.key.text}${near ? `; did you mean ${near}?` : `; ${has}`}`,
    near,
  );
};
