import { hostname } from "node:os";
import { claim, type Taken, takenFrom } from "../runner/claim.ts";
import { examine } from "../runner/examine.ts";
import { formatModelRef } from "../runner/model.ts";
import { workOff } from "../runner/run.ts";
import {
  deepest,
  type LeaseDecision,
  type NewPrompt,
  openAlone,
  queue,
  seizeLease,
  takeLease,
} from "../sessions/decide.ts";
import { fold } from "../sessions/fold.ts";
import { checkedOut } from "../sessions/git/refs.ts";
import { parseSessionId, type SessionId } from "../sessions/ids.ts";
import { type Branch, type Fact, number, type PromptSource } from "../sessions/journal.ts";
import { redactor } from "../sessions/secrets/redact.ts";
import type { Lease, Session } from "../sessions/session.ts";
import { type Change, compose, refOf, StoreError, type Tip } from "../sessions/store.ts";
import { plain, plural } from "../sessions/words.ts";
import type { Clone } from "./clone.ts";
import { exitCodes, Failure } from "./failure.ts";
import { followOrigin } from "./follow.ts";
import { busy } from "./holder.ts";
import { type LocalRunner, openEphemeral, openRunner } from "./local-runner.ts";
import { branchOf, checkBranch } from "./new-branch.ts";
import { isShared } from "./origin.ts";
import { progress } from "./progress.ts";
import { askedFor, checkOptions, promptOf, type RunOptions } from "./run-options.ts";
import { selectSession } from "./select.ts";
import { note, print, printJson, type Terminal } from "./terminal.ts";
import { type TurnResult, turnResult } from "./turn-result.ts";
import { withoutSecrets } from "./without-secrets.ts";

/** `offshoot run`: one turn here, on the session's branch in a work tree of its own. Gives the exit code. */
export async function run(terminal: Terminal, clone: Clone, options: RunOptions, given?: string): Promise<number> {
  checkOptions(options, given);
  await checkBranch(clone, options.branch);
  const prompt = await promptOf(terminal, options, given);
  const result = options.ephemeral
    ? await runEphemeral(terminal, clone, options, prompt)
    : await runKept(terminal, clone, options, prompt);
  return result.outcome === "done" ? exitCodes.done : exitCodes.failed;
}

async function runKept(terminal: Terminal, clone: Clone, options: RunOptions, given: string): Promise<TurnResult> {
  const { session: id, last } = options;
  const joins = id !== undefined || last;
  const session = joins ? await selectSession(clone, id) : (terminal.newId() as SessionId);
  const ends = endsOf(terminal);
  await using runner = await openRunner(terminal, clone, { session, model: options.model, watch: ends.watch });
  mustHaveModel(terminal, runner);
  const prompt = redactor({ known: runner.secrets() }).text(given);
  const opening = joins ? null : await openingOf(terminal, clone, { session, options, prompt });
  const isHere = !(await isShared(clone, session));
  const branch = opening?.branch.name ?? (await clone.store.tip(session))?.session.branch;
  if (isHere && branch) await mustBeFree(clone, branch);
  const source: PromptSource = { kind: "terminal", id: terminal.newId(), host: hostname() };
  const asked = askedFor(options, source, prompt);
  const taken = await (opening ? open(runner, opening, asked) : join(runner, asked));
  await runner.sweep();
  const drained = await workOff(runner, taken);
  const result = resultOf(drained.tip, source.id, ends.ended);
  // Before the network is asked for anything more.
  show(terminal, options, result);
  if (await isShared(clone, session)) await followOrigin(terminal, clone, session, drained.tip.session.branch);
  return result;
}

async function runEphemeral(
  terminal: Terminal,
  clone: Clone,
  options: RunOptions,
  prompt: string,
): Promise<TurnResult> {
  const session = terminal.newId() as SessionId;
  const ends = endsOf(terminal);
  const place = await openEphemeral(terminal, clone, { session, model: options.model, watch: ends.watch });
  await using runner = place.runner;
  mustHaveModel(terminal, runner);
  const source: PromptSource = { kind: "terminal", id: terminal.newId(), host: hostname() };
  const opening = { project: "", description: "ephemeral", branch: place.branch, depth: 0 };
  const drained = await workOff(runner, await open(runner, opening, askedFor(options, source, prompt)));
  const result = { ...resultOf(drained.tip, source.id, ends.ended), branch: "", commit: null };
  show(terminal, options, result);
  return result;
}

type Ended = Parameters<typeof turnResult>[1];

/** Tells what happens, and keeps how turns ended. */
function endsOf(terminal: Terminal): { readonly ended: readonly Ended[]; readonly watch: (fact: Fact) => void } {
  const ended: Ended[] = [];
  const tellStep = progress(terminal);
  const watch = (fact: Fact) => {
    if (fact.type === "turn.ended") ended.push(fact);
    tellStep(fact);
  };
  return { ended, watch };
}

/** Before anything is written: a session whose every turn fails helps nobody. */
function mustHaveModel({ env }: Terminal, { model, config }: LocalRunner): void {
  if (!model.ok) throw new Failure("failed", model.problem.message, model.problem.remedy);
  const key = config.providers[model.ref.provider]?.key;
  if (!key || env[key]) return;
  throw new Failure(
    "failed",
    `There is no key for ${formatModelRef(model.ref)}: the variable ${key} is not set.`,
    `Set it (export ${key}=…), and run the command again. A server that needs no key still wants some value.`,
  );
}

/** What is new on a branch that somebody works on in a checkout would look to them as if they had undone it. */
async function mustBeFree({ repository }: Clone, branch: string): Promise<void> {
  const folder = (await checkedOut(repository)).get(refOf.branch(branch));
  if (folder === undefined) return;
  throw new Failure(
    "refused",
    `The session's branch ${branch} is checked out in ${folder}, so its work could not go there.`,
    "Switch to another branch there (git switch -), and run the command again.",
  );
}

interface Opening {
  readonly project: string;
  readonly description: string;
  readonly branch: Branch;
  readonly depth: number;
  readonly parent?: SessionId;
}

async function openingOf(
  terminal: Terminal,
  clone: Clone,
  { session, options, prompt }: { session: SessionId; options: RunOptions; prompt: string },
): Promise<Opening> {
  const { env } = terminal;
  const parent = parseSessionId(env.OFFSHOOT_SESSION_ID ?? "");
  const depth = parent ? Number(env.OFFSHOOT_DEPTH ?? 0) + 1 : 0;
  if (depth > deepest) {
    throw new Failure(
      "refused",
      `This would be a session at depth ${depth}, opened by sessions within sessions; ${deepest} is the deepest.`,
      "Do the work in this session, or end it and say what is left.",
    );
  }
  const [first = ""] = prompt.split("\n", 1);
  const description = withoutSecrets(terminal, options.description ?? first.slice(0, 200).toWellFormed());
  const branch = await branchOf(clone, { session, title: description, name: options.branch });
  return { project: clone.project, description, branch, depth, ...(parent ? { parent } : {}) };
}

/** Opens the session with the prompt and the lease in one append: no one else ever sees it without a holder. */
async function open(runner: LocalRunner, opening: Opening, prompt: NewPrompt) {
  const { session, store, hand, asker } = runner;
  const opened = openAlone({ ...hand, by: asker }, { session, opened: opening, prompt });
  const state = compose(session, null, opened).state;
  const lease = takeLease(hand, state, { ...runner.holder, isVoid: () => false });
  if (lease.kind !== "taken") throw new Error(`A session that was just opened is ${lease.kind}.`);
  const swap = await store.append(compose(session, null, { facts: [...opened.facts, ...lease.change.facts] }));
  if (!swap.ok) throw new StoreError("refused", `${swap.moved.join(", ")} is there already`);
  return { epoch: lease.epoch, tip: swap.tip };
}

type Joining = Exclude<LeaseDecision, { kind: "idle" }> | { readonly kind: "refused" };

/** Queues the prompt and takes the session in one append; one that somebody holds is left alone. */
async function join(runner: LocalRunner, prompt: NewPrompt): Promise<Taken> {
  const seen = await examine(runner);
  const { session, hand, asker, holder } = runner;
  const take = (now: Session, isVoid: (lease: Lease) => boolean): Joining => {
    const queued = queue({ ...hand, by: asker }, now, prompt);
    if (queued.kind !== "queued") return { kind: "refused" };
    const [asked, ...others] = queued.change.facts;
    const raise = others.filter(({ type }) => type === "budget.raised");
    const taken = seizeLease(hand, fold(now, number([asked, ...raise], now.seq)), { ...holder, isVoid });
    if (taken.kind !== "taken") return taken;
    const change: Change = { facts: [asked, ...raise, ...taken.change.facts] };
    return { ...taken, change };
  };
  const { result, tip } = await claim(runner, take, seen);
  if (result.kind === "busy") throw busy(session, result.lease);
  if (result.kind === "refused") throw retired(session);
  return takenFrom(seen, result, tip);
}

function retired(session: SessionId): Failure {
  return new Failure(
    "refused",
    `Session ${session} is retired.`,
    `Look at it with offshoot session show -s ${session}, and begin a new one for what is left.`,
  );
}

function resultOf({ session }: Tip, source: string, ends: readonly Ended[]): TurnResult {
  const prompt = session.queue.find((prompt) => prompt.source.id === source);
  const ended = ends.findLast((end) => end.prompt === prompt?.id);
  if (ended) return turnResult(session, ended);
  throw new Failure(
    "failed",
    `The prompt waits: an earlier one of session ${session.session} came first, and was stopped.`,
    `It is worked on first when the session goes on: offshoot run --session ${session.session} "…"`,
  );
}

function show(terminal: Terminal, { json }: RunOptions, result: TurnResult): void {
  if (json) printJson(terminal, result);
  else tell(terminal, result);
}

function tell(terminal: Terminal, result: TurnResult): void {
  const { answer, problem, notices, session, branch, commit, files } = result;
  if (answer) print(terminal, plain(answer));
  if (problem) note(terminal, `\n${problem.message}\n${problem.remedy}`);
  for (const notice of notices) note(terminal, `\nNote: ${notice}`);
  const work = commit ? `${branch} at ${commit.slice(0, 7)}, ${plural(files.length, "file")}` : "no files changed";
  if (branch) note(terminal, `\nsession ${session} · ${work}\nGo on with: offshoot run --session ${session} "…"`);
}
