import { Octokit } from "@octokit/rest";
import { statusOf } from "../sessions/github/answers.ts";
import type { Run } from "../sessions/journal.ts";
import type { RunSight } from "./alive.ts";
import type { Origin } from "./clone.ts";
import { apiAddress, silent } from "./github-access.ts";

export interface Github {
  readonly origin: Origin;
  /** `owner/name` */
  readonly project: string;
  readonly token: string;
  /** The address of the API; it has to be given where that is not github.com's. */
  readonly api: string | undefined;
}

/** Nobody waits longer than that for a word on a run. */
const patienceMs = 10_000;

/**
 * Asks the origin for a run of its own. The token goes to github.com, or to the address that the person gave; a name that
 * looks like GitHub's is not enough, and never the address that the journal gives: whoever may write to a session's ref
 * would be sent the token.
 */
export async function askForRun({ origin, project, token, api }: Github, run: Run): Promise<RunSight> {
  const [owner = "", repo = ""] = project.split("/");
  const baseUrl = apiAddress(origin, api);
  if (!baseUrl) {
    return { kind: "unknown", why: `Set GITHUB_API_URL, so that ${origin.host} can be asked, or look at ${run.url}.` };
  }
  const octokit = new Octokit({ auth: token, baseUrl, log: silent });
  try {
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/actions/runs/{run_id}", {
      ...{ owner, repo, run_id: run.id },
      request: { signal: AbortSignal.timeout(patienceMs) },
    });
    if ((data.run_attempt ?? 1) > run.attempt) return { kind: "ended", status: "The run was started again." };
    if (data.status !== "completed")
      return { kind: "under way", status: `GitHub says that the run is ${data.status}.` };
    return { kind: "ended", status: `GitHub says that the run has ended (${data.conclusion}).` };
  } catch (error) {
    const why = statusOf(error) === 404 ? "GitHub shows it no such run" : `GitHub did not tell (${messageOf(error)})`;
    return { kind: "unknown", why: `${why}. Look at ${run.url}.` };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
