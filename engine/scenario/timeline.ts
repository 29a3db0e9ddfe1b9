import type { Step } from './program.ts';
import type { StepRef } from './result.ts';

/**
 * Which step ran at which time. A step that leaves no mark, an edit or a filled cache that carries its time, is nobody's
 * cause and is forgotten, so that a long loop of hits takes no memory.
 */
export class Timeline {
  /** The present time, from 1; 0 before the first step. */
  now = 0;
  #step: Step | undefined;
  #run = 0;
  /** Times before the present one, rising, and the steps that ran then. */
  readonly #times: number[] = [];
  readonly #steps: StepRef[] = [];
  #leavesMark = false;

  /** Time goes on to a step that runs for the `run`-th time. */
  begin(step: Step, run: number): void {
    if (this.#leavesMark) {
      this.#times.push(this.now);
      this.#steps.push({ step: this.#step!, run: this.#run });
    }
    this.now++;
    this.#step = step;
    this.#run = run;
    this.#leavesMark = true;
  }

  /** The present step has changed nothing that remembers when. */
  leaveNoMark(): void {
    this.#leavesMark = false;
  }

  /** The step that ran at a time. */
  at(time: number): StepRef | undefined {
    if (time === this.now) return this.#step && { step: this.#step, run: this.#run };
    let [from, to] = [0, this.#times.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#times[middle]! < time) from = middle + 1;
      else to = middle;
    }
    return this.#times[from] === time ? this.#steps[from] : undefined;
  }
}
