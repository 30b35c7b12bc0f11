import { type KeyObject, randomBytes } from "node:crypto";
import { jwtVerify } from "jose";
import type { Token, User, World } from "../world.ts";
import { actor, type Caller, notFound, Refusal } from "./call.ts";
import type { OperationId } from "./operations.ts";

/** Makes a token known and answers its secret. */
export function mintToken(world: World, token: Token): string {
  const secret = `${token.kind === "person" ? "ghp" : "ghs"}_${randomBytes(18).toString("hex")}`;
  world.tokens.set(secret, token);
  return secret;
}

/** From now on the secret is refused. */
export function revoke(world: World, secret: string): void {
  world.tokens.delete(secret);
}

export interface AppKey {
  readonly appId: number;
  readonly publicKey: KeyObject;
}

/** Who sends this `Authorization` header; 401 when it names nobody. */
export async function authenticate(world: World, header: string | undefined, key: AppKey): Promise<Caller> {
  if (header === undefined) return { kind: "anonymous" };
  const secret = secretOf(header);
  const token = world.tokens.get(secret);
  if (token) {
    if (token.expiresAt && token.expiresAt <= world.now()) throw new Refusal(401, "Bad credentials");
    return { kind: "token", secret, token };
  }
  if (secret.split(".").length !== 3) throw new Refusal(401, "Bad credentials");
  await verifyAppJwt(secret, world, key);
  return { kind: "app" };
}

function secretOf(header: string): string {
  const [, scheme, value = ""] = /^(\w+)\s+(\S+)$/.exec(header) ?? [];
  if (scheme?.toLowerCase() !== "basic") return value;
  const plain = Buffer.from(value, "base64").toString("utf8");
  return plain.slice(plain.indexOf(":") + 1);
}

async function verifyAppJwt(jwt: string, world: World, { appId, publicKey }: AppKey): Promise<void> {
  const verified = await jwtVerify(jwt, publicKey, { algorithms: ["RS256"], currentDate: world.now() }).catch(
    () => null,
  );
  const payload = verified?.payload;
  if (!payload || String(payload.iss) !== String(appId) || payload.exp === undefined || payload.iat === undefined)
    throw new Refusal(401, "A JSON web token could not be decoded");
  if (payload.exp > world.now().getTime() / 1000 + 600)
    throw new Refusal(401, "'Expiration time' claim ('exp') is too far in the future");
}

/** Open to everyone who can read the repository. */
const PARTICIPATION: readonly OperationId[] = [
  "issues/create",
  "issues/create-comment",
  "reactions/create-for-issue",
  "reactions/create-for-issue-comment",
];
/** Open to the author as well as to people with write access: the handlers ask `mustOwn`. */
const AUTHORS: readonly OperationId[] = [
  "issues/update",
  "issues/update-comment",
  "issues/delete-comment",
  "reactions/delete-for-issue-comment",
  "pulls/update",
];

const canWrite = (user: User): boolean => user.permission === "admin" || user.permission === "write";

/** Refuses callers who may not use the operation at all. */
export function authorize(world: World, caller: Caller, id: OperationId, method: string): void {
  if (id.startsWith("apps/")) authorizeApp(caller, id);
  else if (id === "users/get-authenticated") actor(caller);
  else if (!id.startsWith("users/")) authorizeRepository(world, caller, { id, method });
}

function authorizeRepository(world: World, caller: Caller, { id, method }: { id: OperationId; method: string }): void {
  const reads = method === "GET";
  if (caller.kind === "app") throw new Refusal(403, "Resource not accessible by integration");
  if (caller.kind === "anonymous") {
    if (!reads) throw new Refusal(401, "Requires authentication");
    if (world.private) throw notFound();
    return;
  }
  const { user, permissions } = caller.token;
  if (world.private && user.permission === "none") throw notFound();
  if (permissions && !(reads && !world.private)) requirePermission(permissions, id, reads ? "read" : "write");
  const open = reads || PARTICIPATION.includes(id) || AUTHORS.includes(id);
  if (!open && !canWrite(user)) throw new Refusal(403, "Must have push access to repository");
}

function authorizeApp(caller: Caller, id: OperationId): void {
  const asToken = id === "apps/revoke-installation-access-token";
  if (asToken && caller.kind !== "token") throw new Refusal(401, "Requires authentication");
  if (!asToken && caller.kind !== "app") throw new Refusal(401, "A JSON web token could not be decoded");
}

/** The permissions of an App of which one is needed. Comments on pull requests take either of two, as on GitHub. */
function permissionsFor(id: OperationId): readonly string[] {
  if (id === "repos/get" || id === "repos/get-collaborator-permission-level") return ["metadata"];
  if (id.startsWith("issues/") || id.startsWith("reactions/")) return ["issues", "pull_requests"];
  if (id.startsWith("pulls/")) return ["pull_requests"];
  return id.startsWith("actions/") ? ["actions"] : ["contents"];
}

function requirePermission(held: NonNullable<Token["permissions"]>, id: OperationId, level: "read" | "write"): void {
  const enough = permissionsFor(id).some(
    (name) => held[name] === "write" || (level === "read" && (held[name] || name === "metadata")),
  );
  if (!enough) throw new Refusal(403, "Resource not accessible by integration");
}

/** Only the author, or somebody with write access, may go on. */
export function mustOwn(caller: Caller, author: User): void {
  const user = actor(caller);
  if (user.login !== author.login && !canWrite(user)) throw new Refusal(403, "Must have admin rights to Repository.");
}

/** May this token push? Says why not. */
export function pushRefusal(token: Token): string | null {
  if (!canWrite(token.user)) return `Permission to the repository denied to ${token.user.login}.`;
  if (token.permissions && token.permissions.contents !== "write") return "Write access to repository not granted.";
  return null;
}
