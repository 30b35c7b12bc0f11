/**
 * Makes what the documentation shows of the real thing, in a real playground and Debian's Chromium: the pictures, and the
 * README's transcript and timeline. `npm run pictures`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { openPlayground } from "../playground/playground.ts";
import { sampleScript } from "../playground/sample-script.ts";
import { timeline, transcript } from "../playground/telling.ts";

const root = join(import.meta.dirname, "..");
const readme = join(root, "README.md");
const playground = await openPlayground({
  port: 3000,
  model: { kind: "scripted", script: sampleScript },
  log: () => undefined,
});
const { world } = playground.github;
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const page = await browser.newPage({ viewport: { width: 1100, height: 800 }, deviceScaleFactor: 1.5 });

const runsOver = new Promise<void>((resolve) => {
  world.bus.on("run", () => {
    if (world.runs.size === 2 && [...world.runs.values()].every(({ status }) => status === "completed")) resolve();
  });
});
await page.goto(world.url);
await page.getByPlaceholder("/agent").fill("/agent make the failing test pass");
await page.getByRole("button", { name: "Comment" }).click();
await runsOver;
await page.reload();
await page.screenshot({ path: join(root, "docs/images/thread.png"), fullPage: true, animations: "disabled" });

let text = readFileSync(readme, "utf8");
for (const [name, told] of Object.entries({
  transcript: transcript(world, playground.issue),
  timeline: await timeline(world),
})) {
  const section = new RegExp(`<!-- ${name} -->[\\s\\S]*<!-- /${name} -->`);
  text = text.replace(section, () => `<!-- ${name} -->\n\n\`\`\`text\n${told}\n\`\`\`\n\n<!-- /${name} -->`);
}
writeFileSync(readme, text);
await browser.close();
await playground.close();
