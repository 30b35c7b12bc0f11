import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { formatSchema, schemaFile, schemaNames, schemaOf } from "../../scripts/schemas.ts";

describe("docs/schemas", () => {
  test.each(schemaNames)("%s is what the code makes: after a change, `npm run schemas`", async (name) => {
    expect(await readFile(schemaFile(name), "utf8")).toBe(formatSchema(schemaOf(name)));
  });
});
