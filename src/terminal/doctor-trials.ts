import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as v from "valibot";
import { type Finding, ok, problem, unknown, warning } from "../setup/finding.ts";
import { type Clone, definedIn } from "./clone.ts";
import { withoutPassword } from "./origin.ts";
import type { Terminal } from "./terminal.ts";

const patienceMs = 10_000;

/** Whether commands can be shut in on this machine. On GitHub the runner's machine decides. */
export async function checkSandbox({ env }: Terminal): Promise<Finding> {
  const args = ["--ro-bind", "/", "/", "--unshare-user", "--unshare-pid", "--unshare-net", "true"];
  const why =
    "The agent's commands can be shut in on a machine only with it. Runs on GitHub have a machine of their own.";
  try {
    await promisify(execFile)("bwrap", args, { env: definedIn(env), timeout: patienceMs });
    return ok("sandbox", "bubblewrap works on this machine.");
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (isMissing) {
      const remedy = "Install it, e.g. with: sudo apt-get install bubblewrap (Linux alone has it)";
      return warning("sandbox", { what: "bubblewrap is not on this machine.", why, remedy });
    }
    const what = "bubblewrap cannot make namespaces on this machine.";
    return warning("sandbox", {
      what,
      why,
      remedy:
        "Allow unprivileged user namespaces, on Ubuntu: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    });
  }
}

/** Pushes two throwaway refs at once and deletes them, as the person's git does it. */
export async function checkRefs({ newId }: Terminal, { git }: Clone): Promise<Finding> {
  const refs = [newId(), newId()].map((id) => `refs/offshoot/doctor/${id}`);
  const push = (...refspecs: readonly string[]) =>
    git(["push", "--quiet", "--atomic", "--no-verify", "origin", ...refspecs]);
  const why = "A session's journal is in refs/offshoot/, and every append to it is one push.";
  let isThere = false;
  try {
    const commit = await emptyCommit(git);
    await push(...refs.map((ref) => `${commit}:${ref}`));
    isThere = true;
    await push(...refs.map((ref) => `:${ref}`));
    return ok("refs", "git may write refs/offshoot/ on the origin, several at once (tried, and taken away again).");
  } catch (error) {
    const reason = withoutPassword(error instanceof Error ? error.message.trim() : String(error));
    if (isThere) {
      return problem("refs", {
        what: `git may make refs/offshoot/… on the origin, and not delete them: ${reason}`,
        why: `${why} ${refs.join(" and ")} are left there.`,
        remedy: `Allow it for refs/offshoot/, then: git push origin --delete ${refs.join(" ")}`,
      });
    }
    if (/could not read|authentication|permission denied|not authorized|terminal prompts/i.test(reason)) {
      const what = `Whether refs/offshoot/ can be written is not known: git here may not push (${reason}).`;
      return unknown("refs", {
        what,
        why,
        remedy: "Give git access to the origin (gh auth setup-git), and run this again.",
      });
    }
    return problem("refs", {
      what: `git may not write refs/offshoot/ on the origin: ${reason}`,
      why,
      remedy:
        "Take refs/offshoot/** out of whatever forbids it: a rule for pushes, a hook of the server, a read-only origin.",
    });
  }
}

/** A commit without files that nothing here leads to. */
async function emptyCommit(git: Clone["git"]): Promise<string> {
  const tree = (await git(["hash-object", "-t", "tree", "-w", "--stdin"])).trim();
  const who = ["-c", "user.name=offshoot doctor", "-c", "user.email=doctor@offshoot.invalid"];
  return (await git([...who, "commit-tree", tree, "-m", "A trial of offshoot doctor"])).trim();
}

/** Whether the app's server is up, and ready to hear of comments. */
export async function checkServer(url: string | null): Promise<Finding> {
  const why = "The app hears of comments through this server.";
  if (!url) {
    return unknown("app-server", {
      what: "Whether the app's server is up is not known: the workflow does not have its address.",
      why,
      remedy: "Run: offshoot init --app URL",
    });
  }
  for (const page of ["health", "ready"]) {
    const fault = await faultOf(new URL(`/offshoot/${page}`, url));
    if (!fault) continue;
    return problem("app-server", {
      what: `The app's server ${page === "health" ? "is not up" : "is up, but not ready"}: ${url}/offshoot/${page} ${fault.replace(/\.$/, "")}.`,
      why,
      remedy: "Look at the server's log. If it moved, run: offshoot init --app URL",
    });
  }
  return ok("app-server", `The app's server at ${url} is up and ready.`);
}

const refusal = v.fallback(v.object({ reason: v.optional(v.string()) }), {});

async function faultOf(url: URL): Promise<string | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(patienceMs), redirect: "manual" });
    if (response.ok) return null;
    const { reason } = v.parse(refusal, await response.json().catch(() => ({})));
    return `answers ${response.status}${reason ? `: ${reason}` : ""}`;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    return `does not answer (${cause})`;
  }
}
