/**
 * Property tests take new random cases at each run, unless SEGMENT_PROPERTY_SEED (a 32-bit number) names
 * them, as `.ci/run` does: a change is judged by what it changes. (Fuzz tests: test/fuzz/support/harness.ts.)
 */
const seed = process.env["SEGMENT_PROPERTY_SEED"];
if (seed !== undefined && seed !== "") {
  const { default: fc } = await import("fast-check");
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) | 0 });
}
