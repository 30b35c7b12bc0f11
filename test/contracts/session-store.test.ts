import { mintToken } from "../../playground/github/access.ts";
import { person } from "../../playground/github/create-world.ts";
import { gitStore } from "../../src/sessions/git-store.ts";
import { githubStore } from "../../src/sessions/github-store.ts";
import type { CommitId } from "../../src/sessions/ids.ts";
import { memoryStore } from "../../src/sessions/memory-store.ts";
import { refOf } from "../../src/sessions/store.ts";
import { at, client, openWithMain } from "../playground/github-fixture.ts";
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

sessionStoreContract("GitHub's API", async () => {
  const { github, clone, maintainer } = await openWithMain();
  const bot = person(github.world, "offshoot[bot]");
  const token = mintToken(github.world, { ...bot, kind: "installation", permissions: { contents: "write" } });
  return {
    client: async () => githubStore({ octokit: client(github, token), ...at }),
    commit: (await clone.git("rev-parse", "main")) as CommitId,
    async damage(session, content) {
      const { git } = maintainer.rest;
      const ref = refOf.session(session).slice("refs/".length);
      const parents = [(await git.getRef({ ...at, ref })).data.object.sha];
      const events = { path: "events.jsonl", mode: "100644", type: "blob", content } as const;
      const tree = (await git.createTree({ ...at, tree: [events] })).data.sha;
      const { data } = await git.createCommit({ ...at, message: "by hand", tree, parents });
      await git.updateRef({ ...at, ref, sha: data.sha });
      return data.sha as CommitId;
    },
  };
});

// AC10: the contract is enough to write another store against.
sessionStoreContract("a store on SQLite", sqliteWorld);
