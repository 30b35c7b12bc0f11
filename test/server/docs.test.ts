import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { events, permissions } from "../../src/setup/app-manifest.ts";

test("docs/app.md has the App's permissions and events, each with what for", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/app.md"), "utf8");
  for (const [name, { access, why }] of Object.entries(permissions)) {
    expect(page).toContain(`| \`${name}\` | ${access} | ${why} |`);
  }
  for (const name of Object.keys(events)) expect(page).toContain(`\`${name}\` (`);
});
