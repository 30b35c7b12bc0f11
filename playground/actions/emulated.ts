import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { type ZipEntry, zip } from "../github/zip.ts";
import { text } from "./language.ts";
import { execute, failed, type Outcome, print } from "./machine.ts";
import type { StepCall } from "./steps.ts";

/** An action that the playground does itself, at whatever version, as far as these inputs go. */
interface Emulated {
  readonly inputs: readonly string[];
  readonly perform: (call: StepCall) => Promise<Outcome>;
}

export const emulatedActions: Readonly<Record<string, Emulated>> = {
  "actions/checkout": { inputs: ["persist-credentials"], perform: checkout },
  "actions/setup-node": { inputs: ["node-version"], perform: setupNode },
  "actions/upload-artifact": { inputs: ["name", "path", "if-no-files-found"], perform: uploadArtifact },
};

/** The run's commit: on its branch where it has one, else detached, as for a pull request. */
async function checkout({ machine, inputs, env, stop }: StepCall): Promise<Outcome> {
  const { ref, sha, repository, token } = machine.github;
  const branch = /^refs\/heads\/(.+)$/.exec(text(ref))?.[1];
  const credential = Buffer.from(`x-access-token:${text(token)}`).toString("base64");
  machine.masks.add(credential);
  const header = [`http.${machine.world.url}/.extraheader`, `AUTHORIZATION: basic ${credential}`] as const;
  const commands = [
    ["init", "--quiet", "."],
    ["remote", "add", "origin", `${machine.world.url}/${text(repository)}.git`],
    ["-c", header.join("="), "fetch", "--quiet", "--no-tags", "--depth=1", "origin", text(sha)],
    ["checkout", "--quiet", "--force", ...(branch ? ["-B", branch] : ["--detach"]), "FETCH_HEAD"],
    ["log", "-1", "--format=HEAD is now at %h %s"],
    ...(inputs["persist-credentials"] === "false" ? [] : [["config", "--local", ...header]]),
  ];
  for (const args of commands) {
    const done = await execute(machine, { command: "git", args, env, stop });
    if (done.conclusion !== "success") return done;
  }
  return { conclusion: "success", outputs: {} };
}

async function setupNode({ machine }: StepCall): Promise<Outcome> {
  print(machine, `The playground has one Node: ${process.version}.`);
  return { conclusion: "success", outputs: {} };
}

/** Keeps one file, or all files of one folder. */
async function uploadArtifact({ machine, inputs }: StepCall): Promise<Outcome> {
  const { world, run } = machine;
  const { name = "artifact", path, "if-no-files-found": ifNone } = inputs;
  if (!path) return failed("Input required and not supplied: path");
  const entries = await filesAt(resolve(machine.workspace, path));
  if (entries.length === 0) {
    const none = `There is no file or folder with files at ${path}: no artifact was uploaded.`;
    if (ifNone === "error") return failed(none);
    if (ifNone !== "ignore") print(machine, `##[warning]${none}`);
    return { conclusion: "success", outputs: {} };
  }
  const content = zip(entries);
  const id = world.nextId();
  const file = join(world.dir, "artifacts", `${id}.zip`);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
  world.artifacts.set(id, { id, runId: run.id, name, createdAt: world.now(), file, size: content.length });
  print(machine, `Artifact ${name} has been uploaded: ${entries.length} file(s), ${content.length} bytes.`);
  return { conclusion: "success", outputs: {} };
}

async function filesAt(path: string): Promise<ZipEntry[]> {
  const found = await stat(path).catch(() => null);
  if (found?.isFile()) return [{ name: basename(path), content: await readFile(path) }];
  if (!found?.isDirectory()) return [];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(files.map(async (file) => ({ name: relative(path, file), content: await readFile(file) })));
}
