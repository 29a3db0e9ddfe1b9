/**
 * How every property test draws its cases: from one fixed seed, so that a run is the same on any machine. `FUZZ_SEED`
 * draws others, `FUZZ_TIMES` multiplies their number; a case that fails prints its seed.
 */
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_200_728);
const TIMES = Number(process.env['FUZZ_TIMES'] ?? 1);

/** Parameters of `fc.assert`: so many cases of the shared seed. */
export const cases = (numRuns: number): { readonly numRuns: number; readonly seed: number } => ({
  numRuns: Math.ceil(numRuns * TIMES),
  seed: SEED,
});
