import { spawn } from "node:child_process";
import { once } from "node:events";
import { cleanEnvironment, runGit } from "../src/sessions/git/process.ts";
import { Repository } from "../src/sessions/git/repository.ts";

const path = process.env.PATH ?? "";

/** A clean bare repository with a remote, as a run has it. */
export function openRepository(dir: string, url: string): Promise<Repository> {
  return Repository.open({ dir, remote: { url, authorization: async () => undefined }, path });
}

/** Plain git, in the same clean environment as the product's. */
export async function git(dir: string, args: readonly string[], input?: string | Buffer): Promise<Buffer> {
  const given = input === undefined ? undefined : Buffer.from(input);
  const { code, stdout, stderr } = await runGit(args, { cwd: dir, env: cleanEnvironment(dir, path), input: given });
  if (code !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** `git <one> | git <other>`; all that comes out of it is read. */
export async function gitPipe(dir: string, one: readonly string[], other: readonly string[]): Promise<void> {
  const options = { cwd: dir, env: cleanEnvironment(dir, path) };
  const second = spawn("git", other, { ...options, stdio: ["pipe", "pipe", "inherit"] });
  const first = spawn("git", one, { ...options, stdio: ["ignore", second.stdin, "inherit"] });
  second.stdin.destroy();
  second.stdout.resume();
  const codes = await Promise.all([once(first, "close"), once(second, "close")]);
  if (codes.some(([code]) => code !== 0)) throw new Error(`git ${one.join(" ")} | git ${other.join(" ")} failed`);
}

/** Adds what a stream of `git fast-import` makes to a bare repository, and packs it as `git gc` does. */
export async function importInto(dir: string, stream: Iterable<string>): Promise<void> {
  const importing = spawn("git", ["fast-import", "--quiet", "--done", "--force"], {
    ...{ cwd: dir, env: cleanEnvironment(dir, path), stdio: ["pipe", "ignore", "inherit"] },
  });
  const closed = once(importing, "close");
  for (const part of batches(stream)) {
    if (!importing.stdin.write(part)) await once(importing.stdin, "drain");
  }
  importing.stdin.end("done\n");
  const [code] = await closed;
  if (code !== 0) throw new Error(`git fast-import ended with ${code}`);
  await git(dir, ["pack-refs", "--all"]);
}

function* batches(stream: Iterable<string>): Generator<string> {
  let batch = "";
  for (const part of stream) {
    batch += part;
    if (batch.length < 1 << 20) continue;
    yield batch;
    batch = "";
  }
  yield batch;
}
