import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";
import { configSchema } from "../src/config-schema.ts";
import { eventSchema } from "../src/sessions/journal.ts";
import { findingSchema } from "../src/setup/finding.ts";
import { aliveSchema } from "../src/terminal/alive.ts";
import { artifactSchema } from "../src/terminal/artifacts.ts";
import { checkpointSchema } from "../src/terminal/checkpoints.ts";
import { cleanedSchema } from "../src/terminal/clean.ts";
import { loggedSchema } from "../src/terminal/commits.ts";
import { compactedSchema } from "../src/terminal/compact.ts";
import { fetchedSchema } from "../src/terminal/follow.ts";
import { forkSchema } from "../src/terminal/fork.ts";
import { listedSchema } from "../src/terminal/listed.ts";
import { revertSchema } from "../src/terminal/revert.ts";
import { pushedSchema } from "../src/terminal/share.ts";
import { shownSchema } from "../src/terminal/shown.ts";
import { statsSchema } from "../src/terminal/stats.ts";
import { turnResultSchema } from "../src/terminal/turn-result.ts";
import { verifiedSchema } from "../src/terminal/verify.ts";

const folder = join(import.meta.dirname, "..", "docs", "schemas");

/** What other programs and people's editors read, by the name of its file, each from what the code itself holds it to. */
const published = {
  offshoot: [configSchema, "`.github/offshoot.toml`, the configuration of a repository"],
  journal: [eventSchema, "An event of an Offshoot journal: one line of events.jsonl"],
  "session-list": [v.array(listedSchema), "What `offshoot session list --json` prints"],
  "session-show": [shownSchema, "What `offshoot session show --json` prints"],
  doctor: [v.array(findingSchema), "What `offshoot doctor --json` prints"],
  "turn-result": [turnResultSchema, "What `offshoot run --json` and `offshoot session result --json` print"],
  "session-log": [v.array(loggedSchema), "What `offshoot session log --json` prints"],
  "session-artifacts": [v.array(artifactSchema), "What `offshoot session artifacts --json` prints"],
  "session-checkpoints": [v.array(checkpointSchema), "What `offshoot session checkpoints --json` prints"],
  "session-stats": [statsSchema, "What `offshoot session stats --json` prints"],
  "session-is-alive": [aliveSchema, "What `offshoot session is-alive --json` prints"],
  "session-fetch": [fetchedSchema, "What `offshoot session fetch --json` prints"],
  "session-push": [pushedSchema, "What `offshoot session push --json` prints"],
  "session-clean": [cleanedSchema, "What `offshoot session clean --json` prints"],
  "session-checkpoint": [checkpointSchema, "What `offshoot session checkpoint --json` prints"],
  "session-compact": [compactedSchema, "What `offshoot session compact --json` prints"],
  "session-fork": [forkSchema, "What `offshoot session fork --json` prints"],
  "session-revert": [revertSchema, "What `offshoot session revert --json` prints"],
  "session-verify": [verifiedSchema, "What `offshoot session verify --json` prints"],
} as const;

/** What JSON Schema has no word for. */
const unsayable = ["brand", "readonly", "check_items", "trim", "raw_transform"];

/** What a person writes, defaults left out; all others tell what the program writes. */
const isWritten = (name: SchemaName) => name === "offshoot";

export type SchemaName = keyof typeof published;
export const schemaNames = Object.keys(published) as readonly SchemaName[];

export function schemaFile(name: SchemaName): string {
  return join(folder, `${name}.schema.json`);
}

export function schemaOf(name: SchemaName): JsonSchema {
  const [schema, title] = published[name];
  return {
    ...toJsonSchema(schema, {
      target: "draft-2020-12",
      ignoreActions: unsayable,
      typeMode: isWritten(name) ? "input" : "ignore",
    }),
    title,
    description: "Made by `npm run schemas` from the code.",
  };
}

export function formatSchema(schema: JsonSchema): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}

if (import.meta.main) {
  await mkdir(folder, { recursive: true });
  for (const name of schemaNames) await writeFile(schemaFile(name), formatSchema(schemaOf(name)));
}
