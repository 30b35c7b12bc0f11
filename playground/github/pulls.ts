import type { Issue, Pull, User, World } from "../world.ts";
import { canWrite } from "./access.ts";
import { actor, type Call, cause, created, found, type Handlers, invalid, ok, Refusal, type Reply } from "./call.ts";
import { diffFiles } from "./diff.ts";
import { git, resolveRevision } from "./git.ts";
import { edit, newIssue } from "./issues.ts";
import { keepPullRef } from "./refs.ts";
import { commentsOf, links, nodeId, ownerJson, pullLinks, repoApi, repoJson, threadJson, userJson } from "./render.ts";

const side = (world: World, ref: string, sha: string, fork?: User) => ({
  ...{ label: `${fork?.login ?? world.owner}:${ref}`, ref, sha },
  ...(fork
    ? { user: userJson(world, fork), repo: forkJson(world, fork) }
    : { user: ownerJson(world), repo: repoJson(world) }),
});

const forkJson = (world: World, fork: User) => ({
  ...{ ...repoJson(world), id: world.ids.repo + fork.id, full_name: `${fork.login}/${world.repo}` },
  ...{ fork: true, owner: userJson(world, fork) },
});

/** A pull request as lists show it. */
function simplePullJson(world: World, issue: Issue, pull: Pull) {
  const { url, html_url, ...others } = pullLinks(world, issue);
  const thread = `${repoApi(world)}/issues/${issue.number}`;
  const further = {
    ...{ issue_url: thread, ...links(thread, "comments"), ...links(url, "commits review_comments review_comment") },
    statuses_url: `${repoApi(world)}/statuses/${pull.headSha}`,
  };
  const named = Object.entries({ self: url, html: html_url, ...further });
  return {
    ...threadJson(world, issue),
    ...{ id: issue.id, node_id: nodeId("PullRequest", issue.id), draft: pull.draft },
    ...{ requested_reviewers: [], requested_teams: [], auto_merge: null, merge_commit_sha: null },
    head: side(world, pull.head, pull.headSha, pull.fork),
    base: side(world, pull.base, pull.baseSha),
    ...{ url, html_url, ...others, ...further },
    _links: Object.fromEntries(named.map(([name, href]) => [name.replace(/_url$/, ""), { href }])),
  };
}

/** A pull request by itself, with what git says about it; whether it can be merged is never worked out. */
async function pullJson(world: World, issue: Issue) {
  const pull = found(issue.pull);
  const files = await diffFiles(world, pull);
  const commits = await git(world.gitDir, ["rev-list", "--count", `${pull.baseSha}..${pull.headSha}`]);
  return {
    ...simplePullJson(world, issue, pull),
    ...{ merged: pull.merged, merged_by: null, mergeable: null, mergeable_state: "unknown" },
    ...{ comments: commentsOf(world, issue.number).length, review_comments: 0, maintainer_can_modify: false },
    ...{ commits: Number(commits), changed_files: files.length },
    additions: files.reduce((sum, file) => sum + file.additions, 0),
    deletions: files.reduce((sum, file) => sum + file.deletions, 0),
  };
}

async function tipOf(world: World, field: "head" | "base", branch: string, fork?: User): Promise<string> {
  const sha = await resolveRevision(world.gitDir, fork ? `refs/forks/${fork.login}/${branch}` : `refs/heads/${branch}`);
  if (!sha) throw invalid("PullRequest", field, `${branch} is not a branch`);
  return sha;
}

async function createPull({ world, caller, body }: Call<"pulls/create">): Promise<Reply> {
  const { base, draft = false } = body;
  const [, login = world.owner, head = ""] = /^(?:([^:]+):)?(.*)$/.exec(body.head) ?? [];
  const fork = login === world.owner ? undefined : world.users.get(login);
  if (!fork && !canWrite(actor(caller))) throw new Refusal(403, "Must have push access to repository");
  const [headSha, baseSha] = [await tipOf(world, "head", head, fork), await tipOf(world, "base", base)];
  const ahead = await git(world.gitDir, ["rev-list", "--count", `${baseSha}..${headSha}`]);
  if (Number(ahead) === 0) throw invalid("PullRequest", "head", `No commits between ${base} and ${head}`);
  // Nothing is awaited until it is there: of two requests at once, the second sees the first one's pull request.
  const open = [...world.issues.values()].filter(({ state }) => state === "open");
  if (open.some(({ pull }) => pull?.head === head && pull.base === base && pull.fork === fork))
    throw invalid("PullRequest", "head", `A pull request already exists for ${login}:${head}.`);
  const opened = newIssue(world, actor(caller), { title: body.title ?? head, body: body.body ?? "" });
  const issue: Issue = {
    ...opened,
    pull: { head, base, headSha, baseSha, draft, merged: false, ...(fork ? { fork } : {}) },
  };
  world.issues.set(issue.number, issue);
  await keepPullRef(world, issue.number, headSha);
  world.bus.emit("pull", { action: "opened", issue, ...cause(caller) });
  return created(await pullJson(world, issue));
}

function listPulls({ world, params }: Call<"pulls/list">) {
  const { state = "open", head, base } = params;
  const pulls = [...world.issues.values()].flatMap((issue) => (issue.pull ? [{ issue, pull: issue.pull }] : []));
  const wanted = pulls.filter(
    ({ issue, pull }) =>
      (state === "all" || issue.state === state) &&
      (head === undefined || `${pull.fork?.login ?? world.owner}:${pull.head}` === head) &&
      (base === undefined || pull.base === base),
  );
  return { page: wanted.reverse().map(({ issue, pull }) => simplePullJson(world, issue, pull)) };
}

export const pulls = {
  "pulls/list": listPulls,
  "pulls/create": createPull,
  "pulls/get": async ({ world, params }) => ok(await pullJson(world, found(world.issues.get(params.pull_number)))),
  "pulls/update": async ({ world, caller, params, body }) => {
    const issue = found(world.issues.get(params.pull_number));
    found(issue.pull);
    edit(world, caller, issue, body);
    return ok(await pullJson(world, issue));
  },
  "pulls/list-files": async ({ world, params }) => ({
    page: await diffFiles(world, found(world.issues.get(params.pull_number)?.pull)),
  }),
} satisfies Handlers;
