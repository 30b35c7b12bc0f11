import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Octokit } from "@octokit/rest";
import { ulid } from "ulid";
import { defaultConfig } from "../../src/config.ts";
import type { Forge } from "../../src/github/forge.ts";
import { octokitForge } from "../../src/github/octokit-forge.ts";
import { openaiModel } from "../../src/runner/openai.ts";
import { runSession } from "../../src/runner/run.ts";
import type { Runner } from "../../src/runner/runner.ts";
import type { Hand } from "../../src/sessions/decide.ts";
import { gitStore } from "../../src/sessions/git/git-store.ts";
import { Repository } from "../../src/sessions/git/repository.ts";
import type { SessionId } from "../../src/sessions/ids.ts";
import type { Actor } from "../../src/sessions/journal.ts";

export const sample = { owner: "octo", repo: "sample" };
const path = process.env.PATH ?? "";
const everyHour = 3_600_000;

/** All that a runner has to be told; plain JSON. */
export interface Machine {
  readonly name: string;
  /** A folder of its own. */
  readonly folder: string;
  readonly session: SessionId;
  /** The run that the platform knows it by. */
  readonly run: number;
  readonly remote: string;
  readonly server: string;
  readonly token: string;
}

export type AtGithub = Runner & { readonly forge: Forge };

/** A runner on a machine of its own: a fresh clone, work tree and scratch folder. It has no model. */
export async function openMachine({ name, folder, session, run, remote, server, token }: Machine): Promise<AtGithub> {
  const repository = await openRepository(join(folder, "repository.git"), remote);
  return {
    session,
    repository,
    store: gitStore(repository),
    forge: octokitForge({ ...sample, octokit: client(server, token), server }),
    config: defaultConfig,
    model: { ok: false, problem: { kind: "none", message: "This machine has no model.", remedy: "Give it one." } },
    hand: handOf({ kind: "app", login: "offshoot[bot]", id: 600_004 }),
    holder: { holder: name, run: { id: run, attempt: 1, url: `${server}/octo/sample/actions/runs/${run}` } },
    tree: { path: join(folder, "tree"), at: null },
    scratch: join(folder, "scratch"),
    shellEnv: { PATH: path },
    saveEveryMs: everyHour,
    isGone: () => false,
    keeping: { visibility: "full", key: null, notice: null },
    secrets: () => [],
    lookEveryMs: null,
    stop: new AbortController().signal,
    leave: new AbortController().signal,
    watch: () => undefined,
    log: () => undefined,
  };
}

export function openRepository(dir: string, url: string): Promise<Repository> {
  return Repository.open({ dir, remote: { url, authorization: async () => undefined }, path });
}

export function handOf(by: Actor): Hand {
  return { by, now: () => new Date(), newId: () => ulid() };
}

export function client(server: string, token: string): Octokit {
  const quiet = { debug() {}, info() {}, warn() {}, error() {} };
  return new Octokit({ baseUrl: `${server}/api/v3`, auth: token, log: quiet });
}

/** The real adapter; `fetch` sees what goes over the wire. */
export function modelAt(baseURL: string, send: typeof fetch = fetch): Runner["model"] {
  const ref = { provider: "openai", model: "gpt-test" };
  return { ok: true, ref, open: () => openaiModel({ ref, apiKey: "sk-test-key", baseURL, fetch: send }) };
}

/** Started as a program of its own: `node machine.ts <Machine as JSON> <address of the model>`. */
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , machine = "", model = ""] = process.argv;
  await runSession({ ...(await openMachine(JSON.parse(machine))), model: modelAt(model), saveEveryMs: 0 });
}
