import type { User, World } from "../world.ts";
import { canWrite } from "./access.ts";
import { type Call, type Caller, found, type Handlers, ok } from "./call.ts";
import { readBlob, readCommit, readTree, type TreeEntry } from "./git-objects.ts";
import { repoApi, repoJson, repoWeb, userJson } from "./render.ts";

const BORN = "2026-01-01T00:00:00Z";

const profileJson = (world: World, user: User) => ({
  ...userJson(world, user),
  ...{ name: user.login, company: null, blog: "", location: null, email: null, hireable: null, bio: null },
  ...{ public_repos: 0, public_gists: 0, followers: 0, following: 0, created_at: BORN, updated_at: BORN },
});

/** What a signed-in caller may do with the repository. */
function permissionsOf(caller: Caller) {
  if (caller.kind !== "token") return {};
  const { permission } = caller.token.user;
  const [admin, push] = [permission === "admin", canWrite(caller.token.user)];
  return { permissions: { admin, maintain: admin, push, triage: push, pull: permission !== "none" } };
}

function findUser(world: World, login: string): User {
  const wanted = login.toLowerCase();
  return found([...world.users.values()].find((user) => user.login.toLowerCase() === wanted));
}

function permissionOf({ world, params }: Call<"repos/get-collaborator-permission-level">) {
  const user = findUser(world, params.username);
  const { permission: role_name } = user;
  const admin = role_name === "admin";
  const maintain = admin || role_name === "maintain";
  const push = canWrite(user);
  const permissions = { admin, maintain, push, triage: push, pull: role_name !== "none" };
  // As on GitHub, the older word knows only four.
  const permission = role_name === "maintain" ? "write" : role_name;
  return ok({ permission, role_name, user: { ...userJson(world, user), permissions, role_name } });
}

function entryJson(world: World, { type, sha, size, path }: TreeEntry, ref: string) {
  const place = `${ref}/${encodeURI(path)}`;
  const url = `${repoApi(world)}/contents/${encodeURI(path)}?ref=${encodeURIComponent(ref)}`;
  const html_url = `${repoWeb(world)}/${type}/${place}`;
  const git_url = `${repoApi(world)}/git/${type}s/${sha}`;
  return {
    ...{
      type: type === "tree" ? "dir" : "file",
      name: path.slice(path.lastIndexOf("/") + 1),
      path,
      sha,
      size,
      url,
      html_url,
      git_url,
    },
    download_url: type === "tree" ? null : `${repoWeb(world)}/raw/${place}`,
    _links: { self: url, git: git_url, html: html_url },
  };
}

async function getContent({ world, params }: Call<"repos/get-content">) {
  const { ref = world.defaultBranch } = params;
  const { sha } = found(await readCommit(world.gitDir, ref));
  const path = params.path.replace(/^\/+|\/+$/g, "");
  const [entry] = path === "" ? [] : found(await readTree(world.gitDir, [sha, "--", path]));
  if (path === "" || entry?.type === "tree") {
    const entries = found(await readTree(world.gitDir, [sha, "--", path === "" ? "." : `${path}/`]));
    return ok(entries.map((child) => entryJson(world, child, ref)));
  }
  const json = entryJson(world, found(entry), ref);
  const content = found(await readBlob(world.gitDir, json.sha));
  return ok({ ...json, encoding: "base64", content: content.toString("base64") });
}

export const repos = {
  "users/get-by-username": ({ world, params }) => ok(profileJson(world, findUser(world, params.username))),
  "repos/get": ({ world, caller }) => ok({ ...repoJson(world), ...permissionsOf(caller) }),
  "repos/get-collaborator-permission-level": permissionOf,
  "repos/get-content": getContent,
} satisfies Handlers;
