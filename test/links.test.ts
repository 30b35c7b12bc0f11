import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const docs = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" });
const pages = ["README.md", ...docs.filter((name) => name.endsWith(".md")).map((name) => join("docs", name))];

interface Link {
  readonly page: string;
  readonly path: string;
  readonly heading: string;
}

/** Links within the repository, outside of code. */
function linksIn(page: string): Link[] {
  const text = readFileSync(join(root, page), "utf8").replace(/^```.*?^```$/gms, "");
  return [...text.matchAll(/\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]*))?\)/g)].map(([, to = "", heading = ""]) => {
    const path = to === "" ? page : relative(root, join(root, dirname(page), to));
    return { page, path, heading };
  });
}

/** What GitHub makes of a heading for links to it. */
function anchors(page: string): string[] {
  const text = readFileSync(join(root, page), "utf8").replace(/^```.*?^```$/gms, "");
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

const isBroken = ({ path, heading }: Link) =>
  !existsSync(join(root, path)) || (heading !== "" && !anchors(path).includes(heading));

test("every link in the README and in docs leads to something that is there", () => {
  const links = pages.flatMap(linksIn);
  expect(links.length).toBeGreaterThan(20);
  expect(links.filter(({ heading }) => heading !== "").length).toBeGreaterThan(3);
  expect(links.filter(isBroken)).toEqual([]);
});
