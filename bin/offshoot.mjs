#!/usr/bin/env node
// A checkout runs its source; a package has the build alone.
import { existsSync } from "node:fs";

const wanted = 22;
if (Number.parseInt(process.versions.node, 10) < wanted) {
  console.error(`offshoot needs Node ${wanted} or newer; this is ${process.version}. See https://nodejs.org.`);
  process.exit(1);
}
const source = new URL("../src/cli.ts", import.meta.url);
await import(existsSync(source) ? source.href : new URL("../dist/cli.js", import.meta.url).href);
