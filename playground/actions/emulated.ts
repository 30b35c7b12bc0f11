import { existsSync, statSync } from "node:fs";
import { copyFile, mkdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { text } from "./language.ts";
import { execute, failed, type Machine, type Outcome, print } from "./machine.ts";
import type { Stop } from "./processes.ts";

/** What these actions need of a step. */
interface Call {
  readonly machine: Machine;
  readonly inputs: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly stop: Stop;
}

const done: Outcome = { conclusion: "success", outputs: {} };

/** The actions that the playground does itself, at whatever version, as far as these inputs go. */
export const emulatedActions: Readonly<
  Record<string, { readonly inputs: readonly string[]; readonly perform: (call: Call) => Promise<Outcome> }>
> = {
  "actions/checkout": { inputs: ["persist-credentials"], perform: checkout },
  "actions/setup-node": { inputs: ["node-version"], perform: setupNode },
  "actions/upload-artifact": { inputs: ["name", "path", "archive", "if-no-files-found"], perform: uploadArtifact },
};

/** The run's commit: on its branch where it has one, else detached, as for a pull request. */
async function checkout({ machine, inputs, env, stop }: Call): Promise<Outcome> {
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
    const ended = await execute(machine, { command: "git", args, env, stop });
    if (ended.conclusion !== "success") return ended;
  }
  return done;
}

async function setupNode({ machine }: Call): Promise<Outcome> {
  print(machine, `The playground has one Node: ${process.version}.`);
  return done;
}

async function uploadArtifact({ machine, inputs }: Call): Promise<Outcome> {
  const { world, run } = machine;
  const { path } = inputs;
  const name = inputs.archive === "false" ? basename(path ?? "") : (inputs.name ?? "artifact");
  if (!path) return failed("Input required and not supplied: path");
  const source = resolve(machine.workspace, path);
  const missing = !existsSync(source);
  if (missing && inputs["if-no-files-found"] !== "ignore") print(machine, `##[warning]There is no file ${path}.`);
  if (missing) return done;
  const found = statSync(source);
  if (found.isDirectory()) return failed(`${path} is a folder: the playground uploads single files.`);
  const id = world.nextId();
  const file = join(world.dir, "artifacts", String(id), basename(source));
  await mkdir(dirname(file), { recursive: true });
  await copyFile(source, file);
  world.artifacts.set(id, { id, runId: run.id, name, file, size: found.size });
  print(machine, `Artifact ${name} has been uploaded: ${found.size} bytes.`);
  return done;
}
