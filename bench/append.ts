import { join } from "node:path";
import { stepsOf } from "../src/sessions/chain.ts";
import { fact } from "../src/sessions/decide.ts";
import { importStream } from "../src/sessions/git/commit.ts";
import { gitStore } from "../src/sessions/git/git-store.ts";
import { type Append, compose, type SessionStore, type Tip } from "../src/sessions/store.ts";
import { git, importInto, openRepository } from "./git.ts";
import { type Deed, interleave, type Row } from "./measure.ts";
import { ada, newSession, openStory, promptOf } from "./story.ts";

const rounds = 15;
const sizes = [10, 10_000, 100_000];

/** One more prompt in journals of different lengths, from a clone that has the last append alone. */
export async function appendRows(folder: string): Promise<readonly Row[]> {
  const appenders = await Promise.all(sizes.map((size) => openAppender(join(folder, `append-${size}`), size)));
  const deeds = appenders.flatMap(({ size, ours, floor }): [string, Deed][] => [
    [`ours ${size}`, ours],
    [`floor ${size}`, floor],
  ]);
  const took = await interleave(rounds, Object.fromEntries(deeds));
  return sizes.map((size) => ({
    what: `append at ${size.toLocaleString("en-US")} events`,
    ours: took[`ours ${size}`] ?? 0,
    floor: took[`floor ${size}`] ?? 0,
    against: "`git fast-import` of the same commit, and `git push` with a lease",
  }));
}

async function openAppender(folder: string, size: number) {
  const session = newSession();
  const remote = await openRepository(`${folder}.git`, `${folder}.git`);
  await importInto(remote.dir, openStory(session).turns(size));
  const clone = await openRepository(`${folder}-clone.git`, remote.dir);
  const store = gitStore(clone);
  return {
    size,
    ours: async () => {
      const append = await nextAppend(store, session);
      return () => store.append(append);
    },
    floor: async () => {
      const append = await nextAppend(store, session);
      return () => appendByHand(clone.dir, remote.dir, append);
    },
  };
}

async function nextAppend(store: SessionStore, session: Tip["session"]["session"]): Promise<Append> {
  const tip = await store.tip(session);
  if (!tip) throw new Error("There is no session to append to.");
  return compose(session, tip, { facts: [fact(ada, "prompt.queued", promptOf(1_000_000 + tip.session.seq))] });
}

async function appendByHand(dir: string, url: string, append: Append): Promise<void> {
  const [{ ref, from, commit }] = stepsOf(append);
  const made = (await git(dir, ["fast-import", "--quiet", "--force", "--done"], importStream([commit]))).toString();
  const lease = `--force-with-lease=${ref}:${from ?? ""}`;
  await git(dir, ["push", "--atomic", "--porcelain", "--no-verify", lease, url, `${made.trim()}:${ref}`]);
}
