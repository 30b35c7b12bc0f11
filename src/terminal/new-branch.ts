import { branchName } from "../sessions/branch-name.ts";
import type { CommitId, SessionId } from "../sessions/ids.ts";
import type { Branch } from "../sessions/journal.ts";
import { refOf } from "../sessions/store.ts";
import { type Clone, cacheIn } from "./clone.ts";
import { Failure } from "./failure.ts";
import { defaultBranch } from "./local-runner.ts";
import { readRoster } from "./roster.ts";

/** Git would take the name only when the work is done. */
export async function checkBranch({ repository }: Clone, name: string | undefined): Promise<void> {
  if (name === undefined) return;
  const { code, stdout } = await repository.ask(["check-ref-format", "--branch", name]);
  if (code === 0 && stdout.trim() === name) return;
  throw new Failure("usage", `${name} is no name for a branch.`, "`git help check-ref-format` tells what git takes.");
}

/** The branch of a new session: the named one as it is here, or on the origin, else one of its own. */
export async function branchOf(
  clone: Clone,
  { session, title, name }: { session: SessionId; title: string; name: string | undefined },
): Promise<Branch> {
  const from = await defaultBranch(clone);
  if (name === undefined)
    return { name: branchName({ session, title }), own: true, from: from.name, base: from.commit };
  const taken = (await readRoster({ ...clone, cache: cacheIn(clone) })).find(({ listed }) => listed.branch === name);
  if (taken) {
    throw new Failure(
      "refused",
      `Session ${taken.listed.id} works on the branch ${name}.`,
      `Go on with it (offshoot run --session ${taken.listed.id} …), or choose another branch.`,
    );
  }
  const there = (await clone.repository.resolve(refOf.branch(name))) ?? (await fromOrigin(clone, name));
  return there
    ? { name, own: false, from: from.name, base: there }
    : { name, own: true, from: from.name, base: from.commit };
}

/** A branch that only the origin has is made here as git itself does it when somebody switches to it. */
async function fromOrigin({ repository, git }: Clone, name: string): Promise<CommitId | null> {
  const there = await repository.resolve(`refs/remotes/origin/${name}`);
  if (there) await git(["branch", "--quiet", "--track", name, `refs/remotes/origin/${name}`]);
  return there;
}
