import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { appendFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { basename, dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import type { World } from "../world.ts";
import { authenticate, pushRefusal } from "./access.ts";
import { cause } from "./call.ts";
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

/** Serves one request of git's smart HTTP protocol through `git http-backend`: anyone reads, writers push. */
export async function serveGit(
  world: World,
  { pathname, search }: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const pushes = pathname.endsWith("/git-receive-pack") || search.includes("service=git-receive-pack");
  const caller = await authenticate(world, request.headers.authorization).catch(() => null);
  const token = caller?.kind === "token" ? caller.token : null;
  if (!caller || (pushes && !token)) {
    response.writeHead(401, { "www-authenticate": 'Basic realm="GitHub"', "content-type": "text/plain" });
    response.end("Authentication required: use a token as the password.\n");
    return;
  }
  const refusal = pushes && token ? pushRefusal(token) : null;
  if (refusal) {
    response.writeHead(403, { "content-type": "text/plain" }).end(`${refusal}\n`);
    return;
  }
  const report = join(world.dir, `push-${randomUUID()}`);
  const path = pathname.slice(`/${world.owner}/${world.repo}.git`.length);
  const variables = cgi(request, { path: `/${basename(world.gitDir)}${path}`, query: search.slice(1) });
  const output = await runBackend(request, { ...variables, GIT_PROJECT_ROOT: dirname(world.gitDir), [REPORT]: report });
  for (const move of await moved(report)) await refMoved(world, move, cause(caller));
  answer(output, response);
}

async function runBackend(request: IncomingMessage, variables: NodeJS.ProcessEnv): Promise<Buffer> {
  const backend = spawn("git", ["http-backend"], { env: { ...gitEnvironment, ...variables } });
  backend.stdin.on("error", () => {}); // the backend may answer before it has read everything
  backend.stderr.resume();
  request.pipe(backend.stdin);
  request.once("close", () => backend.stdin.end());
  const [output] = await Promise.all([buffer(backend.stdout), once(backend, "close")]);
  return output;
}

function cgi(request: IncomingMessage, { path, query }: { path: string; query: string }): NodeJS.ProcessEnv {
  const { headers, method = "GET" } = request;
  return {
    GIT_HTTP_EXPORT_ALL: "1",
    PATH_INFO: path,
    QUERY_STRING: query,
    REQUEST_METHOD: method,
    CONTENT_TYPE: headers["content-type"] ?? "",
    ...(headers["content-length"] ? { CONTENT_LENGTH: headers["content-length"] } : {}),
    ...(headers["content-encoding"] ? { HTTP_CONTENT_ENCODING: headers["content-encoding"] } : {}),
    GIT_PROTOCOL: String(headers["git-protocol"] ?? ""),
    REMOTE_ADDR: request.socket.remoteAddress ?? "",
  };
}

/** Passes a CGI answer on: headers up to the empty line, then the body. */
function answer(output: Buffer, response: ServerResponse): void {
  const end = output.indexOf("\r\n\r\n");
  if (end < 0) throw new Error("git http-backend has not answered.");
  const head = output.subarray(0, end).toString("latin1");
  let status = 200;
  for (const [, name = "", value = ""] of head.matchAll(/^([^:\r\n]+):\s*(.*?)\r?$/gm)) {
    if (name.toLowerCase() === "status") status = Number.parseInt(value, 10);
    else response.setHeader(name, value);
  }
  response.writeHead(status).end(output.subarray(end + 4));
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
