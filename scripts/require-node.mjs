const wanted = 22;
const [major] = process.versions.node.split(".").map(Number);
if (major < wanted) {
  console.error(
    [
      `Offshoot's scripts need Node ${wanted} or newer; this is ${process.version}.`,
      "They bring their own: the package `node` puts a pinned Node 24 into node_modules/.bin when its install script runs.",
      "Run `npm ci` again without `--ignore-scripts` (under npm 11 the script is allowed by `allowScripts` in package.json).",
    ].join("\n"),
  );
  process.exit(1);
}
