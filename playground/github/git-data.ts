import type { World } from "../world.ts";
import { actor, type Call, type Caller, cause, created, found, type Handlers, noContent, ok, Refusal } from "./call.ts";
import { isAncestor, listRefs, type Ref, resolveRevision, runGit } from "./git.ts";
import { type Commit, readBlob, readCommit, readTree, typesOf } from "./git-objects.ts";
import { type NewEntry, writeBlob, writeCommit, writeTree } from "./git-write.ts";
import { isRefName, NO_OBJECT, type RefMove, refMoved } from "./refs.ts";
import { nodeId, repoApi, repoWeb } from "./render.ts";

const objectUrl = (world: World, type: string, sha: string): string => `${repoApi(world)}/git/${type}s/${sha}`;

const refJson = (world: World, { ref, sha, type }: Ref) => ({
  ...{ ref, node_id: nodeId("Ref", ref), url: `${repoApi(world)}/git/${ref}` },
  object: { type, sha, url: objectUrl(world, type, sha) },
});

const fullName = (ref: string): string => (ref.startsWith("refs/") ? ref : `refs/${ref}`);

const findRef = async (world: World, name: string): Promise<Ref | undefined> =>
  (await listRefs(world.gitDir)).find(({ ref }) => ref === fullName(name));

/** Moves a ref unless somebody else has moved it meanwhile; git itself refuses what is no name or no object. */
async function move(world: World, caller: Caller, { ref, before, after }: RefMove): Promise<void> {
  if (!isRefName(ref))
    throw new Refusal(422, "Reference name must start with 'refs/', have at least two slashes and not be refs/pull/.");
  if (after !== null && !/^[0-9a-f]{40}$/.test(after))
    throw new Refusal(422, "The sha parameter must be exactly 40 characters and contain only [0-9a-f].");
  const change = after === null ? ["-d", ref, before ?? ""] : [ref, after, before ?? NO_OBJECT];
  const { code, stderr } = await runGit(world.gitDir, ["update-ref", ...change]);
  if (code !== 0) throw new Refusal(422, `Reference cannot be updated: ${stderr.trim()}`);
  await refMoved(world, { ref, before, after }, cause(caller));
}

async function mustFind(world: World, name: string): Promise<Ref> {
  const ref = await findRef(world, name);
  if (!ref) throw new Refusal(422, "Reference does not exist");
  return ref;
}

async function createRef({ world, caller, body }: Call<"git/create-ref">) {
  await move(world, caller, { ref: body.ref, before: null, after: body.sha });
  return created(refJson(world, await mustFind(world, body.ref)));
}

async function updateRef({ world, caller, params, body }: Call<"git/update-ref">) {
  const { ref, sha: before } = await mustFind(world, params.ref);
  if (body.force !== true && !(await isAncestor(world.gitDir, before, body.sha)))
    throw new Refusal(422, "Update is not a fast forward");
  await move(world, caller, { ref, before, after: body.sha });
  return ok(refJson(world, { ref, sha: body.sha, type: "commit" }));
}

const UNSIGNED = { verified: false, reason: "unsigned", signature: null, payload: null, verified_at: null };

const commitJson = (world: World, { sha, author, committer, message, tree, parents }: Commit) => ({
  ...{ sha, node_id: nodeId("Commit", sha), author, committer, message, verification: UNSIGNED },
  ...{ url: objectUrl(world, "commit", sha), html_url: `${repoWeb(world)}/commit/${sha}` },
  tree: { sha: tree, url: objectUrl(world, "tree", tree) },
  parents: parents.map((parent) => ({
    ...{ sha: parent, url: objectUrl(world, "commit", parent), html_url: `${repoWeb(world)}/commit/${parent}` },
  })),
});

async function treeJson(world: World, sha: string, options: readonly string[]) {
  const entries = found(await readTree(world.gitDir, [...options, sha]));
  const tree = entries.map(({ size, ...entry }) => ({
    ...{ ...entry, ...(entry.type === "blob" ? { size } : {}), url: objectUrl(world, entry.type, entry.sha) },
  }));
  return { sha, url: objectUrl(world, "tree", sha), tree, truncated: false };
}

async function getTree({ world, params }: Call<"git/get-tree">) {
  const sha = found(await resolveRevision(world.gitDir, `${params.tree_sha}^{tree}`));
  return ok(await treeJson(world, sha, params.recursive === undefined ? [] : ["-r", "-t"]));
}

async function createTree({ world, body }: Call<"git/create-tree">) {
  const entries = await Promise.all(
    body.tree.map(async ({ path = "", mode = "", type = "blob", sha, content }): Promise<NewEntry> => {
      if ((sha === undefined) === (content === undefined))
        throw new Refusal(422, "Must supply either tree.sha or tree.content, and not both");
      if (content === undefined) return { path, mode, type, sha: sha ?? null };
      return { path, mode, type, sha: await writeBlob(world.gitDir, Buffer.from(content)) };
    }),
  );
  const sha = await writeTree(world.gitDir, { base: body.base_tree, entries });
  if (sha === null) throw new Refusal(422, "tree contains malformed entries, or base_tree is not a tree");
  return created(await treeJson(world, sha, []));
}

async function createCommit({ world, caller, body }: Call<"git/create-commit">) {
  const { login, id } = actor(caller);
  const now = world.now().toISOString();
  const author = { name: login, email: `${id}+${login}@users.noreply.github.com`, date: now, ...body.author };
  const committer = { ...author, ...body.committer };
  const { message, tree, parents = [] } = body;
  const [treeType, ...parentTypes] = await typesOf(world.gitDir, [tree, ...parents]);
  if (treeType !== "tree") throw new Refusal(422, "Tree SHA does not exist");
  if (parentTypes.some((type) => type !== "commit"))
    throw new Refusal(422, "Parent SHA does not exist or is not a commit object");
  const commit = { message, tree, parents, author, committer };
  return created(commitJson(world, { ...commit, sha: await writeCommit(world.gitDir, commit) }));
}

async function createBlob({ world, body: { content, encoding = "utf-8" } }: Call<"git/create-blob">) {
  if (encoding !== "utf-8" && encoding !== "base64") throw new Refusal(422, `${encoding} is not a supported encoding`);
  const sha = await writeBlob(world.gitDir, Buffer.from(content, encoding));
  return created({ sha, url: objectUrl(world, "blob", sha) });
}

async function getBlob({ world, params: { file_sha: sha } }: Call<"git/get-blob">) {
  const content = found(await readBlob(world.gitDir, sha));
  return ok({
    ...{ sha, node_id: nodeId("Blob", sha), size: content.length, url: objectUrl(world, "blob", sha) },
    ...{ encoding: "base64", content: content.toString("base64") },
  });
}

export const gitData = {
  "git/get-ref": async ({ world, params }) => ok(refJson(world, found(await findRef(world, params.ref)))),
  "git/list-matching-refs": async ({ world, params }) => {
    const matching = (await listRefs(world.gitDir)).filter(({ ref }) => ref.startsWith(fullName(params.ref)));
    return { page: matching.map((ref) => refJson(world, ref)) };
  },
  "git/create-ref": createRef,
  "git/update-ref": updateRef,
  "git/delete-ref": async ({ world, caller, params }) => {
    const { ref, sha: before } = await mustFind(world, params.ref);
    await move(world, caller, { ref, before, after: null });
    return noContent;
  },
  "git/get-commit": async ({ world, params }) =>
    ok(commitJson(world, found(await readCommit(world.gitDir, params.commit_sha)))),
  "git/create-commit": createCommit,
  "git/get-tree": getTree,
  "git/create-tree": createTree,
  "git/get-blob": getBlob,
  "git/create-blob": createBlob,
} satisfies Handlers;
