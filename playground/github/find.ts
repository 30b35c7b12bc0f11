import type { Comment, Issue, Pull, World } from "../world.ts";
import { notFound } from "./call.ts";

/** An issue or a pull request; 404 when there is none. */
export function findIssue(world: World, number: number): Issue {
  const issue = world.issues.get(number);
  if (!issue) throw notFound();
  return issue;
}

export function findComment(world: World, id: number): Comment {
  const comment = world.comments.get(id);
  if (!comment) throw notFound();
  return comment;
}

/** A pull request; 404 for an issue, too. */
export function findPull(world: World, number: number): { issue: Issue; pull: Pull } {
  const issue = findIssue(world, number);
  if (!issue.pull) throw notFound();
  return { issue, pull: issue.pull };
}
