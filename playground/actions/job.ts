import { mintToken, revoke } from "../github/access.ts";
import { admitJob } from "../github/oidc.ts";
import type { Job, Run, Step, User, World } from "../world.ts";
import { holds, isRecord, type Json, resolve, resolveStrings, type Scope, type Status, text } from "./language.ts";
import { closeMachine, type Machine, openMachine, print, runnerContext } from "./machine.ts";
import { type Conclusion, conclude } from "./plan.ts";
import type { Stop } from "./processes.ts";
import { failed, type Post, type StepOutcome } from "./step.ts";
import { performStep } from "./steps.ts";
import type { JobPlan, StepPlan, Workflow } from "./workflow.ts";

export interface JobOptions {
  readonly world: World;
  readonly run: Run;
  readonly job: Job;
  readonly workflow: Workflow;
  readonly plan: JobPlan;
  readonly actions: Readonly<Record<string, string>>;
  /** `github`, `inputs`, `vars`, `needs`. */
  readonly contexts: Scope["contexts"];
  readonly stop: Stop;
}

export interface JobResult {
  readonly conclusion: Conclusion;
  readonly outputs: Readonly<Record<string, string>>;
}

/** A job while its steps run. */
interface Running {
  readonly options: JobOptions;
  readonly machine: Machine;
  readonly secrets: Readonly<Record<string, string>>;
  readonly stop: Stop;
  /** The `steps` context. */
  readonly steps: Record<string, Json>;
  readonly posts: { readonly name: string; readonly post: Post }[];
  readonly conclusions: Conclusion[];
}

type Strings = Readonly<Record<string, string>>;

const never = new AbortController().signal;
const defaultMinutes = 360;

/** Runs a job from its first step to its last post step. Nothing of it is left when the promise resolves. */
export async function runJob(options: JobOptions): Promise<JobResult> {
  const { world, run, contexts } = options;
  const token = mintToken(world, { user: actionsBot(world), kind: "run", runId: run.id });
  const secrets = { ...Object.fromEntries(world.secrets), GITHUB_TOKEN: token };
  const github = { ...fields(contexts.github), token };
  const admission = mayIdentify(options) ? admitJob(world, run, github) : null;
  const platform = admission?.variables ?? {};
  const masked = [...Object.values(secrets), ...(admission ? [admission.secret] : [])];
  try {
    const machine = await openMachine({ ...options, github, secrets: masked, platform });
    return await runOn(machine, options, secrets);
  } finally {
    revoke(world, token);
    admission?.end();
  }
}

/** `id-token: write`, of the job's own permissions where it has some, of the workflow's otherwise. */
function mayIdentify({ plan, workflow, contexts }: JobOptions): boolean {
  const at = { contexts, status: { success: true, failure: false, cancelled: false } };
  const permissions = resolve(plan.body.find("permissions") ?? workflow.body.find("permissions"), at);
  return permissions === "write-all" || fields(permissions ?? undefined)["id-token"] === "write";
}

async function runOn(machine: Machine, options: JobOptions, secrets: Strings): Promise<JobResult> {
  const before = { contexts: options.contexts, status: { success: true, failure: false, cancelled: false } };
  const limit = Number(resolve(options.plan.body.find("timeout-minutes"), before) ?? defaultMinutes);
  const timeout = AbortSignal.timeout(limit * 60_000);
  const stop = { now: options.stop.now, gently: AbortSignal.any([options.stop.gently, timeout]) };
  const state: Running = { options, machine, secrets, stop, steps: {}, posts: [], conclusions: [] };
  try {
    return await runSteps(state);
  } catch (error) {
    print(machine, `##[error]${messageOf(error)}`);
    return { conclusion: "failure", outputs: {} };
  } finally {
    if (timeout.aborted) print(machine, `##[error]The job has exceeded its ${limit} minutes.`);
    await closeMachine(machine);
  }
}

async function runSteps(state: Running): Promise<JobResult> {
  const { options, machine } = state;
  const { workflow, plan, run } = options;
  print(
    machine,
    `Run ${run.id}, attempt ${run.attempt}: job ${plan.key} of ${workflow.path}, ${text(machine.github.sha)}`,
  );
  const unsupported = ["strategy", "container", "services", "uses"].find((key) => plan.body.find(key));
  if (unsupported) throw new Error(`The playground does not run jobs with \`${unsupported}\`.`);
  for (const { body } of [workflow, plan])
    Object.assign(machine.env, resolveStrings(body.find("env"), scope(state, machine.env)));

  for (const step of plan.steps) await runStep(state, step);
  for (const { name, post } of state.posts.toReversed()) await runPost(state, name, post);
  const outputs = resolveStrings(plan.body.find("outputs"), scope(state, machine.env));
  const ran = state.conclusions.filter((one) => one !== "skipped");
  return { conclusion: conclude(ran, isCancelled(state)), outputs: withoutSecrets(machine, outputs) };
}

type StepResult = Omit<StepOutcome, "conclusion"> & { readonly outcome: Conclusion; readonly conclusion: Conclusion };

async function runStep(state: Running, plan: StepPlan): Promise<void> {
  const record = begin(state, stepName(state, plan));
  const result = await orFailure(() => perform(state, plan));
  const { outputs, outcome, conclusion } = result;
  state.steps[plan.id] = { outputs, outcome, conclusion };
  if (result.post) state.posts.push({ name: record.name, post: result.post });
  finish(state, record, result);
}

async function runPost(state: Running, name: string, post: Post): Promise<void> {
  const record = begin(state, `Post ${name}`);
  const result = await orFailure(async () => {
    if (!isWanted(state, post.condition, scope(state, state.machine.env))) return skipped;
    return concluded(await post.perform(stopNow(state)), false);
  });
  finish(state, record, result);
}

async function perform(state: Running, plan: StepPlan): Promise<StepResult> {
  const { machine } = state;
  const env = { ...machine.env, ...resolveStrings(plan.body.find("env"), scope(state, machine.env)) };
  const at = scope(state, env);
  if (!isWanted(state, plan.condition, at)) return skipped;
  const body = { ...runDefaults(state, at), ...fields(resolve(plan.body, at)) };
  const inputs = resolveStrings(plan.body.find("with"), at);

  const limit = Number(body["timeout-minutes"] ?? 0);
  const timeout = limit > 0 ? AbortSignal.timeout(limit * 60_000) : never;
  const base = stopNow(state);
  const stop = { now: base.now, gently: AbortSignal.any([base.gently, timeout]) };
  const call = { machine, scope: at, body, env: { ...env, GITHUB_ACTION: plan.id }, inputs, stop };
  const outcome = await performStep(call);
  const timedOut = outcome.conclusion === "cancelled" && timeout.aborted && !base.gently.aborted;
  const ended = timedOut
    ? { ...failed(`The step has exceeded its ${limit} minutes.`), outputs: outcome.outputs }
    : outcome;
  return concluded(ended, body["continue-on-error"] === true);
}

const skipped: StepResult = { outcome: "skipped", conclusion: "skipped", outputs: {} };

function concluded(outcome: StepOutcome, forgiven: boolean): StepResult {
  const { conclusion } = outcome;
  return { ...outcome, outcome: conclusion, conclusion: forgiven && conclusion === "failure" ? "success" : conclusion };
}

/** A step whose expressions cannot be evaluated, or that cannot be prepared, fails and says why. */
async function orFailure(perform: () => Promise<StepResult>): Promise<StepResult> {
  try {
    return await perform();
  } catch (error) {
    return concluded(failed(messageOf(error)), false);
  }
}

function begin(state: Running, name: string): Step {
  const { job, world } = state.options;
  const step: Step = {
    number: job.steps.length + 1,
    name,
    status: "in_progress",
    conclusion: null,
    startedAt: world.now(),
    completedAt: null,
  };
  job.steps.push(step);
  return step;
}

function finish(state: Running, step: Step, result: StepResult): void {
  if (result.problem) print(state.machine, `##[error]${result.problem}`);
  state.conclusions.push(result.conclusion);
  step.status = "completed";
  step.conclusion = result.conclusion;
  step.completedAt = state.options.world.now();
}

function scope(state: Running, env: Strings): Scope {
  const { machine, options, secrets, steps } = state;
  const status = jobStatus(state);
  const job = { status: status.cancelled ? "cancelled" : status.failure ? "failure" : "success" };
  const own = { github: machine.github, env, secrets, steps, job, runner: runnerContext(machine) };
  return { contexts: { ...options.contexts, ...own, strategy: {}, matrix: {} }, status };
}

function jobStatus(state: Running): Status {
  const cancelled = isCancelled(state);
  const failure = !cancelled && state.conclusions.includes("failure");
  return { cancelled, failure, success: !cancelled && !failure };
}

function isCancelled({ stop }: Running): boolean {
  return stop.gently.aborted || stop.now.aborted;
}

function isWanted(state: Running, condition: string, at: Scope): boolean {
  return !state.stop.now.aborted && holds(condition, at);
}

/** What still runs after a cancellation was asked for by `always()` or `cancelled()`: it is not interrupted again. */
function stopNow({ stop }: Running): Stop {
  return stop.gently.aborted ? { now: stop.now, gently: never } : stop;
}

function runDefaults(state: Running, at: Scope): { readonly [key: string]: Json } {
  const { workflow, plan } = state.options;
  const [common, own] = [workflow, plan].map(({ body }) => fields(fields(resolve(body.find("defaults"), at)).run));
  return { ...common, ...own };
}

/** As on GitHub: the given name, else what the step runs. */
function stepName(state: Running, { body, id }: StepPlan): string {
  const token = body.find("name") ?? body.find("uses") ?? body.find("run");
  try {
    const name = text(resolve(token, scope(state, state.machine.env)));
    return body.find("name") ? name : `Run ${name.trim().split("\n")[0]}`;
  } catch {
    return id; // the step is going to fail with the reason
  }
}

/** As on GitHub, an output that holds a secret does not leave the job. */
function withoutSecrets(machine: Machine, outputs: Strings): Strings {
  const holdsSecret = (value: string) => [...machine.masks].some((secret) => value.includes(secret));
  for (const name of Object.keys(outputs).filter((key) => holdsSecret(outputs[key] ?? "")))
    print(machine, `##[warning]Skip output '${name}' since it may contain secret.`);
  return Object.fromEntries(Object.entries(outputs).filter(([, value]) => !holdsSecret(value)));
}

function actionsBot(world: World): User {
  const login = "github-actions[bot]";
  return world.users.get(login) ?? { login, id: 41_898_282, type: "Bot", permission: "write" };
}

function fields(value: Json | undefined): { readonly [key: string]: Json } {
  return isRecord(value) ? value : {};
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
