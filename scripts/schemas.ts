import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import { eventSchema } from "../src/sessions/journal.ts";

export const journalSchemaFile = join(import.meta.dirname, "..", "docs", "schemas", "journal.schema.json");

/** JSON Schema of one line of a journal, made from what the code itself reads journals with. */
export function journalSchema(): JsonSchema {
  return {
    ...toJsonSchema(eventSchema, { target: "draft-2020-12", ignoreActions: ["brand"] }),
    title: "An event of an Offshoot journal",
    description: "One line of events.jsonl. Made by `npm run schemas` from src/sessions/journal.ts.",
  };
}

export function formatSchema(schema: JsonSchema): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}

if (import.meta.main) {
  await mkdir(dirname(journalSchemaFile), { recursive: true });
  await writeFile(journalSchemaFile, formatSchema(journalSchema()));
}
