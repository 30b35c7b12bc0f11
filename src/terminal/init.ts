import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseConfig } from "../config.ts";
import { plain } from "../sessions/words.ts";
import { configPath } from "../setup/config-file.ts";
import { type FilePlan, filesBy, type Plan, planFiles } from "../setup/plan.ts";
import type { Repository } from "../setup/repository.ts";
import { workflowTemplate } from "../setup/template.ts";
import { workflowPath } from "../setup/workflow-file.ts";
import { ask } from "./ask.ts";
import type { Clone } from "./clone.ts";
import { Failure } from "./failure.ts";
import { type GithubAccess, openGithub } from "./github-access.ts";
import { choose, type InitOptions } from "./init-choices.ts";
import { tellWhatIsLeft } from "./init-left.ts";
import { openPullRequest, presentOn } from "./init-pull-request.ts";
import { mustHaveOrigin } from "./origin.ts";
import { askForRepository } from "./setup-facts.ts";
import { note, print, type Terminal } from "./terminal.ts";

/** `offshoot init`: the workflow and the configuration, as files here or as a pull request. */
export async function init(terminal: Terminal, clone: Clone, options: InitOptions): Promise<void> {
  if (options.pullRequest && options.files) {
    throw new Failure("usage", "--pull-request and --files exclude each other.", "Give one of them.");
  }
  mustHaveOrigin(clone);
  const github = await openGithub(terminal, clone);
  if (options.pullRequest) await propose(terminal, mayAsk(github), options);
  else await leaveFiles(terminal, clone, { github, options });
}

function mayAsk(github: Awaited<ReturnType<typeof openGithub>>): GithubAccess {
  if (!("lacks" in github)) return github;
  throw new Failure(
    "failed",
    `No pull request can be opened: ${github.why}.`,
    `${github.remedy} Or leave out --pull-request.`,
  );
}

async function propose(terminal: Terminal, access: GithubAccess, options: InitOptions): Promise<void> {
  const { repository } = await askForRepository(access);
  const present = await presentOn(access, repository);
  const choices = await choose(terminal, present.files, options);
  const plan = await settle(terminal, planFiles(workflowTemplate, present.files, choices), options);
  tell(terminal, plan);
  const written = plan.files.filter(({ kind }) => kind !== "keep");
  if (written.length > 0) {
    print(
      terminal,
      `Pull request: ${await openPullRequest(terminal, access, { repository, present, files: written })}`,
    );
  } else if (present.pull) print(terminal, `Pull request: ${present.pull.url} (it is open already)`);
  const next = present.pull || written.length > 0 ? "Merge the pull request." : null;
  await tellWhatIsLeft(terminal, { access, repository, choices, next, config: configOf(plan) });
}

async function leaveFiles(
  terminal: Terminal,
  clone: Clone,
  { github, options }: { github: Awaited<ReturnType<typeof openGithub>>; options: InitOptions },
): Promise<void> {
  const files = await filesBy((path) => textOf(join(clone.root, path)));
  const choices = await choose(terminal, files, options);
  const plan = await settle(terminal, planFiles(workflowTemplate, files, choices), options);
  const written = plan.files.filter(({ kind }) => kind !== "keep");
  for (const { path, text } of written) {
    await mkdir(dirname(join(clone.root, path)), { recursive: true });
    await writeFile(join(clone.root, path), text);
  }
  tell(terminal, plan);
  if ("lacks" in github) note(terminal, `What is set up on GitHub was not looked at: ${github.why}. ${github.remedy}`);
  const access = "lacks" in github ? null : github;
  const repository = access && (await seen(access));
  const isClean = written.length === 0 && (await isCommitted(clone));
  const branch = repository?.defaultBranch ?? "the default branch";
  const next = isClean ? null : `Commit ${workflowPath} and ${configPath}, and bring them to ${branch}.`;
  await tellWhatIsLeft(terminal, { access, repository, choices, next, config: configOf(plan) });
}

async function seen(access: GithubAccess): Promise<Repository | null> {
  try {
    return (await askForRepository(access)).repository;
  } catch {
    return null; // what is left is told without it, too
  }
}

async function isCommitted({ git }: Clone): Promise<boolean> {
  return (await git(["status", "--porcelain", "--", `:/${workflowPath}`, `:/${configPath}`])).trim() === "";
}

const configOf = ({ files }: Plan) => parseConfig(files.find(({ path }) => path === configPath)?.text ?? "");

async function textOf(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

/** What a person changed is replaced only if they say so. */
async function settle(terminal: Terminal, { files, notes }: Plan, { yes }: InitOptions): Promise<Plan> {
  const settled: FilePlan[] = [];
  const more: string[] = [];
  for (const file of files) {
    if (file.kind !== "ask") settled.push(file);
    else {
      note(terminal, `${file.path} was changed by hand. It would become:\n${plain(file.difference)}`);
      const answer = yes ? "y" : await ask(terminal, "Replace it (y or n)?", "n");
      const replaces = /^y(es)?$/i.test(answer ?? "");
      settled.push({ path: file.path, text: file.text, kind: replaces ? "update" : "keep" });
      if (!replaces) more.push(`${file.path} was left as it is${answer === null ? "; --yes replaces it" : ""}.`);
    }
  }
  return { files: settled, notes: [...notes, ...more] };
}

const done = { create: "wrote", update: "updated", keep: "kept", ask: "" } as const;

function tell(terminal: Terminal, { files, notes }: Plan): void {
  for (const { kind, path } of files) print(terminal, `${done[kind].padEnd(8)}${path}`);
  for (const text of notes) print(terminal, text);
}
