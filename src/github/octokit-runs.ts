import type { SessionId } from "../sessions/ids.ts";
import type { Dispatch, ForgeError, Runs } from "./forge.ts";
import { asForgeError, orNull, orThrow, type Place } from "./octokit-calls.ts";
import { sessionOfRun, workflowFile } from "./workflow.ts";

/** Our workflow's runs over GitHub's REST API. `broker`: where a dispatched run gets its token, if not from its job. */
export function runs({
  octokit,
  owner,
  repo,
  server,
  broker,
}: Place & { server: string; broker?: string | undefined }): Runs {
  const at = { owner, repo };
  const dispatch = async ({ session, nonce, branch }: Parameters<Runs["dispatch"]>[0]): Promise<Dispatch> => {
    try {
      await octokit.request("POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches", {
        ...at,
        workflow_id: workflowFile,
        ref: branch,
        inputs: { session, nonce, ...(broker ? { broker } : {}) },
      });
      return { ok: true };
    } catch (error) {
      return refusedDispatch(asForgeError(error), `${server}/${owner}/${repo}`);
    }
  };
  return {
    dispatch,
    hasEnded: async ({ id, attempt }) => {
      const found = await orNull(() =>
        octokit.request("GET /repos/{owner}/{repo}/actions/runs/{run_id}", { ...at, run_id: id }),
      );
      return found === null || found.data.status === "completed" || (found.data.run_attempt ?? 1) > attempt;
    },
    isUnderWay: (session, ended) =>
      orThrow(async () => {
        const open = await openRuns({ octokit, ...at }, session);
        return open.some(({ id, run_attempt }) => id !== ended?.id || (run_attempt ?? 1) > ended.attempt);
      }),
  };
}

async function openRuns({ octokit, ...at }: Place, session: SessionId) {
  const route = "GET /repos/{owner}/{repo}/actions/runs";
  const { data } = await octokit.request(route, { ...at, event: "workflow_dispatch", per_page: 100 });
  return data.workflow_runs.filter(
    ({ status, display_title }) => status !== "completed" && sessionOfRun(display_title) === session,
  );
}

function refusedDispatch({ status, message }: ForgeError, repo: string): Dispatch {
  const file = `.github/workflows/${workflowFile}`;
  switch (status) {
    case 404:
      return {
        ok: false,
        problem: `There is no workflow \`${file}\` on the default branch, or Offshoot may not see it.`,
        remedy: "Add the workflow to the default branch and give the App the permission “Actions: write”.",
      };
    case 403:
      return {
        ok: false,
        problem: "GitHub does not let Offshoot start workflows here.",
        remedy: `Give the App the permission “Actions: write” at ${repo}/settings/installations (without an app: the job \`recover\` needs \`actions: write\`), and look for a policy of the organization that blocks workflow dispatches; \`offshoot doctor\` does.`,
      };
    case 422:
      return {
        ok: false,
        problem: `GitHub refused to start \`${file}\`: ${message}`,
        remedy: "Check that the workflow has the trigger `workflow_dispatch` with the inputs `session` and `nonce`.",
      };
    default:
      return {
        ok: false,
        problem: `GitHub did not start the run (${status || "no answer"}: ${message}).`,
        remedy: "Wait a few minutes; https://www.githubstatus.com tells whether Actions has trouble.",
      };
  }
}
