import type { Comment, Issue, Label, Reaction, User, World } from "../world.ts";

/** Root of the REST API, without a trailing slash. */
export const apiUrl = (world: World): string => `${world.url}/api/v3`;
export const repoApi = (world: World): string => `${apiUrl(world)}/repos/${world.owner}/${world.repo}`;
export const repoWeb = (world: World): string => `${world.url}/${world.owner}/${world.repo}`;

export const nodeId = (type: string, id: number | string): string => Buffer.from(`${type}:${id}`).toString("base64");
export const iso = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, "Z");
const isoOrNull = (date: Date | null): string | null => (date ? iso(date) : null);

export function userJson(world: World, user: User) {
  const url = `${apiUrl(world)}/users/${encodeURIComponent(user.login)}`;
  return {
    login: user.login,
    id: user.id,
    node_id: nodeId(user.type, user.id),
    avatar_url: `${world.url}/avatars/${user.id}`,
    gravatar_id: "",
    url,
    html_url: `${world.url}/${encodeURIComponent(user.login)}`,
    followers_url: `${url}/followers`,
    following_url: `${url}/following{/other_user}`,
    gists_url: `${url}/gists{/gist_id}`,
    starred_url: `${url}/starred{/owner}{/repo}`,
    subscriptions_url: `${url}/subscriptions`,
    organizations_url: `${url}/orgs`,
    repos_url: `${url}/repos`,
    events_url: `${url}/events{/privacy}`,
    received_events_url: `${url}/received_events`,
    type: user.type,
    user_view_type: "public",
    site_admin: false,
  };
}

export function ownerOf(world: World): User {
  return (
    world.users.get(world.owner) ?? {
      login: world.owner,
      id: world.ids.owner,
      type: "Organization",
      permission: "admin",
    }
  );
}

/** A repository's links: the name of the field and what follows the repository's URL. */
const REPOSITORY_LINKS = {
  archive_url: "/{archive_format}{/ref}",
  assignees_url: "/assignees{/user}",
  blobs_url: "/git/blobs{/sha}",
  branches_url: "/branches{/branch}",
  collaborators_url: "/collaborators{/collaborator}",
  comments_url: "/comments{/number}",
  commits_url: "/commits{/sha}",
  compare_url: "/compare/{base}...{head}",
  contents_url: "/contents/{+path}",
  contributors_url: "/contributors",
  deployments_url: "/deployments",
  downloads_url: "/downloads",
  events_url: "/events",
  forks_url: "/forks",
  git_commits_url: "/git/commits{/sha}",
  git_refs_url: "/git/refs{/sha}",
  git_tags_url: "/git/tags{/sha}",
  hooks_url: "/hooks",
  issue_comment_url: "/issues/comments{/number}",
  issue_events_url: "/issues/events{/number}",
  issues_url: "/issues{/number}",
  keys_url: "/keys{/key_id}",
  labels_url: "/labels{/name}",
  languages_url: "/languages",
  merges_url: "/merges",
  milestones_url: "/milestones{/number}",
  notifications_url: "/notifications{?since,all,participating}",
  pulls_url: "/pulls{/number}",
  releases_url: "/releases{/id}",
  stargazers_url: "/stargazers",
  statuses_url: "/statuses/{sha}",
  subscribers_url: "/subscribers",
  subscription_url: "/subscription",
  tags_url: "/tags",
  teams_url: "/teams",
  trees_url: "/git/trees{/sha}",
};

/** What a run shows of its repository. */
export function minimalRepoJson(world: World) {
  const links = Object.entries(REPOSITORY_LINKS).map(([field, rest]) => [field, repoApi(world) + rest]);
  return {
    id: world.ids.repo,
    node_id: nodeId("Repository", world.ids.repo),
    name: world.repo,
    full_name: `${world.owner}/${world.repo}`,
    private: world.private,
    owner: userJson(world, ownerOf(world)),
    html_url: repoWeb(world),
    description: null,
    fork: false,
    url: repoApi(world),
    ...Object.fromEntries(links),
  };
}

export function repoJson(world: World) {
  const open = [...world.issues.values()].filter(({ state }) => state === "open").length;
  const born = iso(REPOSITORY_BORN);
  const git = `${repoWeb(world)}.git`;
  return {
    ...minimalRepoJson(world),
    ...{ git_url: git, ssh_url: git, clone_url: git, svn_url: repoWeb(world), mirror_url: null, homepage: null },
    ...{ language: null, license: null, default_branch: world.defaultBranch, topics: [], size: 0 },
    ...{ visibility: world.private ? "private" : "public", is_template: false, archived: false, disabled: false },
    ...{ has_issues: true, has_projects: false, has_downloads: false, has_wiki: false, has_pages: false },
    ...{ has_discussions: false, allow_forking: true, web_commit_signoff_required: false },
    ...{ forks: 0, forks_count: 0, stargazers_count: 0, watchers: 0, watchers_count: 0 },
    ...{ network_count: 0, subscribers_count: 0, open_issues: open, open_issues_count: open },
    ...{ created_at: born, updated_at: born, pushed_at: born },
  };
}

const REPOSITORY_BORN = new Date("2026-01-01T00:00:00Z");

export const labelJson = (world: World, label: Label) => ({
  id: label.id,
  node_id: nodeId("Label", label.id),
  url: `${repoApi(world)}/labels/${encodeURIComponent(label.name)}`,
  name: label.name,
  color: label.color,
  default: false,
  description: label.description,
});

export const reactionJson = (world: World, reaction: Reaction) => ({
  id: reaction.id,
  node_id: nodeId("Reaction", reaction.id),
  user: userJson(world, reaction.user),
  content: reaction.content,
  created_at: iso(reaction.createdAt),
});

const REACTIONS = ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"] as const;

function rollup(subject: string, reactions: readonly Reaction[]) {
  const counts = REACTIONS.map((content) => [
    content,
    reactions.filter((reaction) => reaction.content === content).length,
  ]);
  return { url: `${subject}/reactions`, total_count: reactions.length, ...Object.fromEntries(counts) };
}

export function association(world: World, user: User): string {
  if (user.login === world.owner) return "OWNER";
  return user.permission === "admin" || user.permission === "write" ? "COLLABORATOR" : "NONE";
}

export const commentsOf = (world: World, issue: number): Comment[] =>
  [...world.comments.values()].filter((comment) => comment.issue === issue);

export function issueJson(world: World, issue: Issue) {
  const url = `${repoApi(world)}/issues/${issue.number}`;
  const page = `${repoWeb(world)}/${issue.pull ? "pull" : "issues"}/${issue.number}`;
  return {
    id: issue.id,
    node_id: nodeId("Issue", issue.id),
    number: issue.number,
    title: issue.title,
    body: issue.body,
    state: issue.state,
    state_reason: issue.state === "closed" ? "completed" : null,
    user: userJson(world, issue.author),
    author_association: association(world, issue.author),
    labels: issue.labels.map((label) => labelJson(world, label)),
    comments: commentsOf(world, issue.number).length,
    ...{ locked: false, active_lock_reason: null, assignee: null, assignees: [], milestone: null },
    created_at: iso(issue.createdAt),
    updated_at: iso(issue.updatedAt),
    closed_at: isoOrNull(issue.closedAt),
    url,
    repository_url: repoApi(world),
    html_url: page,
    labels_url: `${url}/labels{/name}`,
    comments_url: `${url}/comments`,
    events_url: `${url}/events`,
    timeline_url: `${url}/timeline`,
    performed_via_github_app: null,
    reactions: rollup(url, issue.reactions),
    ...(issue.pull ? { draft: issue.pull.draft, pull_request: pullLinks(world, issue) } : {}),
  };
}

const pullLinks = (world: World, issue: Issue) => ({
  url: `${repoApi(world)}/pulls/${issue.number}`,
  html_url: `${repoWeb(world)}/pull/${issue.number}`,
  diff_url: `${repoWeb(world)}/pull/${issue.number}.diff`,
  patch_url: `${repoWeb(world)}/pull/${issue.number}.patch`,
  merged_at: issue.pull?.merged ? isoOrNull(issue.closedAt) : null,
});

export function commentJson(world: World, comment: Comment) {
  const url = `${repoApi(world)}/issues/comments/${comment.id}`;
  const kind = world.issues.get(comment.issue)?.pull ? "pull" : "issues";
  return {
    id: comment.id,
    node_id: nodeId("IssueComment", comment.id),
    url,
    html_url: `${repoWeb(world)}/${kind}/${comment.issue}#issuecomment-${comment.id}`,
    issue_url: `${repoApi(world)}/issues/${comment.issue}`,
    user: userJson(world, comment.author),
    author_association: association(world, comment.author),
    body: comment.body,
    created_at: iso(comment.createdAt),
    updated_at: iso(comment.updatedAt),
    performed_via_github_app: null,
    reactions: rollup(url, comment.reactions),
  };
}
