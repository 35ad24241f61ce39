/**
 * Property tests take new random cases at each run, unless SEGMENT_FUZZ_SEED (a 32-bit number) names them:
 * `.ci/run` takes it from what is tested, so that the same code meets the same cases wherever it runs.
 */
const seed = process.env["SEGMENT_FUZZ_SEED"];
if (seed !== undefined && seed !== "") {
  const { default: fc } = await import("fast-check");
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) | 0 });
}
