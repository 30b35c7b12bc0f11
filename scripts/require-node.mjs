import { existsSync } from "node:fs";

const wanted = 22;
const [major] = process.versions.node.split(".").map(Number);
if (major < wanted) {
  const remedy = existsSync(new URL("../node_modules", import.meta.url))
    ? "Run `npm ci` again without `--ignore-scripts` (under npm 11 the script is allowed by `allowScripts` in package.json)."
    : "There is no node_modules folder: `npm ci` has not succeeded yet.";
  console.error(
    [
      `Offshoot's scripts need Node ${wanted} or newer; this is ${process.version}.`,
      "They bring their own: the package `node` puts a pinned Node 24 into node_modules/.bin when its install script runs.",
      remedy,
    ].join("\n"),
  );
  process.exit(1);
}
