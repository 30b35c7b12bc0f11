import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { expect } from "vitest";
import { type SchemaName, schemaFile } from "../../scripts/schemas.ts";
import type { Said } from "./clone-world.ts";

const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);

/** What a command printed, which is as the published schema of this name says. */
export function published<T>(name: SchemaName, { out }: Pick<Said, "out">): T {
  const validate =
    ajv.getSchema(name) ?? ajv.compile({ $id: name, ...JSON.parse(readFileSync(schemaFile(name), "utf8")) });
  const value: unknown = JSON.parse(out);
  validate(value);
  expect(validate.errors).toBeNull();
  return value as T;
}
