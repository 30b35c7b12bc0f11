import { statusOf } from "../sessions/github/answers.ts";
import type { FilePlan } from "../setup/plan.ts";
import type { Files, Repository } from "../setup/repository.ts";
import { Failure } from "./failure.ts";
import type { GithubAccess } from "./github-access.ts";
import { askForFiles } from "./setup-facts.ts";
import type { Terminal } from "./terminal.ts";

/** The set-up as it is on GitHub: in the pull request that is open for it, else on the default branch. */
export interface Present {
  readonly files: Files;
  readonly pull: { readonly branch: string; readonly url: string } | null;
}

const branchName = "offshoot/init";
const title = "Set up Offshoot";

export async function presentOn(access: GithubAccess, { defaultBranch }: Repository): Promise<Present> {
  const { octokit, at } = access;
  const open = await octokit.paginate("GET /repos/{owner}/{repo}/pulls", { ...at, state: "open", base: defaultBranch });
  const pull = open.find(
    ({ head }) =>
      head.ref.startsWith(branchName) && head.repo?.full_name.toLowerCase() === `${at.owner}/${at.repo}`.toLowerCase(),
  );
  return {
    files: await askForFiles(access, pull?.head.ref ?? defaultBranch),
    pull: pull ? { branch: pull.head.ref, url: pull.html_url } : null,
  };
}

interface Proposal {
  readonly repository: Repository;
  readonly present: Present;
  readonly files: readonly FilePlan[];
}

/** Puts the files on a branch and opens the pull request, or adds them to the one that is open. Gives its address. */
export async function openPullRequest(terminal: Terminal, access: GithubAccess, proposal: Proposal): Promise<string> {
  try {
    return await (proposal.present.pull ? addTo(access, proposal) : openNew(terminal, access, proposal));
  } catch (error) {
    const status = statusOf(error);
    if (status !== 403 && status !== 404) throw error;
    throw new Failure(
      "refused",
      `GitHub did not let the token from ${access.source} do it: ${error instanceof Error ? error.message : error}`,
      "Writing a workflow takes a token with the scope workflow (gh auth refresh --scopes workflow), or, for a fine-grained one, contents, pull requests and workflows. Or leave the files here: --files.",
    );
  }
}

async function openNew({ newId }: Terminal, access: GithubAccess, { repository, files }: Proposal): Promise<string> {
  const { octokit, at } = access;
  const base = await tipOf(access, repository.defaultBranch);
  if (!base) {
    throw new Failure(
      "refused",
      `${repository.name} has no commit yet.`,
      "Push a first commit, and run the command again.",
    );
  }
  const commit = await commitOn(access, base, files);
  const branch = (await tipOf(access, branchName)) ? `${branchName}-${newId().slice(-6).toLowerCase()}` : branchName;
  await octokit.request("POST /repos/{owner}/{repo}/git/refs", { ...at, ref: `refs/heads/${branch}`, sha: commit });
  const { data } = await octokit.request("POST /repos/{owner}/{repo}/pulls", {
    ...{ ...at, title, head: branch, base: repository.defaultBranch },
    body: bodyOf(files),
  });
  return data.html_url;
}

async function addTo(access: GithubAccess, { present, files }: Proposal): Promise<string> {
  const { octokit, at } = access;
  const { branch = "", url = "" } = present.pull ?? {};
  const tip = await tipOf(access, branch);
  const sha = await commitOn(access, tip ?? "", files);
  await octokit.request("PATCH /repos/{owner}/{repo}/git/refs/{ref}", { ...at, ref: `heads/${branch}`, sha });
  return url;
}

async function tipOf({ octokit, at }: GithubAccess, branch: string): Promise<string | null> {
  try {
    const place = { ...at, ref: `heads/${branch}` };
    return (await octokit.request("GET /repos/{owner}/{repo}/git/ref/{ref}", place)).data.object.sha;
  } catch (error) {
    if (statusOf(error) === 404 || statusOf(error) === 409) return null;
    throw error;
  }
}

async function commitOn({ octokit, at }: GithubAccess, base: string, files: readonly FilePlan[]): Promise<string> {
  const parent = await octokit.request("GET /repos/{owner}/{repo}/git/commits/{commit_sha}", {
    ...at,
    commit_sha: base,
  });
  const tree = await octokit.request("POST /repos/{owner}/{repo}/git/trees", {
    ...{ ...at, base_tree: parent.data.tree.sha },
    tree: files.map(({ path, text }) => ({ path, mode: "100644" as const, type: "blob" as const, content: text })),
  });
  const commit = { ...at, message: title, tree: tree.data.sha, parents: [base] };
  return (await octokit.request("POST /repos/{owner}/{repo}/git/commits", commit)).data.sha;
}

function bodyOf(files: readonly FilePlan[]): string {
  const list = files.map(({ path, kind }) => `- \`${path}\` (${kind === "create" ? "new" : "updated"})`);
  return `With this, a comment \`/agent <what to do>\` by somebody who may write here opens a session of the coding agent.

${list.join("\n")}

\`offshoot doctor\` says what is left to do after the merge.`;
}
