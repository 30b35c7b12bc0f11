import type { Comment, Issue, Label, Reaction, User, World } from "../world.ts";
import { canWrite } from "./access.ts";

/** Root of the REST API, without a trailing slash. */
export const apiUrl = (world: World): string => `${world.url}/api/v3`;
export const repoApi = (world: World): string => `${apiUrl(world)}/repos/${world.owner}/${world.repo}`;
export const repoWeb = (world: World): string => `${world.url}/${world.owner}/${world.repo}`;

export const nodeId = (type: string, id: number | string): string => Buffer.from(`${type}:${id}`).toString("base64");
export const iso = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, "Z");
const isoOrNull = (date: Date | null): string | null => (date ? iso(date) : null);

/** Links that GitHub's descriptions require and nobody follows here: `keys` becomes `keys_url` with `BASE/keys`. */
export const links = (base: string, names: string): Record<string, string> =>
  Object.fromEntries(names.split(" ").map((name) => [`${name}_url`, `${base}/${name}`]));

const USER_LINKS = "followers following gists starred subscriptions organizations repos events received_events avatar";

export function userJson(world: World, user: User) {
  const url = `${apiUrl(world)}/users/${encodeURIComponent(user.login)}`;
  return {
    ...{ login: user.login, id: user.id, node_id: nodeId(user.type, user.id), type: user.type },
    ...{ url, html_url: `${world.url}/${encodeURIComponent(user.login)}`, ...links(url, USER_LINKS) },
    ...{ gravatar_id: "", user_view_type: "public", site_admin: false },
  };
}

/** The account that the repository belongs to. */
export const ownerJson = (world: World) =>
  userJson(world, { login: world.owner, id: world.ids.owner, type: "Organization", permission: "none" });

const REPOSITORY_LINKS =
  "archive assignees blobs branches collaborators comments commits compare contents contributors deployments downloads " +
  "events forks git_commits git_refs git_tags hooks issue_comment issue_events issues keys labels languages merges " +
  "milestones notifications pulls releases stargazers statuses subscribers subscription tags teams trees";

const REPOSITORY_BORN = "2026-01-01T00:00:00Z";

export function repoJson(world: World) {
  const open = [...world.issues.values()].filter(({ state }) => state === "open").length;
  const git = `${repoWeb(world)}.git`;
  return {
    ...{ id: world.ids.repo, node_id: nodeId("Repository", world.ids.repo), name: world.repo, url: repoApi(world) },
    ...{ full_name: `${world.owner}/${world.repo}`, owner: ownerJson(world), html_url: repoWeb(world) },
    ...links(repoApi(world), REPOSITORY_LINKS),
    ...{ git_url: git, ssh_url: git, clone_url: git, svn_url: repoWeb(world), mirror_url: null, homepage: null },
    ...{ description: null, language: null, license: null, default_branch: world.defaultBranch, topics: [], size: 0 },
    ...{ private: false, visibility: "public", fork: false, is_template: false, archived: false, disabled: false },
    ...{ has_issues: true, has_projects: false, has_downloads: false, has_wiki: false, has_pages: false },
    ...{ has_discussions: false, allow_forking: true, web_commit_signoff_required: false },
    ...{ forks: 0, forks_count: 0, stargazers_count: 0, watchers: 0, watchers_count: 0 },
    ...{ network_count: 0, subscribers_count: 0, open_issues: open, open_issues_count: open },
    ...{ created_at: REPOSITORY_BORN, updated_at: REPOSITORY_BORN, pushed_at: REPOSITORY_BORN },
  };
}

export const labelJson = (world: World, { id, name, color, description }: Label) => ({
  ...{ id, node_id: nodeId("Label", id), name, color, description, default: false },
  url: `${repoApi(world)}/labels/${encodeURIComponent(name)}`,
});

export const reactionJson = (world: World, { id, user, content, createdAt }: Reaction) => ({
  ...{ id, node_id: nodeId("Reaction", id), user: userJson(world, user), content, created_at: iso(createdAt) },
});

const REACTIONS = ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"] as const;

function rollup(subject: string, reactions: readonly Reaction[]) {
  const count = (wanted: string) => reactions.filter(({ content }) => content === wanted).length;
  const counts = Object.fromEntries(REACTIONS.map((content) => [content, count(content)]));
  return { url: `${subject}/reactions`, total_count: reactions.length, ...counts };
}

function association(world: World, user: User): string {
  if (user.login === world.owner) return "OWNER";
  return canWrite(user) ? "COLLABORATOR" : "NONE";
}

export const commentsOf = (world: World, issue: number): Comment[] =>
  [...world.comments.values()].filter((comment) => comment.issue === issue);

/** What issues and pull requests have in common. */
export const threadJson = (world: World, issue: Issue) => ({
  ...{ number: issue.number, title: issue.title, body: issue.body, state: issue.state },
  user: userJson(world, issue.author),
  author_association: association(world, issue.author),
  labels: issue.labels.map((label) => labelJson(world, label)),
  ...{ locked: false, active_lock_reason: null, assignee: null, assignees: [], milestone: null },
  created_at: iso(issue.createdAt),
  updated_at: iso(issue.updatedAt),
  closed_at: isoOrNull(issue.closedAt),
});

const webOf = (world: World, { number, pull }: Issue): string =>
  `${repoWeb(world)}/${pull ? "pull" : "issues"}/${number}`;

export function issueJson(world: World, issue: Issue) {
  const url = `${repoApi(world)}/issues/${issue.number}`;
  return {
    ...threadJson(world, issue),
    ...{ id: issue.id, node_id: nodeId("Issue", issue.id), url, html_url: webOf(world, issue) },
    ...{ ...links(url, "labels comments events timeline"), repository_url: repoApi(world) },
    state_reason: issue.state === "closed" ? "completed" : null,
    comments: commentsOf(world, issue.number).length,
    ...{ performed_via_github_app: null, reactions: rollup(url, []) },
    ...(issue.pull ? { draft: issue.pull.draft, pull_request: pullLinks(world, issue) } : {}),
  };
}

/** How an issue says that it is a pull request. */
export const pullLinks = (world: World, issue: Issue) => ({
  url: `${repoApi(world)}/pulls/${issue.number}`,
  ...{ html_url: webOf(world, issue), diff_url: `${webOf(world, issue)}.diff` },
  patch_url: `${webOf(world, issue)}.patch`,
  merged_at: issue.pull?.merged ? isoOrNull(issue.closedAt) : null,
});

export function commentJson(world: World, issue: Issue, comment: Comment) {
  const url = `${repoApi(world)}/issues/comments/${comment.id}`;
  return {
    ...{ id: comment.id, node_id: nodeId("IssueComment", comment.id), url, body: comment.body },
    html_url: `${webOf(world, issue)}#issuecomment-${comment.id}`,
    issue_url: `${repoApi(world)}/issues/${comment.issue}`,
    user: userJson(world, comment.author),
    author_association: association(world, comment.author),
    created_at: iso(comment.createdAt),
    updated_at: iso(comment.updatedAt),
    ...{ performed_via_github_app: null, reactions: rollup(url, comment.reactions) },
  };
}
