import type { Reaction, World } from "../world.ts";
import { mustOwn } from "./access.ts";
import { actor, type Call, created, type Handlers, list, noContent, notFound, ok } from "./call.ts";
import { findComment, findIssue } from "./find.ts";
import type { OperationId } from "./operations.ts";
import { reactionJson } from "./render.ts";

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

export const reactions: Handlers<Extract<OperationId, `reactions/${string}`>> = {
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
