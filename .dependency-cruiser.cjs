/**
 * The arrows of the house: protocols import libraries only; devices import protocols;
 * hardware-profiles import those; agent imports those three; simulators import those
 * three, and only simulators/worlds import agent; test imports all. One named edge
 * besides: agent/cli loads simulators/worlds lazily, so that a device bundle leaves
 * them out. Unit tests beside the code count as test.
 *
 * Run by test/check/imports.mjs, which fails if a source file was not seen: a checker
 * that sees no modules finds no violations.
 */
const TESTS = "\\.test\\.ts$|(^|/)testing/|^test/";

/** What `folder` must not import, tests apart. `allowed`: folders beside itself. */
function arrow(folder, allowed) {
  const house = ["protocols", "devices", "hardware-profiles", "agent", "simulators", "test"];
  const forbidden = house.filter((other) => other !== folder && !allowed.includes(other));
  return {
    name: `${folder}-imports`,
    comment: `${folder} may import ${["libraries", ...allowed].join(", ")} only`,
    severity: "error",
    from: { path: `^${folder}/`, pathNot: TESTS },
    to: { path: `^(${forbidden.join("|")})/` },
  };
}

module.exports = {
  forbidden: [
    arrow("protocols", []),
    arrow("devices", ["protocols"]),
    arrow("hardware-profiles", ["protocols", "devices"]),
    // The named edge has rules of its own, below.
    arrow("agent", ["protocols", "devices", "hardware-profiles", "simulators"]),
    arrow("simulators", ["protocols", "devices", "hardware-profiles", "agent"]),
    {
      name: "only-worlds-import-agent",
      comment: "a simulator offers ports; only simulators/worlds compose it with agents",
      severity: "error",
      from: { path: "^simulators/", pathNot: `^simulators/worlds/|${TESTS}` },
      to: { path: "^agent/" },
    },
    {
      name: "agent-imports-no-simulators",
      comment: "only agent/cli may, and only simulators/worlds",
      severity: "error",
      from: { path: "^agent/", pathNot: `^agent/cli/|${TESTS}` },
      to: { path: "^simulators/" },
    },
    {
      name: "cli-imports-worlds-only",
      comment: "of the simulators, agent/cli may load simulators/worlds only",
      severity: "error",
      from: { path: "^agent/cli/", pathNot: TESTS },
      to: { path: "^simulators/", pathNot: "^simulators/worlds/" },
    },
    {
      name: "cli-loads-worlds-lazily",
      comment: "agent/cli loads simulators/worlds with import(), so that a device bundle leaves them out",
      severity: "error",
      from: { path: "^agent/cli/", pathNot: TESTS },
      to: { path: "^simulators/worlds/", dynamic: false, dependencyTypesNot: ["type-only"] },
    },
    {
      name: "no-node-built-ins",
      comment: "protocols and devices also run in browsers",
      severity: "error",
      from: { path: "^(protocols|devices)/", pathNot: TESTS },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "no-tests-in-code",
      comment: "code that ships does not import tests",
      severity: "error",
      from: { pathNot: TESTS },
      to: { path: TESTS },
    },
    {
      name: "no-dev-dependencies",
      comment: "code that ships imports packages of `dependencies` only",
      severity: "error",
      from: {
        path: "^(protocols|devices|hardware-profiles|agent|simulators)/",
        pathNot: `^agent/app/|${TESTS}`,
      },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "no-unlisted",
      comment: "every package is in package.json",
      severity: "error",
      from: {},
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown"] },
    },
    {
      name: "no-unresolvable",
      comment: "the imported file does not exist",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: "no-circles",
      comment: "two modules that import one another are one module",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(dist|coverage|test/check/fixtures)/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
    },
  },
};
