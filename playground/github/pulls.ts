import type { Issue, Pull, World } from "../world.ts";
import { mustOwn } from "./access.ts";
import {
  actor,
  type Call,
  cause,
  created,
  type Handlers,
  invalid,
  list,
  notFound,
  ok,
  Refusal,
  type Reply,
} from "./call.ts";
import { commitJson, readCommits } from "./commits.ts";
import { diffFiles, diffText } from "./diff.ts";
import { findPull } from "./find.ts";
import { git, resolveRevision, runGit } from "./git.ts";
import { edit, newIssue } from "./issues.ts";
import type { OperationId } from "./operations.ts";
import { keepPullRef } from "./refs.ts";
import {
  association,
  commentsOf,
  iso,
  labelJson,
  nodeId,
  ownerOf,
  repoApi,
  repoJson,
  repoWeb,
  userJson,
} from "./render.ts";

const side = (world: World, ref: string, sha: string) => ({
  ...{ label: `${world.owner}:${ref}`, ref, sha },
  user: userJson(world, ownerOf(world)),
  repo: repoJson(world),
});

function links(world: World, number: number, headSha: string) {
  const api = `${repoApi(world)}/pulls/${number}`;
  const issue = `${repoApi(world)}/issues/${number}`;
  return {
    self: api,
    html: `${repoWeb(world)}/pull/${number}`,
    issue,
    comments: `${issue}/comments`,
    review_comments: `${api}/comments`,
    review_comment: `${repoApi(world)}/pulls/comments{/number}`,
    commits: `${api}/commits`,
    statuses: `${repoApi(world)}/statuses/${headSha}`,
  };
}

/** A pull request as lists show it. */
function simplePullJson(world: World, issue: Issue, pull: Pull) {
  const urls = links(world, issue.number, pull.headSha);
  return {
    ...{ id: issue.id, node_id: nodeId("PullRequest", issue.id), number: issue.number, state: issue.state },
    ...{ title: issue.title, body: issue.body, draft: pull.draft, locked: false, active_lock_reason: null },
    user: userJson(world, issue.author),
    author_association: association(world, issue.author),
    labels: issue.labels.map((label) => labelJson(world, label)),
    ...{
      assignee: null,
      assignees: [],
      milestone: null,
      requested_reviewers: [],
      requested_teams: [],
      auto_merge: null,
    },
    created_at: iso(issue.createdAt),
    updated_at: iso(issue.updatedAt),
    closed_at: issue.closedAt ? iso(issue.closedAt) : null,
    merged_at: pull.merged && issue.closedAt ? iso(issue.closedAt) : null,
    merge_commit_sha: null,
    head: side(world, pull.head, pull.headSha),
    base: side(world, pull.base, pull.baseSha),
    ...{ url: urls.self, html_url: urls.html, diff_url: `${urls.html}.diff`, patch_url: `${urls.html}.patch` },
    ...{ issue_url: urls.issue, comments_url: urls.comments, commits_url: urls.commits, statuses_url: urls.statuses },
    ...{ review_comments_url: urls.review_comments, review_comment_url: urls.review_comment },
    _links: Object.fromEntries(Object.entries(urls).map(([name, href]) => [name, { href }])),
  };
}

/** A pull request by itself, with what git says about it. */
export async function pullJson(world: World, issue: Issue) {
  if (!issue.pull) throw notFound();
  const pull = { ...issue.pull };
  const simple = simplePullJson(world, issue, pull);
  const comments = commentsOf(world, issue.number).length;
  const files = await diffFiles(world, pull.baseSha, pull.headSha);
  const commits = await git(world.gitDir, ["rev-list", "--count", `${pull.baseSha}..${pull.headSha}`]);
  const mergeable = pull.merged ? null : await mergesCleanly(world, pull);
  return {
    ...simple,
    ...{ merged: pull.merged, mergeable, rebaseable: mergeable, merged_by: null },
    mergeable_state: mergeable === null ? "unknown" : mergeable ? (pull.draft ? "draft" : "clean") : "dirty",
    ...{
      comments,
      review_comments: 0,
      maintainer_can_modify: false,
      commits: Number(commits),
      changed_files: files.length,
    },
    additions: files.reduce((sum, file) => sum + file.additions, 0),
    deletions: files.reduce((sum, file) => sum + file.deletions, 0),
  };
}

async function mergesCleanly(world: World, { baseSha, headSha }: Pull): Promise<boolean | null> {
  const { code } = await runGit(world.gitDir, ["merge-tree", "--write-tree", baseSha, headSha]);
  return code === 0 ? true : code === 1 ? false : null;
}

const branchOf = (world: World, name: string): string =>
  name.startsWith(`${world.owner}:`) ? name.slice(world.owner.length + 1) : name;

async function createPull({ world, caller, body }: Call<"pulls/create">): Promise<Reply> {
  const head = branchOf(world, body.head);
  const headSha = await resolveRevision(world.gitDir, `refs/heads/${head}`);
  const baseSha = await resolveRevision(world.gitDir, `refs/heads/${body.base}`);
  if (!headSha)
    throw new Refusal(422, "Validation Failed", [{ resource: "PullRequest", field: "head", code: "invalid" }]);
  if (!baseSha)
    throw new Refusal(422, "Validation Failed", [{ resource: "PullRequest", field: "base", code: "invalid" }]);
  const ahead = await git(world.gitDir, ["rev-list", "--count", `${baseSha}..${headSha}`]);
  if (Number(ahead) === 0) throw invalid("PullRequest", "head", `No commits between ${body.base} and ${head}`);
  // Nothing is awaited from here on: of two requests at once, the second sees the first one's pull request.
  const open = [...world.issues.values()].filter(({ state }) => state === "open");
  if (open.some(({ pull }) => pull?.head === head && pull.base === body.base))
    throw invalid("PullRequest", "head", `A pull request already exists for ${world.owner}:${head}.`);
  const text = { title: body.title ?? head, body: body.body ?? "" };
  const pull = { head, base: body.base, headSha, baseSha, draft: body.draft ?? false, merged: false };
  const issue: Issue = { ...newIssue(world, actor(caller), text), pull };
  world.issues.set(issue.number, issue);
  await keepPullRef(world, issue);
  world.bus.emit("pull", { action: "opened", issue, ...cause(caller) });
  return created(await pullJson(world, issue));
}

async function updatePull({ world, caller, params, body }: Call<"pulls/update">): Promise<Reply> {
  const { issue, pull } = findPull(world, params.pull_number);
  mustOwn(caller, issue.author);
  if (body.base !== undefined) {
    const baseSha = await resolveRevision(world.gitDir, `refs/heads/${body.base}`);
    if (!baseSha) throw invalid("PullRequest", "base", `${body.base} is not a branch`);
    Object.assign(pull, { base: body.base, baseSha });
  }
  for (const action of edit(world, issue, body)) world.bus.emit("pull", { action, issue, ...cause(caller) });
  return ok(await pullJson(world, issue));
}

function listPulls({ world, params }: Call<"pulls/list">) {
  const { state = "open", head, base, sort = "created", direction = sort === "created" ? "desc" : "asc" } = params;
  const found = [...world.issues.values()].flatMap((issue) => (issue.pull ? [{ issue, pull: issue.pull }] : []));
  const wanted = found.filter(
    ({ issue, pull }) =>
      (state === "all" || issue.state === state) &&
      (head === undefined || `${world.owner}:${pull.head}` === head) &&
      (base === undefined || pull.base === base),
  );
  const at = ({ issue }: { issue: Issue }) => (sort === "updated" ? issue.updatedAt.getTime() : issue.number);
  wanted.sort((a, b) => (direction === "asc" ? at(a) - at(b) : at(b) - at(a)));
  return list(wanted.map(({ issue, pull }) => simplePullJson(world, issue, pull)));
}

async function getPull({ world, params, accept }: Call<"pulls/get">): Promise<Reply> {
  const { issue, pull } = findPull(world, params.pull_number);
  if (!/\bdiff\b/.test(accept)) return ok(await pullJson(world, issue));
  const content = Buffer.from(await diffText(world.gitDir, pull.baseSha, pull.headSha));
  return { status: 200, raw: { type: "application/vnd.github.diff; charset=utf-8", content } };
}

export const pulls: Handlers<Extract<OperationId, `pulls/${string}`>> = {
  "pulls/list": listPulls,
  "pulls/create": createPull,
  "pulls/get": getPull,
  "pulls/update": updatePull,
  "pulls/list-files": async ({ world, params }) => {
    const { pull } = findPull(world, params.pull_number);
    return list(await diffFiles(world, pull.baseSha, pull.headSha));
  },
  "pulls/list-commits": async ({ world, params }) => {
    const { pull } = findPull(world, params.pull_number);
    const commits = await readCommits(world.gitDir, ["--reverse", `${pull.baseSha}..${pull.headSha}`]);
    return list(commits.map((commit) => commitJson(world, commit)));
  },
};
