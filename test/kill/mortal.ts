import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Repository } from "../../src/sessions/git/repository.ts";
import { type Death, type Moment, type Operation, type Write, type Writes, writeOf } from "./points.ts";

/** A process that dies at a named point: what it writes goes through here. */
export interface Mortal {
  /** What it is at from now on. */
  begin(operation: Operation): void;
  /** Counts one write, and dies around it if the time has come. */
  write<T>(kind: Write, act: () => Promise<T>): Promise<T>;
  readonly writes: Writes;
}

interface Order {
  readonly at: "received" | "prepared" | "committed";
  /** Whether the remote goes on with the push. */
  readonly goesOn: boolean;
  readonly who: "all of the pushing side" | "git alone";
}

/** Who dies at which of the remote's hooks. */
const orders: Partial<Record<Moment, Order>> = {
  "in a push that is lost": { at: "received", goesOn: false, who: "all of the pushing side" },
  "in a push, before it is applied": { at: "received", goesOn: true, who: "all of the pushing side" },
  "in a push, while it is applied": { at: "prepared", goesOn: true, who: "all of the pushing side" },
  "in a push, after it was applied": { at: "committed", goesOn: true, who: "all of the pushing side" },
  "git's death in a push, before it is applied": { at: "received", goesOn: false, who: "git alone" },
  "git's death in a push, after it was applied": { at: "committed", goesOn: false, who: "git alone" },
};

export function mortal(deaths: readonly Death[], remote: string): Mortal {
  const writes: Partial<Record<Operation, Partial<Record<Write, number>>>> = {};
  let operation: Operation | null = null;

  function count(kind: Write): Moment | null {
    if (!operation) return null;
    const nth = (writes[operation]?.[kind] ?? 0) + 1;
    writes[operation] = { ...writes[operation], [kind]: nth };
    const due = deaths.find((death) => death.operation === operation && death.nth === nth);
    return due && writeOf(due.moment) === kind ? due.moment : null;
  }

  function give({ at, goesOn, who }: Order): void {
    const victim = who === "git alone" ? 0 : process.pid;
    writeFileSync(join(remote, "death"), `${at} ${goesOn ? 0 : 1} ${victim}\n`);
  }

  return {
    writes,
    begin(next) {
      operation = next;
    },
    async write(kind, act) {
      const due = count(kind);
      if (due === `before a ${kind}`) die();
      const order = due && orders[due];
      if (order) give(order);
      const done = await act();
      if (due === `after a ${kind}`) die();
      if (order?.who === "all of the pushing side") throw new Error(`It came back alive from its death ${due}.`);
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
 * moment that `death` names kills the remote's end of the connection, or all of the pushing side: git and, above it, the
 * process that ran it.
 */
export const hookScript = `#!/bin/sh
state=\${1:-received}
[ "$state" != committed ] || cat >> moved
[ -f death ] || exit 0
read -r when verdict victim < death
[ "$when" = "$state" ] || exit 0
rm death
echo $PPID > receiving
[ "$victim" != 0 ] || kill -9 $PPID
pid=$PPID
while [ "$victim" != 0 ] && [ "$pid" != "$victim" ]; do
  read -r _ _ _ pid _ < /proc/$pid/stat
  all="$all $pid"
done
[ -z "$all" ] || kill -9 $all
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
