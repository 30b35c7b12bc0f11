import { gitStore } from "../../src/sessions/git/git-store.ts";
import { githubStore } from "../../src/sessions/github/github-store.ts";
import type { CommitId } from "../../src/sessions/ids.ts";
import { memoryStore } from "../../src/sessions/memory-store.ts";
import { refOf } from "../../src/sessions/store.ts";
import { at, client } from "../playground/github-fixture.ts";
import { githubWorld } from "../sessions/github/github-world.ts";
import { gitRemote, plainCommit } from "../sessions/remote.ts";
import { sessionStoreContract } from "./session-store.ts";
import { sqliteWorld } from "./sqlite-store.ts";

sessionStoreContract("memory", async () => {
  const store = memoryStore();
  return { client: async () => store, commit: "c".repeat(40) as CommitId };
});

sessionStoreContract("git", async () => {
  const { bare, clone } = await gitRemote();
  return {
    async client() {
      const repository = await clone();
      await repository.commit(plainCommit("work"));
      return gitStore(repository);
    },
    commit: await bare.commit(plainCommit("work")),
    async damage(session, events) {
      const ref = refOf.session(session);
      const parents = [...(await bare.refs(ref)).values()];
      const tree = { "events.jsonl": Buffer.from(events) };
      const commit = await bare.commit({ ...plainCommit("by hand", parents), tree });
      await bare.raw(["update-ref", ref, commit]);
      return commit;
    },
  };
});

sessionStoreContract("git over HTTP", async () => {
  const { repository, putOnTop } = await githubWorld();
  const open = async () => {
    const opened = await repository();
    return { opened, commit: await opened.commit(plainCommit("work")) };
  };
  return {
    client: async () => gitStore((await open()).opened),
    commit: (await open()).commit,
    damage: (session, events) => putOnTop(session, { "events.jsonl": events }),
  };
});

sessionStoreContract("AC9: GitHub's API", async () => {
  const { github, clone, token, putOnTop } = await githubWorld();
  return {
    client: async () => githubStore({ octokit: client(github, token), ...at }),
    commit: (await clone.git("rev-parse", "main")) as CommitId,
    damage: (session, events) => putOnTop(session, { "events.jsonl": events }),
  };
});

// Written against the contract alone.
sessionStoreContract("AC10: a third store, on SQLite,", sqliteWorld);
