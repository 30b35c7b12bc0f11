import { readFileSync } from "node:fs";

/** The workflow that users get: this repository's own. `scripts/build.ts` puts the text itself into the released command. */
export const workflowTemplate = readFileSync(new URL("../../.github/workflows/offshoot.yml", import.meta.url), "utf8");
