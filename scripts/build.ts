import { stat } from "node:fs/promises";
import { join } from "node:path";
import { rolldown } from "rolldown";

const root = join(import.meta.dirname, "..");

/** Bundles `src/action.ts` to `dist/action.js`: one file, for node24. Resolves to its path. */
export async function build(folder = root): Promise<string> {
  const file = join(folder, "dist", "action.js");
  await using bundler = await rolldown({ input: join(folder, "src", "action.ts"), platform: "node", logLevel: "warn" });
  await bundler.write({ file, format: "esm", minify: true, codeSplitting: false });
  return file;
}

if (import.meta.main) {
  const file = await build();
  console.error(`${file}: ${Math.ceil((await stat(file)).size / 1024)} KiB`);
}
