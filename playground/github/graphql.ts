import { readFileSync } from "node:fs";
import { buildSchema, GraphQLError, type GraphQLSchema, graphql } from "graphql";
import type { World } from "../world.ts";
import { authenticate, pushRefusal } from "./access.ts";
import { type Answer, type ApiRequest, parseBody } from "./api.ts";
import { type Caller, cause, Refusal } from "./call.ts";
import { isAncestor, listRefs, runGit } from "./git.ts";
import { objectAt } from "./graphql-objects.ts";
import { nodeAt, threadAt, threadMutations } from "./graphql-threads.ts";
import { isRefName, NO_OBJECT, type RefMove, refMoved } from "./refs.ts";
import { nodeId } from "./render.ts";

let schema: GraphQLSchema | null = null;

/** The cut of GitHub's schema that the double answers, read at the first query. */
function theSchema(): GraphQLSchema {
  schema ??= buildSchema(readFileSync(new URL("../schemas/graphql.graphql", import.meta.url), "utf8"));
  return schema;
}

/** Answers a GraphQL request; fields that are not in the cut are errors that say so, and so are `forgotten` mutations. */
export async function answerGraphql(
  world: World,
  { authorization, body }: ApiRequest,
  forgotten: readonly string[],
): Promise<Answer> {
  const caller = await authenticate(world, authorization);
  if (caller.kind === "anonymous") throw new Refusal(401, "This endpoint requires you to be authenticated.");
  if (caller.kind === "app") throw new Refusal(403, "Resource not accessible by integration");
  const { query, variables } = asked(parseBody(body));
  const missing = forgotten.find((name) => query.includes(`${name}(`));
  if (missing) return { status: 200, json: { errors: [unknown(missing)] } };
  const rootValue = {
    repository: (at: { owner: string; name: string }) => repository(world, at),
    node: ({ id }: { id: string }) => nodeAt(world, id),
    updateRefs: ({ input }: { input: UpdateRefs }) => updateRefs(world, caller, input),
    ...threadMutations(world, caller),
  };
  const { data, errors } = await graphql({ schema: theSchema(), source: query, rootValue, variableValues: variables });
  return {
    status: 200,
    json: { ...(data === undefined ? {} : { data }), ...(errors && { errors: errors.map(worded) }) },
  };
}

function asked(body: unknown): { query: string; variables: Record<string, unknown> } {
  const { query, variables } = { query: undefined, variables: undefined, ...(body as object) };
  if (typeof query !== "string") throw new Refusal(400, "A query attribute must be specified and must be a string.");
  return { query, variables: variables ?? {} };
}

/** An error as GitHub gives it: its `type` beside the message. */
function worded({ message, path, locations, extensions: { type }, originalError }: GraphQLError) {
  const ours = path === undefined && originalError === undefined;
  return {
    ...(typeof type === "string" ? { type } : {}),
    message: ours ? `${message} It may be that this is not part of this double of GitHub.` : message,
    ...{ path, locations },
  };
}

/** How GitHub answers a mutation that its schema does not have. */
const unknown = (fieldName: string) => ({
  ...{ path: ["mutation", fieldName], locations: [{ line: 1, column: 1 }] },
  extensions: { code: "undefinedField", typeName: "Mutation", fieldName },
  message: `Field '${fieldName}' doesn't exist on type 'Mutation'`,
});

const refusal = (type: string, message: string) => new GraphQLError(message, { extensions: { type } });

function repository(world: World, { owner, name }: { owner: string; name: string }) {
  const full = `${owner}/${name}`;
  if (full.toLowerCase() !== `${world.owner}/${world.repo}`.toLowerCase())
    throw refusal("NOT_FOUND", `Could not resolve to a Repository with the name '${full}'.`);
  return {
    id: nodeId("Repository", world.ids.repo),
    issueOrPullRequest: ({ number }: { number: number }) => threadAt(world, number),
    object: ({ expression = "HEAD" }: { expression?: string }) => objectAt(world.gitDir, expression),
  };
}

interface UpdateRefs {
  readonly repositoryId: string;
  readonly clientMutationId?: string;
  readonly refUpdates: readonly {
    readonly name: string;
    readonly beforeOid?: string;
    readonly afterOid: string;
    readonly force: boolean;
  }[];
}

/** All refs or none, by one transaction of git's. */
async function updateRefs(world: World, caller: Caller, { repositoryId, refUpdates, clientMutationId }: UpdateRefs) {
  if (caller.kind !== "token" || pushRefusal(caller.token))
    throw refusal("FORBIDDEN", "Resource not accessible by integration");
  if (repositoryId !== nodeId("Repository", world.ids.repo))
    throw refusal("NOT_FOUND", `Could not resolve to a node with the global id of '${repositoryId}'`);
  const now = new Map((await listRefs(world.gitDir)).map(({ ref, sha }) => [ref, sha]));
  const moves = refUpdates.map(({ name, afterOid }): RefMove => {
    return { ref: name, before: now.get(name) ?? null, after: afterOid === NO_OBJECT ? null : afterOid };
  });
  const lines = await Promise.all(refUpdates.map((update, at) => line(world, update, moves[at]?.before ?? null)));
  const input = ["start", ...lines, "prepare", "commit", ""].join("\n");
  const { code, stderr } = await runGit(world.gitDir, ["update-ref", "--stdin"], { input });
  if (code !== 0) throw refusal("UNPROCESSABLE", `The refs could not be updated: ${stderr.trim()}`);
  for (const move of moves) await refMoved(world, move, cause(caller));
  return { clientMutationId };
}

type Update = UpdateRefs["refUpdates"][number];

/** A line of git's transaction; without `beforeOid` the ref may be anywhere. */
async function line(world: World, { name, beforeOid, afterOid, force }: Update, at: string | null): Promise<string> {
  if (!isRefName(name)) throw refusal("UNPROCESSABLE", `${name} is not the name of a ref that can be updated`);
  const forward = at === null || afterOid === NO_OBJECT || (await isAncestor(world.gitDir, at, afterOid));
  if (!force && !forward) throw refusal("UNPROCESSABLE", `${name} is not a fast forward`);
  const expected = beforeOid === undefined ? "" : ` ${beforeOid}`;
  return afterOid === NO_OBJECT ? `delete ${name}${expected}` : `update ${name} ${afterOid}${expected}`;
}
