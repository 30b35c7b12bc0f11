import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Repository } from "../../src/sessions/git.ts";
import { type Death, type Moment, type Operation, type Write, type Writes, writeOf } from "./points.ts";

/** A process that dies at a named point: what it writes goes through here. */
export interface Mortal {
  /** What it is at from now on. */
  begin(operation: Operation): void;
  /** Counts one write, and dies around it if the time has come. */
  write<T>(kind: Write, act: () => Promise<T>): Promise<T>;
  readonly writes: Writes;
}

/** At which of the remote's hooks the pushing side dies, and whether the remote goes on. */
const atRemote: Partial<Record<Moment, readonly ["received" | "prepared" | "committed", "goes on" | "gives up"]>> = {
  "in a push that is lost": ["received", "gives up"],
  "in a push, before it is applied": ["received", "goes on"],
  "in a push, while it is applied": ["prepared", "goes on"],
  "in a push, after it was applied": ["committed", "goes on"],
};

export function mortal(death: Death | null, remote: string): Mortal {
  const writes: Partial<Record<Operation, Partial<Record<Write, number>>>> = {};
  let operation: Operation | null = null;

  function count(kind: Write): Moment | null {
    if (!operation) return null;
    const nth = (writes[operation]?.[kind] ?? 0) + 1;
    writes[operation] = { ...writes[operation], [kind]: nth };
    const isDue = death?.operation === operation && writeOf(death.moment) === kind && death.nth === nth;
    return isDue ? death.moment : null;
  }

  return {
    writes,
    begin(next) {
      operation = next;
    },
    async write(kind, act) {
      const due = count(kind);
      if (due === `before a ${kind}`) die();
      const order = due && atRemote[due];
      if (order) writeFileSync(join(remote, "death"), `${order[0]} ${order[1] === "goes on" ? 0 : 1} ${process.pid}\n`);
      const done = await act();
      if (due === `after a ${kind}`) die();
      if (order) throw new Error(`It came back alive from where it was to die: ${due}`);
      return done;
    },
  };
}

/** SIGKILL: nothing is caught, flushed or cleared away. */
function die(): void {
  process.kill(process.pid, "SIGKILL");
}

/**
 * The script of the remote's hooks `pre-receive` and `reference-transaction`: it writes down which refs moved, and at the
 * moment that `death` names kills all of the pushing side: git and, above it, the process that ran it.
 */
export const hookScript = `#!/bin/sh
state=\${1:-received}
[ "$state" != committed ] || cat >> moved
[ -f death ] || exit 0
read -r when verdict worker < death
[ "$when" = "$state" ] || exit 0
rm death
echo $PPID > receiving
pid=$PPID
while [ "$pid" != "$worker" ]; do
  read -r _ _ _ pid _ < /proc/$pid/stat
  all="$all $pid"
done
kill -9 $all
exit $verdict
`;

/** The repository of a process that dies when a commit is made in it, or a push goes out of it. */
export function mortalRepository(repository: Repository, { write }: Mortal): Repository {
  const changed: Partial<Repository> = {
    commit: (commit) => write("commit", () => repository.commit(commit)),
    commits: (commits) =>
      commits.length === 0 ? Promise.resolve([]) : write("commit", () => repository.commits(commits)),
    push: (updates) => write("push", () => repository.push(updates)),
  };
  return new Proxy(repository, {
    get(target, key) {
      const own: unknown = Reflect.get(changed, key);
      if (own) return own;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
