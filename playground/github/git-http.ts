import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { appendFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { basename, dirname, join } from "node:path";
import type { Readable } from "node:stream";
import type { Token, World } from "../world.ts";
import { pushRefusal } from "./access.ts";
import type { Caller } from "./call.ts";
import { git, gitEnvironment } from "./git.ts";
import { type RefMove, refMoved } from "./refs.ts";

/** Where the hook of a push writes what it moved: one `old new ref` a line. */
const REPORT = "PLAYGROUND_PUSH_REPORT";

const CONFIGURATION = `[http]
	receivepack = true
	getanyfile = false
[receive]
	advertiseAtomic = true
	hideRefs = refs/pull
[uploadpack]
	allowAnySHA1InWant = true
	allowFilter = true
[gc]
	auto = 0
`;

/** Creates the bare repository, set up the way GitHub serves one. */
export async function createRepository(gitDir: string, defaultBranch: string): Promise<void> {
  await git(gitDir, ["init", "--bare", "--quiet", "--template=", `--initial-branch=${defaultBranch}`, gitDir]);
  await appendFile(join(gitDir, "config"), CONFIGURATION);
  await mkdir(join(gitDir, "hooks"));
  await writeFile(join(gitDir, "hooks", "post-receive"), `#!/bin/sh\nexec cat >"$${REPORT}"\n`, { mode: 0o755 });
}

interface GitRequest {
  readonly world: World;
  readonly caller: Caller;
  /** Path below the repository, such as `/info/refs`. */
  readonly path: string;
  readonly query: string;
}

/** Serves one request of git's smart HTTP protocol through `git http-backend`. */
export async function serveGit(request: IncomingMessage, response: ServerResponse, at: GitRequest): Promise<void> {
  const pushes = at.path === "/git-receive-pack" || at.query.includes("service=git-receive-pack");
  const token = at.caller.kind === "token" ? at.caller.token : null;
  if (!token && (pushes || at.world.private)) {
    response.writeHead(401, { "www-authenticate": 'Basic realm="GitHub"', "content-type": "text/plain" });
    response.end("Authentication required: use a token as the password.\n");
    return;
  }
  const refusal = pushes && token ? pushRefusal(token) : null;
  if (refusal) {
    response.writeHead(403, { "content-type": "text/plain" }).end(`${refusal}\n`);
    return;
  }
  await runBackend(request, response, { ...at, token });
}

async function runBackend(
  request: IncomingMessage,
  response: ServerResponse,
  at: GitRequest & { token: Token | null },
): Promise<void> {
  const report = join(at.world.dir, `push-${randomUUID()}`);
  const backend = spawn("git", ["http-backend"], { env: { ...gitEnvironment, ...cgi(request, at), [REPORT]: report } });
  backend.stdin.on("error", () => {}); // the backend may answer before it has read everything
  backend.stderr.resume();
  request.pipe(backend.stdin);
  request.once("close", () => backend.stdin.end());
  response.once("close", () => backend.stdout.resume());
  const closed = once(backend, "close");
  await answer(backend.stdout, response);
  await closed;
  if (at.token) await announce(at.world, at.token, await moved(report));
  response.end();
}

function cgi(
  request: IncomingMessage,
  { world, path, query, token }: GitRequest & { token: Token | null },
): NodeJS.ProcessEnv {
  const { headers } = request;
  return {
    GIT_PROJECT_ROOT: dirname(world.gitDir),
    GIT_HTTP_EXPORT_ALL: "1",
    PATH_INFO: `/${basename(world.gitDir)}${path}`,
    QUERY_STRING: query,
    REQUEST_METHOD: request.method ?? "GET",
    CONTENT_TYPE: headers["content-type"] ?? "",
    ...(headers["content-length"] ? { CONTENT_LENGTH: headers["content-length"] } : {}),
    ...(headers["content-encoding"] ? { HTTP_CONTENT_ENCODING: headers["content-encoding"] } : {}),
    GIT_PROTOCOL: String(headers["git-protocol"] ?? ""),
    REMOTE_ADDR: request.socket.remoteAddress ?? "",
    ...(token ? { REMOTE_USER: token.user.login } : {}),
  };
}

/** Copies a CGI answer: headers up to the empty line, then the body as it comes. Does not end the response. */
async function answer(output: Readable, response: ServerResponse): Promise<void> {
  let head: Buffer | null = Buffer.alloc(0);
  for await (const chunk of output) {
    if (head === null) {
      if (!response.write(chunk) && !response.destroyed)
        await Promise.race([once(response, "drain"), once(response, "close")]);
      continue;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) continue;
    writeHead(response, head.subarray(0, end).toString("latin1"));
    response.write(head.subarray(end + 4));
    head = null;
  }
  if (head !== null) response.writeHead(500);
}

function writeHead(response: ServerResponse, head: string): void {
  let status = 200;
  for (const [, name = "", value = ""] of head.matchAll(/^([^:\r\n]+):\s*(.*?)\r?$/gm)) {
    if (name.toLowerCase() === "status") status = Number.parseInt(value, 10);
    else response.setHeader(name, value);
  }
  response.writeHead(status);
}

async function moved(report: string): Promise<RefMove[]> {
  const lines = await readFile(report, "utf8").catch(() => "");
  await rm(report, { force: true });
  const oid = (text: string) => (/^0+$/.test(text) ? null : text);
  return lines.split("\n").flatMap((line) => {
    const [before, after, ref] = line.split(" ");
    return before && after && ref ? [{ ref, before: oid(before), after: oid(after) }] : [];
  });
}

async function announce(world: World, token: Token, moves: readonly RefMove[]): Promise<void> {
  for (const move of moves) await refMoved(world, move, { sender: token.user, startsWorkflows: token.kind !== "run" });
}
