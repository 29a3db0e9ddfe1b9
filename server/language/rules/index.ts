import argszTooSmall from './argsz-too-small.ts';
import type { Rule } from './rule.ts';

/** All rules, those about the outside of a payload first, then in the order in which the kernel decides. */
export const RULES: readonly Rule[] = [argszTooSmall];
