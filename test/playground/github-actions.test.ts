import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { workflowIdOf } from "../../playground/github/actions.ts";
import { zip } from "../../playground/github/zip.ts";
import type { Run, WorldEvents } from "../../playground/world.ts";
import { at, openWithMain, receiveWebhooks } from "./github-fixture.ts";

const PATH = ".github/workflows/agent.yml";

async function openWithWorkflows() {
  const opened = await openWithMain();
  const { clone } = opened;
  await mkdir(join(clone.dir, ".github/workflows"), { recursive: true });
  await writeFile(join(clone.dir, ".github/workflows/ci.yml"), "on: push\njobs: {}\n");
  await clone.commit(PATH, "on:\n  workflow_dispatch:\n    inputs: {session: {}}\njobs: {}\n");
  await clone.git("push", "-q", "origin", "main");
  const asked: WorldEvents["dispatch"][0][] = [];
  opened.github.world.bus.on("dispatch", (event) => void asked.push(event));
  return { ...opened, asked };
}

type Opened = Awaited<ReturnType<typeof openWithWorkflows>>;

/** What the executor does with a dispatch. */
async function addRun({ github, clone }: Opened): Promise<Run> {
  const at = new Date("2026-11-01T12:00:00Z");
  const moments = { startedAt: at, completedAt: at };
  const job = {
    id: 31,
    key: "turn",
    name: "turn / 1",
    ...moments,
    summary: "",
    steps: [],
    log: ["2026-11-01T12:00:00Z hello"],
  } as const;
  const run: Run = {
    ...{
      id: github.world.nextId(),
      number: 1,
      attempt: 1,
      workflowPath: PATH,
      workflowId: workflowIdOf(PATH),
      name: "agent",
      title: "turn",
    },
    ...{ event: "workflow_dispatch", headSha: await clone.git("rev-parse", "main"), headBranch: "main", pulls: [] },
    ...{ status: "in_progress", conclusion: null, createdAt: at, startedAt: at, updatedAt: at },
    actor: github.world.users.get("maintainer") ?? expect.fail("no maintainer"),
    jobs: [{ ...job, log: [...job.log], steps: [], status: "completed", conclusion: "success" }],
  };
  github.world.runs.set(run.id, run);
  return run;
}

test("a dispatch by name or number is handed on with the run id that the caller was told", async () => {
  const { maintainer, asked } = await openWithWorkflows();
  const dispatch = "POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches";
  const told = await maintainer.request(dispatch, {
    ...at,
    workflow_id: "agent.yml",
    ref: "main",
    inputs: { session: "01" },
    return_run_details: true,
  });
  const quiet = await maintainer.rest.actions.createWorkflowDispatch({
    ...at,
    workflow_id: workflowIdOf(PATH),
    ref: "main",
  });
  expect([told.status, quiet.status]).toEqual([200, 204]);
  expect(asked).toMatchObject([
    { workflow: PATH, ref: "main", inputs: { session: "01" } },
    { workflow: PATH, inputs: {} },
  ]);
  expect(told.data).toMatchObject({ workflow_run_id: asked[0]?.runId });
});

test("a dispatch is refused without the workflow, its trigger or the branch", async () => {
  const { maintainer, asked } = await openWithWorkflows();
  const dispatch = (workflow_id: string, ref: string) =>
    maintainer.rest.actions.createWorkflowDispatch({ ...at, workflow_id, ref });
  await expect(dispatch("other.yml", "main")).rejects.toMatchObject({ status: 404 });
  await expect(dispatch("ci.yml", "main")).rejects.toThrow(/does not have 'workflow_dispatch' trigger/);
  await expect(dispatch("agent.yml", "gone")).rejects.toThrow(/No ref found for: gone/);
  expect(asked).toEqual([]);
});

test("a run, its jobs, logs and artifacts are read; a finished one cannot be cancelled", async () => {
  const opened = await openWithWorkflows();
  const { github, maintainer } = opened;
  const run = await addRun(opened);
  const file = join(github.world.dir, "artifact.zip");
  await writeFile(file, zip([{ name: "transcript.html", content: Buffer.from("<p>hi</p>") }]));
  github.world.artifacts.set(5, { id: 5, runId: run.id, name: "transcript", createdAt: run.createdAt, file, size: 9 });
  const cancelled: number[] = [];
  github.world.bus.on("cancel", ({ runId }) => void cancelled.push(runId));

  const { data: found } = await maintainer.rest.actions.listWorkflowRunsForRepo({
    ...at,
    head_sha: run.headSha,
    status: "in_progress",
  });
  expect(found.workflow_runs.map(({ id, path }) => [id, path])).toEqual([[run.id, PATH]]);
  expect((await maintainer.rest.actions.listWorkflowRunsForRepo({ ...at, branch: "other" })).data.total_count).toBe(0);
  const { data: jobs } = await maintainer.rest.actions.listJobsForWorkflowRun({ ...at, run_id: run.id });
  expect(jobs.jobs).toMatchObject([{ id: 31, conclusion: "success" }]);
  expect((await maintainer.rest.actions.downloadJobLogsForWorkflowRun({ ...at, job_id: 31 })).data).toBe(
    "2026-11-01T12:00:00Z hello\n",
  );
  const logs = await maintainer.rest.actions.downloadWorkflowRunLogs({ ...at, run_id: run.id });
  expect(unzipped(logs.data)).toEqual({ "0_turn _ 1.txt": "2026-11-01T12:00:00Z hello\n" });
  const { data: artifacts } = await maintainer.rest.actions.listWorkflowRunArtifacts({ ...at, run_id: run.id });
  expect(artifacts.artifacts.map(({ name }) => name)).toEqual(["transcript"]);
  const archive = await maintainer.rest.actions.downloadArtifact({ ...at, artifact_id: 5, archive_format: "zip" });
  expect(unzipped(archive.data)).toEqual({ "transcript.html": "<p>hi</p>" });

  expect((await maintainer.rest.actions.cancelWorkflowRun({ ...at, run_id: run.id })).status).toBe(202);
  run.status = "completed";
  await expect(maintainer.rest.actions.cancelWorkflowRun({ ...at, run_id: run.id })).rejects.toMatchObject({
    status: 409,
  });
  expect(cancelled).toEqual([run.id]);
  expect(github.world.violations).toEqual([]);
});

/** Python's own zip reader is on every machine that git is on; ours must not be read by ourselves alone. */
function unzipped(data: unknown): Record<string, string> {
  if (!(data instanceof ArrayBuffer)) throw new Error("not a download");
  const script =
    "import sys,io,json,zipfile; z=zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read())); assert z.testzip() is None; print(json.dumps({n: z.read(n).decode() for n in z.namelist()}))";
  return JSON.parse(execFileSync("python3", ["-c", script], { input: Buffer.from(data), encoding: "utf8" }));
}

test("the life of a run is told to the App", async () => {
  const opened = await openWithWorkflows();
  const { github } = opened;
  const received = await receiveWebhooks(github);
  const run = await addRun(opened);
  for (const action of ["requested", "in_progress", "completed"] as const) {
    run.status = action === "requested" ? "queued" : action;
    if (action === "completed") run.conclusion = "failure";
    github.world.bus.emit("run", { action, run });
  }
  await github.webhooksSettled();
  const shown = received.map(({ payload }) => [payload.action, payload.workflow_run]);
  expect(shown).toMatchObject([
    ["requested", { status: "queued", conclusion: null }],
    ["in_progress", { status: "in_progress", conclusion: null }],
    ["completed", { id: run.id, status: "completed", conclusion: "failure", event: "workflow_dispatch" }],
  ]);
  expect(github.world.violations).toEqual([]);
});
