/** What a shell learns from a run; a contract (docs/language.md, "Command line"). */
export const EXIT = {
  ok: 0,
  /** A scenario failed, or a file has errors. */
  findings: 1,
  /** A usage mistake, or input that cannot be read. */
  usage: 2,
  internal: 3,
  /** 128 + SIGINT. */
  interrupted: 130,
} as const;

/** A mistake in how the tool was called; its message is the whole answer. */
export class UsageError extends Error {}
