import { GraphQLError } from "graphql";
import type { Comment, Issue, User, World } from "../world.ts";
import { type Caller, Refusal } from "./call.ts";
import { addComment, editComment, reactTo } from "./issues.ts";
import { commentJson, nodeId } from "./render.ts";

/** What GraphQL tells of threads and comments, and changes of them. */

const missing = (what: string) =>
  new GraphQLError(`Could not resolve to ${what}.`, { extensions: { type: "NOT_FOUND" } });

function author({ login, id, type }: User) {
  const bot = type === "Bot";
  return { __typename: type, login: bot ? login.replace(/\[bot\]$/, "") : login, databaseId: id, id: nodeId(type, id) };
}

export function threadAt(world: World, number: number): object {
  const issue = world.issues.get(number);
  if (!issue) throw missing(`an issue or pull request with the number of ${number}`);
  const { title, body, pull } = issue;
  const common = { id: nodeOf(issue), number, title, body, author: author(issue.author) };
  if (!pull) return { __typename: "Issue", ...common };
  const { head: headRefName, headSha: headRefOid, base: baseRefName, fork } = pull;
  const isCrossRepository = fork !== undefined;
  return { __typename: "PullRequest", ...common, headRefName, headRefOid, baseRefName, isCrossRepository };
}

const nodeOf = (issue: Issue) => nodeId("Issue", issue.id);

export function nodeAt(world: World, id: string): object {
  const comment = commentOf(world, id);
  const issue = comment && world.issues.get(comment.issue);
  if (!comment || !issue) throw missing(`a node with the global id of '${id}'`);
  const { html_url: url } = commentJson(world, issue, comment);
  const { body } = comment;
  return { __typename: "IssueComment", id, databaseId: comment.id, body, url, author: author(comment.author) };
}

function commentOf(world: World, id: string): Comment | undefined {
  return [...world.comments.values()].find((comment) => nodeId("IssueComment", comment.id) === id);
}

interface Input {
  readonly clientMutationId?: string;
  readonly subjectId?: string;
  readonly id?: string;
  readonly content?: string;
  readonly body?: string;
}

const contents = new Map<string, Comment["reactions"][number]["content"]>([
  ...(["confused", "eyes", "rocket", "heart", "laugh", "hooray"] as const).map(
    (name) => [name.toUpperCase(), name] as const,
  ),
  ["THUMBS_UP", "+1"],
  ["THUMBS_DOWN", "-1"],
]);

/** The mutations, by name; each changes what its REST sibling changes, in the same way. */
export function threadMutations(world: World, caller: Caller) {
  const perform = (input: Input, change: () => void) => {
    try {
      change();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new GraphQLError(error.message, {
        extensions: { type: error.status === 403 ? "FORBIDDEN" : "UNPROCESSABLE" },
      });
    }
    return { clientMutationId: input.clientMutationId };
  };
  const found = (id = "") => {
    const comment = commentOf(world, id);
    if (!comment) throw missing(`a node with the global id of '${id}'`);
    return comment;
  };
  return {
    addReaction: ({ input }: { input: Input }) => {
      const comment = found(input.subjectId);
      const content = contents.get(input.content ?? "") ?? "eyes";
      return perform(input, () => reactTo(world, caller, comment, content));
    },
    updateIssueComment: ({ input }: { input: Input }) => {
      const comment = found(input.id);
      return perform(input, () => editComment(world, caller, comment, input.body ?? ""));
    },
    addComment: ({ input }: { input: Input }) => {
      const issue = [...world.issues.values()].find((one) => nodeOf(one) === input.subjectId);
      if (!issue) throw missing(`a node with the global id of '${input.subjectId}'`);
      return perform(input, () => addComment(world, caller, issue, input.body ?? ""));
    },
  };
}
