/** What came of one case. `compared`: accesses that were held against each other. */
export type Verdict =
  | { readonly kind: 'agrees'; readonly compared: number }
  /** All differences fall under these named deviations of the emulator. */
  | { readonly kind: 'deviates'; readonly names: readonly string[]; readonly compared: number }
  /** `signature` is the same for differences that look alike. */
  | { readonly kind: 'differs'; readonly signature: string; readonly text: string };

/** How many differences of one kind are printed in full. */
const EXAMPLES = 2;

/** Counts the verdicts of a suite and prints them. */
export class Tally {
  cases = 0;
  compared = 0;
  #agree = 0;
  #reworded = 0;
  readonly #deviations = new Map<string, number>();
  readonly #differences = new Map<string, string[]>();
  readonly #wording: ReadonlySet<string>;

  /** @param wording deviations that only spell a fault record in another way: address and outcome agree */
  constructor(wording: readonly string[]) {
    this.#wording = new Set(wording);
  }

  add(verdict: Verdict): void {
    this.cases++;
    if (verdict.kind === 'differs') {
      const texts = this.#differences.get(verdict.signature) ?? [];
      this.#differences.set(verdict.signature, [...texts, verdict.text]);
      return;
    }
    this.compared += verdict.compared;
    if (verdict.kind === 'agrees') {
      this.#agree++;
      return;
    }
    if (verdict.names.every((name) => this.#wording.has(name))) this.#reworded++;
    for (const name of verdict.names) this.#deviations.set(name, (this.#deviations.get(name) ?? 0) + 1);
  }

  /** Cases with a difference that nothing explains. */
  get differing(): number {
    return [...this.#differences.values()].reduce((sum, texts) => sum + texts.length, 0);
  }

  /** @param title names model and emulator */
  print(title: string, seconds: number): void {
    const byCount = <T>(entries: Iterable<[string, T]>, count: (value: T) => number): [string, T][] =>
      [...entries].sort((a, b) => count(b[1]) - count(a[1]));
    for (const [signature, texts] of byCount(this.#differences, (all) => all.length)) {
      console.log(`\n== unexplained, ${texts.length} times: ${signature}\n${texts.slice(0, EXAMPLES).join('\n\n')}\n`);
    }
    const deviating = this.cases - this.#agree - this.#reworded - this.differing;
    console.log(
      `${title}: ${this.cases} cases, ${this.compared} accesses in ${seconds.toFixed(1)} s: ` +
        `${this.#agree} agree, ${this.#reworded} but for the wording of fault records, ` +
        `${deviating} but for a named deviation, ${this.differing} differ`,
    );
    for (const [name, count] of byCount(this.#deviations, (value) => value)) {
      console.log(`${String(count).padStart(7)}  ${name}`);
    }
  }
}
