import { spawn } from "node:child_process";
import { once } from "node:events";
import { buffer, text } from "node:stream/consumers";

/** Environment of every git process of the double: nothing from the machine's or the user's configuration. */
export const gitEnvironment: NodeJS.ProcessEnv = {
  PATH: process.env.PATH,
  HOME: "/nonexistent",
  LC_ALL: "C",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
};

interface GitOptions {
  readonly input?: string;
}

interface GitResult {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs git in the bare repository `gitDir`, whatever its exit code. */
export async function runGit(
  gitDir: string,
  args: readonly string[],
  { input = "" }: GitOptions = {},
): Promise<GitResult> {
  const child = spawn("git", [`--git-dir=${gitDir}`, ...args], { env: gitEnvironment });
  child.stdin.on("error", () => {}); // git may exit without reading everything: its exit code tells
  child.stdin.end(input);
  const [stdout, stderr, [code]] = await Promise.all([buffer(child.stdout), text(child.stderr), once(child, "close")]);
  return { code: typeof code === "number" ? code : 128, stdout, stderr };
}

/** Runs git and answers its standard output; throws when git fails. */
export async function git(gitDir: string, args: readonly string[], options: GitOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await runGit(gitDir, args, options);
  if (code !== 0) throw new Error(`git ${args[0]} failed with exit code ${code}: ${stderr.trim()}`);
  return stdout.toString("utf8");
}

/** The object id that `revision` names, or null. */
export async function resolveRevision(gitDir: string, revision: string): Promise<string | null> {
  const { code, stdout } = await runGit(gitDir, ["rev-parse", "--verify", "--quiet", "--end-of-options", revision]);
  return code === 0 ? stdout.toString("utf8").trim() : null;
}

export interface Ref {
  readonly ref: string;
  readonly sha: string;
  readonly type: string;
}

/** All refs in git's order. */
export async function listRefs(gitDir: string): Promise<Ref[]> {
  const lines = await git(gitDir, ["for-each-ref", "--format=%(objectname) %(objecttype) %(refname)"]);
  return lines.split("\n").flatMap((line) => {
    const [sha, type, ref] = line.split(" ");
    return sha && type && ref ? [{ ref, sha, type }] : [];
  });
}

export async function isAncestor(gitDir: string, older: string, newer: string): Promise<boolean> {
  return (await runGit(gitDir, ["merge-base", "--is-ancestor", older, newer])).code === 0;
}
