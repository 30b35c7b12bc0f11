import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { rolldown } from "rolldown";

const root = join(import.meta.dirname, "..");

export interface Bundle {
  readonly file: string;
  readonly bytes: number;
}

/** Bundles `src/action.ts`, and `src/action-post.ts` where it exists, to `dist/*.js`: one file each, for node24. */
export async function build(folder = root): Promise<Bundle[]> {
  const post = join(folder, "src", "action-post.ts");
  const entries = [join(folder, "src", "action.ts"), ...(existsSync(post) ? [post] : [])];
  return Promise.all(entries.map((entry) => bundle(entry, join(folder, "dist", `${basename(entry, ".ts")}.js`))));
}

async function bundle(input: string, file: string): Promise<Bundle> {
  await using bundler = await rolldown({ input, platform: "node", logLevel: "warn" });
  await bundler.write({ file, format: "esm", minify: true, codeSplitting: false });
  return { file, bytes: (await stat(file)).size };
}

if (import.meta.main) {
  const bundles = await build();
  for (const { file, bytes } of bundles) console.error(`${file}: ${Math.ceil(bytes / 1024)} KiB`);
}
