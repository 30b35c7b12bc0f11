import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openWorld, type StoryWorld } from "./world.ts";

const executablePath = "/usr/bin/chromium";
const needed = (process.env.OFFSHOOT_TESTS_NEED ?? "").split(",").includes("chromium");
const missing = !existsSync(executablePath);
if (missing && !needed)
  console.warn(`Skipped: the page in a browser. ${executablePath} is not there (Debian: chromium).`);

let world: StoryWorld;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  if (missing && !needed) return;
  world = await openWorld();
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic"] });
  page = await browser.newPage();
});

afterAll(async () => {
  await browser?.close();
  await world?.close();
});

test.skipIf(missing && !needed)(
  "a person asks on the page and watches the answer arrive without reloading",
  async () => {
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(world.world.url);
    await page.getByPlaceholder("/agent make the failing test pass").fill("/agent make the failing test pass");
    await page.getByRole("button", { name: "Comment" }).click();

    await page.getByText("npm test passes", { exact: false }).first().waitFor();
    await page.getByRole("link", { name: /^#2/ }).first().waitFor();
    await world.runsDone();
    await page.getByText("waiting for the next").waitFor();
    expect(await page.getByText("(scripted model, not an AI)").count()).toBeGreaterThan(0);
    expect(errors).toEqual([]);
  },
);

test.skipIf(missing && !needed)("the pull request's diff is a click away", async () => {
  await page.goto(`${world.world.url}/playground/durations/pull/2`);
  const diff = await page.locator("main").textContent();
  expect(diff).toContain("src/parse.js");
});
