import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type OutputOptions, rolldown } from "rolldown";

const root = join(import.meta.dirname, "..");

/** Bundles `src/action.ts` to `dist/action.js`: one file, for node24. Resolves to its path. */
export function buildAction(folder = root): Promise<string> {
  return bundle(folder, "action", { codeSplitting: false });
}

/** Bundles `src/cli.ts` to `dist/cli.js`, and what a command loads only when it needs it to `dist/cli/`. */
export function buildCommand(folder = root): Promise<string> {
  return bundle(folder, "cli", { chunkFileNames: "cli/[name]-[hash].js" });
}

async function bundle(folder: string, name: string, options: OutputOptions): Promise<string> {
  const input = { [name]: join(folder, "src", `${name}.ts`) };
  await using bundler = await rolldown({ input, platform: "node", logLevel: "warn" });
  await bundler.write({ dir: join(folder, "dist"), format: "esm", minify: true, ...options });
  return join(folder, "dist", `${name}.js`);
}

if (import.meta.main) {
  for (const file of [await buildAction(), await buildCommand()]) {
    console.error(`${file}: ${Math.ceil((await stat(file)).size / 1024)} KiB`);
  }
}
