import * as v from "valibot";
import type { CommitId } from "../sessions/ids.ts";
import { type Account, type Conversation, ghost, type Written } from "./forge.ts";
import { type GraphqlPlace, once, orNull, orThrow, type Place, partly } from "./octokit-calls.ts";

/** Comments on issues and pull requests over GitHub's REST API. */
export function conversation({ octokit, owner, repo }: GraphqlPlace): Conversation {
  const at = { owner, repo };
  return {
    thread: (number) =>
      orNull(async () => {
        const { data } = await octokit.request("GET /repos/{owner}/{repo}/issues/{issue_number}", {
          ...at,
          issue_number: number,
        });
        const thread = {
          number,
          node: data.node_id,
          title: data.title,
          body: data.body ?? "",
          author: account(data.user),
        };
        return data.pull_request ? { ...thread, pull: await pullOf({ octokit, ...at }, number) } : thread;
      }),
    comment: (id) =>
      orNull(async () => {
        const { data } = await octokit.request("GET /repos/{owner}/{repo}/issues/comments/{comment_id}", {
          ...at,
          comment_id: id,
        });
        const thread = Number(data.issue_url.split("/").at(-1));
        const { node_id: node, html_url: url } = data;
        return { id, node, thread, author: account(data.user), body: data.body ?? "", url };
      }),
    react: (comment, content) =>
      orThrow(async () => {
        const route = "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions";
        await octokit.request(route, { ...at, comment_id: comment, content });
      }),
    post: (thread, body) =>
      orThrow(async () => {
        const { data } = await octokit.request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", {
          ...at,
          ...once,
          issue_number: thread,
          body,
        });
        return { number: Number(data.id), url: data.html_url, node: data.node_id };
      }),
    receive: async ({ comment, reaction, body, where }) => {
      const edits = "edit" in where;
      const input = { comment, reaction: reaction.toUpperCase(), body, subject: edits ? where.edit : where.thread };
      const given = await partly(() => octokit.graphql(edits ? receivedByEdit : receivedByPost, { ...input, ...once }));
      return v.parse(receivedSchema, given).written !== null;
    },
    edit: async (comment, body) => {
      const edited = await orNull(() =>
        octokit.request("PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}", {
          ...at,
          comment_id: comment,
          body,
        }),
      );
      return edited !== null;
    },
    find: (thread, marker, since) => orThrow(() => findComments({ octokit, ...at }, { thread, marker, since })),
    remove: async (comment) => {
      await orNull(() =>
        octokit.request("DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}", { ...at, comment_id: comment }),
      );
    },
  };
}

const inputs = "$comment: ID!, $reaction: ReactionContent!, $subject: ID!, $body: String!";
const reacted = "reacted: addReaction(input: { subjectId: $comment, content: $reaction }) { clientMutationId }";
const receivedByEdit = `mutation (${inputs}) {
  written: updateIssueComment(input: { id: $subject, body: $body }) { clientMutationId }
  ${reacted}
}`;
const receivedByPost = `mutation (${inputs}) {
  written: addComment(input: { subjectId: $subject, body: $body }) { clientMutationId }
  ${reacted}
}`;
const receivedSchema = v.object({ written: v.nullable(v.object({})) });

async function pullOf({ octokit, ...at }: Place, number: number) {
  const { data } = await octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}", {
    ...at,
    pull_number: number,
  });
  return {
    head: data.head.ref,
    headCommit: data.head.sha as CommitId,
    base: data.base.ref,
    fork: data.head.repo?.id !== data.base.repo.id,
  };
}

/** How far a session's clock may be ahead of GitHub's without a comment being overlooked. */
const clockSkewMs = 3_600_000;

async function findComments(
  { octokit, ...at }: Place,
  { thread, marker, since }: { thread: number; marker: string; since: string },
): Promise<Written[]> {
  const found: Written[] = [];
  const from = new Date(Date.parse(since) - clockSkewMs).toISOString();
  for (let page = 1; ; page += 1) {
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/issues/{issue_number}/comments", {
      ...{ ...at, issue_number: thread, since: from, per_page: 100, page },
    });
    const ours = data.filter(({ user, body }) => user?.type === "Bot" && body?.startsWith(marker));
    found.push(...ours.map(({ id, html_url, node_id }) => ({ number: Number(id), url: html_url, node: node_id })));
    if (data.length < 100) return found.sort((a, b) => a.number - b.number);
  }
}

function account(user: { login: string; id: number | bigint; type?: string } | null): Account {
  if (!user) return ghost;
  return { login: user.login, id: Number(user.id), bot: user.type === "Bot" };
}
