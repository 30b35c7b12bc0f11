import type { Comment, Issue, Label, Reaction, User, World } from "../world.ts";
import { mustOwn } from "./access.ts";
import { actor, type Call, cause, created, type Handlers, invalid, list, noContent, notFound, ok } from "./call.ts";
import type { OperationId } from "./operations.ts";
import { commentJson, commentsOf, issueJson, labelJson, reactionJson } from "./render.ts";

type IssueOperations = Extract<OperationId, `issues/${string}` | `reactions/${string}`>;

const LONGEST_BODY = 65_536;

export function findIssue(world: World, number: number): Issue {
  const issue = world.issues.get(number);
  if (!issue) throw notFound();
  return issue;
}

/** The next free number: issues and pull requests share one sequence. */
export const nextNumber = (world: World): number => Math.max(0, ...world.issues.keys()) + 1;

export function checkBodyLength(resource: string, body: string): string {
  if (body.length <= LONGEST_BODY) return body;
  throw invalid(resource, "body", `body is too long (maximum is ${LONGEST_BODY} characters)`);
}

function findComment(world: World, id: number): Comment {
  const comment = world.comments.get(id);
  if (!comment) throw notFound();
  return comment;
}

type Named = string | { readonly name?: string };
const nameOf = (label: Named): string => (typeof label === "string" ? label : (label.name ?? ""));

/** GitHub makes a label that does not exist yet when somebody with write access uses it. */
function useLabel(world: World, name: string): Label {
  const known = [...world.labels.values()].find((label) => label.name.toLowerCase() === name.toLowerCase());
  if (known) return known;
  const label = { id: world.nextId(), name, color: "ededed", description: "" };
  world.labels.set(name, label);
  return label;
}

function setLabels(
  { world, caller }: Pick<Call<"issues/update">, "world" | "caller">,
  issue: Issue,
  names: readonly string[],
): void {
  const wanted = [...new Set(names.map((name) => useLabel(world, name)))];
  const before = issue.labels;
  issue.labels = wanted;
  issue.updatedAt = world.now();
  for (const label of before.filter((old) => !wanted.includes(old)))
    world.bus.emit("issue", { action: "unlabeled", issue, label, ...cause(caller) });
  for (const label of wanted.filter((added) => !before.includes(added)))
    world.bus.emit("issue", { action: "labeled", issue, label, ...cause(caller) });
}

/** Opens an issue in the name of `author`. */
export function newIssue(world: World, author: User, { title, body }: { title: string; body: string }): Issue {
  const now = world.now();
  return {
    ...{ id: world.nextId(), number: nextNumber(world), author, title, body: checkBodyLength("Issue", body) },
    ...{ state: "open", labels: [], createdAt: now, updatedAt: now, closedAt: null, reactions: [] },
  };
}

function createIssue(call: Call<"issues/create">) {
  const { world, caller, body } = call;
  const issue = newIssue(world, actor(caller), { title: String(body.title), body: body.body ?? "" });
  world.issues.set(issue.number, issue);
  world.bus.emit("issue", { action: "opened", issue, ...cause(caller) });
  const canLabel = actor(caller).permission !== "read";
  if (body.labels && canLabel)
    setLabels(
      call,
      issue,
      body.labels.map((label) => nameOf(namedLabel(label))),
    );
  return created(issueJson(world, issue));
}

const namedLabel = (label: string | { name?: string }): Named => label;

/** Changes text and state; the caller says what has changed on the bus, as issues and pull requests differ there. */
export function edit(world: World, issue: Issue, change: { title?: string; body?: string | null; state?: string }) {
  const edited = change.title !== undefined || change.body !== undefined;
  if (change.title !== undefined) issue.title = change.title;
  if (change.body !== undefined) issue.body = checkBodyLength("Issue", change.body ?? "");
  const moved = (change.state === "open" || change.state === "closed") && change.state !== issue.state;
  if (moved) {
    issue.state = change.state === "open" ? "open" : "closed";
    issue.closedAt = issue.state === "closed" ? world.now() : null;
  }
  issue.updatedAt = world.now();
  const actions: ("edited" | "closed" | "reopened")[] = edited ? ["edited"] : [];
  return moved ? [...actions, issue.state === "closed" ? ("closed" as const) : ("reopened" as const)] : actions;
}

function updateIssue(call: Call<"issues/update">) {
  const { world, caller, params, body } = call;
  const issue = findIssue(world, params.issue_number);
  mustOwn(caller, issue.author);
  const actions = edit(world, issue, {
    ...(body.title === undefined || body.title === null ? {} : { title: String(body.title) }),
    ...(body.body === undefined ? {} : { body: body.body }),
    ...(body.state === undefined ? {} : { state: body.state }),
  });
  for (const action of actions) world.bus.emit(issue.pull ? "pull" : "issue", { action, issue, ...cause(caller) });
  if (body.labels)
    setLabels(
      call,
      issue,
      body.labels.map((label) => nameOf(namedLabel(label))),
    );
  return ok(issueJson(world, issue));
}

function listIssues({ world, params }: Call<"issues/list-for-repo">) {
  const { state = "open", labels, creator, since, direction = "desc" } = params;
  const wanted = labels?.split(",") ?? [];
  const found = [...world.issues.values()].filter(
    (issue) =>
      (state === "all" || issue.state === state) &&
      wanted.every((name) => issue.labels.some((label) => label.name === name)) &&
      (creator === undefined || issue.author.login === creator) &&
      (since === undefined || issue.updatedAt >= new Date(since)),
  );
  found.sort((a, b) => (direction === "asc" ? a.number - b.number : b.number - a.number));
  return list(found.map((issue) => issueJson(world, issue)));
}

function createComment({ world, caller, params, body }: Call<"issues/create-comment">) {
  const issue = findIssue(world, params.issue_number);
  if (body.body.trim() === "") throw invalid("IssueComment", "body", "body can't be blank");
  const now = world.now();
  const comment: Comment = {
    ...{ id: world.nextId(), issue: issue.number, author: actor(caller), createdAt: now, updatedAt: now },
    ...{ body: checkBodyLength("IssueComment", body.body), reactions: [] },
  };
  world.comments.set(comment.id, comment);
  issue.updatedAt = now;
  world.bus.emit("comment", { action: "created", comment, ...cause(caller) });
  return created(commentJson(world, comment));
}

function updateComment({ world, caller, params, body }: Call<"issues/update-comment">) {
  const comment = findComment(world, params.comment_id);
  mustOwn(caller, comment.author);
  comment.body = checkBodyLength("IssueComment", body.body);
  comment.updatedAt = world.now();
  world.bus.emit("comment", { action: "edited", comment, ...cause(caller) });
  return ok(commentJson(world, comment));
}

function deleteComment({ world, caller, params }: Call<"issues/delete-comment">) {
  const comment = findComment(world, params.comment_id);
  mustOwn(caller, comment.author);
  world.comments.delete(comment.id);
  world.bus.emit("comment", { action: "deleted", comment, ...cause(caller) });
  return noContent;
}

/** One reaction of a kind for each person: asking again answers the first one with 200. */
function react(world: World, on: Reaction[], wanted: Pick<Reaction, "user" | "content">) {
  const same = on.find(({ user, content }) => user.login === wanted.user.login && content === wanted.content);
  if (same) return ok(reactionJson(world, same));
  const reaction = { id: world.nextId(), ...wanted, createdAt: world.now() };
  on.push(reaction);
  return created(reactionJson(world, reaction));
}

function reactionsOf(world: World, reactions: readonly Reaction[], content: string | undefined) {
  const wanted = reactions.filter((reaction) => content === undefined || reaction.content === content);
  return list(wanted.map((reaction) => reactionJson(world, reaction)));
}

function deleteReaction({ world, caller, params }: Call<"reactions/delete-for-issue-comment">) {
  const { reactions } = findComment(world, params.comment_id);
  const reaction = reactions.find(({ id }) => id === params.reaction_id);
  if (!reaction) throw notFound();
  mustOwn(caller, reaction.user);
  reactions.splice(reactions.indexOf(reaction), 1);
  return noContent;
}

function createLabel({ world, body }: Call<"issues/create-label">) {
  const exists = [...world.labels.keys()].some((name) => name.toLowerCase() === body.name.toLowerCase());
  if (exists) throw invalid("Label", "name", "already_exists");
  const label = {
    id: world.nextId(),
    name: body.name,
    color: body.color ?? "ededed",
    description: body.description ?? "",
  };
  world.labels.set(label.name, label);
  return created(labelJson(world, label));
}

const labelsOf = (world: World, issue: Issue) => list(issue.labels.map((label) => labelJson(world, label)));

/** The three shapes that GitHub takes: a list of names, `{labels: names}` and `{labels: [{name}]}`. */
function namesIn(body: Call<"issues/add-labels">["body"] | Call<"issues/set-labels">["body"]): string[] {
  const labels: readonly Named[] =
    typeof body === "string" ? [body] : Array.isArray(body) ? body : (body?.labels ?? []);
  return labels.map(nameOf);
}

function removeLabel(call: Call<"issues/remove-label">) {
  const issue = findIssue(call.world, call.params.issue_number);
  if (!issue.labels.some(({ name }) => name === call.params.name)) throw notFound();
  setLabels(
    call,
    issue,
    issue.labels.map(({ name }) => name).filter((name) => name !== call.params.name),
  );
  return labelsOf(call.world, issue);
}

export const issues: Handlers<IssueOperations> = {
  "issues/list-for-repo": listIssues,
  "issues/create": createIssue,
  "issues/get": ({ world, params }) => ok(issueJson(world, findIssue(world, params.issue_number))),
  "issues/update": updateIssue,
  "issues/list-comments": ({ world, params }) => {
    const { number } = findIssue(world, params.issue_number);
    const since = new Date(params.since ?? 0);
    const found = commentsOf(world, number).filter(({ updatedAt }) => updatedAt >= since);
    return list(found.map((comment) => commentJson(world, comment)));
  },
  "issues/create-comment": createComment,
  "issues/get-comment": ({ world, params }) => ok(commentJson(world, findComment(world, params.comment_id))),
  "issues/update-comment": updateComment,
  "issues/delete-comment": deleteComment,
  "issues/list-labels-for-repo": ({ world }) =>
    list([...world.labels.values()].map((label) => labelJson(world, label))),
  "issues/create-label": createLabel,
  "issues/get-label": ({ world, params }) => {
    const label = world.labels.get(params.name);
    if (!label) throw notFound();
    return ok(labelJson(world, label));
  },
  "issues/list-labels-on-issue": ({ world, params }) => labelsOf(world, findIssue(world, params.issue_number)),
  "issues/add-labels": (call) => {
    const issue = findIssue(call.world, call.params.issue_number);
    setLabels(call, issue, [...issue.labels.map(({ name }) => name), ...namesIn(call.body)]);
    return labelsOf(call.world, issue);
  },
  "issues/set-labels": (call) => {
    const issue = findIssue(call.world, call.params.issue_number);
    setLabels(call, issue, namesIn(call.body));
    return labelsOf(call.world, issue);
  },
  "issues/remove-label": removeLabel,
  "reactions/create-for-issue-comment": ({ world, caller, params, body }) =>
    react(world, findComment(world, params.comment_id).reactions, { user: actor(caller), content: body.content }),
  "reactions/list-for-issue-comment": ({ world, params }) =>
    reactionsOf(world, findComment(world, params.comment_id).reactions, params.content),
  "reactions/delete-for-issue-comment": deleteReaction,
  "reactions/create-for-issue": ({ world, caller, params, body }) =>
    react(world, findIssue(world, params.issue_number).reactions, { user: actor(caller), content: body.content }),
  "reactions/list-for-issue": ({ world, params }) =>
    reactionsOf(world, findIssue(world, params.issue_number).reactions, params.content),
};
