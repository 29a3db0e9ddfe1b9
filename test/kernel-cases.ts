import { describe, expect, test } from 'vitest';
import type { Check } from '../engine/index.ts';
import { runText } from './run-text.ts';

/** One check of a handler, reached by the last step of a scenario in which only one thing is wrong. */
export interface CheckCase {
  readonly check: string;
  readonly steps: string;
  readonly declarations?: string;
  /** Quirks of the file: `{ NAME = off }`. */
  readonly quirks?: string;
  /** The call returns 0, or this value, although it is refused. */
  readonly hidden?: true;
}

/** How the file around the steps of a case begins. */
export interface Frame {
  readonly uapi: string;
  readonly declarations: string;
}

/** A whole file around steps. */
export const fileText = (
  frame: Frame,
  steps: string,
  { declarations = '', quirks = '' }: { readonly declarations?: string; readonly quirks?: string } = {},
): string => `uapi ${frame.uapi} ${quirks}\n${frame.declarations}\n${declarations}\nscenario "s" {\n${steps}\n}\n`;

/** Asks that every check of a table refuses with its errno, and that none is forgotten. */
export function describeChecks(
  frame: Frame,
  checks: Readonly<Record<string, Check>>,
  cases: readonly CheckCase[],
  unreachable: Readonly<Record<string, string>>,
): void {
  describe('every check refuses with its errno', () => {
    for (const { check: name, steps, declarations, quirks, hidden } of cases) {
      const check = checks[name]!;
      test(`${name}: ${check.id}`, () => {
        const text = fileText(frame, steps, {
          ...(declarations ? { declarations } : {}),
          ...(quirks ? { quirks } : {}),
        });
        const { scenarios, diagnostics } = runText(text);
        expect(diagnostics.filter((d) => d.severity === 'error').map((d) => d.message)).toEqual([]);
        const all = scenarios[0]!.steps;
        const last = all.at(-1)!;
        expect(all.map((s) => s.message).filter(Boolean)).toEqual([]);
        expect({
          reason: last.detail.reason,
          at: last.detail.refusal?.check.at,
          outcome: last.outcome,
          hidden: last.detail.hidden,
        }).toEqual({
          reason: check.id,
          at: check.at,
          outcome: hidden ? 'ok' : check.errno,
          hidden: hidden ? check.errno : undefined,
        });
        // Several checks may share an id, an errno and a function; this one is meant.
        expect(last.detail.refusal?.check.doc).toBe(check.doc);
      });
    }

    test('the table is complete', () => {
      const covered = new Set<string>([...cases.map((c) => c.check), ...Object.keys(unreachable)]);
      expect(Object.keys(checks).filter((key) => !covered.has(key))).toEqual([]);
      expect([...covered].filter((key) => !checks[key])).toEqual([]);
    });
  });
}

/** Runs steps that must all hold. Answers the notes of each step. */
export function passes(
  frame: Frame,
  steps: string,
  options: { readonly declarations?: string; readonly quirks?: string } = {},
): readonly (readonly string[])[] {
  const { scenarios, diagnostics } = runText(fileText(frame, steps, options));
  expect(diagnostics.filter((d) => d.severity === 'error').map((d) => d.message)).toEqual([]);
  expect(scenarios[0]!.steps.filter((s) => s.status !== 'passed').map((s) => s.message)).toEqual([]);
  expect(scenarios[0]!.message).toBe('');
  return scenarios[0]!.steps.map((s) => s.detail.notes ?? []);
}

/** What the last step says that could not be done. */
export function problemOf(frame: Frame, steps: string, declarations = ''): string {
  return runText(fileText(frame, steps, { declarations })).scenarios[0]!.steps.at(-1)!.message;
}
