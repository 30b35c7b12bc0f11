import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { notKept } from "../src/runner/keeper.ts";
import { type Audience, chooseKeeping, givenKey } from "../src/runner/keeping.ts";
import { visibilitySchema } from "../src/sessions/journal.ts";
import { newJournalKey } from "../src/sessions/secrets/journal-keys.ts";
import { redactor } from "../src/sessions/secrets/redact.ts";

const page = readFileSync(join(import.meta.dirname, "..", "docs", "security.md"), "utf8");
const [found = [], missed = []] = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = ""]) =>
  block.trim().split("\n"),
);

const secret = "Tr0ub4dor&3-horse-battery";
const { text } = redactor({ known: [secret] });

async function printed(command: string): Promise<string> {
  const { PATH = "" } = process.env;
  return (await promisify(execFile)("bash", ["-ceuo", "pipefail", command], { env: { PATH, SECRET: secret } })).stdout;
}

test.each(found)("docs/security.md: redaction finds the secret that `%s` prints", async (command) => {
  const out = await printed(command);
  expect(text(out)).not.toBe(out);
  expect(text(out)).toMatch(/^\W*(dXNlcj)?\[redacted\]\W*$/);
});

test.each(missed)("docs/security.md: redaction does not find the secret that `%s` prints", async (command) => {
  const out = await printed(command);
  expect(text(out)).toBe(out);
});

test("docs/security.md: example passwords in URLs go, too", () => {
  expect(text("postgres://app:example@localhost/app")).toBe("postgres://app:[redacted]@localhost/app");
});

test("docs/security.md names every visibility, and which one holds without the setting", () => {
  const [, table = ""] = page.split(/^\| `visibility` .*$/m);
  const settings = [...table.matchAll(/^\| `(\w+)` \| [^|]+ \|$/gm)].map(([, name]) => name);
  expect(settings).toEqual(visibilitySchema.options);
  expect(page).toContain(`\`${notKept}\``);
  const rows = [...page.matchAll(/^\| (.+) \| `(\w+)` \| `(\w+)` \|$/gm)].map(([, , ...chosen]) => chosen);
  const chosen = (audience: Audience) =>
    [newJournalKey(), undefined].map((key) => {
      return chooseKeeping({ configured: null, audience, key: givenKey(key) }).visibility;
    });
  expect(rows).toEqual([chosen("everyone"), chosen("members")]);
  expect(chosen("unknown")).toEqual(chosen("everyone"));
  const unsealable = chooseKeeping({ configured: "sealed", audience: "members", key: givenKey("no key") });
  expect(unsealable).toMatchObject({ visibility: "summary", notice: expect.stringContaining("is not base64") });
});
