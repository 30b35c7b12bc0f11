import type { Comment, Issue, Reaction, User, World } from "../world.ts";
import { mustOwn } from "./access.ts";
import {
  actor,
  type Call,
  type Caller,
  type Cause,
  cause,
  created,
  found,
  type Handlers,
  invalid,
  noContent,
  ok,
} from "./call.ts";
import { nameOf, setLabels } from "./labels.ts";
import { commentJson, commentsOf, issueJson, reactionJson } from "./render.ts";

const LONGEST_BODY = 65_536;

function checkedBody(resource: string, body: string): string {
  if (body.length <= LONGEST_BODY) return body;
  throw invalid(resource, "body", `body is too long (maximum is ${LONGEST_BODY} characters)`);
}

/** A new issue in the name of `author`, under the next number: issues and pull requests share one sequence. */
export function newIssue(world: World, author: User, { title, body }: { title: string; body: string }): Issue {
  const now = world.now();
  const number = Math.max(0, ...world.issues.keys()) + 1;
  return {
    ...{ id: world.nextId(), number, author, title, body: checkedBody("Issue", body) },
    ...{ state: "open", labels: [], createdAt: now, updatedAt: now, closedAt: null },
  };
}

function createIssue({ world, caller, body }: Call<"issues/create">) {
  const issue = newIssue(world, actor(caller), { title: String(body.title), body: body.body ?? "" });
  world.issues.set(issue.number, issue);
  world.bus.emit("issue", { action: "opened", issue, ...cause(caller) });
  if (body.labels && actor(caller).permission !== "read") setLabels(world, caller, issue, body.labels.map(nameOf));
  return created(issueJson(world, issue));
}

/** Opens or closes an issue or a pull request, and tells of it. */
export function setState(world: World, issue: Issue, state: Issue["state"], cause: Cause): void {
  if (issue.state === state) return;
  issue.state = state;
  issue.updatedAt = world.now();
  issue.closedAt = state === "closed" ? issue.updatedAt : null;
  tell(world, issue, state === "closed" ? "closed" : "reopened", cause);
}

function tell(world: World, issue: Issue, action: "edited" | "closed" | "reopened", cause: Cause): void {
  world.bus.emit(issue.pull ? "pull" : "issue", { action, issue, ...cause });
}

interface Change {
  readonly title?: unknown;
  readonly body?: string | null;
  readonly state?: string;
}

/** Changes text and state of an issue or a pull request, as far as the caller may. */
export function edit(world: World, caller: Caller, issue: Issue, { title, body, state }: Change): void {
  mustOwn(caller, issue.author);
  if (body !== undefined) issue.body = checkedBody("Issue", body ?? "");
  if (typeof title === "string") issue.title = title;
  issue.updatedAt = world.now();
  if (title !== undefined || body !== undefined) tell(world, issue, "edited", cause(caller));
  if (state !== undefined) setState(world, issue, state === "open" ? "open" : "closed", cause(caller));
}

function updateIssue({ world, caller, params, body }: Call<"issues/update">) {
  const issue = found(world.issues.get(params.issue_number));
  edit(world, caller, issue, body);
  if (body.labels) setLabels(world, caller, issue, body.labels.map(nameOf));
  return ok(issueJson(world, issue));
}

function listIssues({ world, params }: Call<"issues/list-for-repo">) {
  const { state = "open", labels } = params;
  const wanted = [...world.issues.values()].filter(
    (issue) =>
      (state === "all" || issue.state === state) &&
      (labels?.split(",") ?? []).every((name) => issue.labels.some((label) => label.name === name)),
  );
  return { page: wanted.reverse().map((issue) => issueJson(world, issue)) };
}

const shown = (world: World, comment: Comment) => commentJson(world, found(world.issues.get(comment.issue)), comment);

export function addComment(world: World, caller: Caller, issue: Issue, body: string): Comment {
  if (body.trim() === "") throw invalid("IssueComment", "body", "body can't be blank");
  const now = world.now();
  const comment: Comment = {
    ...{ id: world.nextId(), issue: issue.number, author: actor(caller), createdAt: now, updatedAt: now },
    ...{ body: checkedBody("IssueComment", body), reactions: [] },
  };
  world.comments.set(comment.id, comment);
  issue.updatedAt = now;
  world.bus.emit("comment", { action: "created", comment, ...cause(caller) });
  return comment;
}

export function editComment(world: World, caller: Caller, comment: Comment, body: string): Comment {
  mustOwn(caller, comment.author);
  comment.body = checkedBody("IssueComment", body);
  comment.updatedAt = world.now();
  world.bus.emit("comment", { action: "edited", comment, ...cause(caller) });
  return comment;
}

function deleteComment({ world, caller, params }: Call<"issues/delete-comment">) {
  const comment = found(world.comments.get(params.comment_id));
  mustOwn(caller, comment.author);
  world.comments.delete(comment.id);
  world.bus.emit("comment", { action: "deleted", comment, ...cause(caller) });
  return noContent;
}

/** One reaction of a kind for each person: asking again gives the first one. */
export function reactTo(world: World, caller: Caller, { reactions }: Comment, content: Reaction["content"]) {
  const user = actor(caller);
  const same = reactions.find((reaction) => reaction.user.login === user.login && reaction.content === content);
  if (same) return { reaction: same, isNew: false };
  const reaction = { id: world.nextId(), user, content, createdAt: world.now() };
  reactions.push(reaction);
  return { reaction, isNew: true };
}

function react({ world, caller, params, body }: Call<"reactions/create-for-issue-comment">) {
  const { reaction, isNew } = reactTo(world, caller, found(world.comments.get(params.comment_id)), body.content);
  return (isNew ? created : ok)(reactionJson(world, reaction));
}

export const issues = {
  "issues/list-for-repo": listIssues,
  "issues/create": createIssue,
  "issues/get": ({ world, params }) => ok(issueJson(world, found(world.issues.get(params.issue_number)))),
  "issues/update": updateIssue,
  "issues/list-comments": ({ world, params }) => {
    const { number } = found(world.issues.get(params.issue_number));
    const since = new Date(params.since ?? 0);
    const wanted = commentsOf(world, number).filter(({ updatedAt }) => updatedAt >= since);
    return { page: wanted.map((comment) => shown(world, comment)) };
  },
  "issues/create-comment": ({ world, caller, params, body }) =>
    created(shown(world, addComment(world, caller, found(world.issues.get(params.issue_number)), body.body))),
  "issues/get-comment": ({ world, params }) => ok(shown(world, found(world.comments.get(params.comment_id)))),
  "issues/update-comment": ({ world, caller, params, body }) =>
    ok(shown(world, editComment(world, caller, found(world.comments.get(params.comment_id)), body.body))),
  "issues/delete-comment": deleteComment,
  "reactions/create-for-issue-comment": react,
  "reactions/list-for-issue-comment": ({ world, params }) => {
    const { reactions } = found(world.comments.get(params.comment_id));
    return { page: reactions.map((reaction) => reactionJson(world, reaction)) };
  },
} satisfies Handlers;
