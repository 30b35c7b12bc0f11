import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { workflowIdOf } from "../../playground/github/actions.ts";
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
    jobs: [],
  };
  github.world.runs.set(run.id, run);
  return run;
}

test("a dispatch by name or number is handed on with its inputs", async () => {
  const { maintainer, asked } = await openWithWorkflows();
  const dispatch = maintainer.rest.actions.createWorkflowDispatch;
  await dispatch({ ...at, workflow_id: "agent.yml", ref: "main", inputs: { session: "01" } });
  await dispatch({ ...at, workflow_id: workflowIdOf(PATH), ref: "main" });
  expect(asked).toMatchObject([
    { workflow: PATH, ref: "main", inputs: { session: "01" } },
    { workflow: PATH, inputs: {} },
  ]);
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

test("runs are found and read; a finished one cannot be cancelled", async () => {
  const opened = await openWithWorkflows();
  const { github, maintainer } = opened;
  const { actions } = maintainer.rest;
  const run = await addRun(opened);
  const cancelled: number[] = [];
  github.world.bus.on("cancel", ({ runId }) => void cancelled.push(runId));

  const { data } = await actions.listWorkflowRunsForRepo({ ...at, head_sha: run.headSha, status: "in_progress" });
  expect(data.workflow_runs.map(({ id, path }) => [id, path])).toEqual([[run.id, PATH]]);
  expect((await actions.listWorkflowRunsForRepo({ ...at, branch: "other" })).data.total_count).toBe(0);
  const { data: shown } = await actions.getWorkflowRun({ ...at, run_id: run.id });
  expect(shown).toMatchObject({ status: "in_progress", head_commit: { message: `write ${PATH}` } });

  expect((await actions.cancelWorkflowRun({ ...at, run_id: run.id })).status).toBe(202);
  run.status = "completed";
  await expect(actions.cancelWorkflowRun({ ...at, run_id: run.id })).rejects.toMatchObject({ status: 409 });
  expect(cancelled).toEqual([run.id]);
  expect(github.world.violations).toEqual([]);
});

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
