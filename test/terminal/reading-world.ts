import { execFile } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { promisify } from "node:util";
import { ulid } from "ulid";
import { fact, type Hand, openAlone } from "../../src/sessions/decide.ts";
import { gitStore } from "../../src/sessions/git/git-store.ts";
import { Repository } from "../../src/sessions/git/repository.ts";
import type { CommitId, SessionId } from "../../src/sessions/ids.ts";
import type { Fact, Outcome } from "../../src/sessions/journal.ts";
import { type Change, compose, refOf, type SessionStore, type Tip } from "../../src/sessions/store.ts";
import { main } from "../../src/terminal/program.ts";
import type { Terminal } from "../../src/terminal/terminal.ts";
import { given, hand, tipOf } from "../sessions/events.ts";
import { plainCommit } from "../sessions/remote.ts";
import { type Said, temporaryFolder } from "./clone-world.ts";

/** A clone with sessions of any making, and a terminal in it that is in the test's own process. */
export interface ReadingWorld {
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly repository: Repository;
  readonly store: SessionStore;
  /** The commit of `main`. */
  readonly main: CommitId;
  /** One command; `change` makes the terminal another one. */
  offshoot(args: readonly string[], change?: Partial<Terminal>): Promise<Said>;
  git(...args: readonly string[]): Promise<string>;
  /** Opens a session with one prompt waiting. */
  open(opening?: Opening): Promise<Tip>;
  append(tip: Tip, ...facts: [Fact, ...Fact[]]): Promise<Tip>;
  /** The waiting prompt worked on to its end, by a run that takes the session and gives it back. */
  turn(tip: Tip, turn?: Partial<TurnScript>): Promise<Tip>;
}

export interface Opening {
  readonly session?: SessionId;
  readonly prompt?: string;
  readonly description?: string;
  readonly thread?: number;
  readonly branch?: string;
  readonly parent?: Tip;
  readonly hand?: Hand;
}

interface TurnScript {
  readonly model: string;
  readonly outcome: Outcome;
  readonly answer: string;
  /** What the turn's commit adds; without any, there is no commit. */
  readonly files: Readonly<Record<string, string>>;
  readonly ms: number;
  readonly mb: number;
  readonly tokens: number;
  /** What else happens in the turn. */
  readonly more: readonly Fact[];
  readonly output: Readonly<Record<string, Buffer>>;
}

const path = process.env.PATH ?? "";
export const ada = hand();

/** A clone with one commit on `main`. */
export async function openReadingWorld(): Promise<ReadingWorld> {
  const home = await temporaryFolder();
  const dir = join(home, "clone");
  const env = { PATH: path, HOME: home, GIT_CONFIG_NOSYSTEM: "1", LC_ALL: "C" };
  const git = async (...args: readonly string[]) =>
    (await promisify(execFile)("git", [...args], { cwd: args[0] === "init" ? home : dir, env })).stdout;
  await git("init", "--quiet", "--initial-branch=main", "clone");
  const repository = Repository.at(join(dir, ".git"), path);
  const store = gitStore(repository);
  const main = await repository.commit(plainCommit("the sample"));
  await git("update-ref", "refs/heads/main", main);
  return {
    ...{ dir, env, repository, store, main, git },
    offshoot: (args, change) => inProcess({ cwd: dir, env, ...change }, args),
    open: (opening = {}) => open({ store, main }, opening),
    append: async (tip, ...facts) => tipOf(await store.append(compose(tip.session.session, tip, { facts }))),
    turn: (tip, turn) => playTurn({ repository, store, main }, tip, { ...usual, ...turn }),
  };
}

async function open({ store, main }: Pick<ReadingWorld, "store" | "main">, opening: Opening): Promise<Tip> {
  const session = opening.session ?? (ulid() as SessionId);
  const change = openAlone(opening.hand ?? ada, {
    session,
    opened: {
      ...{ project: "octo/sample", description: opening.description ?? "Parser drops the minus sign" },
      branch: { name: opening.branch ?? `offshoot/fix-${session.slice(-4)}`, own: true, from: "main", base: main },
      depth: (opening.parent?.session.genealogy.depth ?? -1) + 1,
      ...(opening.thread ? { thread: opening.thread } : {}),
      ...(opening.parent ? { parent: opening.parent.session.session } : {}),
    },
    prompt: prompt(opening.prompt ?? "make the failing test pass"),
  });
  return tipOf(await store.append(compose(session, null, change)));
}

export const prompt = (text: string) => ({ source: { kind: "terminal" as const, id: ulid(), host: "here" }, text });

const usual: TurnScript = {
  ...{ model: "openai:gpt-5.5", outcome: "done", answer: "The parser keeps the minus sign now." },
  ...{ files: {}, ms: 36_400, mb: 118, tokens: 1_840, more: [], output: {} },
};

async function playTurn(
  { repository, store, main }: Pick<ReadingWorld, "repository" | "store" | "main">,
  tip: Tip,
  script: TurnScript,
): Promise<Tip> {
  const { session, usage, head = null } = tip.session;
  const turn = usage.turns + 1;
  const base = head ?? main;
  const isWriting = Object.keys(script.files).length > 0;
  const commit = isWriting ? await commitOn(repository, base, script) : null;
  const refs = commit && [
    { ref: refOf.branch(tip.session.branch), from: head, to: commit },
    await noteOn(repository, session, { commit, turn }),
  ];
  const facts = factsOf(tip, script, { turn, base, commit });
  const change: Change = { facts, refs: refs ?? [], output: script.output };
  return tipOf(await store.append(compose(session, tip, change)));
}

interface Placed {
  readonly turn: number;
  readonly base: CommitId;
  readonly commit: CommitId | null;
}

function factsOf({ session }: Tip, script: TurnScript, { turn, base, commit }: Placed): [Fact, ...Fact[]] {
  const { model, outcome, answer, files, ms, mb, tokens, more } = script;
  const asked = given(session.queue.find(({ status }) => status === "queued"));
  const epoch = session.epoch + 1;
  const run = { id: 4_710 + turn, attempt: 1, url: `https://github.com/octo/sample/actions/runs/${4_710 + turn}` };
  const message = { role: "assistant" as const, model, parts: [{ type: "text" as const, text: answer }] };
  const used = { input: tokens, cached: 0, output: 96, reasoning: 52 };
  return [
    fact(ada, "lease.taken", { epoch, holder: "runner-3", run }),
    fact(ada, "turn.started", { turn, prompt: asked.id, model, base }),
    fact(ada, "message.added", { turn, step: 0, message: { role: "user", text: asked.text ?? "" } }),
    ...more,
    fact(ada, "message.added", { turn, step: 1, message, tokens: used }),
    ...(commit ? [fact(ada, "checkpoint.made", { turn, commit })] : []),
    fact(ada, "turn.ended", {
      ...{ turn, prompt: asked.id, outcome, answer, notices: [], duration_ms: ms, peak_rss_mb: mb },
      ...(commit ? { commit, files: Object.keys(files) } : {}),
    }),
    fact(ada, "lease.released", { epoch }),
  ];
}

function commitOn(repository: Repository, base: CommitId, { files, answer }: TurnScript): Promise<CommitId> {
  const tree = Object.entries({ "file.txt": "the sample", ...files });
  const blobs = Object.fromEntries(tree.map(([name, text]) => [name, Buffer.from(text)]));
  return repository.commit({ ...plainCommit(answer, [base]), tree: blobs });
}

/** The session's notes, of which there is one a turn, with one more. */
async function noteOn(
  repository: Repository,
  session: SessionId,
  { commit, turn }: { commit: CommitId; turn: number },
) {
  const ref = refOf.notes(session);
  const from = await repository.resolve(ref);
  const before = from ? (await repository.raw(["ls-tree", "--name-only", from])).split("\n").filter(Boolean) : [];
  const text = `session = "${session}"\nturn = ${turn}\nmodel = "openai:gpt-5.5"\n`;
  const texts = [...before, commit].map((on) => [on, Buffer.from(text)] as const);
  const note = { ...plainCommit("a note", from ? [from] : []), tree: Object.fromEntries(texts) };
  return { ref, from, to: await repository.commit(note) };
}

/** Runs the program in this process, at a terminal that is none (a pipe), or that `change` makes one. */
export async function inProcess(change: Partial<Terminal>, args: readonly string[]): Promise<Said> {
  const [stdout, stderr] = [collector(), collector()];
  const code = await main(
    {
      ...{ cwd: "/", env: {}, stdin: new PassThrough() as unknown as NodeJS.ReadStream },
      ...{ stdout: stdout.stream, stderr: stderr.stream },
      ...{ now: () => new Date("2026-11-01T13:00:00Z"), newId: () => ulid() },
      interrupted: new AbortController().signal,
      ...change,
    },
    args,
  );
  return { code, out: stdout.text(), err: stderr.text() };
}

/** A stream that keeps what is written to it; `more` makes it a terminal. */
export function collector(more: Partial<NodeJS.WriteStream> = {}) {
  const written = new EventEmitter();
  let text = "";
  const stream = new Writable({
    write: (chunk: Buffer, _, done) => {
      text += chunk.toString();
      written.emit("more");
      done();
    },
  });
  return {
    stream: Object.assign(stream, more) as unknown as NodeJS.WriteStream,
    text: () => text,
    /** Resolves once that was written. */
    says: async (words: string) => {
      while (!text.includes(words)) await once(written, "more");
    },
  };
}
