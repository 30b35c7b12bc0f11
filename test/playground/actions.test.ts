import { expect, test } from "vitest";
import { jobOf, logOf, openWorkshop } from "./workshop.ts";

const checkout = "- uses: actions/checkout@v5";

test("a CI workflow is red, then green after the fix", async () => {
  await using shop = await openWorkshop();
  const ci = `
name: CI
on:
  push:
    branches: [main]
  pull_request:
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      ${checkout}
      - name: Run the tests
        run: node test.mjs
`;
  const red = await shop.push("main", { ".github/workflows/ci.yml": ci, "test.mjs": "process.exit(3)\n" });
  const first = await shop.completed({ sha: red });
  expect(first).toMatchObject({ name: "CI", event: "push", headBranch: "main", conclusion: "failure", number: 1 });
  expect(logOf(first, "test")).toContain("##[error]Process completed with exit code 3.");

  const green = await shop.push("fix", { "test.mjs": "console.log(process.version)\n" });
  const number = await shop.openPull("fix");
  const second = await shop.completed({ sha: green });
  expect(second).toMatchObject({ event: "pull_request", conclusion: "success", pulls: [number], number: 2 });
  expect(logOf(second, "test")).toContain(process.version);
  expect(jobOf(second, "test").steps.map(({ name, conclusion }) => `${name}: ${conclusion}`)).toEqual([
    "Run actions/checkout@v5: success",
    "Run the tests: success",
    "Post Run actions/checkout@v5: success",
  ]);
  expect(shop.complaints).toEqual([]);
});
