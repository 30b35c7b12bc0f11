import * as v from "valibot";
import { configPath } from "../config.ts";
import { parseThread } from "../sessions/chain.ts";
import { fileSchema, textFields } from "../sessions/github/api.ts";
import { commitIdSchema } from "../sessions/ids.ts";
import { refOf, type SessionStore, type ThreadIndex } from "../sessions/store.ts";
import { type Comment, type Forge, ghost, type Thread } from "./forge.ts";
import { type GraphqlPlace, partly } from "./octokit-calls.ts";

/** Whereof an event tells: a thread, and a comment on it by its number and its GraphQL id. */
export interface Subject {
  readonly thread: number;
  readonly comment: { readonly id: number; readonly node: string } | null;
}

/** What an event is judged by, as it is now. What is undefined was not to be had this way. */
interface Seen {
  comment?: Comment | null;
  thread?: Thread;
  config?: string | null;
  base?: v.InferOutput<typeof commitIdSchema>;
  index?: ThreadIndex | null;
}

const account = v.nullable(
  v.object({ __typename: v.string(), login: v.string(), databaseId: v.optional(v.nullable(v.number())) }),
);
const answerSchema = v.object({
  repository: v.nullable(
    v.object({
      head: v.nullable(v.object({ oid: commitIdSchema })),
      config: v.nullable(v.object({ text: v.optional(v.nullable(v.string())), isTruncated: v.optional(v.boolean()) })),
      index: v.nullable(v.object({ oid: commitIdSchema, sessions: v.optional(fileSchema) })),
      thread: v.nullable(
        v.object({
          id: v.string(),
          title: v.string(),
          body: v.string(),
          author: account,
          headRefName: v.optional(v.string()),
          headRefOid: v.optional(commitIdSchema),
          baseRefName: v.optional(v.string()),
          isCrossRepository: v.optional(v.boolean()),
        }),
      ),
    }),
  ),
  comment: v.optional(v.nullable(v.object({ body: v.string(), url: v.string(), author: account }))),
});
type Answer = v.InferOutput<typeof answerSchema>;

const who = "author { __typename login ... on User { databaseId } ... on Bot { databaseId } }";
const text = `id title body ${who}`;

const query = ({
  comment,
}: Subject) => `query ($owner: String!, $repo: String!, $thread: Int!, $index: String!${comment ? ", $comment: ID!" : ""}) {
  repository(owner: $owner, name: $repo) {
    head: object(expression: "HEAD") { oid }
    config: object(expression: "HEAD:${configPath}") { ... on Blob { text isTruncated } }
    index: object(expression: $index) { oid ... on Commit { sessions: file(path: "sessions") { ${textFields} } } }
    thread: issueOrPullRequest(number: $thread) {
      ... on Issue { ${text} }
      ... on PullRequest { ${text} headRefName headRefOid baseRefName isCrossRepository }
    }
  }
  ${comment ? `comment: node(id: $comment) { ... on IssueComment { body url ${who} } }` : ""}
}`;

/**
 * Reads in one request what an event will be judged by. The forge and the store that it gives answer from that, each
 * thing once; what is asked for again, or was not to be had, is read as always.
 */
export async function glance<F extends Forge>(
  place: GraphqlPlace & { readonly defaultBranch: string },
  subject: Subject,
  from: { readonly forge: F; readonly store: SessionStore },
): Promise<{ readonly forge: F; readonly store: SessionStore }> {
  const { owner, repo, octokit, defaultBranch } = place;
  const variables = { owner, repo, thread: subject.thread, index: refOf.thread(subject.thread) };
  const asked = subject.comment ? { ...variables, comment: subject.comment.node } : variables;
  const answer = v.safeParse(answerSchema, await partly(() => octokit.graphql(query(subject), asked)));
  const seen = answer.success ? read(answer.output, subject) : {};
  const { forge, store } = from;
  const { conversation, repo: repository } = forge;
  const once = <K extends keyof Seen>(key: K, isIt: boolean): { readonly value: NonNullable<Seen>[K] } | null => {
    if (!isIt || seen[key] === undefined) return null;
    const value = seen[key];
    delete seen[key];
    return { value };
  };
  return {
    store: {
      ...store,
      thread: async (number) => {
        const known = once("index", number === subject.thread);
        return known ? (known.value ?? null) : store.thread(number);
      },
    },
    forge: {
      ...forge,
      conversation: {
        ...conversation,
        comment: async (id) => {
          const known = once("comment", id === subject.comment?.id);
          return known ? (known.value ?? null) : conversation.comment(id);
        },
        thread: async (number) => once("thread", number === subject.thread)?.value ?? conversation.thread(number),
      },
      repo: {
        ...repository,
        file: async (path, branch) => {
          const known = once("config", path === configPath && branch === defaultBranch);
          return known ? (known.value ?? null) : repository.file(path, branch);
        },
        branch: async (name) => once("base", name === defaultBranch)?.value ?? repository.branch(name),
      },
    },
  };
}

function read({ repository, comment }: Answer, subject: Subject): Seen {
  const seen: Seen = {};
  if (comment && subject.comment) {
    const { id, node } = subject.comment;
    seen.comment = {
      id,
      node,
      thread: subject.thread,
      author: accountOf(comment.author),
      body: comment.body,
      url: comment.url,
    };
  }
  if (!repository) return seen;
  const { head, config, index, thread } = repository;
  if (head) seen.base = head.oid;
  if (config === null) seen.config = null;
  else if (config.text && !config.isTruncated) seen.config = config.text;
  if (index === null) seen.index = null;
  const sessions = index?.sessions?.object;
  if (index && sessions && "text" in sessions && sessions.text !== null && !sessions.isTruncated)
    seen.index = parseThread(subject.thread, index.oid, sessions.text);
  if (thread) seen.thread = threadOf(thread, subject.thread);
  return seen;
}

type Found = NonNullable<NonNullable<Answer["repository"]>["thread"]>;

function threadOf(found: Found, number: number): Thread {
  const { id: node, title, body, author, headRefName, headRefOid, baseRefName, isCrossRepository } = found;
  const thread = { number, node, title, body, author: accountOf(author) };
  if (headRefName === undefined || headRefOid === undefined || baseRefName === undefined) return thread;
  const pull = { head: headRefName, headCommit: headRefOid, base: baseRefName, fork: isCrossRepository !== false };
  return { ...thread, pull };
}

/** A bot's login has an ending in REST alone. */
function accountOf(found: v.InferOutput<typeof account>): Comment["author"] {
  if (!found) return ghost;
  const bot = found.__typename === "Bot";
  return { login: bot ? `${found.login}[bot]` : found.login, id: found.databaseId ?? 0, bot };
}
