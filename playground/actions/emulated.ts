import { glob, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { zip } from "../github/zip.ts";
import { text } from "./language.ts";
import { execute, print } from "./machine.ts";
import type { Stop } from "./processes.ts";
import { failed, listing, outcome, printGroup, type StepCall, type StepOutcome } from "./step.ts";

/** The actions that the playground does itself, at whatever version. */
export const emulatedActions: ReadonlyMap<string, (call: StepCall) => Promise<StepOutcome>> = new Map([
  ["actions/checkout", checkout],
  ["actions/setup-node", setupNode],
  ["actions/upload-artifact", uploadArtifact],
]);

async function checkout(call: StepCall): Promise<StepOutcome> {
  const { machine, inputs } = call;
  const own = text(machine.github.repository);
  if (inputs.repository && inputs.repository !== own)
    return failed(
      `The playground has one repository, ${own}; \`repository: ${inputs.repository}\` cannot be checked out.`,
    );
  printGroup(machine, `Run ${text(call.body.uses)}`, listing("with", inputs));

  const folder = join(machine.workspace, inputs.path ?? "");
  await mkdir(folder, { recursive: true });
  const credential = Buffer.from(`x-access-token:${inputs.token || text(machine.github.token)}`).toString("base64");
  machine.masks.add(credential);
  const header = `http.${machine.world.url}/.extraheader`;
  const git = (args: readonly string[], stop: Stop = call.stop) =>
    execute(machine, { command: "git", args, cwd: folder, env: { ...call.env, GIT_TERMINAL_PROMPT: "0" }, stop });

  const plan = checkoutPlan({
    ref: inputs.ref || null,
    defaultRef: text(machine.github.ref),
    sha: text(machine.github.sha),
  });
  const depth = inputs["fetch-depth"] ?? "1";
  const everything = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];
  const commands = [
    ["init", "--quiet", "--initial-branch=main", "."],
    ["remote", "add", "origin", `${machine.world.url}/${own}.git`],
    ["config", "--local", header, `AUTHORIZATION: basic ${credential}`],
    ...(depth === "0" ? [["fetch", "--quiet", "origin", ...everything]] : []),
    ["fetch", "--quiet", "--no-tags", ...(depth === "0" ? [] : [`--depth=${depth}`]), "origin", plan.fetch],
    ["-c", "advice.detachedHead=false", "checkout", "--quiet", "--force", ...plan.checkout],
    ["log", "-1", "--format=HEAD is now at %h %s"],
  ];
  const forget = ["config", "--local", "--unset-all", header];
  const keeps = inputs["persist-credentials"] !== "false";
  for (const command of keeps ? commands : [...commands, forget]) {
    const done = outcome(call.stop, await git(command));
    if (done.conclusion !== "success") return done;
  }
  const perform = async (stop: Stop) => {
    await git(forget, stop); // a step may have removed the repository or the setting: nothing is left to forget then
    return outcome(stop, { ending: { kind: "exited", code: 0 }, outputs: {}, state: {}, problem: null });
  };
  const done = {
    conclusion: "success",
    outputs: { ref: inputs.ref || text(machine.github.ref), commit: plan.sha },
  } as const;
  return keeps ? { ...done, post: { condition: "always()", perform } } : done;
}

/** The refspec to fetch and how to check it out: a branch as a branch, everything else detached. */
function checkoutPlan(wanted: { readonly ref: string | null; readonly defaultRef: string; readonly sha: string }) {
  const ref = wanted.ref ?? wanted.defaultRef;
  const sha = wanted.ref === null || wanted.ref === wanted.defaultRef ? wanted.sha : "";
  if (/^[0-9a-f]{40}$/.test(ref)) return { fetch: ref, checkout: ["--detach", ref], sha: ref };
  const full = ref.startsWith("refs/") ? ref : `refs/heads/${ref}`;
  if (!full.startsWith("refs/heads/")) {
    const local = full.replace("refs/", "refs/remotes/");
    return { fetch: `+${sha || full}:${local}`, checkout: ["--detach", local], sha };
  }
  const branch = full.slice("refs/heads/".length);
  const local = `refs/remotes/origin/${branch}`;
  return { fetch: `+${sha || full}:${local}`, checkout: ["-B", branch, local], sha };
}

async function setupNode(call: StepCall): Promise<StepOutcome> {
  printGroup(call.machine, `Run ${text(call.body.uses)}`, listing("with", call.inputs));
  print(call.machine, `The playground has one Node: ${process.version}.`);
  return { conclusion: "success", outputs: { "node-version": process.version } };
}

async function uploadArtifact(call: StepCall): Promise<StepOutcome> {
  const { machine, inputs } = call;
  const { world, run } = machine;
  printGroup(machine, `Run ${text(call.body.uses)}`, listing("with", inputs));
  if (!inputs.path?.trim()) return failed("Input required and not supplied: path");
  const name = inputs.name || "artifact";
  const taken = [...world.artifacts.values()].some((artifact) => artifact.runId === run.id && artifact.name === name);
  if (taken) return failed(`An artifact named ${name} exists in this run already: artifacts cannot be changed.`);

  const files = await filesToUpload(machine.workspace, inputs.path, inputs["include-hidden-files"] === "true");
  if (files.length === 0) {
    const none = `No files were found with the provided path: ${inputs.path.trim()}. No artifacts will be uploaded.`;
    if (inputs["if-no-files-found"] === "error") return failed(none);
    if (inputs["if-no-files-found"] !== "ignore") print(machine, `##[warning]${none}`);
    return { conclusion: "success", outputs: {} };
  }
  const root = commonFolder(files);
  const entries = files.map(async (file) => ({ name: relative(root, file), content: await readFile(file) }));
  const content = zip(await Promise.all(entries));
  const id = world.nextId();
  const file = join(world.dir, "artifacts", `${id}.zip`);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
  world.artifacts.set(id, { id, runId: run.id, name, createdAt: world.now(), file, size: content.length });
  print(machine, `Artifact ${name} has been uploaded: ${files.length} file(s), ${content.length} bytes, id ${id}.`);
  return { conclusion: "success", outputs: { "artifact-id": String(id) } };
}

/** The files that the patterns name, folders with all that is in them; a line with `!` takes files out again. */
async function filesToUpload(workspace: string, patterns: string, withHidden: boolean): Promise<string[]> {
  const chosen = new Set<string>();
  for (const line of patterns.split("\n").map((one) => one.trim())) {
    if (line === "") continue;
    const matches = await matching(workspace, line.replace(/^!/, ""));
    for (const file of matches) line.startsWith("!") ? chosen.delete(file) : chosen.add(file);
  }
  const hidden = (file: string) =>
    relative(workspace, file)
      .split("/")
      .some((part) => /^\.[^./]/.test(part));
  return [...chosen].filter((file) => withHidden || !hidden(file)).sort();
}

async function matching(workspace: string, pattern: string): Promise<string[]> {
  const files: string[] = [];
  for await (const path of glob(resolve(workspace, pattern))) {
    const kind = await stat(path);
    if (kind.isFile()) files.push(path);
    if (!kind.isDirectory()) continue;
    for await (const inner of glob("**/*", { cwd: path, withFileTypes: true }))
      if (inner.isFile()) files.push(join(inner.parentPath, inner.name));
  }
  return files;
}

function commonFolder(files: readonly string[]): string {
  return files.map(dirname).reduce((root, folder) => {
    let shared = root;
    while (shared !== "/" && folder !== shared && !folder.startsWith(`${shared}/`)) shared = dirname(shared);
    return shared;
  });
}
