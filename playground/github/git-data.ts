import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { World } from "../world.ts";
import {
  actor,
  type Call,
  cause,
  created,
  type Handlers,
  list,
  noContent,
  notFound,
  ok,
  Refusal,
  type Reply,
} from "./call.ts";
import { gitCommitJson, readCommit } from "./commits.ts";
import { git, isAncestor, listRefs, type Ref, resolveRevision, runGit } from "./git.ts";
import type { OperationId } from "./operations.ts";
import { refMoved } from "./refs.ts";
import { iso, nodeId, repoApi } from "./render.ts";
import { readTree } from "./repos.ts";

const NO_OBJECT = "0".repeat(40);

const refJson = (world: World, { ref, sha, type }: Ref) => ({
  ref,
  node_id: nodeId("Ref", ref),
  url: `${repoApi(world)}/git/${ref}`,
  object: { type, sha, url: `${repoApi(world)}/git/${type}s/${sha}` },
});

const fullName = (ref: string): string => (ref.startsWith("refs/") ? ref : `refs/${ref}`);

const findRef = async (world: World, name: string): Promise<Ref | null> =>
  (await listRefs(world.gitDir)).find(({ ref }) => ref === fullName(name)) ?? null;

/** Moves a ref from `old` to `sha`; false when somebody else has moved it meanwhile. */
const swap = async (world: World, ref: string, { sha, old }: { sha: string; old: string }): Promise<boolean> =>
  (await runGit(world.gitDir, ["update-ref", ref, sha, old])).code === 0;

async function typeOf(world: World, sha: string): Promise<string> {
  if (!/^[0-9a-f]{40}$/.test(sha))
    throw new Refusal(422, "The sha parameter must be exactly 40 characters and contain only [0-9a-f].");
  const { code, stdout } = await runGit(world.gitDir, ["cat-file", "-t", sha]);
  if (code !== 0) throw new Refusal(422, "Object does not exist");
  return stdout.toString("utf8").trim();
}

async function mustBeName(world: World, ref: string): Promise<void> {
  const { code } = await runGit(world.gitDir, ["check-ref-format", ref]);
  if (code !== 0 || !/^refs\/[^/]+\/./.test(ref))
    throw new Refusal(422, "Reference name must start with 'refs/' and have at least two slashes.");
  if (ref.startsWith("refs/pull/")) throw new Refusal(422, "Reference update failed");
}

async function createRef({ world, caller, body }: Call<"git/create-ref">): Promise<Reply> {
  const { ref, sha } = body;
  await mustBeName(world, ref);
  const type = await typeOf(world, sha);
  if (!(await swap(world, ref, { sha, old: NO_OBJECT }))) throw new Refusal(422, "Reference already exists");
  await refMoved(world, { ref, before: null, after: sha }, cause(caller));
  return created(refJson(world, { ref, sha, type }));
}

async function updateRef({ world, caller, params, body }: Call<"git/update-ref">): Promise<Reply> {
  const ref = fullName(params.ref);
  await mustBeName(world, ref);
  const type = await typeOf(world, body.sha);
  const before = await findRef(world, ref);
  if (!before) throw new Refusal(422, "Reference does not exist");
  if (body.force !== true && !(await isAncestor(world.gitDir, before.sha, body.sha)))
    throw new Refusal(422, "Update is not a fast forward");
  if (!(await swap(world, ref, { sha: body.sha, old: before.sha })))
    throw new Refusal(422, "Reference cannot be updated");
  await refMoved(world, { ref, before: before.sha, after: body.sha }, cause(caller));
  return ok(refJson(world, { ref, sha: body.sha, type }));
}

async function deleteRef({ world, caller, params }: Call<"git/delete-ref">): Promise<Reply> {
  const ref = fullName(params.ref);
  await mustBeName(world, ref);
  const before = await findRef(world, ref);
  const gone = before && (await runGit(world.gitDir, ["update-ref", "-d", ref, before.sha])).code === 0;
  if (!before || !gone) throw new Refusal(422, "Reference does not exist");
  await refMoved(world, { ref, before: before.sha, after: null }, cause(caller));
  return noContent;
}

async function createCommit({ world, caller, body }: Call<"git/create-commit">): Promise<Reply> {
  const { login, id } = actor(caller);
  const nobody = { name: login, email: `${id}+${login}@users.noreply.github.com`, date: iso(world.now()) };
  const author = { ...nobody, ...body.author };
  const committer = { ...author, ...body.committer };
  const env = {
    ...{ GIT_AUTHOR_NAME: author.name, GIT_AUTHOR_EMAIL: author.email, GIT_AUTHOR_DATE: author.date },
    ...{ GIT_COMMITTER_NAME: committer.name, GIT_COMMITTER_EMAIL: committer.email, GIT_COMMITTER_DATE: committer.date },
  };
  const parents = (body.parents ?? []).flatMap((parent) => ["-p", parent]);
  for (const parent of body.parents ?? [])
    if ((await typeOf(world, parent)) !== "commit") throw new Refusal(422, "Parent SHA is not a commit");
  if ((await typeOf(world, body.tree)) !== "tree") throw new Refusal(422, "Tree SHA does not exist");
  const sha = await git(world.gitDir, ["commit-tree", body.tree, ...parents], { input: body.message, env });
  const commit = await readCommit(world.gitDir, sha.trim());
  if (!commit) throw notFound();
  return created(gitCommitJson(world, commit));
}

async function treeJson(world: World, sha: string, recursive: boolean) {
  const entries = await readTree(world.gitDir, [...(recursive ? ["-r", "-t"] : []), sha]);
  const tree = entries.map(({ path, mode, type, sha: object, size }) => ({
    ...{ path, mode, type, sha: object, ...(type === "blob" ? { size } : {}) },
    url: `${repoApi(world)}/git/${type}s/${object}`,
  }));
  return { sha, url: `${repoApi(world)}/git/trees/${sha}`, tree, truncated: false };
}

const writeBlob = async (world: World, content: Buffer | string): Promise<string> =>
  (await git(world.gitDir, ["hash-object", "-w", "--stdin"], { input: content })).trim();

/** Builds the tree in an index of its own: the base, then each entry put in or taken out. */
async function createTree({ world, body }: Call<"git/create-tree">): Promise<Reply> {
  const index = join(world.dir, `index-${randomUUID()}`);
  const inIndex = (args: readonly string[], input = "") =>
    git(world.gitDir, args, { input, env: { GIT_INDEX_FILE: index } });
  try {
    await inIndex(["read-tree", body.base_tree ? await known(world, body.base_tree) : "--empty"]);
    for (const { path = "", mode = "100644", type, sha, content } of body.tree) {
      const object = content === undefined ? sha : await writeBlob(world, content);
      const removed = type === "tree" || object === null;
      if (removed) await inIndex(["rm", "-r", "-q", "--cached", "--ignore-unmatch", "--", path]);
      if (typeof object !== "string") continue;
      if (type === "tree") await inIndex(["read-tree", "-i", `--prefix=${path}/`, await known(world, object)]);
      else await inIndex(["update-index", "-z", "--index-info"], `${mode} ${await known(world, object)}\t${path}\0`);
    }
    const sha = (await inIndex(["write-tree"])).trim();
    return created(await treeJson(world, sha, false));
  } finally {
    await rm(index, { force: true });
  }
}

async function known(world: World, sha: string): Promise<string> {
  await typeOf(world, sha);
  return sha;
}

async function getBlob({ world, params, accept }: Call<"git/get-blob">): Promise<Reply> {
  const { code, stdout } = await runGit(world.gitDir, ["cat-file", "blob", params.file_sha]);
  if (code !== 0) throw notFound();
  if (/\braw\b/.test(accept)) return { status: 200, raw: { type: "application/vnd.github.raw", content: stdout } };
  const { file_sha: sha } = params;
  const encoded = { content: stdout.toString("base64").replaceAll(/.{60}/g, "$&\n"), encoding: "base64" };
  return ok({
    sha,
    node_id: nodeId("Blob", sha),
    size: stdout.length,
    url: `${repoApi(world)}/git/blobs/${sha}`,
    ...encoded,
  });
}

export const gitData: Handlers<Extract<OperationId, `git/${string}`>> = {
  "git/get-ref": async ({ world, params }) => {
    const ref = await findRef(world, params.ref);
    if (!ref) throw notFound();
    return ok(refJson(world, ref));
  },
  "git/list-matching-refs": async ({ world, params }) => {
    const found = (await listRefs(world.gitDir)).filter(({ ref }) => ref.startsWith(fullName(params.ref)));
    return list(found.map((ref) => refJson(world, ref)));
  },
  "git/create-ref": createRef,
  "git/update-ref": updateRef,
  "git/delete-ref": deleteRef,
  "git/get-commit": async ({ world, params }) => {
    const commit = await readCommit(world.gitDir, params.commit_sha);
    if (!commit) throw notFound();
    return ok(gitCommitJson(world, commit));
  },
  "git/create-commit": createCommit,
  "git/get-tree": async ({ world, params }) => {
    const sha = await resolveRevision(world.gitDir, `${params.tree_sha}^{tree}`);
    if (!sha) throw notFound();
    return ok(await treeJson(world, sha, params.recursive !== undefined));
  },
  "git/create-tree": createTree,
  "git/get-blob": getBlob,
  "git/create-blob": async ({ world, body }) => {
    const sha = await writeBlob(world, Buffer.from(body.content, body.encoding === "base64" ? "base64" : "utf8"));
    return created({ sha, url: `${repoApi(world)}/git/blobs/${sha}` });
  },
};
