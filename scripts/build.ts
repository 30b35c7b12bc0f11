import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type OutputOptions, type Plugin, rolldown } from "rolldown";

const root = join(import.meta.dirname, "..");

/** Bundles `src/action.ts` to `dist/action.js`, in `folder` or in another one: one file, for node24. Resolves to its path. */
export function buildAction(folder = root, into = folder): Promise<string> {
  return bundle(folder, "action", { dir: join(into, "dist"), codeSplitting: false });
}

/** Bundles `src/cli.ts` to `dist/cli.js`, and what a command loads only when it needs it to `dist/cli/`. */
export function buildCommand(folder = root): Promise<string> {
  return bundle(folder, "cli", { dir: join(folder, "dist"), chunkFileNames: "cli/[name]-[hash].js" });
}

/** Loading these does nothing but define: what is not called of them (HTTP clients) is left out. */
const moduleSideEffects = [{ test: /node_modules\/(@actions\/|undici\/)/, sideEffects: false }];

/** Puts the workflow's text in the place of the module that reads it: the file is not part of a release. */
const withTemplate: Plugin = {
  name: "workflow-template",
  load: async (id) => {
    if (!id.endsWith("/src/setup/template.ts")) return null;
    const text = await readFile(join(root, ".github/workflows/offshoot.yml"), "utf8");
    return `export const workflowTemplate = ${JSON.stringify(text)};`;
  },
};

async function bundle(folder: string, name: string, options: OutputOptions & { dir: string }): Promise<string> {
  const input = { [name]: join(folder, "src", `${name}.ts`) };
  await using bundler = await rolldown({
    input,
    platform: "node",
    logLevel: "warn",
    external: ["probot"],
    plugins: [withTemplate],
    treeshake: { moduleSideEffects },
  });
  await bundler.write({ format: "esm", minify: true, ...options });
  return join(options.dir, `${name}.js`);
}

if (import.meta.main) {
  for (const file of [await buildAction(), await buildCommand()]) {
    console.error(`${file}: ${Math.ceil((await stat(file)).size / 1024)} KiB`);
  }
}
