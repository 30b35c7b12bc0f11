import { memoryStore } from "../../src/sessions/memory-store.ts";
import { gitRemote } from "../sessions/remote.ts";
import { sessionStoreContract } from "./session-store.ts";

sessionStoreContract("memory", async () => {
  const store = memoryStore();
  return async () => store;
});

sessionStoreContract("git", async () => {
  const remote = await gitRemote();
  return remote.store;
});
