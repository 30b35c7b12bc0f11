import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { FileChange, RunSummary } from "../github/run-summary.ts";
import type { Runner } from "../runner/runner.ts";
import { usdText } from "../sessions/budget.ts";
import type { Repository } from "../sessions/git/repository.ts";
import { type Event, encode } from "../sessions/journal.ts";
import { costOfTurns } from "../sessions/spending.ts";
import type { Job } from "./job.ts";

/** What a run leaves behind for people: files to be kept as artifacts, and the summary on its page. */
export interface Report {
  /** The session's journal, one event a line, as it is stored. */
  readonly transcript: string;
  /** The same as a page. */
  readonly page: string;
  /** Markdown. */
  readonly summary: string;
}

type Reporting = Pick<Runner, "session" | "store" | "repository">;

/** Reads the whole journal, so that it is told as it is stored; null where it cannot be read. `said`: what the run did. */
export async function report(runner: Reporting, job: Job, said: string): Promise<Report | null> {
  const { session: id, store, repository } = runner;
  const tip = await store.tip(id);
  if (!tip) return null;
  const events = (await store.journal(id, undefined, tip.commit)).flatMap((stored) => stored.events);
  const [{ sessionPage }, { runSummary }] = await Promise.all([
    import("../page/session-page.ts"),
    import("../github/run-summary.ts"),
  ]);
  const repo = `${job.server}/${job.owner}/${job.repo}`;
  const { session } = tip;
  const files = { transcript: join(job.temp, `offshoot-${id}.jsonl`), page: join(job.temp, `offshoot-${id}.html`) };
  await writeFile(files.transcript, encode(events));
  await writeFile(files.page, sessionPage({ session, events, repo }));
  const ours = ofRun(events, job.run);
  const artifacts = [
    { name: basename(files.page), what: "the session as a page", url: null },
    { name: basename(files.transcript), what: "its journal, one event a line", url: null },
  ];
  const changes = await changesOf(repository, ours);
  const usd = costOfTurns(ours.filter((event) => event.type === "turn.ended"));
  const cost = usd ? usdText(usd) : null;
  const summary: RunSummary = { session, events: ours, said, changes, cost, artifacts, links: { repo } };
  return { ...files, summary: runSummary(summary) };
}

/** From where the run took the session. */
function ofRun(events: readonly Event[], { id, attempt }: Job["run"]): readonly Event[] {
  const from = events.findIndex(
    (event) => event.type === "lease.taken" && event.run?.id === id && event.run.attempt === attempt,
  );
  return from < 0 ? [] : events.slice(from);
}

/** What the commits of some turns change together. */
async function changesOf(repository: Repository, events: readonly Event[]): Promise<readonly FileChange[]> {
  const commits = events.flatMap((event) => (event.type === "turn.ended" && event.commit ? [event.commit] : []));
  const [first, last] = [commits[0], commits.at(-1)];
  if (!first || !last) return [];
  const { code, stdout } = await repository.ask(["diff", "--numstat", "--no-renames", "-z", `${first}^`, last]);
  return code === 0 ? readNumstat(stdout) : [];
}

/** Reads `git diff --numstat -z` without renames. */
function readNumstat(text: string): readonly FileChange[] {
  return text.split("\0").flatMap((line) => {
    const [, added, removed, path] = /^(\d+|-)\t(\d+|-)\t([\s\S]+)$/.exec(line) ?? [];
    return path ? [{ path, added: countOf(added), removed: countOf(removed) }] : [];
  });
}

const countOf = (lines: string | undefined) => (lines === undefined || lines === "-" ? null : Number(lines));
