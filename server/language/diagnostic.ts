import type { Errno } from '../../engine/index.ts';
import type { Span } from './syntax.ts';

export type Severity = 'error' | 'warning' | 'information' | 'hint';

/** Another place that has to do with a finding. */
export interface Related extends Span {
  readonly file: string;
  readonly message: string;
}

/** A finding in one file, in offsets; nothing here knows LSP or the terminal. */
export interface Diagnostic extends Span {
  readonly file: string;
  /** Stable kebab-case id. */
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  /** What the kernel would return, where the finding predicts a refusal. */
  readonly errno?: Errno;
  /** Where the kernel decides: `iommu_check_bind_data (source: Linux 5.10.223)`. */
  readonly decidedAt?: string;
  readonly related?: readonly Related[];
  /** What was probably meant: the text to write in the span's place. */
  readonly fix?: string;
  /** Anchor of the rule in REFERENCE.md. */
  readonly link?: string;
}
