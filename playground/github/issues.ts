import type { Comment, Issue, User, World } from "../world.ts";
import { mustOwn } from "./access.ts";
import { actor, type Call, cause, created, type Handlers, invalid, list, noContent, ok } from "./call.ts";
import { findComment, findIssue } from "./find.ts";
import { type LabelOperations, nameOf, setLabels } from "./labels.ts";
import type { OperationId } from "./operations.ts";
import { commentJson, commentsOf, issueJson } from "./render.ts";

type IssueOperations = Exclude<Extract<OperationId, `issues/${string}`>, LabelOperations>;

const LONGEST_BODY = 65_536;

/** The next free number: issues and pull requests share one sequence. */
const nextNumber = (world: World): number => Math.max(0, ...world.issues.keys()) + 1;

function checkBodyLength(resource: string, body: string): string {
  if (body.length <= LONGEST_BODY) return body;
  throw invalid(resource, "body", `body is too long (maximum is ${LONGEST_BODY} characters)`);
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
      body.labels.map((label) => nameOf(label)),
    );
  return created(issueJson(world, issue));
}

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
      body.labels.map((label) => nameOf(label)),
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
};
