import { randomBytes } from "node:crypto";
import { jwtVerify } from "jose";
import type { Token, User, World } from "../world.ts";
import { actor, type Caller, Refusal } from "./call.ts";

/** The longest that an App's own token may be valid. */
const JWT_LIFE_S = 600;

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

/** Who sends this `Authorization` header; 401 when it names nobody. */
export async function authenticate(world: World, header: string | undefined): Promise<Caller> {
  if (header === undefined) return { kind: "anonymous" };
  const secret = secretOf(header);
  const token = world.tokens.get(secret);
  if (!token) {
    await verifyAppJwt(world, secret);
    return { kind: "app" };
  }
  if (token.expiresAt && token.expiresAt <= world.now()) throw new Refusal(401, "Bad credentials");
  return { kind: "token", secret, token };
}

/** The secret in an `Authorization` header, of whatever scheme. */
export function secretOf(header: string): string {
  const [, scheme, value = ""] = /^(\w+)\s+(\S+)$/.exec(header) ?? [];
  if (scheme?.toLowerCase() !== "basic") return value;
  const plain = Buffer.from(value, "base64").toString("utf8");
  return plain.slice(plain.indexOf(":") + 1);
}

async function verifyAppJwt(world: World, jwt: string): Promise<void> {
  const required = { algorithms: ["RS256"], requiredClaims: ["iat", "exp"], currentDate: world.now() };
  const verified = await jwtVerify(jwt, world.app.publicKey, required).catch(() => null);
  if (!verified || String(verified.payload.iss) !== String(world.ids.app)) throw new Refusal(401, "Bad credentials");
  if ((verified.payload.exp ?? 0) > world.now().getTime() / 1000 + JWT_LIFE_S)
    throw new Refusal(401, "'Expiration time' claim ('exp') is too far in the future");
}

/** Open to everyone who is signed in; of what only its author may change, the handlers ask `mustOwn`. */
const PARTICIPATION = [
  ...["issues/create", "issues/create-comment", "reactions/create-for-issue-comment"],
  ...["issues/update", "issues/update-comment", "issues/delete-comment", "pulls/create", "pulls/update"],
];

export const canWrite = ({ permission }: User): boolean => ["admin", "maintain", "write"].includes(permission);

/** Refuses callers who may not use the operation at all. The repository is public: everyone reads. */
export function authorize(caller: Caller, id: string, method: string): void {
  if (id === "apps/create-from-manifest") return;
  if (/^apps\/(revoke-installation-access-token|list-repos-accessible-to-installation)$/.test(id))
    return void actor(caller);
  if (id.startsWith("apps/")) {
    if (caller.kind !== "app") throw new Refusal(401, "A JSON web token could not be decoded");
    return;
  }
  if (caller.kind === "app") throw new Refusal(403, "Resource not accessible by integration");
  if (method === "GET") return;
  const user = actor(caller);
  const held = caller.kind === "token" ? caller.token.permissions : undefined;
  if (held && !permissionsFor(id).some((name) => held[name] === "write"))
    throw new Refusal(403, "Resource not accessible by integration");
  if (!PARTICIPATION.includes(id) && !canWrite(user)) throw new Refusal(403, "Must have push access to repository");
}

/** The permissions of an App of which one is needed to write. Comments on pull requests take either of two, as on GitHub. */
function permissionsFor(id: string): readonly string[] {
  if (id.startsWith("issues/") || id.startsWith("reactions/")) return ["issues", "pull_requests"];
  if (id.startsWith("pulls/")) return ["pull_requests"];
  return id.startsWith("actions/") ? ["actions"] : ["contents"];
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
