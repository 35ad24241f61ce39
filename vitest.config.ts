import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: [
      "agent/**/*.test.ts",
      "devices/**/*.test.ts",
      "protocols/**/*.test.ts",
      "simulators/**/*.test.ts",
      "hardware-profiles/**/*.test.ts",
      "test/**/*.test.ts",
    ],
    // Two cores: whole-process scenarios and fuzzing must not starve one another.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
