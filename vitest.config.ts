import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: "test/setup/command.ts",
    exclude: ["test/**/*.long.test.ts"],
    // Most of a story is waiting for processes of its own.
    maxWorkers: 4,
    maxConcurrency: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    coverage: {
      provider: "v8",
      include: ["src/sessions/**", "src/runner/**"],
      reporter: ["text"],
      thresholds: { "src/{sessions,runner}/**": { branches: 90 } },
    },
  },
});
