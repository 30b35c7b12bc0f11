import { isMap, parseDocument } from "yaml";

/** What a workflow file says, as far as it decides whether Offshoot works with it. */
export interface WorkflowModel {
  readonly triggers: readonly string[];
  readonly jobs: readonly WorkflowJob[];
}

interface WorkflowJob {
  readonly name: string;
  readonly permissions: Readonly<Record<string, string>>;
  readonly uses: readonly string[];
  readonly environment: string | null;
}

export type ReadWorkflow =
  | { readonly ok: true; readonly workflow: WorkflowModel }
  | { readonly ok: false; readonly why: string };

/** Reads a workflow leniently: what it does not understand is as if it were not there. */
export function readWorkflow(text: string): ReadWorkflow {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error) return { ok: false, why: error.message.split("\n")[0]?.replace(/:$/, "") ?? "" };
  if (!isMap(document.contents)) return { ok: false, why: "it holds no workflow" };
  const file = table(document.toJS());
  const own = file.permissions;
  const jobs = Object.entries(table(file.jobs)).map(([name, job]) => readJob(name, table(job), own));
  return { ok: true, workflow: { triggers: triggersOf(file.on), jobs } };
}

function readJob(name: string, job: Table, inherited: unknown): WorkflowJob {
  const steps = Array.isArray(job.steps) ? job.steps : [];
  const { environment } = job;
  return {
    name,
    permissions: granted(job.permissions ?? inherited),
    uses: steps.flatMap((step) => table(step).uses ?? []).map(String),
    environment: typeof environment === "string" ? environment : ((table(environment).name as string) ?? null),
  };
}

type Table = Readonly<Record<string, unknown>>;

function table(value: unknown): Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Table) : {};
}

function triggersOf(on: unknown): readonly string[] {
  if (typeof on === "string") return [on];
  return Array.isArray(on) ? on.map(String) : Object.keys(table(on));
}

const named = ["contents", "issues", "pull-requests", "actions", "id-token"];

function granted(permissions: unknown): Readonly<Record<string, string>> {
  if (permissions === "write-all") return Object.fromEntries(named.map((name) => [name, "write"]));
  if (permissions === "read-all") return Object.fromEntries(named.map((name) => [name, "read"]));
  return table(permissions) as Readonly<Record<string, string>>;
}

const usesOffshoot = (uses: string): boolean => /(^|\/)offshoot@/.test(uses);

/** The workflow of a file that uses the action; null for every other file, and for none. */
export function ourWorkflow(file: string | null): WorkflowModel | null {
  const read = readWorkflow(file ?? "");
  return read.ok && read.workflow.jobs.some(({ uses }) => uses.some(usesOffshoot)) ? read.workflow : null;
}

/** The job that works on sessions: the one that says so, else the last that uses the action. */
export function turnJob({ jobs }: WorkflowModel): WorkflowJob | null {
  return jobs.find(({ name }) => name === "turn") ?? jobs.findLast(({ uses }) => uses.some(usesOffshoot)) ?? null;
}
