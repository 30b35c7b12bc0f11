import { mkdtemp, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig, providerKeys } from "../config.ts";
import { chooseModel } from "../runner/choose-model.ts";
import { chooseKeeping, givenKey } from "../runner/keeping.ts";
import type { Runner } from "../runner/runner.ts";
import { secretsIn } from "../runner/secrets.ts";
import { signature } from "../sessions/git/commit.ts";
import { gitStore } from "../sessions/git/git-store.ts";
import { Repository } from "../sessions/git/repository.ts";
import type { CommitId, SessionId } from "../sessions/ids.ts";
import type { Actor, Branch } from "../sessions/journal.ts";
import { signer } from "../sessions/secrets/signatures.ts";
import { type Clone, isGithub } from "./clone.ts";
import { Failure } from "./failure.ts";
import { thisHolder } from "./holder.ts";
import { homeOf } from "./home.ts";
import { isVoid } from "./is-void.ts";
import { note, type Terminal } from "./terminal.ts";
import { openWorkshop, type Workshop } from "./workshop.ts";

/** A runner at a terminal, for the person who is there; what only it needs goes when it is disposed of. */
export interface LocalRunner extends Runner, AsyncDisposable {
  readonly asker: Actor;
  /** Once it holds the session: ends and removes what runs that were killed have left. */
  readonly sweep: () => Promise<void>;
}

export interface Wanted {
  readonly session: SessionId;
  /** `provider:model[@effort]` instead of the configured one. */
  readonly model: string | undefined;
  readonly watch: Runner["watch"];
}

/** A lease ends this long after its last renewal; whoever is on the same machine sees at once that its holder is gone. */
const leaseMs = 300_000;
const saveEveryMs = 15_000;
const lookEveryMs = 2_000;
/** No job of a platform's limits a run here. */
const never = new AbortController().signal;

/** A runner for a session of the clone, in a work tree of its own that stays for the next turn. */
export async function openRunner(terminal: Terminal, clone: Clone, wanted: Wanted): Promise<LocalRunner> {
  const { session } = wanted;
  const workshop = await openWorkshop(terminal, clone, { name: session, home: await homeOf(terminal, clone, session) });
  const { commit } = await defaultBranch(clone);
  const [config] = await clone.repository.read([`${commit}:.github/offshoot.toml`]);
  return assemble(terminal, clone, { ...wanted, ...workshop, config: config?.toString() ?? "" });
}

/** A runner that leaves nothing behind, and knows nothing of the clone; with the branch for its session. */
export async function openEphemeral(
  terminal: Terminal,
  clone: Clone,
  wanted: Wanted,
): Promise<{ runner: LocalRunner; branch: Branch }> {
  const folder = await mkdtemp(join(tmpdir(), "offshoot-ephemeral-"));
  const path = terminal.env.PATH ?? "";
  const remote = { url: join(folder, "remote.git"), authorization: async () => undefined };
  const bare = await Repository.open({ dir: remote.url, remote, path });
  const who = signature({ login: "offshoot", id: 0 }, terminal.now());
  const base = await bare.commit({ parents: [], author: who, committer: who, message: "nothing", tree: {} });
  await bare.raw(["update-ref", "refs/heads/main", base]);
  const runner = assemble(terminal, clone, {
    ...wanted,
    tree: join(folder, "tree"),
    scratch: join(folder, "scratch"),
    repository: await Repository.open({ dir: join(folder, "repository.git"), remote, path }),
    config: "",
    sweep: async () => undefined,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true, maxRetries: 3 }),
  });
  return { runner, branch: { name: "offshoot/ephemeral", own: true, from: "main", base } };
}

interface Parts extends Wanted, Workshop {
  /** The text of the configuration. */
  readonly config: string;
}

function assemble(terminal: Terminal, clone: Clone, parts: Parts): LocalRunner {
  const { hand, origin } = clone;
  const { tree, scratch, repository, config, sweep, ...wanted } = parts;
  const { env } = terminal;
  const { login, id } = hand.by;
  const chosen = chooseModel(parseConfig(config), { ...env, OFFSHOOT_MODEL: wanted.model ?? env.OFFSHOOT_MODEL });
  const keeping = chooseKeeping({
    configured: chosen.config.journal.visibility,
    audience: !origin || (origin.host !== null && !isGithub(origin)) ? "members" : "unknown",
    key: givenKey(env.OFFSHOOT_JOURNAL_KEY),
  });
  const secrets = secretsIn(env, providerKeys(chosen.config));
  return {
    ...chosen,
    keeping,
    secrets: () => secrets,
    isGone: (lease) => isVoid(terminal, clone, lease),
    ...{ session: wanted.session, watch: wanted.watch },
    repository,
    store: gitStore(repository, keeping.key ? signer(keeping.key) : undefined),
    forge: null,
    asker: hand.by,
    hand: { ...hand, by: { kind: "agent", login: "offshoot", id: 0, for: { login, id } } },
    holder: { holder: thisHolder(), forMs: leaseMs },
    tree: { path: tree, at: null },
    ...{ scratch, sweep, [Symbol.asyncDispose]: parts[Symbol.asyncDispose] },
    shellEnv: { PATH: env.PATH ?? "", LANG: "C.UTF-8", TERM: "dumb", CI: "true", HOSTNAME: hostname() },
    ...{ saveEveryMs, lookEveryMs },
    stop: terminal.interrupted,
    leave: never,
    log: (message) => note(terminal, message),
  };
}

/** The default branch as the clone knows it: the origin's, else its own. */
export async function defaultBranch({ repository, root }: Clone): Promise<{ name: string; commit: CommitId }> {
  const { stdout } = await repository.ask(["symbolic-ref", "--quiet", "refs/remotes/origin/HEAD"]);
  const named = /^refs\/remotes\/origin\/(.+)$/m.exec(stdout)?.[1];
  const names = [...(named ? [named] : []), "main", "master"];
  const refs = names.flatMap((name) => [`refs/remotes/origin/${name}`, `refs/heads/${name}`]);
  for (const ref of refs) {
    const commit = await repository.resolve(ref);
    if (commit) return { name: ref.replace(/^refs\/(heads|remotes\/origin)\//, ""), commit };
  }
  const head = await repository.resolve("HEAD");
  const current = (await repository.ask(["symbolic-ref", "--short", "HEAD"])).stdout.trim();
  if (head && current) return { name: current, commit: head };
  throw new Failure(
    "missing",
    `The repository at ${root} has no commit yet.`,
    "Commit something first: a session's branch has to begin somewhere.",
  );
}
